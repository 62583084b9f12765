/** `hivelog tail` */
import { followLog } from '../reader/follow.js'
import { tailLog } from '../reader/tail.js'
import { type Command, itemFilter, oneFile, parse, UsageError, wholeNumber } from './args.js'
import { Output } from './output.js'
import { itemPrinter } from './print-item.js'

const help = `Usage: hivelog tail [-n N] [-f] [--kind K]... [--agent A]... [--json] [FILE]

Shows the last events of a log, also those of archived segments if need be.

  -n, --lines N    how many (default 10)
  -f, --follow     go on with new events as they come, across rotation; ends with Ctrl-C
      --kind K     only events of this kind; can be given several times
      --agent A    only events of, from or to this agent; can be given several times
      --json       the lines as they are in the file; malformed ones are told of on standard error
      --help       this text

FILE is $HIVELOG_FILE or hive.jsonl by default. Malformed lines are shown, and do not change the
exit code.

Example: hivelog tail -f --kind escalate --kind approval hive.jsonl
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('tail', args, {
      lines: { type: 'string', short: 'n', default: '10' },
      follow: { type: 'boolean', short: 'f', default: false },
      kind: { type: 'string', multiple: true },
      agent: { type: 'string', multiple: true },
      json: { type: 'boolean', default: false },
    })
    const file = oneFile('tail', positionals)
    if (file === '-') throw new UsageError('tail needs a file; use hivelog cat - for standard input')
    const n = wholeNumber('--lines', values.lines)
    const filter = itemFilter(values.kind, values.agent)
    const output = new Output()
    const print = itemPrinter(output, values.json)
    const options = { text: values.json, ...(filter === undefined ? {} : { filter }) }
    if (!values.follow) {
      for await (const item of tailLog(file, n, options)) await print(item)
      await output.flush()
      return 0
    }
    const end = new AbortController()
    const stop = (): void => end.abort()
    process.once('SIGINT', stop).once('SIGTERM', stop)
    for await (const item of followLog(file, { ...options, from: { last: n }, signal: end.signal })) {
      await print(item)
      await output.flush()
    }
    return 0
  },
}
