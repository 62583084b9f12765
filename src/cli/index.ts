/** `hivelog index` */
import { type IndexRemoval, type IndexReport, indexLog, removeIndex } from '../analyse/index-log.js'
import { sizeOfLogs } from '../disk/hive-logs.js'
import { indexFolder } from '../format/beside.js'
import { logsOfHive } from '../read/hive.js'
import { byteSize, clean, counted, duration } from '../text/terminal.js'
import { type Command, defaultFile, parse, UsageError, wholeNumber } from './args.js'
import { tellNothing } from './hive-args.js'
import { Output, say } from './output.js'
import { Progress } from './progress.js'

const help = `Usage: hivelog index [OPTION]... [FILE]...

Makes the side index of a log, FILE.index, or goes on with it to the log's end,
so that nobody who asks for a state (state, replay, the page of serve) waits for
it; each log of child processes, in FILE.agents, by itself. What is indexed is
not read again; of a log that did not change only its size and times are looked
at. It can be run at any time, also while the log is written, and several at
once. A hive writes this way itself with startHive({ keepIndex: true }).

      --remove       delete the index: what belongs to it, and nothing else
      --this-file    only the FILEs, without the logs of their child processes
      --max-seconds N
                     give up after so long; the segments that are done stay done
      --json         one JSON object a log: {"file", "segments", "indexed",
                     "covered", "states", "bytes", "ms", "trouble"}: segments of
                     the log and how many have an index, bytes of log up to the
                     last state (uncompressed), states, bytes of the index; with
                     --remove {"file", "files", "bytes", "left", "trouble"}
      --help         this text

An index holds nothing that is not in the log, and can be deleted at any time.
It is signed with a key in your state folder, so that nobody else's is believed.
FILE is $HIVELOG_FILE or hive.jsonl by default.
Exit code 0: done; 1: an index could not be written or removed, or a FILE is
empty; 2: bad use, or no log.

Example: hivelog index hive.jsonl
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('index', args, {
      remove: { type: 'boolean', default: false },
      'this-file': { type: 'boolean', default: false },
      'max-seconds': { type: 'string' },
      json: { type: 'boolean', default: false },
    })
    const files = positionals.length > 0 ? positionals : [defaultFile()]
    if (files.includes('-')) throw new UsageError('index needs a file: standard input cannot be read twice')
    const seconds = values['max-seconds']
    const max =
      seconds === undefined ? undefined : wholeNumber('--max-seconds', seconds, { min: 1, max: 2_000_000 })
    const thisFile = values['this-file']
    const output = new Output()
    if (values.remove) return removed(logsOfHive(files, thisFile), values.json, output)
    const nothing = await tellNothing(files, thisFile, { housekeeping: true })
    const named = logsOfHive(files, true)
    // Of a child there may be only the folder of its own children.
    const logs = logsOfHive(files, thisFile).filter((log) => named.includes(log) || sizeOfLogs([log]) > 0)
    const timer = max === undefined ? undefined : endAfter(max)
    try {
      return nothing ?? (await indexed(logs, values.json, output))
    } finally {
      clearTimeout(timer)
      await output.flush()
    }
  },
}

/** A walk cannot be stopped otherwise, and what it has not put into its place is nobody's loss. */
const endAfter = (seconds: number): NodeJS.Timeout =>
  setTimeout(() => {
    say(`gave up after ${counted(seconds, 'second')} (--max-seconds)`)
    process.exit(1)
  }, seconds * 1000).unref()

async function indexed(logs: readonly string[], isJson: boolean, output: Output): Promise<0 | 1> {
  const progress = new Progress('indexing')
  const total = sizeOfLogs(logs)
  let read = 0
  let code: 0 | 1 = 0
  for (const file of logs) {
    const report = await indexLog(file, {
      onProgress: (done) => progress.update(read + done, total),
    }).finally(() => progress.hide())
    read += sizeOfLogs([file])
    if (isJson) await output.json({ file, ...report, ms: Math.round(report.ms) })
    else await output.line(lineOf(file, report))
    if (report.trouble === undefined) continue
    code = 1
    say(`${file} is not indexed as it should be: ${report.trouble}`)
  }
  return code
}

function lineOf(file: string, { segments, indexed, covered, states, bytes, ms }: IndexReport): string {
  if (indexed === 0) return `${clean(file)}: no index; it is small enough to be read`
  const of =
    indexed === segments ? counted(segments, 'segment') : `${indexed} of ${counted(segments, 'segment')}`
  const known = `${counted(states, 'state')} over ${byteSize(covered)} of log`
  return `${clean(file)}: ${of}, ${known}, ${byteSize(bytes)} of index, ${duration(ms)}`
}

async function removed(logs: readonly string[], isJson: boolean, output: Output): Promise<0 | 1> {
  let code: 0 | 1 = 0
  for (const file of logs) {
    const removal = removeIndex(file)
    if (isJson) await output.json({ file, ...removal })
    else await output.line(removalLine(file, removal))
    if (removal.left.length > 0) {
      say(`${indexFolder(file)} stays: ${counted(removal.left.length, 'file')} in it that no index has`)
    }
    if (removal.trouble === undefined) continue
    code = 1
    say(removal.trouble)
  }
  await output.flush()
  return code
}

const removalLine = (file: string, { files, bytes }: IndexRemoval): string =>
  files === 0
    ? `${clean(file)}: no index`
    : `${clean(file)}: ${counted(files, 'file')} of its index removed, ${byteSize(bytes)}`
