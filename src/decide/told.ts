/**
 * What code decides of a question that a process below asked: `<log>.decided/`, beside the log of the process whose code
 * it is. The approval is a line of that log; a file there, of the shape of a decision, tells the process that asked, which
 * may wait for it. That process removes it, and writes nothing down: it is written already.
 *
 * Which process asked need not be known here, so each that asks looks in the folders of all logs above its own, for what
 * it asked. What nobody takes goes after a while.
 */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { writeDurablySync } from '../disk/durable.js'
import { agentsFolder, decidedFolder, logsAbove } from '../format/beside.js'
import { clean } from '../text/clean.js'
import { type Decision, faultOf, MAX_BY, MAX_DECISIONS, MAX_NOTE, plainDecision } from './decision.js'
import { decisionName } from './decision-name.js'
import { ownFolder } from './decisions.js'
import { DecisionError, type DecisionMade } from './errors.js'
import { type DecisionWatch, type WatchOptions, watchDecisions } from './watch.js'

/** Age at which one that nobody took goes, once there are so many. */
const STALE_MS = 600_000
const MANY = 100

/**
 * Tells the processes below what code decided here. Nothing is done where there are none. It need not survive a power cut,
 * which nobody who waits does either.
 * @param made as its line has it
 * @throws what the file system says, and `DecisionError` when the folder is not the user's own
 */
export function tellBelow(log: string, id: string, { approve, by, via, note, ts }: DecisionMade): void {
  if (!existsSync(agentsFolder(log))) return
  const decision = {
    id,
    approve,
    ...(by !== undefined && { by: by.slice(0, MAX_BY) }),
    via,
    ...(note !== undefined && { note: note.slice(0, MAX_NOTE) }),
    ts,
  } as Decision
  // Such an id no process below can wait for.
  if (faultOf(decision, false) !== undefined) return
  const folder = decidedFolder(log)
  ownFolder(folder)
  removeStale(folder)
  const path = join(folder, decisionName(id))
  writeDurablySync(path, `${JSON.stringify(plainDecision(decision))}\n`, { sync: false })
}

/** @throws {DecisionError} when there are too many that are not stale */
function removeStale(folder: string): void {
  const names = readdirSync(folder)
  if (names.length < MANY) return
  let left = names.length
  const before = Date.now() - STALE_MS
  for (const path of names.map((name) => join(folder, name))) {
    if ((statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) >= before) continue
    rmSync(path, { force: true })
    left--
  }
  if (left >= MAX_DECISIONS)
    throw new DecisionError(clean(`${folder} holds ${left} decisions that no process below takes`))
}

/** Waits for what code of the processes above a log's decided. At rest before the first `look`; of a log at the top, for ever. */
export function watchAbove(log: string, options: Omit<WatchOptions, 'isNamed'>): DecisionWatch {
  const watches = logsAbove(log).map((above) =>
    watchDecisions(decidedFolder(above), { ...options, isNamed: false }),
  )
  return {
    look: (make, again) => {
      for (const each of watches) each.look(make, again)
    },
    expect: (isAsked, isHeld) => {
      for (const each of watches) each.expect(isAsked, isHeld)
    },
    close: () => {
      for (const each of watches) each.close()
    },
  }
}
