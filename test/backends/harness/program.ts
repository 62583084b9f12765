/** A real program that runs beside a test: started, killed, started again, and ended with the test by its own id. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { defer, packageRoot } from '../../kit/hive-support.js'

export interface ProgramOptions {
  /** What it is called when it does not do what it should. */
  name: string
  command: string
  args: string[]
  env?: NodeJS.ProcessEnv
  /** Whether it takes work. */
  isReady(): Promise<boolean>
  /** Milliseconds until it must. Default 60,000. */
  readyMs?: number
}

/** How much of what a program said is kept, in characters. */
const MAX_OUTPUT = 4_000
const READY_MS = 60_000
/** What programs say whose port another one has; the other may be gone soon. */
const PORT_TAKEN = /EADDRINUSE|address already in use|AddressAlreadyInUse|BindException/i
const PORT_TAKEN_MS = 500

export class Program {
  #options: ProgramOptions
  #child: ChildProcess | undefined
  #output = ''

  constructor(t: TestContext, options: ProgramOptions) {
    this.#options = options
    defer(t, () => this.stop())
  }

  /** Starts it, for the first time or again, and waits until it takes work. One whose port is taken tries again. */
  async start(): Promise<void> {
    const { name, readyMs = READY_MS } = this.#options
    const end = Date.now() + readyMs
    for (;;) {
      this.#output = ''
      try {
        await this.#startOnce(end - Date.now())
        return
      } catch (error) {
        const isTaken = error instanceof Stop && PORT_TAKEN.test(this.#output)
        if (!isTaken || Date.now() > end) {
          throw new Error(`${name}: ${(error as Error).message}\n${this.#output}`, { cause: error })
        }
        await pause(PORT_TAKEN_MS)
      }
    }
  }

  async #startOnce(ms: number): Promise<void> {
    const { name, command, args, env, isReady } = this.#options
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-MAX_OUTPUT)
      })
    }
    let isClosed = false
    child.on('close', () => {
      isClosed = true
    })
    const isUp = async (): Promise<boolean> => {
      // Not before all that it said is read.
      if (isClosed) throw new Stop('it ended by itself')
      return !this.#isGone() && isReady()
    }
    await until(isUp, `${name} being ready`, ms)
  }

  /** Ends it as a power cut would. */
  kill(): Promise<void> {
    return this.#end('SIGKILL')
  }

  /** Asks it to end; kills it when it does not. */
  stop(): Promise<void> {
    return this.#end('SIGTERM')
  }

  #isGone(): boolean {
    const child = this.#child
    return child === undefined || child.exitCode !== null || child.signalCode !== null
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (child === undefined || this.#isGone()) return
    const gone = once(child, 'exit')
    child.kill(signal)
    const killer = setTimeout(() => child.kill('SIGKILL'), 20_000)
    await gone
    clearTimeout(killer)
  }
}

/** What makes waiting pointless. */
class Stop extends Error {}

/** Resolves with what `probe` gives when that is true; rejects after `ms`. Until then it may throw. */
export async function until<T>(
  probe: () => Promise<T> | T,
  what: string,
  ms = 60_000,
): Promise<Exclude<T, false | undefined>> {
  const end = Date.now() + ms
  let last: unknown
  while (Date.now() < end) {
    try {
      const value = await probe()
      if (value !== false && value !== undefined) return value as Exclude<T, false | undefined>
    } catch (error) {
      if (error instanceof Stop) throw error
      last = error
    }
    await pause(200)
  }
  throw new Error(`${what} did not come within ${ms} ms${last === undefined ? '' : `: ${last}`}`)
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Loopback ports for programs; see `scripts/lib/programs.mjs`, which the scripts take theirs from too. */
export async function freePorts(count: number): Promise<number[]> {
  const shared: { freePorts(count: number): Promise<number[]> } = await import(
    pathToFileURL(join(packageRoot(), 'scripts/lib/programs.mjs')).href
  )
  return shared.freePorts(count)
}

/** Whether an address answers 200. */
export async function answers(url: string): Promise<boolean> {
  return (await fetch(url, { signal: AbortSignal.timeout(5_000) })).ok
}
