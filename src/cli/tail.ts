/** `hivelog tail` */
import type { CursorOptions } from '../read/cursor.js'
import { CursorLostError, offer } from '../read/errors.js'
import { type FollowHiveOptions, followHive } from '../read/follow-hive.js'
import { type HiveItem, hiveBatches } from '../read/hive.js'
import { tailHive } from '../read/tail-hive.js'
import { type Command, parse, UsageError, wholeNumber, withShortCount } from './args.js'
import { HIVE_HELP, HIVE_OPTIONS, type HiveArguments, hiveArguments, tellNothing } from './hive-args.js'
import { io } from './io.js'
import { ItemFilter } from './item-filter.js'
import { Output, say } from './output.js'
import { type ItemPrinter, itemPrinter } from './print-item.js'
import { Progress } from './progress.js'

const help = `Usage: hivelog tail [-n N] [-f] [--cursor NAME [--from-oldest]]
                    [--kind K]... [--agent A]... [--trace ID]... [--span ID]...
                    [--since TIME] [--until TIME] [--this-file] [--json]
                    [FILE]...

Shows the last events of a hive: of its log, also of archived segments if need
be, and of the logs of its child processes, merged by time. With --cursor it
shows what is new to this consumer since its last run.

  -n, --lines N     how many (default 10; with --since or --until all of that
                    time); -20 is -n 20
  -f, --follow      go on with new events as they come, across rotation, and
                    with the logs of new child processes; ends with Ctrl-C
      --cursor NAME  go on after the last line that was shown under this name,
                    in whatever segment it is by now; without -f up to the
                    present end. The first use begins with the oldest line,
                    or with -n N with the last N lines of each log (0: only
                    new ones)
      --from-oldest  if the place of the cursor is no more (its segment was
                    deleted, or the log replaced), go on with the oldest line
                    that is there, instead of failing
      --kind K      only events of this kind; can be given several times
      --agent A     only events about this agent (of, from or to it, delivered
                    to it, a hold of it); can be given several times
      --trace ID    only lines of this trace (32 hex digits), and
      --span ID     only of this span (16); can be given several times
${HIVE_HELP}
      --json        the lines as they are in the files; malformed ones are
                    told of on standard error
      --help        this text

A cursor is kept in FILE.cursors/NAME.json, of each log beside it, and moves
once a line is written to standard output; it also passes lines that --kind,
--agent, --trace, --span and times leave out. After a crash some lines may be
shown again, with the same seq; none is left out. Delete its file to begin
anew. An unfinished last line waits for the next run.

With -f a line that is written late comes late, whatever its time. A line of
another log than the first ends in that log's name. FILE is $HIVELOG_FILE or
hive.jsonl by default. Malformed lines are shown, and do not change the exit
code. Exit code 0: fine; 1: a FILE is empty (without -f and --cursor); 2: bad
use, or a log, the cursor or its file cannot be used.

Example: hivelog tail -f --kind escalate --kind approval hive.jsonl
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('tail', withShortCount(args, '--lines'), {
      ...HIVE_OPTIONS,
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
    if (positionals.includes('-'))
      throw new UsageError('tail needs a file; use hivelog cat - for standard input')
    const last = values.lines === undefined ? undefined : wholeNumber('--lines', values.lines)
    if (values['from-oldest'] && values.cursor === undefined)
      throw new UsageError('--from-oldest is for a cursor: give --cursor NAME too')
    // What is no id is told before anything is read.
    new ItemFilter({ ...values, since: undefined, until: undefined })
    const hive = await hiveArguments('tail', values, positionals)
    const filter = new ItemFilter({ ...values, since: hive.since, until: hive.until })
    for (const note of hive.notes) say(note)
    const output = new Output()
    const print = itemPrinter(output, values.json, hive.files)
    if (!values.follow && values.cursor === undefined) {
      const code = await tellNothing(hive.files, hive.thisFile, { housekeeping: true })
      await show(lastOf(hive, last, filter, values.json), print, output)
      const missed = code === undefined ? filter.missed() : undefined
      if (missed !== undefined) say(missed)
      return code ?? 0
    }
    const end = new AbortController()
    const stop = (): void => end.abort()
    process.once('SIGINT', stop).once('SIGTERM', stop)
    const following: FollowHiveOptions = {
      text: values.json,
      thisFile: hive.thisFile,
      signal: end.signal,
      stopAtEnd: !values.follow,
      ...(!filter.choosesAll && { filter: filter.accepts }),
    }
    const isTimed = hive.since !== undefined || hive.until !== undefined
    if (values.cursor === undefined) {
      following.from = last === undefined && isTimed ? 'start' : { last: last ?? 10 }
    } else {
      following.cursor = cursorOf(values.cursor, values['from-oldest'], output)
      following.from = last === undefined ? 'start' : { last }
    }
    try {
      await show(followHive(hive.files, following), print, output, values.follow)
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

async function* lastOf(
  { files, thisFile, since, until }: HiveArguments,
  last: number | undefined,
  filter: ItemFilter,
  text: boolean,
): AsyncGenerator<HiveItem> {
  if (last !== undefined || (since === undefined && until === undefined)) {
    yield* tailHive(files, last ?? 10, {
      text,
      thisFile,
      ...(!filter.choosesAll && { filter: filter.accepts }),
    })
    return
  }
  const progress = new Progress('reading')
  // Who asked for names is told of those that there are, in all of the hive.
  const select = { ...(since !== undefined && { since }), ...(until !== undefined && { until }) }
  const reading = { text, thisFile, onProgress: progress.update, ...(!filter.hasNames && { select }) }
  for await (const items of hiveBatches(files, reading)) {
    for (const item of items) {
      if (!filter.accepts(item)) continue
      progress.end()
      yield item
    }
  }
  progress.end()
}

async function show(
  items: AsyncIterable<HiveItem>,
  print: ItemPrinter,
  output: Output,
  isLive = false,
): Promise<void> {
  for await (const item of items) {
    await print(item)
    if (isLive) await output.flush()
  }
  await output.flush()
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
