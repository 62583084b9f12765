/**
 * The names of all that lies beside a log, so that who writes it and who reads it mean the same:
 *
 *     hive.jsonl                       the log's live segment
 *     hive.<first seq, 12 digits>.jsonl   an archived segment, `….jsonl.gz` once compressed
 *     hive.apart-<8 hex>.jsonl         a log of its own, of the writer that lost the log's lock to another
 *     hive.found-<8 hex>.jsonl         what another program put where the log was
 *     hive.jsonl.agents/               the logs of child processes
 *     hive.jsonl.artifacts/            contents that lines name by their hash
 *     hive.jsonl.cursors/              how far each named reader has come
 *     hive.jsonl.decided/              what this log's process decided in code of what processes below asked
 *     hive.jsonl.decisions/            what people decided, until the log's writer has written it down
 *     hive.jsonl.index/                the side index
 *     hive.jsonl.lock                  who writes the log
 *     hive.jsonl.otlp-logs             how far it was sent as OTLP log records
 *     hive.jsonl.origin                of a copy: what the log is called where it comes from
 *     hive.jsonl.receipts              of a copy: what a server acknowledged
 *
 * The 12 digits make the names of segments sort in the order of the log.
 */
import { basename, dirname, join, resolve } from 'node:path'

/** As many digits as `MAX_SEQ` has, without a leading zero where there are more than twelve, and not zero. */
const SEGMENT = /^(.*)\.(\d{12}|[1-9]\d{12,14})\.jsonl(\.gz)?$/s
const LIKE_SEGMENT = /^(.*)\.\d{12,}\.jsonl(?:\.gz)?$/s
const APART = /^(.*)\.apart-[0-9a-f]{8}\.jsonl$/s
const LOG_OR_FOLDER = /^(.*\.jsonl)(?:\.agents)?$/s
const TAKEN = /\.(\d{12,}|apart-[0-9a-f]{8})$/

export const agentsFolder = (log: string): string => `${log}.agents`
/** Logs above one in a server's store, at most: a path of so many ids is short enough for any system. */
export const MAX_ABOVE = 16
/** The logs above that of a child process, the nearest first; of any other log none. */
export function logsAbove(log: string): string[] {
  const above: string[] = []
  for (let folder = dirname(resolve(log)); folder.endsWith('.jsonl.agents'); folder = dirname(folder)) {
    above.push(folder.slice(0, -'.agents'.length))
  }
  return above
}
/** Path of a log in its hive, from the folder of the hive's own log on: `hive.jsonl.agents/coder.jsonl`. */
export const pathInHive = (log: string): string =>
  [log, ...logsAbove(log)]
    .map((each) => basename(each))
    .reverse()
    .join('.agents/')
/** Whether a log is that of a child process of another log's process: it lies in the `.agents` folder of that log. */
export const isChildOf = (child: string, log: string): boolean =>
  dirname(join(child)) === join(agentsFolder(log))
export const artifactsFolder = (log: string): string => `${log}.artifacts`
export const cursorsFolder = (log: string): string => `${log}.cursors`
export const decidedFolder = (log: string): string => `${log}.decided`
export const decisionsFolder = (log: string): string => `${log}.decisions`
export const indexFolder = (log: string): string => `${log}.index`
export const lockFile = (log: string): string => `${log}.lock`
export const originFile = (log: string): string => `${log}.origin`
export const otlpLogsFile = (log: string): string => `${log}.otlp-logs`
export const receiptsFile = (log: string): string => `${log}.receipts`

/** Endings of what belongs to a log's writer and readers of the moment, and is nobody's history. */
export const PASSING = ['.lock', '.cursors', '.decided', '.decisions', '.index', '.otlp-logs'] as const

/** Name of a log without its folder and `.jsonl`: what the names of its segments begin with. */
export const stemOf = (log: string): string => basename(log).replace(/\.jsonl$/, '')

/** Name (without folder) that the live segment of a log gets when it is archived. */
export function archiveName(log: string, firstSeq: number): string {
  return `${stemOf(log)}.${String(firstSeq).padStart(12, '0')}.jsonl`
}

/** What the name of an archived segment says; `undefined` when no segment can be called so. */
export function parseArchiveName(
  file: string,
): { stem: string; firstSeq: number; gzip: boolean } | undefined {
  const match = SEGMENT.exec(basename(file))
  const firstSeq = Number(match?.[2])
  if (match === null || firstSeq === 0) return undefined
  return { stem: match[1] as string, firstSeq, gzip: match[3] !== undefined }
}

/** `seq` that an archived segment's name tells. */
export const seqInName = (file: string): number | undefined => parseArchiveName(file)?.firstSeq

/** The stem of the log whose segments have names like this one, though perhaps none can be called so. */
export const likeSegmentOf = (name: string): string | undefined => LIKE_SEGMENT.exec(name)?.[1]

/** Path of the log in which a writer goes on that lost this one. @param hex 8 hex digits that nobody else took */
export const apartLog = (log: string, hex: string): string =>
  join(dirname(log), `${stemOf(log)}.apart-${hex}.jsonl`)

/** Whether a name is that of a log in which a writer of the log with this stem went on apart. */
export const isApart = (name: string, stem: string): boolean => APART.exec(name)?.[1] === stem

/** Path for what lies where the log should. @param hex 8 hex digits that nobody else took */
export const foundFile = (log: string, hex: string): string =>
  join(dirname(log), `${stemOf(log)}.found-${hex}.jsonl`)

/**
 * The log that an entry of an `.agents` folder tells of: itself, or that whose own child processes have logs in it;
 * `undefined` for segments and all else.
 */
export function childLogOf(entry: string): string | undefined {
  const log = LOG_OR_FOLDER.exec(entry)?.[1]
  return log === undefined || parseArchiveName(log) !== undefined ? undefined : log
}

const FOLDER = /^[A-Za-z0-9_-](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9_-])?$/
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i
/** Ends of the names of the store's own files. */
const LIKE_FILE = /\.(?:jsonl?|waiting)$/i

/**
 * Whether an id of somebody else's can be the name of a folder in a server's store: on every system, and beside the
 * store's own files.
 */
export const isStorable = (id: string): boolean =>
  FOLDER.test(id) && !DEVICE.test(id) && !LIKE_FILE.test(id) && !isTaken(id)

/** Whether no log may be called so (without `.jsonl`), since another's segment or log apart can be. */
export const isTaken = (stem: string): boolean => TAKEN.test(stem)
