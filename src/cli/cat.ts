/** `hivelog cat` */
import { readLog } from '../reader/read.js'
import { type Command, defaultFile, itemFilter, parse } from './args.js'
import { Output } from './output.js'
import { itemPrinter } from './print-item.js'

const help = `Usage: hivelog cat [--kind K]... [--agent A]... [--json] [FILE|-]...

Shows whole logs, archived segments (plain and gzipped) first; - is standard
input.

      --kind K     only events of this kind; can be given several times
      --agent A    only events of, from or to this agent; can be given several
                   times
      --json       the lines as they are in the file; malformed ones are told of
                   on standard error
      --help       this text

FILE is $HIVELOG_FILE or hive.jsonl by default. Malformed lines are shown, and
do not change the exit code: hivelog verify is the judge.
Exit code 0: done; 2: bad use, or a file cannot be read.

Example: hivelog cat --agent coder --json hive.jsonl | jq .subject
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('cat', args, {
      kind: { type: 'string', multiple: true },
      agent: { type: 'string', multiple: true },
      json: { type: 'boolean', default: false },
    })
    const filter = itemFilter(values.kind, values.agent)
    const output = new Output()
    const print = itemPrinter(output, values.json)
    try {
      for (const file of positionals.length > 0 ? positionals : [defaultFile()]) {
        for await (const item of readLog(file, { text: values.json })) {
          if (filter === undefined || filter(item)) await print(item)
        }
      }
    } finally {
      await output.flush()
    }
    return 0
  },
}
