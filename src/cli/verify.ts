/** `hivelog verify` */
import type { VerifyFinding, VerifyReport } from '../verify/report.js'
import { verifyLog } from '../verify/verify.js'
import { type Command, defaultFile, parse } from './args.js'
import { readInput } from './input-file.js'
import { look, Output } from './output.js'
import { byteSize, clean, counted, paint } from './text.js'

const help = `Usage: hivelog verify [--key PUBLIC.pem] [--json] [FILE]...

Checks logs against their seals, numbering and chain of segments, and names each
damaged place. The path of an archived segment checks that one alone. Nobody can
miss lines that were taken from the end of the live file together with their
seals.

      --key FILE   Ed25519 public key (PEM); every seal must then be signed with
                   its private half
      --json       one JSON object a FILE: {"file", "ok", "files": [{"file",
                   "lines", "bytes", "seals", "sealedBytes", "firstSeq",
                   "lastSeq", "sha256"}], "lines", "events", "lastSeq",
                   "unsealed": {"lines", "bytes", "openTail"}, "torn",
                   "gaps": {"count", "lost"}, "signed", "findings": [{"kind",
                   "file", "line", "toLine", "offset", "message"}], "notes"}
      --help       this text

FILE is $HIVELOG_FILE or hive.jsonl by default.
Exit code 0: no damage; 1: damage found; 2: cannot check.

Example: hivelog verify --key audit.pub.pem hive.jsonl
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('verify', args, {
      key: { type: 'string' },
      json: { type: 'boolean', default: false },
    })
    const publicKey = values.key === undefined ? undefined : await readInput('the key', values.key)
    const output = new Output()
    let code = 0
    try {
      for (const file of positionals.length > 0 ? positionals : [defaultFile()]) {
        const report = await verifyLog(file, publicKey === undefined ? {} : { publicKey })
        if (values.json) await output.json({ file, ...report })
        else for (const line of reportLines(file, report, publicKey !== undefined)) await output.line(line)
        if (!report.ok) code = 1
      }
    } finally {
      await output.flush()
    }
    return code
  },
}

function reportLines(file: string, report: VerifyReport, withKey: boolean): string[] {
  const { color, width } = look()
  const lines: string[] = []
  for (const segment of report.files) {
    const seals = counted(segment.seals, 'seal')
    const range = segment.lastSeq === undefined ? 'no events' : `seq ${segment.firstSeq}–${segment.lastSeq}`
    lines.push(`${clean(segment.file)}  ${range}  ${byteSize(segment.bytes)}  ${seals}`)
  }
  for (const finding of report.findings) lines.push(...findingLines(finding, width, color))
  for (const note of report.notes) lines.push(...wrap(`note: ${clean(note)}`, width, '      '))
  const { unsealed, torn, gaps } = report
  if (gaps.count > 0) lines.push(`note: lost, as the writer says (log.gap): ${counted(gaps.lost, 'event')}`)
  if (torn > 0) lines.push(`note: cut off by a crash, and accounted for (log.torn): ${counted(torn, 'line')}`)
  if (unsealed.lines > 0 && report.files.some(({ seals }) => seals > 0)) {
    lines.push(
      `note: no good seal vouches for ${counted(unsealed.lines, 'line')} (${byteSize(unsealed.bytes)})`,
    )
  }
  if (!withKey && report.signed > 0) lines.push('note: seals are signed; give --key to check the signatures')
  const places = counted(report.findings.length, 'place')
  lines.push(
    report.ok
      ? paint(`ok: ${clean(file)}: ${counted(report.lines, 'line')}, no damage`, 'green', color)
      : paint(`DAMAGED: ${clean(file)}: ${places}`, 'red', color),
  )
  return lines
}

function findingLines(finding: VerifyFinding, width: number, color: boolean): string[] {
  const { kind, file, line, toLine, message } = finding
  const place = line === undefined ? '' : toLine === undefined ? `:${line}` : `:${line}-${toLine}`
  const [first = '', ...rest] = wrap(`${clean(file)}${place}: ${clean(message)}`, width - kind.length - 2, '')
  return [`${paint(kind, 'red', color)}  ${first}`, ...rest.map((text) => `  ${text}`)]
}

/** Breaks text at spaces; a word that is too long stays whole. */
function wrap(text: string, width: number, indent: string): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = indent + word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}
