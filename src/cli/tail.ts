/** `hivelog tail` */
import type { CursorOptions } from '../read/cursor.js'
import { CursorLostError, offer } from '../read/cursor-lost.js'
import { type FollowOptions, followLog } from '../read/follow.js'
import { tailLog } from '../read/tail.js'
import { type Command, itemFilter, oneFile, parse, UsageError, wholeNumber } from './args.js'
import { io } from './io.js'
import { Output } from './output.js'
import { itemPrinter } from './print-item.js'

const help = `Usage: hivelog tail [-n N] [-f] [--cursor NAME [--from-oldest]]
                    [--kind K]... [--agent A]... [--trace ID]... [--span ID]...
                    [--json] [FILE]

Shows the last events of a log, also those of archived segments if need be.
With --cursor it shows what is new to this consumer since its last run.

  -n, --lines N      how many (default 10)
  -f, --follow       go on with new events as they come, across rotation;
                     ends with Ctrl-C
      --cursor NAME  go on after the last line that was shown under this name,
                     in whatever segment it is by now; without -f up to the
                     present end. The first use begins with the oldest line,
                     or with -n N with the last N lines (0: only new ones)
      --from-oldest  if the place of the cursor is no more (its segment was
                     deleted, or the log replaced), go on with the oldest line
                     that is there, instead of failing
      --kind K       only events of this kind; can be given several times
      --agent A      only events of, from or to this agent; can be given
                     several times
      --trace ID     only lines of this trace (32 hex digits), and
      --span ID      only of this span (16); can be given several times
      --json         the lines as they are in the file; malformed ones are
                     told of on standard error
      --help         this text

A cursor is kept in FILE.cursors/NAME.json, and moves once a line is written
to standard output; it also passes lines that --kind, --agent, --trace and
--span leave out. After a crash some lines may be shown again, with the same
seq; none is left out. Delete its file to begin anew. An unfinished last line
waits for the next run.

FILE is $HIVELOG_FILE or hive.jsonl by default. Malformed lines are shown, and
do not change the exit code. Exit code 0: fine; 2: bad use, or the log, the
cursor or its file cannot be used.

Example: hivelog tail -f --kind escalate --kind approval hive.jsonl
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('tail', args, {
      lines: { type: 'string', short: 'n' },
      follow: { type: 'boolean', short: 'f', default: false },
      cursor: { type: 'string' },
      'from-oldest': { type: 'boolean', default: false },
      kind: { type: 'string', multiple: true },
      agent: { type: 'string', multiple: true },
      trace: { type: 'string', multiple: true },
      span: { type: 'string', multiple: true },
      json: { type: 'boolean', default: false },
    })
    const file = oneFile('tail', positionals)
    if (file === '-') throw new UsageError('tail needs a file; use hivelog cat - for standard input')
    const last = values.lines === undefined ? undefined : wholeNumber('--lines', values.lines)
    if (values['from-oldest'] && values.cursor === undefined)
      throw new UsageError('--from-oldest is for a cursor: give --cursor NAME too')
    const filter = itemFilter(values.kind, values.agent, values)
    const output = new Output()
    const print = itemPrinter(output, values.json)
    const options = { text: values.json, ...(filter === undefined ? {} : { filter }) }
    if (!values.follow && values.cursor === undefined) {
      for await (const item of tailLog(file, last ?? 10, options)) await print(item)
      await output.flush()
      return 0
    }
    const end = new AbortController()
    const stop = (): void => end.abort()
    process.once('SIGINT', stop).once('SIGTERM', stop)
    const following: FollowOptions = { ...options, signal: end.signal, stopAtEnd: !values.follow }
    if (values.cursor === undefined) {
      following.from = { last: last ?? 10 }
    } else {
      following.cursor = cursorOf(values.cursor, values['from-oldest'], output)
      following.from = last === undefined ? 'start' : { last }
    }
    try {
      for await (const item of followLog(file, following)) {
        await print(item)
        if (values.follow) await output.flush()
      }
      await output.flush()
    } catch (error) {
      if (!(error instanceof CursorLostError)) throw error
      throw new UsageError(
        `cursor '${error.cursor}' is lost: ${error.why}; ${offer(error.oldest, 'with --from-oldest')}`,
      )
    } finally {
      process.off('SIGINT', stop).off('SIGTERM', stop)
    }
    return 0
  },
}

function cursorOf(name: string, fromOldest: boolean, output: Output): CursorOptions {
  return {
    name,
    onLost: fromOldest ? 'oldest' : 'error',
    async beforeCommit() {
      await output.flush()
      await allWritten()
    },
  }
}

/** Resolves when standard output has taken everything. If that fails, it never does: the process ends. */
function allWritten(): Promise<void> {
  return new Promise((resolve) => {
    io().stdout.write('', (error) => {
      if (error === undefined || error === null) resolve()
    })
  })
}
