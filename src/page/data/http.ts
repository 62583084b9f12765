/** The API of a server. The cookie goes along by itself. */
import { type Answer, ApiError, address, type LiveHandlers, type Query, type Transport } from './transport.js'

/** The first pause before a lost stream is asked for again, and the longest, in milliseconds. */
const RETRY_MS = { first: 500, most: 10_000 }
const EVENTS = ['events', 'floor', 'resync', 'log']

export class HttpTransport implements Transport {
  readonly kind = 'server'

  async get(path: string, query?: Query, signal?: AbortSignal): Promise<unknown> {
    const response = await this.#fetch(address(path, query), { signal: signal ?? null })
    return response.json()
  }

  async bytes(path: string): Promise<Uint8Array> {
    return new Uint8Array(await (await this.#fetch(path, {})).arrayBuffer())
  }

  async send(method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(path, {
      method,
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    }).catch(() => undefined)
    if (response === undefined) throw new ApiError(0, 'the server does not answer')
    const text = await response.text()
    return { status: response.status, value: text === '' ? undefined : JSON.parse(text) }
  }

  live(path: string, handlers: LiveHandlers): () => void {
    let source: EventSource | undefined
    let timer: ReturnType<typeof setTimeout> | undefined
    let pause = RETRY_MS.first
    // Where the stream has come to, for the next try: an EventSource that gave up does not send it by itself.
    let from: string | undefined
    const open = () => {
      const url = new URL(path, location.href)
      if (from !== undefined) url.searchParams.set('from', from)
      source = new EventSource(url)
      source.onopen = () => {
        pause = RETRY_MS.first
        handlers.open()
      }
      source.onerror = () => {
        handlers.lost()
        if (source?.readyState !== EventSource.CLOSED) return
        timer = setTimeout(open, pause)
        pause = Math.min(pause * 2, RETRY_MS.most)
      }
      for (const name of EVENTS) {
        source.addEventListener(name, (message: MessageEvent<string>) => {
          if (message.lastEventId !== '') from = message.lastEventId
          handlers.event(name, JSON.parse(message.data))
        })
      }
    }
    open()
    return () => {
      clearTimeout(timer)
      source?.close()
    }
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    let response: Response
    try {
      response = await fetch(url, init)
    } catch (error) {
      if ((error as Error).name === 'AbortError') throw error
      throw new ApiError(0, 'the server does not answer')
    }
    if (response.ok) return response
    const said = (await response.json().catch(() => ({}))) as { error?: unknown }
    throw new ApiError(response.status, typeof said.error === 'string' ? said.error : response.statusText)
  }
}
