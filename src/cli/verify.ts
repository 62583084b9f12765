/** `hivelog verify` */

import { sizeOfLogs } from '../disk/hive-logs.js'
import { contentOf } from '../read/glance.js'
import { logsOfHive } from '../read/hive.js'
import { byteSize, clean, counted, paint } from '../text/terminal.js'
import type { AdoptedStretch, VerifyFinding, VerifyReport } from '../verify/report.js'
import { type VerifyOptions, verifyLog } from '../verify/verify.js'
import { type Command, defaultFile, parse, UsageError } from './args.js'
import { tellNothing } from './hive-args.js'
import { readInput } from './input-file.js'
import { look, Output } from './output.js'
import { Progress } from './progress.js'
import { wrapped } from './wrap.js'

const help = `Usage: hivelog verify [OPTION]... [FILE]...

Checks logs against their seals, numbering and chain of segments, and artifacts
against their names, and names each damaged place; with each FILE the logs of
its child processes, in FILE.agents, each by itself. The path of an archived
segment checks that one alone. Adopted is what a writer found at its start and
no seal vouched for: after a crash the last lines before it. What they were can
be told only by a copy elsewhere; so it is with lines that were taken from the
log's end together with their seals.

      --key FILE      Ed25519 public key (PEM); every seal must then be signed
                      with its private half, and no longer stretch go unsigned
                      than its writer leaves so
      --log-id ID     FILE must be this log; ID is "log" of --json, noted
                      when the log was begun
      --receipts FILE
                      what a server acknowledged of the log, its store's
                      LOGID.jsonl.receipts: then an end that was cut off shows
      --receipts-key FILE
                      public key of that server, whose private half must have
                      signed the receipts
      --no-artifacts  do not read the artifacts that lines name
      --this-file     only the FILEs, without the logs of their child processes
      --json          one JSON object a log: {"file", "ok", "log", "files":
                      [{"file", "lines", "bytes", "seals", "sealedBytes",
                      "firstSeq", "lastSeq", "sha256"}], "lines", "events",
                      "lastSeq", "unsealed": {"lines", "bytes", "openTail"},
                      "adopted": [{"file", "line", "toLine", "offset", "bytes",
                      "fits", "byFile", "byLine"}], "torn", "gaps": {"count",
                      "lost", "missing"}, "artifacts": {"named", "checked",
                      "lost", "unnamed"}, "signed", "findings": [{"kind",
                      "file", "line", "toLine", "offset", "message"}], "notes"}
      --help          this text

FILE is $HIVELOG_FILE or hive.jsonl by default.
Exit code 0: no damage; 1: damage found, or a FILE is empty; 2: cannot check, or
a FILE is no log.

Example: hivelog verify --key audit.pub.pem hive.jsonl
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('verify', args, {
      key: { type: 'string' },
      'log-id': { type: 'string' },
      receipts: { type: 'string' },
      'receipts-key': { type: 'string' },
      'no-artifacts': { type: 'boolean', default: false },
      'this-file': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    })
    const publicKey = values.key === undefined ? undefined : await readInput('the key', values.key)
    const logId = values['log-id']
    if (values['receipts-key'] !== undefined && values.receipts === undefined)
      throw new UsageError('--receipts-key needs --receipts')
    const against = await receiptOptions(values.receipts, values['receipts-key'])
    if (logId !== undefined && !/^[0-9a-f]{16}$/.test(logId)) {
      throw new UsageError('--log-id needs 16 hex digits, as "log" of hivelog verify --json shows them')
    }
    const options = {
      ...(publicKey !== undefined && { publicKey }),
      artifacts: !values['no-artifacts'],
    }
    const files = positionals.length > 0 ? positionals : [defaultFile()]
    if (files.includes('-'))
      throw new UsageError('verify needs a file: standard input has no segments to check')
    const output = new Output()
    const damaged: string[] = []
    const empty = await tellNothing(files, values['this-file'], { housekeeping: true })
    const named = logsOfHive(files, true)
    const logs = logsOfHive(files, values['this-file'])
    const total = sizeOfLogs(logs)
    const progress = new Progress('checking')
    let read = 0
    let checked = 0
    try {
      for (const file of logs) {
        const isNamed = named.includes(file)
        // Of a child there may be only the folder of its own children.
        if (!isNamed && !(await isThere(file))) continue
        const before = read
        const report = await verifyLog(file, {
          ...options,
          ...(logId !== undefined && isNamed && { logId }),
          ...(isNamed && against),
          onProgress: ({ bytes }) => {
            read = before + bytes
            progress.update(read, total)
          },
        }).finally(() => progress.hide())
        checked++
        if (values.json) await output.json({ file, ...report })
        else for (const line of reportLines(file, report, publicKey !== undefined)) await output.line(line)
        if (!report.ok) damaged.push(file)
      }
      if (!values.json && checked > named.length) await output.line(summary(checked, damaged))
    } finally {
      await output.flush()
    }
    return empty ?? (damaged.length > 0 ? 1 : 0)
  },
}

async function receiptOptions(
  receipts: string | undefined,
  key: string | undefined,
): Promise<Pick<VerifyOptions, 'receipts' | 'receiptsKey'>> {
  if (receipts === undefined) return {}
  const text = (await readInput('the receipts', receipts)).toString('utf8')
  return { receipts: text, ...(key !== undefined && { receiptsKey: await readInput('the key', key) }) }
}

function summary(checked: number, damaged: readonly string[]): string {
  const logs = `${counted(checked, 'log')} of the hive`
  if (damaged.length === 0) return `${logs} checked, no damage`
  return `${logs} checked, DAMAGED: ${damaged.map((file) => clean(file)).join(', ')}`
}

/** @throws when it is there and cannot be read */
async function isThere(file: string): Promise<boolean> {
  try {
    await contentOf(file, true)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

/** How notes are broken into lines; a path stays whole. */
const NOTE = { indent: '      ', whole: true }

function reportLines(file: string, report: VerifyReport, withKey: boolean): string[] {
  const { color, width } = look()
  const lines: string[] = []
  for (const segment of report.files) {
    const seals = counted(segment.seals, 'seal')
    const range = segment.lastSeq === undefined ? 'no events' : `seq ${segment.firstSeq}–${segment.lastSeq}`
    lines.push(`${clean(segment.file)}  ${range}  ${byteSize(segment.bytes)}  ${seals}`)
  }
  for (const finding of report.findings) lines.push(...findingLines(finding, width, color))
  for (const note of report.notes) lines.push(...wrapped(`note: ${clean(note)}`, width, NOTE))
  const { unsealed, torn, gaps } = report
  if (report.log !== undefined) lines.unshift(`log ${report.log}`)
  for (const each of report.adopted) lines.push(...wrapped(`note: ${adoptedText(each)}`, width, NOTE))
  if (gaps.count > 0) lines.push(`note: lost, as log.gap lines say: ${counted(gaps.lost, 'event')}`)
  if (gaps.missing > 0) {
    lines.push(`note: missing, as the writer says (log.gap): ${counted(gaps.missing, 'line')}`)
  }
  if (torn > 0) lines.push(`note: cut off by a crash, and accounted for (log.torn): ${counted(torn, 'line')}`)
  if (unsealed.lines > 0 && report.files.some(({ seals }) => seals > 0)) {
    lines.push(
      `note: no good seal vouches for ${counted(unsealed.lines, 'line')} (${byteSize(unsealed.bytes)})`,
    )
  }
  if (report.receipts !== undefined && report.receipts > 0)
    lines.push(`compared with ${counted(report.receipts, 'receipt')} of a server`)
  if (!withKey && report.signed > 0) lines.push('note: seals are signed; give --key to check the signatures')
  const places = counted(report.findings.length, 'place')
  lines.push(
    report.ok
      ? paint(`ok: ${clean(file)}: ${counted(report.lines, 'line')}, no damage`, 'green', color)
      : paint(`DAMAGED: ${clean(file)}: ${places}`, 'red', color),
  )
  return lines
}

function adoptedText({ file, line, toLine, bytes, byFile, byLine }: AdoptedStretch): string {
  const lines = line === undefined ? '' : line === toLine ? `:${line}` : `:${line}-${toLine}`
  const by = byFile === file ? `line ${byLine}` : `${clean(byFile)}:${byLine}`
  return `${clean(file)}${lines}: adopted, ${byteSize(bytes)}: found by its writer at opening (${by}), no seal vouched for it`
}

function findingLines(finding: VerifyFinding, width: number, color: boolean): string[] {
  const { kind, file, line, toLine, message } = finding
  const place = line === undefined ? '' : toLine === undefined ? `:${line}` : `:${line}-${toLine}`
  const text = `${clean(file)}${place}: ${clean(message)}`
  const [first = '', ...rest] = wrapped(text, width - kind.length - 2, { whole: true })
  return [`${paint(kind, 'red', color)}  ${first}`, ...rest.map((text) => `  ${text}`)]
}
