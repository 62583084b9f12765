/** Writes a command's output: in large pieces, no faster than the reader takes it, ending quietly when it is gone. */
import { once } from 'node:events'

const PIECE = 64 * 1024

export class Output {
  #pending: string[] = []
  #size = 0

  /** Adds a line. Await it: it waits while the reader is slow. */
  async line(text: string): Promise<void> {
    this.#pending.push(text, '\n')
    this.#size += text.length + 1
    if (this.#size >= PIECE) await this.flush()
  }

  async flush(): Promise<void> {
    if (this.#size === 0) return
    const text = this.#pending.join('')
    this.#pending = []
    this.#size = 0
    if (!process.stdout.write(text)) await once(process.stdout, 'drain')
  }
}

/** How lines are to look: in colour only on a terminal (NO_COLOR and FORCE_COLOR have their say), in its width. */
export function look(): { color: boolean; width: number } {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  const isTerminal = process.stdout.isTTY === true
  let color = isTerminal && TERM !== 'dumb'
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '') color = FORCE_COLOR !== '0' && FORCE_COLOR !== 'false'
  if (NO_COLOR !== undefined && NO_COLOR !== '') color = false
  return { color, width: isTerminal ? Math.max(40, process.stdout.columns ?? 100) : 100 }
}

/** Ends the process quietly when the reader of its output has gone (`| head`). */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.stderr.write(`hivelog: cannot write the output: ${error.message}\n`)
    process.exit(error.code === 'EPIPE' ? 0 : 2)
  })
}
