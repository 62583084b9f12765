/** What the tests of side indexes share that a process beside keeps up. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { defer, tempFolder } from './hive-support.js'

/** Waits for something that another process does. */
export async function until(what: string, is: () => boolean, ms = 30_000): Promise<void> {
  for (const end = Date.now() + ms; !is(); ) {
    if (Date.now() > end) throw new Error(`not ${what} after ${ms} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Whether the system tells the command lines of all processes in files. */
export const hasProc = existsSync('/proc/self/cmdline')

/** Ids of processes that index a log of this folder, or that log; none where the system does not tell. */
export function indexing(path: string): string[] {
  if (!hasProc) return []
  return readdirSync('/proc').filter((pid) => {
    try {
      if (!/^\d+$/.test(pid)) return false
      const args = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')
      return args.includes('index') && args.some((arg) => arg === path || arg.startsWith(`${path}/`))
    } catch {
      return false
    }
  })
}

/**
 * A folder for logs, which is removed when nobody indexes in it any more. The key of the indexes lies in it: the user's
 * own is left alone.
 */
export function indexedFolder(t: TestContext): string {
  const folder = tempFolder(t)
  defer(t, () => until('without a process', () => indexing(folder).length === 0))
  const before = process.env.XDG_STATE_HOME
  process.env.XDG_STATE_HOME = join(folder, 'state')
  defer(t, () => {
    if (before === undefined) delete process.env.XDG_STATE_HOME
    else process.env.XDG_STATE_HOME = before
  })
  return folder
}
