/**
 * Has the side indexes of logs kept up by a process beside this one, which reads what this one only writes: one at a
 * time for all logs, at the lowest priority, ended if it hangs. Nothing of it is done where a log grows, but in a timer
 * after that; nothing of it throws, or keeps the process from ending.
 */
import type { ChildProcess } from 'node:child_process'
import { setPriority } from 'node:os'
import { dirname } from 'node:path'
import { indexCommand, indexEnvironment } from './command.js'

/** Is told of what goes wrong, in one line. */
export type Tell = (message: string) => void

export interface KeeperOptions {
  /** Arguments of Node before those of `hivelog`. Default: what starts the package's command. */
  command?: () => readonly string[]
  /** Seconds after which a process is told to give up; it is killed a little later. Default 600. */
  maxSeconds?: number
  /** Milliseconds after that. Default 5,000. */
  graceMs?: number
  /** Milliseconds between the wish and the start. Default 2,500. */
  settleMs?: number
}

const MAX_SECONDS = 600
const GRACE_MS = 5_000
/**
 * The index of a file that was written, or renamed, less than two seconds ago cannot tell it from what it may become, and
 * whoever asks first would have to compare all of it.
 */
const SETTLE_MS = 2_500
/** Logs that wait for their turn; of more, those that grow on come later. */
const MAX_WAITING = 1_000
/** Complaints that are remembered, so that each is made once. */
const MAX_TOLD = 1_000
const LOWEST = 19

export class IndexKeeper {
  readonly #command: () => readonly string[]
  readonly #maxSeconds: number
  readonly #graceMs: number
  readonly #settleMs: number
  /** Logs whose index is wanted, the longest first: from when on, and who is told if it does not come. */
  readonly #waiting = new Map<string, { from: number; tell: Tell }>()
  readonly #told = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #isBusy = false
  /** The next process is not started before: it takes half of one processor at most. */
  #restUntil = 0
  /** Whether none can be started here. */
  #isOff = false

  constructor({
    command = indexCommand,
    maxSeconds = MAX_SECONDS,
    graceMs = GRACE_MS,
    settleMs = SETTLE_MS,
  }: KeeperOptions = {}) {
    this.#command = command
    this.#maxSeconds = maxSeconds
    this.#graceMs = graceMs
    this.#settleMs = settleMs
  }

  /** Asks for the index of a log, soon. @param file absolute path */
  want(file: string, tell: Tell): void {
    if (this.#isOff || this.#waiting.has(file) || this.#waiting.size >= MAX_WAITING) return
    this.#waiting.set(file, { from: performance.now() + this.#settleMs, tell })
    this.#arm()
  }

  /** No process is started for this log any more, unless it is asked for anew. */
  forget(file: string): void {
    this.#waiting.delete(file)
  }

  /** The same for all logs of which this one would be told. */
  forgetAllOf(tell: Tell): void {
    for (const [file, each] of this.#waiting) if (each.tell === tell) this.#waiting.delete(file)
  }

  #arm(): void {
    const [first] = this.#waiting.values()
    if (this.#isBusy || this.#timer !== undefined || first === undefined) return
    const pause = Math.max(0, Math.max(first.from, this.#restUntil) - performance.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.#next()
    }, pause).unref()
  }

  async #next(): Promise<void> {
    const [first] = this.#waiting
    if (first === undefined) return
    const [file, { from, tell }] = first
    // The one for which it was waited was forgotten.
    if (from > performance.now() + 1) {
      this.#arm()
      return
    }
    this.#waiting.delete(file)
    this.#isBusy = true
    const begun = performance.now()
    try {
      await this.#index(file, tell)
    } catch (error) {
      this.#tellOnce(file, tell, `the side index of ${file} is not kept up: ${(error as Error).message}`)
    }
    this.#isBusy = false
    const now = performance.now()
    this.#restUntil = now + (now - begun)
    this.#arm()
  }

  async #index(file: string, tell: Tell): Promise<void> {
    let command: readonly string[]
    try {
      command = this.#command()
    } catch (error) {
      this.#isOff = true
      this.#waiting.clear()
      const why = (error as Error).message
      this.#tellOnce('', tell, `side indexes are not kept up: ${why}; hivelog index ${file} makes one`)
      return
    }
    const seconds = String(this.#maxSeconds)
    const { spawn } = await import('node:child_process')
    const child = spawn(
      process.execPath,
      [...command, 'index', '--this-file', '--max-seconds', seconds, file],
      {
        // Not one that may be gone, nor one that is kept from being unmounted longer than the log is read.
        cwd: dirname(file),
        env: indexEnvironment(),
        stdio: 'ignore',
        // What ends this process's group does not end it in the middle of its work.
        detached: process.platform !== 'win32',
        windowsHide: true,
      },
    )
    child.unref()
    lower(child)
    const failure = await ended(child, this.#maxSeconds * 1000 + this.#graceMs)
    if (failure === undefined) return
    this.#tellOnce(
      file,
      tell,
      `the side index of ${file} is not up to date: the process that makes it ${failure}; hivelog index ${file} says why`,
    )
  }

  #tellOnce(what: string, tell: Tell, message: string): void {
    if (this.#told.has(what) || this.#told.size >= MAX_TOLD) return
    this.#told.add(what)
    try {
      tell(message)
    } catch {
      // Whoever was to hear it has other troubles.
    }
  }
}

function lower({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) setPriority(pid, LOWEST)
  } catch {
    // Gone already, or not allowed: then it runs as any other.
  }
}

/** Waits for the end of a process, and kills it when it takes too long; what was wrong, if anything was. */
function ended(child: ChildProcess, ms: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      child.kill('SIGKILL')
    }, ms).unref()
    const end = (failure: string | undefined): void => {
      clearTimeout(timer)
      resolve(isLate ? 'did not end and was killed' : failure)
    }
    child.once('error', (error) => end(`cannot be started (${error.message})`))
    child.once('exit', (code, signal) => {
      if (code === 0) end(undefined)
      else end(code === null ? `was ended by ${signal}` : `ended with exit code ${code}`)
    })
  })
}

/** That of this process. */
export const indexKeeper = new IndexKeeper()
