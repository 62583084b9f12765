/** `hivelog report` */
import { createHash } from 'node:crypto'
import { pageFiles } from '../serve/page.js'
import { collectReport, type ReportData } from '../serve/report-data.js'
import { byteSize, clean, counted, grouped } from '../text/terminal.js'
import { type Command, oneFile, parse, UsageError, wholeNumber } from './args.js'
import { tellNothing } from './hive-args.js'
import { Output } from './output.js'
import { createOutputFile } from './output-file.js'
import { withProgress } from './progress.js'

const help = `Usage: hivelog report [OPTION]... [FILE]

Writes one self-contained HTML file of a log: the page of hivelog serve with
what it shows inside, to attach to an incident. It needs no server and no
network, and asks nobody for anything. Its size is bounded: the newest events,
the floor at some positions between the first of them and the last, the
reports, and contents of snapshots, of up to 256 KiB each.

  -o, --output FILE  the HTML file; made for its owner only (0600)
      --force        write over a file that is there
      --events N     how many of the newest events; default 5,000, at most
                     50,000
      --floors N     at how many positions the floor is kept; default 400
      --contents N   bytes of contents of snapshots in all; default 4,194,304
      --compare LOG  another run, which it is compared with
      --json         {"file", "bytes", "events", "ofEvents", "floors",
                     "contents", "leftOut"}: contents that are in it, and those
                     that there was no room for
      --help         this text

FILE is $HIVELOG_FILE or hive.jsonl by default; the logs of its child processes
are in the report too. Exit code 0: written; 1: FILE is empty; 2: bad use, or it
cannot be read.

Example: hivelog report -o run.html hive.jsonl
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('report', args, {
      output: { type: 'string', short: 'o' },
      force: { type: 'boolean', default: false },
      events: { type: 'string', default: '5000' },
      floors: { type: 'string', default: '400' },
      contents: { type: 'string', default: String(4 * 1024 * 1024) },
      compare: { type: 'string' },
      json: { type: 'boolean', default: false },
    })
    const file = oneFile('report', positionals)
    const to = values.output
    if (file === '-') throw new UsageError('report reads a file: standard input cannot be read twice')
    const limits = {
      events: wholeNumber('--events', values.events, { min: 1, max: 50_000 }),
      floors: wholeNumber('--floors', values.floors, { min: 1, max: 5_000 }),
      contents: wholeNumber('--contents', values.contents, { min: 0, max: 64 * 1024 * 1024 }),
    }
    if (to === undefined) throw new UsageError('report needs -o FILE, the HTML file that it writes')
    const nothing = await tellNothing([file], false, { housekeeping: true })
    if (nothing !== undefined) return nothing
    const data = await withProgress((tell) =>
      collectReport(file, limits, { other: values.compare, onProgress: tell }),
    )
    const html = documentOf(data)
    const written = await createOutputFile(
      to,
      values.compare === undefined ? [file] : [file, values.compare],
      values.force,
    )
    await written.line(html)
    await written.close()
    const output = new Output()
    const bytes = Buffer.byteLength(html) + 1
    const [events, floors] = [data.events.length, data.floors.length]
    const { ofEvents, leftOut } = data
    const contents = Object.keys(data.contents).length
    if (values.json) await output.json({ file: to, bytes, events, ofEvents, floors, contents, leftOut })
    else {
      const part = events === data.ofEvents ? 'all' : `the newest ${grouped(events)} of`
      await output.line(
        `${clean(to)}: ${byteSize(bytes)}, ${part} ${counted(ofEvents, 'event')}, the floor at ${counted(floors, 'position')}`,
      )
      if (leftOut > 0)
        await output.line(`${counted(leftOut, 'content')} of snapshots had no room in it (--contents)`)
    }
    await output.flush()
    return 0
  },
}

/** The page with all that it names and asks for inside. Its policy knows this one script, and lets it ask nobody. */
function documentOf(data: ReportData): string {
  const { document, assets } = pageFiles()
  const contentOf = (end: string): string =>
    assets.find(({ name }) => name.endsWith(end))?.content.toString() ?? ''
  const [script, style] = [contentOf('.js'), contentOf('.css')]
  const policy = `default-src 'none'; script-src ${hashOf(script)}; style-src ${hashOf(style)}; img-src data:; base-uri 'none'; form-action 'none'`
  // The text of a log must not end the element that it is in.
  const json = JSON.stringify(data).replaceAll('<', '\\u003c').replaceAll('\u2028', '\\u2028')
  return document
    .toString()
    .replace(
      '<meta charset="utf-8">',
      () => `<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    )
    .replace(/<link rel="stylesheet"[^>]*>/, () => `<style>${style}</style>`)
    .replace(
      /<script type="module"[^>]*><\/script>/,
      () =>
        `<script type="application/json" id="report">${json}</script>\n<script type="module">${script}</script>`,
    )
}

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
