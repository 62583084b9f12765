/** Events by position, in pages that are kept while they are near: a feed of a million rows holds a few thousand. */
import { signal } from '@preact/signals'
import type { EventPage, PlacedEvent } from '../../serve/api/shapes.js'
import { api, last, logId, logPath, take } from './store.js'

const PAGE = 200
const MAX_PAGES = 40

type Page = Map<number, PlacedEvent | null>

export class Rows {
  /** Counts up when rows came. */
  readonly version = signal(0)
  readonly #pages = new Map<number, Page>()
  readonly #asked = new Set<number>()

  /** The event there; undefined while it is not known; null where no event has that position. */
  at(position: number): PlacedEvent | null | undefined {
    return this.#pages.get(pageOf(position))?.get(position)
  }

  /** Sees to it that these positions come. */
  need(from: number, to: number): void {
    for (let page = pageOf(from); page <= pageOf(to); page++) {
      if (this.#asked.has(page)) continue
      const known = this.#pages.get(page)
      const begin = Math.max(from, page * PAGE + 1)
      const end = Math.min(to, (page + 1) * PAGE)
      if (known === undefined || isMissing(known, begin, end)) this.#ask(page)
      else {
        // The one used last is dropped last.
        this.#pages.delete(page)
        this.#pages.set(page, known)
      }
    }
  }

  /** What came live. */
  add(events: readonly PlacedEvent[]): void {
    for (const event of events) this.#pageAt(pageOf(event.position)).set(event.position, event)
    this.#trim()
    this.version.value++
  }

  clear(): void {
    this.#pages.clear()
    this.#asked.clear()
    this.version.value++
  }

  async #ask(page: number): Promise<void> {
    this.#asked.add(page)
    const id = logId.peek()
    // What is not in the answer is not in the log, as far as it went then.
    const known = Math.min(last.peek(), (page + 1) * PAGE)
    try {
      const query = { after: page * PAGE, limit: PAGE }
      const { events } = (await api().get(logPath('/events'), query)) as EventPage
      if (id !== logId.peek()) return
      const rows = this.#pageAt(page)
      for (const event of events) if (pageOf(event.position) === page) rows.set(event.position, event)
      for (let at = page * PAGE + 1; at <= known; at++) if (!rows.has(at)) rows.set(at, null)
    } catch (error) {
      take(error)
    } finally {
      this.#asked.delete(page)
      this.#trim()
      this.version.value++
    }
  }

  #pageAt(page: number): Page {
    let rows = this.#pages.get(page)
    if (rows === undefined) {
      rows = new Map()
      this.#pages.set(page, rows)
    }
    return rows
  }

  #trim(): void {
    for (const page of this.#pages.keys()) {
      if (this.#pages.size <= MAX_PAGES) return
      this.#pages.delete(page)
    }
  }
}

function isMissing(page: Page, from: number, to: number): boolean {
  for (let at = from; at <= to; at++) if (!page.has(at)) return true
  return false
}

/** Positions count from 1: those of page 0 are 1 to 200. */
const pageOf = (position: number): number => Math.floor((position - 1) / PAGE)

/** Of the log that is open. */
export const rows = new Rows()
