/** The state of a hive at any event of its log. */
import { checkOptions } from '../format/options.js'
import { isMalformed, type LogItem } from '../read/items.js'
import { logBatches } from '../read/read.js'
import { REPLAY_RULES, VISIT_RULES } from './options.js'
import { type Target, walk } from './side-index/walk.js'
import type { StateChange } from './state/changes.js'
import { StateReducer } from './state/reducer.js'
import { emptyState, type HiveState } from './state/state.js'

/** What `replay` takes: up to which event, and by which means. */
export interface ReplayOptions {
  /** `seq` of the last event that counts. Default: the log's last. */
  at?: number
  /** The state just before the first event that is later: epoch milliseconds. Default: none. */
  time?: number
  /**
   * Whether to use, and keep, the side index `<log>.index`, which makes the state at any event of a big log a matter
   * of milliseconds; it can be deleted at any time. It is authenticated by a key in the user's state folder
   * (`XDG_STATE_HOME`, else `~/.local/state`), so that nobody who can write beside the log can make the answer wrong.
   * Where index or key cannot be written, or are another user's, the answer is the same, but slower. Default true.
   */
  index?: boolean
  /** Bytes of log between two states that a new index holds. Default 1 MiB. */
  indexSpacing?: number
  /** Told how many bytes of the log were read, of how many that may have to be. Default: none. */
  onProgress?: (read: number, total: number) => void
}

/**
 * What the hive was after an event: who existed, what waited for whom, what was pending with the human, and what it
 * had cost. `-` reads standard input. Lines that are no events are counted.
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when the file is missing, a directory, or must not be read
 */
export async function replay(file: string, options: ReplayOptions = {}): Promise<HiveState> {
  checkOptions('replay', options, REPLAY_RULES)
  const { at, time, index = true, indexSpacing, onProgress } = options
  const until = { ...(at !== undefined && { seq: at }), ...(time !== undefined && { time }) }
  if (file === '-') return (await walkInput(until, new StateReducer())).state()
  const { reducer, broken } = await walk(file, {
    index,
    until,
    ...(indexSpacing !== undefined && { spacing: indexSpacing }),
    ...(onProgress && { onProgress }),
  })
  return { ...reducer.state(), ...(broken.length > 0 && { broken }) }
}

/** What happens to a hive, event by event. */
export interface VisitOptions {
  /** Where to begin; what comes before is counted in, but not visited. Default: the log's start. */
  from?: Target
  /** Where to end. Default: the log's end. */
  to?: Target
  /** See `replay`; the index is used where there is one, and not added to. Default true. */
  index?: boolean
}

/** An event or a malformed line, and what it changed. */
export interface Step {
  /** The event or the line. */
  item: LogItem
  /** What it changed, in order. */
  changes: StateChange[]
}

/**
 * Goes through a log with the state beside it. `visit` is called for each line after `from` (in the sense of
 * `replay`: the first that is visited is the one after that state), and awaited; `false` ends the walk.
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when the file is missing, a directory, or must not be read
 */
export async function visitLog(
  file: string,
  options: VisitOptions,
  visit: (step: Step) => Promise<boolean>,
): Promise<void> {
  checkOptions('visitLog', options, VISIT_RULES)
  const { from = { seq: 0 }, to = {}, index = true } = options
  const { seq = Infinity, time = Infinity } = from
  let changes: StateChange[] = []
  let isBegun = false
  const onChange = (change: StateChange): void => {
    changes.push(change)
  }
  const onItem = async (item: LogItem): Promise<boolean> => {
    if (!isMalformed(item)) isBegun ||= item.seq > seq || item.event.ts > time
    const step = { item, changes }
    changes = []
    return isBegun || seq === 0 ? visit(step) : true
  }
  if (file === '-') await walkInput(to, new StateReducer(emptyState(), onChange), onItem)
  else await walk(file, { index, until: to, skipTo: from, onChange, visit: onItem })
}

const GO_ON = async (): Promise<boolean> => true

/** Standard input cannot be read twice: there is no index of it. */
async function walkInput(
  { seq = Infinity, time = Infinity }: Target,
  reducer: StateReducer,
  visit: (item: LogItem) => Promise<boolean> = GO_ON,
): Promise<StateReducer> {
  for await (const items of logBatches('-')) {
    for (const item of items) {
      if (isMalformed(item)) reducer.malformed()
      else if (item.seq > seq || item.event.ts > time) return reducer
      else reducer.apply(item.event, item.seq)
      if (visit !== GO_ON && !(await visit(item))) return reducer
    }
  }
  return reducer
}
