/** A file that a command writes instead of standard output. */
import { statSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { UsageError } from './args.js'

const PIECE = 256 * 1024

/** A file that is written in large pieces. */
export class OutputFile {
  #handle: FileHandle
  #pending: string[] = []
  #size = 0

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  async line(text: string): Promise<void> {
    this.#pending.push(text, '\n')
    this.#size += text.length
    if (this.#size >= PIECE) await this.#flush()
  }

  async close(): Promise<void> {
    try {
      await this.#flush()
    } finally {
      await this.#handle.close()
    }
  }

  async #flush(): Promise<void> {
    const text = this.#pending.join('')
    this.#pending = []
    this.#size = 0
    await this.#handle.appendFile(text)
  }
}

/**
 * Makes the output file of a command, for its owner only.
 * @throws {UsageError} when it is there already and not to be written over, or is a log itself
 */
export async function createOutputFile(to: string, logs: string[], force: boolean): Promise<OutputFile> {
  if (logs.some((log) => isSame(to, log)))
    throw new UsageError(`${to} is the log itself; name another output file`)
  try {
    return new OutputFile(await open(to, force ? 'w' : 'wx', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new UsageError(`${to} is there already; --force writes over it`)
    }
    throw new UsageError(`cannot write ${to}: ${(error as Error).message}`)
  }
}

function isSame(a: string, b: string): boolean {
  const [x, y] = [a, b].map((path) => statSync(path, { throwIfNoEntry: false, bigint: true }))
  return x !== undefined && y !== undefined && x.ino === y.ino && x.dev === y.dev
}
