/** One key at a time from standard input: from a terminal as they are pressed, from a pipe its bytes. */

import { io } from './io.js'

const CTRL_C = 3
const CTRL_D = 4

export class Keys {
  readonly #input = io().stdin
  #pressed: number[] = []
  #wake: (() => void) | undefined
  #isOver = false

  constructor() {
    if (this.#input.isTTY) this.#input.setRawMode?.(true)
    this.#input.on('data', (bytes: Buffer) => {
      this.#pressed.push(...bytes)
      this.#tell()
    })
    this.#input.on('end', () => {
      this.#isOver = true
      this.#tell()
    })
    this.#input.resume()
  }

  /** Waits for a key; false when it was q, Ctrl-C or Ctrl-D, or when no more can come. */
  async next(): Promise<boolean> {
    return (await this.key()) !== undefined
  }

  /** Waits for a key, and gives its code; `undefined` where `next` gives false. */
  async key(): Promise<number | undefined> {
    while (this.#pressed.length === 0) {
      if (this.#isOver) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const key = this.#pressed.shift() as number
    // An arrow or function key is one key.
    if (key === 27) this.#pressed = []
    return key === 'q'.charCodeAt(0) || key === CTRL_C || key === CTRL_D ? undefined : key
  }

  close(): void {
    if (this.#input.isTTY) this.#input.setRawMode?.(false)
    this.#input.pause()
  }

  #tell(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}
