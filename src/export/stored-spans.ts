/**
 * Which spans of a trace Jaeger has, asked from its query API (version 3). The answer holds the whole trace, and is
 * searched as it comes: only the ids are kept.
 */

import { ExportError } from './errors.js'

/** Where Jaeger answers queries. */
export interface QueryOptions {
  /** Jaeger's URL, the one of its UI. */
  url: string
  /** Extra headers, for authentication say. Default: none. */
  headers?: Record<string, string>
}

/** Milliseconds in which an answer has to go on. A long trace takes Jaeger a while. */
const TIMEOUT_MS = 60_000

/** Ids of the spans of a trace that Jaeger has; none when it does not know the trace. */
export async function storedSpanIds(
  { url, headers = {} }: QueryOptions,
  traceId: string,
): Promise<Set<string>> {
  const address = `${url.replace(/\/+$/, '')}/api/v3/traces/${traceId}?raw_traces=true`
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new Error('no answer in time')), TIMEOUT_MS)
  try {
    const response = await fetch(address, { headers, signal: controller.signal })
    if (response.status === 404) {
      // Jaeger says so in JSON; another server, or another path, says it in its own way.
      const text = await response.text()
      if (/"(httpCode|message)"/.test(text)) return new Set()
      throw new Error(`no Jaeger query API: ${response.status} ${text.slice(0, 200)}`)
    }
    if (!response.ok) throw new Error(`${response.status} ${(await response.text()).slice(0, 200)}`)
    const scanner = new SpanIdScanner()
    const decoder = new TextDecoder()
    for await (const bytes of response.body ?? []) {
      timer.refresh()
      scanner.add(decoder.decode(bytes as Uint8Array, { stream: true }))
    }
    return scanner.ids()
  } catch (error) {
    throw new ExportError(`cannot ask ${new URL(url).host} which spans it has: ${reasonOf(error)}`, error)
  } finally {
    clearTimeout(timer)
  }
}

/** `fetch` tells what went wrong in the cause. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as Error
  const inner = cause as { code?: unknown; message?: unknown } | undefined
  return String(inner?.message || inner?.code || message)
}

/** Braces and brackets around the names of a span: {result {resourceSpans [ { scopeSpans [ { spans [ {. */
const SPAN_DEPTH = 8

/** Finds the `spanId` of each span in Jaeger's JSON, but not those of its links, which lie deeper. */
export class SpanIdScanner {
  #ids = new Set<string>()
  #depth = 0
  #isEmpty = true
  /** Whether a text has begun that has not ended, and whether its next character is escaped. */
  #isText = false
  #isEscaped = false
  /** The last text at the depth of a span, and the one before it if that is its name. */
  #text = ''
  #name: string | undefined

  /** Takes the next piece of the answer. */
  add(piece: string): void {
    const next = /["{}[\]:,]/g
    for (let at = 0; at < piece.length; ) {
      if (this.#isText) {
        at = this.#goOn(piece, at)
        continue
      }
      next.lastIndex = at
      const match = next.exec(piece)
      if (match === null) return
      at = next.lastIndex
      this.#token(match[0])
    }
  }

  /**
   * The ids that were found.
   * @throws when the answer was no JSON, or ended too soon
   */
  ids(): Set<string> {
    if (this.#isEmpty || this.#depth !== 0 || this.#isText) throw new Error('the answer is not whole')
    return this.#ids
  }

  #token(char: string): void {
    if (char === '"') {
      this.#isText = true
      this.#text = ''
    } else if (char === ':') this.#name = this.#text
    else if (char === ',') this.#name = undefined
    else {
      this.#isEmpty = false
      this.#depth += char === '{' || char === '[' ? 1 : -1
      this.#name = undefined
    }
  }

  /** Goes on in a text. Returns the place behind it, or the end of the piece. */
  #goOn(piece: string, from: number): number {
    const end = this.#endOf(piece, from)
    if (this.#depth === SPAN_DEPTH) this.#text += piece.slice(from, end)
    if (end === piece.length) return end
    this.#isText = false
    if (this.#depth === SPAN_DEPTH && this.#name === 'spanId') this.#ids.add(this.#text)
    return end + 1
  }

  /** Where the quote is that ends the text, or the end of the piece. */
  #endOf(piece: string, from: number): number {
    let at = from
    for (;;) {
      if (this.#isEscaped) {
        if (at >= piece.length) return piece.length
        this.#isEscaped = false
        at++
      }
      // Most texts are short and have no escapes: a search for those would go on far behind the quote.
      const quote = piece.indexOf('"', at)
      const end = quote === -1 ? piece.length : quote
      const backslash = piece.slice(at, end).indexOf('\\')
      if (backslash === -1) return end
      this.#isEscaped = true
      at += backslash + 1
    }
  }
}
