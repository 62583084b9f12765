/**
 * Decisions for processes that ended before they took them. Whoever decides puts a decision where the nearest process
 * that runs takes it; if that one ends first, the decision would lie beside its log for ever, and keep others from being
 * given. So the process above looks there now and then, and takes them to its own.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { agentsFolder, decisionsFolder } from '../format/beside.js'
import { isLogHeld } from '../journal/lock.js'
import { isDecisionName } from './decision-name.js'
import { listDecisions, putDecision, removeSame } from './decisions.js'

/** How the folders beside a child's log end. */
const AGENTS = agentsFolder('.jsonl')
const DECISIONS = decisionsFolder('.jsonl')

/**
 * Takes what lies beside the logs of child processes that have ended, and of theirs, to this log's own decisions. Where
 * one runs, what is below it is its own. Killed in between, a decision is in both places, and is written down once.
 * @param log of this process
 * @param warn is told of what cannot be taken, in one line; it is left there
 * @returns whether there were any
 */
export const adoptDecisions = (log: string, warn: (message: string) => void): boolean =>
  adoptFrom(agentsFolder(log), log, warn)

function adoptFrom(folder: string, log: string, warn: (message: string) => void): boolean {
  let isAny = false
  for (const name of foldersIn(folder)) {
    const child = join(folder, name.slice(0, name.lastIndexOf('.')))
    if (name.endsWith(AGENTS)) {
      if (!isLogHeld(child) && adoptFrom(join(folder, name), log, warn)) isAny = true
    } else if (name.endsWith(DECISIONS) && hasDecisions(join(folder, name)) && !isLogHeld(child)) {
      if (moved(child, log, warn)) isAny = true
    }
  }
  return isAny
}

function moved(child: string, log: string, warn: (message: string) => void): boolean {
  let isAny = false
  for (const decision of listDecisions(child, warn)) {
    try {
      // One that is there already came first.
      putDecision(log, decision)
      removeSame(decisionsFolder(child), decision)
      isAny = true
    } catch (error) {
      warn((error as Error).message)
    }
  }
  return isAny
}

/** Most processes have none below. */
function foldersIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  } catch {
    return []
  }
}

function hasDecisions(folder: string): boolean {
  try {
    return readdirSync(folder).some(isDecisionName)
  } catch {
    return false
  }
}
