/**
 * Which process takes a decision: that which writes the log in which it was asked; of a child process that has ended,
 * the nearest one above it that runs.
 */
import { dirname } from 'node:path'
import { agentsFolder } from '../format/beside.js'
import { isLogHeld } from '../journal/lock.js'
import type { Decision } from './decision.js'
import { readDecision } from './decisions.js'
import { type Asked, isShownWith } from './question.js'

/** Beside which log a decision is put, and whether a process runs that takes it. */
export interface Taker {
  log: string
  isRunning: boolean
}

/** @param log in which it is asked */
export function takerOf(log: string): Taker {
  const running = withThoseAbove(log).find(isLogHeld)
  return { log: running ?? log, isRunning: running !== undefined }
}

/**
 * The decision of a question that waits for a process, beside the log in which it was asked or one above; what cannot be
 * read there counts as none: whoever decides hears what is wrong with it.
 * @param asked what was asked last under that id
 */
export function sentDecision(log: string, id: string, asked: Asked | undefined): Decision | undefined {
  for (const each of withThoseAbove(log)) {
    try {
      const sent = readDecision(each, id)
      if (sent !== undefined && (asked === undefined || isShownWith(sent, asked))) return sent
    } catch {
      // As above.
    }
  }
  return undefined
}

function withThoseAbove(log: string): string[] {
  const logs = [log]
  for (;;) {
    const folder = dirname(logs.at(-1) as string)
    const above = folder.replace(/\.agents$/, '')
    if (above === folder || agentsFolder(above) !== folder) return logs
    logs.push(above)
  }
}
