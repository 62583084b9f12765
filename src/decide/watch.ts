/** Waits for decisions beside a log: told by the system at once, and looked for now and then where it tells nothing. */
import { type FSWatcher, watch } from 'node:fs'
import { removeDrafts } from '../disk/durable.js'
import { decisionsFolder } from '../format/beside.js'
import { isDecisionName } from './decision.js'
import { type Decision, listDecisions, ownFolder, removeDecision } from './decisions.js'

/** How often it is looked although the system tells of changes, and where it does not: milliseconds. */
const POLL_WATCHED_MS = 1_000
const POLL_MS = 100

/**
 * What becomes of a decision that was found: it is written down, or there is nothing to write, so its file goes; or it
 * stays for another look.
 */
export type Taking = 'done' | 'later'

export interface WatchOptions {
  /** Writes the decision down. Never rejects. */
  take(decision: Decision): Promise<Taking>
  /** Is told of what cannot be taken, once of each. */
  warn(message: string): void
}

export interface DecisionWatch {
  /**
   * Looks now, and from then on whenever something comes.
   * @param make whether the folder is made, where it is not there, so that the system can tell at once
   * @param again id of one that stayed, and that may be taken now
   */
  look(make?: boolean, again?: string): void
  /** Whether the process may not end while it waits. */
  hold(held: boolean): void
  /** Looks no more by itself: nothing is waited for. */
  rest(): void
  close(): void
}

/** It begins at rest: nothing is opened before the first `look`. */
export function watchDecisions(log: string, { take, warn }: WatchOptions): DecisionWatch {
  const folder = decisionsFolder(log)
  /** Those that are being taken, or stay for later. */
  const seen = new Map<string, number>()
  const told = new Set<string>()
  let watcher: FSWatcher | undefined
  let timer: NodeJS.Timeout | undefined
  let isHeld = false
  let isClosed = false
  let isSoon = false

  const tell = (message: string): void => {
    if (told.has(message) || told.size >= 100) return
    told.add(message)
    warn(message)
  }

  const takeAll = (): void => {
    isSoon = false
    if (isClosed) return
    for (const decision of listDecisions(log, tell)) {
      if (seen.get(decision.id) === decision.ts) continue
      seen.set(decision.id, decision.ts)
      void takeOne(decision)
    }
  }

  const takeOne = async (decision: Decision): Promise<void> => {
    if ((await take(decision)) === 'later') return
    try {
      removeDecision(log, decision.id)
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

  const poll = (): void => {
    clearTimeout(timer)
    timer = setTimeout(
      () => {
        openWatcher()
        takeAll()
        poll()
      },
      watcher === undefined ? POLL_MS : POLL_WATCHED_MS,
    )
    if (!isHeld) timer.unref()
  }

  return {
    look(make = false, again) {
      if (isClosed) return
      if (again !== undefined) seen.delete(again)
      if (make) {
        try {
          ownFolder(folder)
        } catch (error) {
          tell(`decisions are not taken: ${(error as Error).message}`)
        }
      }
      openWatcher()
      soon()
      if (timer === undefined) poll()
    },
    hold(held) {
      isHeld = held
      if (held) timer?.ref()
      else timer?.unref()
    },
    rest() {
      clearTimeout(timer)
      timer = undefined
      closeWatcher()
    },
    close() {
      isClosed = true
      this.rest()
      // What a putter that was killed left there.
      removeDrafts(folder)
    },
  }
}
