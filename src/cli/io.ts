/** What a run of the command reads, writes and is told: the process's own, unless the caller of `run` gives others. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Readable, Writable } from 'node:stream'
import { withStandardInput } from '../read/sources.js'

export interface OutputStream extends Writable {
  /** Whether it is a terminal, where colours and progress go. */
  isTTY?: boolean
  /** Width of the terminal. */
  columns?: number
}

export interface InputStream extends Readable {
  isTTY?: boolean
  setRawMode?(isRaw: boolean): unknown
}

export interface Io {
  stdin: InputStream
  stdout: OutputStream
  stderr: OutputStream
  env: NodeJS.ProcessEnv
}

/** A store rather than a variable: runs in one process can overlap. */
const given = new AsyncLocalStorage<Io>()

/** That of the run in which it is asked for. */
export const io = (): Io => given.getStore() ?? process

/** Does something with another input, output and environment than the process's. */
export function withIo<T>(own: Io, act: () => T): T {
  // The process itself needs no store: tracking one costs at every `await` of the loops over lines.
  if (own === process) return act()
  return given.run(own, () => withStandardInput(own.stdin, act))
}
