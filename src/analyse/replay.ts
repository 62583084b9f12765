/** The state of a hive at any event of its logs. */
import { checkOptions } from '../format/options.js'
import type { Listed } from '../model/plain.js'
import type { HiveState } from '../model/state.js'
import { flatBatches, hiveBatches, logsOfHive, type OnProgress } from '../read/hive.js'
import { isBreak, isMalformed, type LogItem } from '../read/items.js'
import { pricer } from './cost/call-cost.js'
import { REPLAY_RULES, VISIT_RULES } from './options.js'
import { type BrokenChain, brokenChain, MAX_BROKEN } from './reading.js'
import { type Target, walk } from './side-index/walk.js'
import type { OnChange, StateChange } from './state/changes.js'
import { StateReducer } from './state/reducer.js'

/** What `replay` takes: up to which event, and by which means. */
export interface ReplayOptions {
  /** `seq` of the last event that counts; of several logs, in the first one. Default: the log's last. */
  at?: number
  /** The state just before the first event that is later: epoch milliseconds. Default: none. */
  time?: number
  /** Read only the logs that are named, not those of their child processes. Default false. */
  thisFile?: boolean
  /**
   * Whether to use, and keep, the side index `<log>.index`, which makes the state at any event of a big log a matter
   * of milliseconds, and tells other readers of which times and kinds the parts of the log are; it can be deleted at
   * any time. It is authenticated by a key in the user's state folder (`XDG_STATE_HOME`, else `~/.local/state`), so
   * that nobody who can write beside the log can make the answer wrong. Where index or key cannot be written, or are
   * another user's, the answer is the same, but slower; so it is where the hive is more than one log, which are all
   * read then. Default true.
   */
  index?: boolean
  /** Bytes of log between two states that a new index holds. Default 512 KiB. */
  indexSpacing?: number
  /**
   * Told how many bytes of the log were read, of how many that may have to be; of a hive of one log only. Default:
   * none.
   */
  onProgress?: OnProgress
}

/**
 * What the hive was after an event: who existed, what waited for whom, what was pending with the human, and what it
 * had cost (what the events say, else by the price list). A hive is its log and those of its child processes; several
 * files are one hive. `-` reads standard input. Lines that are no events are counted.
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when the file is missing, a directory, or must not be read
 */
export async function replay(
  files: string | readonly string[],
  options: ReplayOptions = {},
): Promise<HiveState> {
  checkOptions('replay', options, REPLAY_RULES)
  return stateAt(files, options, 'all')
}

/**
 * As `replay`, for who does not need all messages that wait.
 * @param listed which of them are listed
 */
export async function stateAt(
  files: string | readonly string[],
  options: ReplayOptions,
  listed: Listed,
): Promise<HiveState> {
  const { at, time, thisFile = false, index = true, indexSpacing, onProgress } = options
  const until = { ...(at !== undefined && { seq: at }), ...(time !== undefined && { time }) }
  const hive = hiveOf(files, thisFile)
  const price = pricer()
  const { reducer, broken } = hive.isIndexed
    ? await walk(hive.first, {
        price,
        index,
        until,
        ...(indexSpacing !== undefined && { spacing: indexSpacing }),
        ...(onProgress && { onProgress }),
      })
    : await walkHive(hive, until, reducerOf(hive), onProgress === undefined ? {} : { onProgress })
  // Nobody goes on with the reducer, so its state need not be copied.
  return { ...reducer.view(listed), ...(broken.length > 0 && { broken }) }
}

/** What `hivelog state --json` tells of a state. @param file that was named first */
export function stateAnswer(file: string, { carry: _, ...state }: HiveState): StateAnswer {
  return { file, ...state }
}

/** A state, and the log that it is of. */
export interface StateAnswer extends Omit<HiveState, 'carry'> {
  /** Path of the log that was named first. */
  file: string
}

/** What happens to a hive, event by event. */
export interface VisitOptions {
  /** Where to begin; what comes before is counted in, but not visited. Default: the log's start. */
  from?: Target
  /** Where to end. Default: the log's end. */
  to?: Target
  /** See `replay`. Default false. */
  thisFile?: boolean
  /** See `replay`; the index is used where there is one, and not added to. Default true. */
  index?: boolean
  /** Told now and then how many bytes of the logs were read, of how many that may have to be. Default: nobody is. */
  onProgress?: OnProgress
}

/** An event or a malformed line, and what it changed. */
export interface Step {
  /** The event or the line; `log` is there where the hive is read from several. */
  item: LogItem & {
    /** Path of its log. */
    log?: string
  }
  /** What it changed, in order. */
  changes: StateChange[]
}

/**
 * Goes through a hive's events with the state beside them. `visit` is called for each line after `from` (in the sense
 * of `replay`: the first that is visited is the one after that state), and awaited; `false` ends the walk.
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when the file is missing, a directory, or must not be read
 */
export async function visitLog(
  files: string | readonly string[],
  options: VisitOptions,
  visit: (step: Step) => Promise<boolean>,
): Promise<void> {
  checkOptions('visitLog', options, VISIT_RULES)
  const { from = { seq: 0 }, to = {}, thisFile = false, index = true, onProgress } = options
  const progress = onProgress === undefined ? {} : { onProgress }
  const { seq = Number.POSITIVE_INFINITY, time = Number.POSITIVE_INFINITY } = from
  const hive = hiveOf(files, thisFile)
  let changes: StateChange[] = []
  let isBegun = seq === 0
  const onChange = (change: StateChange): void => {
    changes.push(change)
  }
  const onItem = async (item: Step['item']): Promise<boolean> => {
    if (!isBegun && !isMalformed(item))
      isBegun = item.event.ts > time || (hive.isFirst(item) && item.seq > seq)
    const step = { item, changes }
    changes = []
    return isBegun ? visit(step) : true
  }
  if (hive.isIndexed) {
    await walk(hive.first, {
      price: pricer(),
      index,
      until: to,
      skipTo: from,
      onChange,
      visit: onItem,
      ...progress,
    })
  } else await walkHive(hive, to, reducerOf(hive, onChange), progress, onItem)
}

interface HiveLogs {
  files: readonly string[]
  thisFile: boolean
  first: string
  /** Whether more than one log is read. */
  isSeveral: boolean
  /** Whether a side index can serve. */
  isIndexed: boolean
  isFirst(item: { log?: string }): boolean
}

function hiveOf(given: string | readonly string[], thisFile: boolean): HiveLogs {
  const files = typeof given === 'string' ? [given] : given
  const logs = logsOfHive(files, thisFile)
  const [first = ''] = logs
  const isSeveral = logs.length > 1
  return {
    files,
    thisFile,
    first,
    isSeveral,
    // Standard input cannot be read twice.
    isIndexed: !isSeveral && first !== '-',
    isFirst: ({ log }) => !isSeveral || log === first,
  }
}

function reducerOf({ isSeveral, first }: HiveLogs, onChange?: OnChange): StateReducer {
  return new StateReducer(undefined, onChange, { price: pricer(), ...(isSeveral && { firstLog: first }) })
}

/** Reads all logs of a hive from their start. */
async function walkHive(
  hive: HiveLogs,
  { seq = Number.POSITIVE_INFINITY, time = Number.POSITIVE_INFINITY }: Target,
  reducer: StateReducer,
  progress: { onProgress?: OnProgress },
  visit?: (item: Step['item']) => Promise<boolean>,
): Promise<{ reducer: StateReducer; broken: BrokenChain[] }> {
  const broken: BrokenChain[] = []
  // Whoever is visited may look at whole events.
  const read = visit === undefined ? flatBatches : hiveBatches
  for await (const items of read(hive.files, { thisFile: hive.thisFile, ...progress })) {
    for (const item of items) {
      if (isBreak(item)) {
        if (broken.length < MAX_BROKEN) broken.push(brokenChain(item))
      } else if (isMalformed(item)) reducer.malformed()
      else if (item.event.ts > time || (hive.isFirst(item) && item.seq > seq)) return { reducer, broken }
      else reducer.add(item)
      if (visit !== undefined && !(await visit(item))) return { reducer, broken }
      // What other logs tell after that event is later in the story, although the next of this log is later still.
      if (!isBreak(item) && !isMalformed(item) && hive.isFirst(item) && item.seq === seq)
        return { reducer, broken }
    }
  }
  return { reducer, broken }
}
