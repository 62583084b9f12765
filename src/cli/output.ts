/**
 * The way out of every command: all that reaches standard output or standard error goes through here, and is made
 * harmless here, whatever was done to its parts before. In large pieces, no faster than the reader takes it, ending
 * quietly when it is gone.
 */
import { once } from 'node:events'
import { clean, visible, visibleJson } from '../text/clean.js'
import { CODES } from '../text/terminal.js'
import { io, type OutputStream } from './io.js'

const PIECE = 64 * 1024

/** The colours that `paint` gives, and nothing else that begins with an escape. */
const PAINT = new RegExp(`(\\u001b\\[(?:0|${Object.values(CODES).filter(Boolean).join('|')})m)`)

export class Output {
  readonly #stream: OutputStream
  readonly #color: boolean
  #pending: string[] = []
  #size = 0

  /** @param stream where to; only standard output has colours */
  constructor(stream: OutputStream = io().stdout) {
    this.#stream = stream
    this.#color = stream === io().stdout && look().color
  }

  /** Adds a line for people. Await it, and the others: they wait while the reader is slow. */
  line(text: string): Promise<void> {
    return this.#add(this.#color ? painted(text) : visible(text))
  }

  /** Adds a value as a line of JSON, with nothing in it that a terminal would obey. */
  async json(value: unknown): Promise<void> {
    await this.#add(visibleJson(JSON.stringify(value)))
  }

  /** Adds a line of JSON that a log holds: as it is, but on a terminal, where it becomes the same value as `json`. */
  jsonText(text: string): Promise<void> {
    return this.#add(this.#stream.isTTY === true ? visibleJson(text) : text)
  }

  /** Adds data of another format as it is; on a terminal made harmless. */
  data(text: string): Promise<void> {
    return this.#add(this.#stream.isTTY === true ? visible(text.replace(/\r$/, '')) : text)
  }

  async flush(): Promise<void> {
    if (this.#size === 0) return
    const text = this.#pending.join('')
    this.#pending = []
    this.#size = 0
    if (!this.#stream.write(text)) await once(this.#stream, 'drain')
  }

  async #add(text: string): Promise<void> {
    this.#pending.push(text, '\n')
    this.#size += text.length + 1
    if (this.#size >= PIECE) await this.flush()
  }
}

export function painted(text: string): string {
  return text
    .split(PAINT)
    .map((part, i) => (i % 2 === 1 ? part : visible(part)))
    .join('')
}

/** Says something on standard error, in one line. */
export function say(text: string): void {
  io().stderr.write(`hivelog: ${clean(text)}\n`)
}

/** How lines are to look: in colour only on a terminal (NO_COLOR and FORCE_COLOR have their say), in its width. */
export function look(): { color: boolean; width: number } {
  const { env, stdout } = io()
  const { NO_COLOR, FORCE_COLOR, TERM } = env
  const isTerminal = stdout.isTTY === true
  let color = isTerminal && TERM !== 'dumb'
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '') color = FORCE_COLOR !== '0' && FORCE_COLOR !== 'false'
  if (NO_COLOR !== undefined && NO_COLOR !== '') color = false
  return { color, width: isTerminal ? Math.max(40, stdout.columns ?? 100) : 100 }
}

/** Ends the process quietly when the reader of its output has gone (`| head`). */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') say(`cannot write the output: ${error.message}`)
    process.exit(error.code === 'EPIPE' ? 0 : 2)
  })
}
