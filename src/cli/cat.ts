/** `hivelog cat` */
import { readLog } from '../read/read.js'
import { type Command, defaultFile, itemFilter, parse } from './args.js'
import { Output } from './output.js'
import { itemPrinter } from './print-item.js'

const help = `Usage: hivelog cat [--kind K]... [--agent A]... [--trace ID]... [--span ID]...
                   [--json] [FILE|-]...

Shows whole logs, archived segments (plain and gzipped) first; - is standard
input.

      --kind K     only events of this kind; can be given several times
      --agent A    only events of, from or to this agent; can be given several
                   times
      --trace ID   only lines of this trace (32 hex digits, as Jaeger shows
                   them); can be given several times
      --span ID    only lines of this span (16 hex digits); can be given
                   several times
      --json       the lines as they are in the file; malformed ones are told of
                   on standard error
      --help       this text

Options of different names must all match. Sub-processes have files of their own
in the same trace: FILE.agents/*.jsonl.

FILE is $HIVELOG_FILE or hive.jsonl by default. Malformed lines are shown, and
do not change the exit code: hivelog verify is the judge.
Exit code 0: done; 2: bad use, or a file cannot be read.

Example: hivelog cat --agent coder --json hive.jsonl | jq .subject
Example: hivelog cat --trace f2eb6ea833356f04341547c741c51bf5 hive.jsonl
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('cat', args, {
      kind: { type: 'string', multiple: true },
      agent: { type: 'string', multiple: true },
      trace: { type: 'string', multiple: true },
      span: { type: 'string', multiple: true },
      json: { type: 'boolean', default: false },
    })
    const filter = itemFilter(values.kind, values.agent, values)
    const { json, kind = [], agent = [], trace = [], span = [] } = values
    const select = { kinds: kind, agents: agent, traces: trace, spans: span }
    const output = new Output()
    const print = itemPrinter(output, json)
    try {
      for (const file of positionals.length > 0 ? positionals : [defaultFile()]) {
        for await (const item of readLog(file, { text: json, ...(filter && { select }) })) {
          if (filter === undefined || filter(item)) await print(item)
        }
      }
    } finally {
      await output.flush()
    }
    return 0
  },
}
