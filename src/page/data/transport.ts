/** How the page asks: a server's API, or what lies in a report's own file. Both answer the same paths. */

/** What an address asks with; a list is given several times, and what is undefined not at all. */
export type Query = Record<string, string | number | readonly string[] | undefined>

export interface Answer {
  status: number
  value: unknown
}

export interface LiveHandlers {
  event(name: string, data: unknown): void
  open(): void
  lost(): void
}

export interface Transport {
  /** `report`: one file, without a server: nothing comes live, and nothing can be decided. */
  readonly kind: 'server' | 'report'
  /** @throws {ApiError} for every status from 400 on, and when nobody answers (status 0) */
  get(path: string, query?: Query, signal?: AbortSignal): Promise<unknown>
  bytes(path: string): Promise<Uint8Array>
  send(method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<Answer>
  /** @returns what ends it */
  live(path: string, handlers: LiveHandlers): () => void
}

export class ApiError extends Error {
  /** HTTP status; 0 when nobody answered. */
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'ApiError'
    this.status = status
  }
}

/** The address of a path with its query: also the name of an answer in a report. */
export function address(path: string, query: Query = {}): string {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined || value === '') continue
    for (const each of Array.isArray(value) ? value : [value]) search.append(key, String(each))
  }
  const text = search.toString()
  return text === '' ? path : `${path}?${text}`
}
