/**
 * What happens, told as it does. A viewer is sent rows from the files at the pace at which it takes them; when it has
 * fallen too far behind, it is told to ask anew. Nobody waits for a viewer.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { totalsState } from '../../model/plain.js'
import { HttpError } from '../http.js'
import type { Catalogue } from './catalogue.js'
import type { Content } from './content.js'
import { EventStream } from './event-stream.js'
import type { HiveView } from './hive-view.js'
import { numberIn, oneIn } from './query.js'
import type { FloorChange, Resync } from './shapes.js'

/** What a viewer may be behind: bytes of lines, and rows. */
const MAX_BEHIND = 1024 * 1024
const MAX_ROWS_BEHIND = 10_000
const BATCH = 200
const FLOOR_MS = 200
const LOGS_MS = 1_000

export class Live {
  readonly #maxViewers: number
  readonly #viewers = new Set<EventStream>()

  readonly #onError: (message: string) => void

  /** @param onError is told of what goes wrong inside, a line each */
  constructor(maxViewers: number, onError: (message: string) => void = () => {}) {
    this.#maxViewers = maxViewers
    this.#onError = onError
  }

  get viewers(): number {
    return this.#viewers.size
  }

  /** Sends what happens in a hive, from the event after `from` or the last that the viewer got. */
  async hive(view: HiveView, query: URLSearchParams, request: IncomingMessage, response: ServerResponse) {
    const from = lastEventId(request) ?? numberIn(query, 'from')
    this.#mustHaveRoom()
    const content = await view.content()
    this.#mustHaveRoom()
    if (response.destroyed) return
    const isBatched = oneIn(query, 'batch', ['1']) === '1'
    new HiveViewer(view, content, { from, isBatched }, (onClose) => this.#open(response, onClose))
  }

  /** Sends what changes in the catalogue. */
  logs(catalogue: Catalogue, response: ServerResponse): void {
    this.#mustHaveRoom()
    const seen = new Map<string, string>()
    let isFirst = true
    let isBusy = false
    let hasFailed = false
    const look = async (): Promise<void> => {
      if (isBusy || stream.isFull) return
      isBusy = true
      try {
        for (const entry of await catalogue.changes(seen, isFirst)) stream.send('log', entry)
        isFirst = false
        hasFailed = false
      } catch (error) {
        // Nobody waits for this; it is tried again, and told once.
        if (!hasFailed) this.#onError(`changes of the logs are not told: ${(error as Error).message}`)
        hasFailed = true
      } finally {
        isBusy = false
      }
    }
    const timer = setInterval(() => void look(), LOGS_MS)
    const stream = this.#open(response, () => clearInterval(timer))
    void look()
  }

  /** Ends all streams. */
  close(): void {
    for (const stream of this.#viewers) stream.end()
  }

  #open(response: ServerResponse, onClose: () => void): EventStream {
    const stream = new EventStream(response, () => {
      this.#viewers.delete(stream)
      onClose()
    })
    this.#viewers.add(stream)
    return stream
  }

  #mustHaveRoom(): void {
    if (this.#viewers.size < this.#maxViewers) return
    const message = `${this.#maxViewers} viewers are connected, which is the limit; close one, or try again later`
    throw new HttpError(503, message, {}, { 'retry-after': '10' })
  }
}

function lastEventId({ headers }: IncomingMessage): number | undefined {
  const given = headers['last-event-id']
  return typeof given === 'string' && /^\d{1,16}$/.test(given) ? Number(given) : undefined
}

class HiveViewer {
  readonly #view: HiveView
  readonly #stream: EventStream
  readonly #timer: NodeJS.Timeout
  #content: Content
  /** The next row to send. */
  #next: number
  /** Rows that the last floor was after. */
  #floor: number
  #isPumping = false
  readonly #isBatched: boolean

  constructor(
    view: HiveView,
    content: Content,
    { from, isBatched }: { from: number | undefined; isBatched: boolean },
    open: (onClose: () => void) => EventStream,
  ) {
    this.#view = view
    this.#isBatched = isBatched
    this.#content = content
    const { rows } = content
    this.#next = from === undefined ? rows.count : rows.positions.rowUpTo(from) + 1
    this.#floor = this.#next
    const stop = view.watch({ onRows: () => void this.#pump(), onAnew: () => void this.#anew() })
    this.#timer = setInterval(() => this.#tellFloor(), FLOOR_MS)
    this.#stream = open(() => {
      stop()
      clearInterval(this.#timer)
    })
    // A position that is not there yet is of a hive that was read anew.
    if (from !== undefined && from > rows.positions.last) this.#resync()
    void this.#pump()
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return
    this.#isPumping = true
    try {
      while (!this.#stream.isOver && this.#next < this.#content.rows.count) {
        await this.#stream.taken()
        const content = this.#content
        if (isTooMuch(content, this.#next)) {
          this.#resync()
          continue
        }
        const end = Math.min(content.rows.count, this.#next + BATCH)
        const wanted = Array.from({ length: end - this.#next }, (_, i) => this.#next + i)
        const placed = await content.placed(wanted)
        if (content !== this.#content) continue
        // Thousands of messages a second are more work for a browser than what they say.
        if (this.#isBatched) this.#stream.send('events', placed, placed.at(-1)?.position)
        else for (const event of placed) this.#stream.send('event', event, event.position)
        this.#next = end
      }
    } catch {
      // Lines that are not there any more: the page is told so when it asks for them.
      this.#resync()
    } finally {
      this.#isPumping = false
    }
  }

  #resync(): void {
    const { rows } = this.#content
    this.#next = this.#floor = rows.count
    const told: Resync = { position: rows.positions.last }
    this.#stream.send('resync', told, told.position)
  }

  async #anew(): Promise<void> {
    try {
      this.#content = await this.#view.content()
    } catch {
      this.#content = this.#view.sofar
    }
    this.#resync()
  }

  #tellFloor(): void {
    const { rows, touched, now } = this.#content
    if (this.#stream.isFull || this.#floor === rows.count) return
    const changed: string[] = []
    for (const [id, count] of touched) if (count > this.#floor) changed.push(id)
    this.#floor = rows.count
    const told: FloorChange = {
      position: rows.positions.last,
      agents: now.agents(changed),
      pending: now.pending(),
      usage: totalsState(now.model.usage),
    }
    this.#stream.send('floor', told)
  }
}

/** Whether so much came since this row that it is not worth sending. */
function isTooMuch({ rows }: Content, from: number): boolean {
  if (rows.count - from > MAX_ROWS_BEHIND) return true
  let bytes = 0
  for (let row = from; row < rows.count; row++) {
    bytes += rows.place(row).bytes
    if (bytes > MAX_BEHIND) return row > from
  }
  return false
}
