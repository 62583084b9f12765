/** Server-sent events to one viewer: https://html.spec.whatwg.org/multipage/server-sent-events.html */
import type { ServerResponse } from 'node:http'

/** A line now and then tells proxies that the connection is alive. */
const BEAT_MS = 15_000

export class EventStream {
  readonly #response: ServerResponse
  readonly #beat: NodeJS.Timeout
  #onDrain: (() => void) | undefined
  #isOver = false

  constructor(response: ServerResponse, onClose: () => void) {
    this.#response = response
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-accel-buffering': 'no',
    })
    response.write(': hivelog\n\n')
    this.#beat = setInterval(() => {
      // Who takes nothing is told by what waits for him already.
      if (!response.writableNeedDrain) response.write(':\n\n')
    }, BEAT_MS)
    response.on('drain', () => this.#onDrain?.())
    response.on('error', () => {})
    response.on('close', () => {
      this.#isOver = true
      clearInterval(this.#beat)
      this.#onDrain?.()
      onClose()
    })
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Whether the viewer has not taken what was sent. */
  get isFull(): boolean {
    return this.#response.writableNeedDrain
  }

  send(event: string, data: object, id?: number): void {
    if (this.#isOver) return
    const head = id === undefined ? '' : `id: ${id}\n`
    this.#response.write(`${head}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
  }

  /** Resolves when the viewer takes more, or is gone. */
  async taken(): Promise<void> {
    if (this.#isOver || !this.isFull) return
    await new Promise<void>((resolve) => {
      this.#onDrain = resolve
    })
    this.#onDrain = undefined
  }

  end(): void {
    this.#response.end()
    // A viewer that takes nothing would keep a server from ending.
    if (this.isFull) this.#response.destroy()
  }
}
