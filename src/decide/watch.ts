/** Waits for decisions in a folder: told by the system at once, and looked for now and then where it tells nothing. */
import { type FSWatcher, watch } from 'node:fs'
import { removeDrafts } from '../disk/durable.js'
import { isDecisionName } from './decision-name.js'
import { type Decision, decisionsIn, ownFolder, removeSame, type Wanted } from './decisions.js'

/** How often it is looked where the system tells of no changes, where it does, and where nothing is asked now. */
const POLL_MS = 100
const POLL_WATCHED_MS = 1_000
const POLL_IDLE_MS = 10_000

/**
 * What becomes of a decision that was found: it is written down, or there is nothing to write, so its file goes; or it
 * stays for another look.
 */
export type Taking = 'done' | 'later'

export interface WatchOptions extends Wanted {
  /** Does what is to be done of it. Never rejects. */
  take(decision: Decision): Promise<Taking>
  /** Is told of what cannot be taken, once of each. */
  warn(message: string): void
}

export interface DecisionWatch {
  /**
   * Looks when the present turn is over, and from then on whenever something comes.
   * @param make whether the folder is made, where it is not there, so that the system can tell at once
   * @param again id of one that stayed, and that may be taken now
   */
  look(make?: boolean, again?: string): void
  /**
   * @param isAsked whether anything is pending
   * @param isHeld whether the process may not end while it is
   */
  expect(isAsked: boolean, isHeld: boolean): void
  close(): void
}

/** It begins at rest: nothing is opened before the first `look`. */
export function watchDecisions(folder: string, { take, warn, ...wanted }: WatchOptions): DecisionWatch {
  /** Those that are being taken, or stay for later. */
  const seen = new Map<string, number>()
  const told = new Set<string>()
  let watcher: FSWatcher | undefined
  let timer: NodeJS.Timeout | undefined
  let isAsked = false
  let isHeld = false
  let isClosed = false
  let isSoon = false
  let isMade = true
  let isClean = false

  const tell = (message: string): void => {
    if (told.has(message) || told.size >= 100) return
    told.add(message)
    warn(message)
  }

  const takeAll = (): void => {
    isSoon = false
    if (isClosed) return
    if (!isMade) makeFolder()
    // What a putter that was killed left there, maybe with the process before this one.
    if (!isClean) removeDrafts(folder)
    isClean = true
    openWatcher()
    if (timer === undefined) poll()
    for (const decision of decisionsIn(folder, tell, wanted)) {
      if (seen.get(decision.id) === decision.ts) continue
      seen.set(decision.id, decision.ts)
      void takeOne(decision)
    }
  }

  const takeOne = async (decision: Decision): Promise<void> => {
    if ((await take(decision)) === 'later') return
    try {
      removeSame(folder, decision, wanted.isNamed)
    } catch (error) {
      tell(`a decision that is written down cannot be removed: ${(error as Error).message}`)
    }
    seen.delete(decision.id)
  }

  const soon = (): void => {
    if (isSoon || isClosed) return
    isSoon = true
    setImmediate(takeAll)
  }

  const openWatcher = (): void => {
    if (watcher !== undefined) return
    try {
      watcher = watch(folder, { persistent: false }, (_, name) => {
        if (name === null || isDecisionName(name)) soon()
      })
      watcher.on('error', closeWatcher)
    } catch {
      // It is not there yet, or the system has no watches left: it is looked at instead.
    }
  }

  const closeWatcher = (): void => {
    watcher?.close()
    watcher = undefined
  }

  const makeFolder = (): void => {
    isMade = true
    try {
      ownFolder(folder)
    } catch (error) {
      tell(`decisions are not taken: ${(error as Error).message}`)
    }
  }

  const poll = (): void => {
    clearTimeout(timer)
    const ms = watcher === undefined ? POLL_MS : isAsked ? POLL_WATCHED_MS : POLL_IDLE_MS
    timer = setTimeout(() => {
      timer = undefined
      takeAll()
    }, ms)
    if (!isHeld) timer.unref()
  }

  return {
    look(make = false, again) {
      if (again !== undefined) seen.delete(again)
      if (make) isMade = false
      soon()
    },
    expect(asked, held) {
      if (asked === isAsked && held === isHeld) return
      isAsked = asked
      isHeld = held
      if (timer !== undefined) poll()
    },
    close() {
      if (isClosed) return
      isClosed = true
      clearTimeout(timer)
      closeWatcher()
      removeDrafts(folder)
    },
  }
}
