/** The message of a commit: what the batch is, in words of the user's or ours, and trailers for programs. */

/** What one commit adds. */
export interface CommitBatch {
  /** Name of the log, without its folder. */
  file: string
  /** `seq` of the first and last line that are new; `undefined` when no line is. */
  fromSeq: number | undefined
  /** `seq` of the last line that is new. */
  toSeq: number | undefined
  /** How many lines are new, housekeeping among them. */
  lines: number
  /** Session of the last line, if it names one. */
  session: string | undefined
  /** How many files the commit changes. */
  files: number
}

/** `seq 1201–1342`, or where the log stands when nothing is new in it. */
export function seqRange({ fromSeq, toSeq }: Pick<CommitBatch, 'fromSeq' | 'toSeq'>): string {
  if (fromSeq === undefined || toSeq === undefined) return 'no new lines'
  return fromSeq === toSeq ? `seq ${toSeq}` : `seq ${fromSeq}–${toSeq}`
}

export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

function defaultSubject(batch: CommitBatch): string {
  const what = batch.lines > 0 ? counted(batch.lines, 'line') : counted(batch.files, 'file')
  return `hivelog: ${batch.file} ${seqRange(batch)} (${what})`
}

/**
 * The message of a commit: a text with placeholders (see `CommitOptions.message`), or a function of what is
 * new.
 */
export type CommitMessage = string | ((batch: CommitBatch) => string)

/** The subject and body of the user's making, or ours where that gives no text. */
export function messageOf(message: CommitMessage | undefined, batch: CommitBatch): string {
  let text: unknown
  try {
    text = typeof message === 'function' ? message({ ...batch }) : message
  } catch {
    text = undefined
  }
  if (typeof text !== 'string') return defaultSubject(batch)
  const filled = typeof message === 'function' ? text : fill(text, batch)
  return filled.replaceAll('\0', '').trim() || defaultSubject(batch)
}

/** `{file}`, `{from}`, `{to}`, `{lines}`, `{files}`, `{session}`, `{range}`. */
function fill(template: string, batch: CommitBatch): string {
  const values = new Map<string, string>([
    ['file', batch.file],
    ['from', String(batch.fromSeq ?? '')],
    ['to', String(batch.toSeq ?? '')],
    ['lines', String(batch.lines)],
    ['files', String(batch.files)],
    ['session', batch.session ?? ''],
    ['range', seqRange(batch)],
  ])
  return template.replace(/\{([a-z]+)\}/g, (whole, name: string) => values.get(name) ?? whole)
}

const TRAILER = /^[A-Za-z0-9-]+: \S/

export const FILE_TRAILER = 'Hivelog-File'
export const SEQ_TRAILER = 'Hivelog-Seq'

/** The whole message. `path` is the log's in the repository, `seq` its newest line in the commit. */
export function withTrailers(text: string, path: string, seq: number | undefined, session?: string): string {
  const trailers = [`${FILE_TRAILER}: ${oneLine(path)}`]
  if (seq !== undefined) trailers.push(`${SEQ_TRAILER}: ${seq}`)
  if (session !== undefined && session !== '') trailers.push(`Hivelog-Session: ${oneLine(session)}`)
  // Trailers are one paragraph: the user's own, at the end of the message, go on in it.
  const [subject, ...paragraphs] = text.split(/\n[ \t]*\n/)
  const last = paragraphs.at(-1)
  const joins = subject !== undefined && last?.split('\n').every((line) => TRAILER.test(line)) === true
  return `${text}${joins ? '\n' : '\n\n'}${trailers.join('\n')}\n`
}

/** Text from a log or a path must not begin a trailer of its own. */
export const oneLine = (text: string): string => text.replace(/\p{Cc}/gu, '\ufffd').slice(0, 500)
