/** A real program that runs beside a test: started, killed, started again, and ended with the test by its own id. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import type { TestContext } from 'node:test'
import { defer } from '../../fixtures/hive-support.js'

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

export class Program {
  #options: ProgramOptions
  #child: ChildProcess | undefined
  #output = ''

  constructor(t: TestContext, options: ProgramOptions) {
    this.#options = options
    defer(t, () => this.stop())
  }

  /** Starts it, for the first time or again, and waits until it takes work. */
  async start(): Promise<void> {
    const { name, command, args, env, isReady, readyMs } = this.#options
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-MAX_OUTPUT)
      })
    }
    const isUp = async (): Promise<boolean> => {
      if (this.#isGone()) throw new Stop(`${name} ended by itself`)
      return isReady()
    }
    await until(isUp, `${name} being ready`, readyMs).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.#output}`)
    })
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

/** Loopback ports that nobody listens on. They are held until all are known, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

/** Whether an address answers 200. */
export async function answers(url: string): Promise<boolean> {
  return (await fetch(url, { signal: AbortSignal.timeout(5_000) })).ok
}
