/** `hivelog cat` */
import { hiveBatches } from '../read/hive.js'
import { isBreak, isMalformed } from '../read/items.js'
import { type Command, parse } from './args.js'
import { HIVE_HELP, HIVE_OPTIONS, hiveArguments, tellNothing, tellNothingRead } from './hive-args.js'
import { ItemFilter } from './item-filter.js'
import { Output, say } from './output.js'
import { itemPrinter } from './print-item.js'
import { Progress } from './progress.js'

const help = `Usage: hivelog cat [--kind K]... [--agent A]... [--trace ID]... [--span ID]...
                   [--since TIME] [--until TIME] [--this-file] [--json]
                   [FILE|-]...

Shows a hive as one story: its log, archived segments (plain and gzipped)
included, and those of its child processes, merged by time. - is standard input.

      --kind K      only events of this kind; can be given several times
      --agent A     only events about this agent (of, from or to it, delivered
                    to it, a hold of it); can be given several times
      --trace ID    only lines of this trace (32 hex digits, as Jaeger shows
                    them); can be given several times
      --span ID     only lines of this span (16 hex digits); can be given
                    several times
${HIVE_HELP}
      --json        the lines as they are in the files; malformed ones are told
                    of on standard error
      --help        this text

Options of different names must all match. A line of another log than the first
ends in that log's name. FILE is $HIVELOG_FILE or hive.jsonl by default.
Malformed lines are shown, and do not change the exit code: hivelog verify is
the judge. When nothing fits, standard error says what may have been meant.
Exit code 0: done; 1: a FILE is empty; 2: bad use, a file cannot be read, or is
no log.

Example: hivelog cat --agent coder --since 14:00 --json hive.jsonl | jq .subject
Example: hivelog cat --trace f2eb6ea833356f04341547c741c51bf5 hive.jsonl
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('cat', args, {
      ...HIVE_OPTIONS,
      kind: { type: 'string', multiple: true },
      agent: { type: 'string', multiple: true },
      trace: { type: 'string', multiple: true },
      span: { type: 'string', multiple: true },
      json: { type: 'boolean', default: false },
    })
    const filter = new ItemFilter({ ...values, since: undefined, until: undefined })
    const hive = await hiveArguments('cat', values, positionals)
    const { files, thisFile, notes, since, until } = hive
    const code = await tellNothing(files, thisFile, { housekeeping: true })
    const output = new Output()
    const print = itemPrinter(output, values.json, files)
    const read = { lines: 0, events: 0, malformed: 0 }
    const passed = { lines: 0, unparsed: 0 }
    const options = {
      text: values.json,
      thisFile,
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
    }
    const { kind = [], agent = [], trace = [], span = [] } = values
    const isSelecting = !filter.choosesAll && since === undefined && until === undefined
    const select = { kinds: kind, agents: agent, traces: trace, spans: span }
    try {
      const progress = new Progress('reading')
      const reading = { ...options, passed, ...(isSelecting && { select }), onProgress: progress.update }
      for await (const items of hiveBatches(files, reading)) {
        for (const item of items) {
          if (!isBreak(item)) read.lines++
          if (!isMalformed(item)) read.events++
          else if (!isBreak(item)) read.malformed++
          if (!filter.accepts(item)) continue
          // What is printed tells how far it has come.
          progress.end()
          await print(item)
        }
      }
      progress.end()
      // What was passed over has names that may have been meant.
      if (passed.lines > 0 && filter.missed() !== undefined && !files.includes('-')) {
        for await (const items of hiveBatches(files, options)) items.forEach(filter.accepts)
      }
      read.events += passed.lines
    } finally {
      await output.flush()
    }
    for (const note of notes) say(note)
    if (code !== undefined) return code
    if (read.events === 0 && files.includes('-') && notes.length === 0)
      return tellNothingRead(files, read) ?? 0
    const missed = filter.missed()
    if (missed !== undefined) say(missed)
    return 0
  },
}
