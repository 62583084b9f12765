/**
 * A full screen on a terminal: taken over at once, and given back as it was however the process ends. All that is
 * drawn is made harmless on its way, as in `Output`.
 */
import { painted } from './output.js'

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J'
const LEAVE = '\x1b[?25h\x1b[?1049l'
const HOME = '\x1b[H'
const TO_LINE_END = '\x1b[K'
const TO_SCREEN_END = '\x1b[J'
/** Lines must not wrap while they are drawn: a wide character at the edge would push all down. */
const NO_WRAP = '\x1b[?7l'
const WRAP = '\x1b[?7h'

export class Screen {
  readonly #stream: NodeJS.WriteStream
  #isOpen = false
  readonly #leave = (): void => this.close()

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  get rows(): number {
    return this.#stream.rows ?? 24
  }

  open(): void {
    if (this.#isOpen) return
    this.#isOpen = true
    // Also when something throws that nobody catches.
    process.once('exit', this.#leave)
    this.#stream.write(ENTER + NO_WRAP)
  }

  /** Draws lines from the top; those that have no room are left out. */
  draw(lines: readonly string[]): void {
    if (!this.#isOpen) return
    const shown = lines.slice(0, this.rows).map((line) => painted(line) + TO_LINE_END)
    this.#stream.write(HOME + shown.join('\r\n') + TO_SCREEN_END)
  }

  /** Gives the terminal back. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    process.off('exit', this.#leave)
    this.#stream.write(WRAP + LEAVE)
  }
}
