/** Reads server-sent events as they come. */
import { setTimeout as pause } from 'node:timers/promises'

export interface SentEvent {
  event: string
  id: string | undefined
  data: unknown
}

export class SseReader {
  readonly events: SentEvent[] = []
  /** Resolves when the stream has ended. */
  readonly ended: Promise<void>
  #rest = ''

  constructor(response: Response) {
    this.ended = this.#read(response).catch(() => {})
  }

  /** The first `count` events of that name, once they are there. */
  async first(name: string, count = 1, ms = 20_000): Promise<SentEvent[]> {
    const until = performance.now() + ms
    for (;;) {
      const found = this.events.filter(({ event }) => event === name)
      if (found.length >= count) return found.slice(0, count)
      if (performance.now() > until) throw new Error(`${found.length} of ${count} events ${name} came`)
      await pause(5)
    }
  }

  async #read(response: Response): Promise<void> {
    const decoder = new TextDecoder()
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      this.#rest += decoder.decode(chunk, { stream: true })
      const blocks = this.#rest.split('\n\n')
      this.#rest = blocks.pop() as string
      for (const block of blocks) this.#block(block)
    }
  }

  #block(block: string): void {
    const fields = new Map<string, string>()
    for (const line of block.split('\n')) {
      const [, name, value] = /^([^:]+): ?(.*)$/.exec(line) ?? []
      if (name !== undefined) fields.set(name, value as string)
    }
    const data = fields.get('data')
    if (data === undefined) return
    this.events.push({
      event: fields.get('event') ?? 'message',
      id: fields.get('id'),
      data: JSON.parse(data),
    })
  }
}
