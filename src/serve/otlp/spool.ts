/**
 * Keeps on the disk what was acknowledged and waits: a span a line, redacted. What is left there is read when the server
 * starts; the file is emptied when nothing waits.
 */
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { writeDurably } from '../../disk/durable.js'
import { type Scrub, toPlain } from '../../format/quote.js'
import { Redactor } from '../../redact/redact.js'
import { scrubWith } from '../../redact/scrub.js'
import type { Span } from './request.js'

export class Spool {
  readonly #file: string
  readonly #scrub: Scrub = scrubWith(new Redactor())
  #handle: FileHandle | undefined
  #last: Promise<unknown> = Promise.resolve()
  #isClosed = false
  /** Bytes of the file. */
  #size = 0

  constructor(file: string) {
    this.#file = file
  }

  /** What a former server left. A last line that was not written whole was acknowledged to nobody. */
  async read(): Promise<Span[]> {
    let text: string
    try {
      text = await readFile(this.#file, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
    const spans: Span[] = []
    for (const line of text.split('\n')) {
      if (line === '') continue
      try {
        spans.push(JSON.parse(line) as Span)
      } catch {
        // Half a line.
      }
    }
    this.#size = Buffer.byteLength(text)
    return spans
  }

  /** The same without secrets: no other spans are kept, in memory or here. */
  redacted(span: Span): Span {
    const plain = toPlain(span, this.#scrub) as Span
    // Ids and times are no text of anybody's.
    const { traceId, spanId, parentSpanId, start, end } = span
    return { ...plain, traceId, spanId, parentSpanId, start, end }
  }

  get size(): number {
    return this.#size
  }

  /** @param lines spans as JSON. Resolves when they are on the disk */
  append(lines: readonly string[]): Promise<void> {
    return this.#inTurn(async () => {
      const handle = await this.#open()
      // A half line of before must not take this one with it.
      const text = `${this.#size === 0 ? '' : '\n'}${lines.join('\n')}\n`
      await handle.appendFile(text)
      this.#size += Buffer.byteLength(text)
      await handle.datasync()
    })
  }

  /** Nothing of it waits any more but these, as JSON. */
  replace(lines: readonly string[]): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#isClosed) return
      if (lines.length === 0) {
        if (this.#size > 0) await (await this.#open()).truncate(0)
        this.#size = 0
        return
      }
      const text = `${lines.join('\n')}\n`
      await this.#handle?.close()
      this.#handle = undefined
      await writeDurably(this.#file, text)
      this.#size = Buffer.byteLength(text)
    })
  }

  /** What is in it stays. Nothing is taken any more. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      this.#isClosed = true
      await this.#handle?.close()
      this.#handle = undefined
    })
  }

  async #open(): Promise<FileHandle> {
    if (this.#isClosed) throw new Error('the server has stopped')
    this.#handle ??= await open(this.#file, 'a', 0o600)
    return this.#handle
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const result = this.#last.then(act)
    this.#last = result.catch(() => {})
    return result
  }
}
