/** What is read of a model's answer while it goes by: a JSON document, or a stream of server-sent events. */
import type { Dialect, Found } from './dialects.js'

/** Bytes of a document, or of one event, that are kept as they are; of a longer one its two ends. */
const MAX_KEPT = 1024 * 1024
const MAX_END = 64 * 1024
/** What comes after the first words of the model is looked at in batches of so many bytes. */
const BATCH = 64 * 1024
/** Memory for batches that is kept for the next answers. */
const MAX_SPARE = 32
/** Pieces before the first words of the model of which it is known when each came, until they are read. */
const MAX_TIMED = 8
/** Events of a batch that are read, its last ones: counts are sums so far, and what ends a stream is at its end. */
const MAX_READ = 8
/** Bytes at the end of a longer batch that are looked at first. */
const END = 2048
const LINE_END = 10
const spare: Buffer[] = []

/** Bytes up to a bound, then their beginning and their end. */
class Ends {
  #pieces: Uint8Array[] = []
  #size = 0
  #head: Buffer | undefined

  add(bytes: Uint8Array): void {
    this.#pieces.push(bytes)
    this.#size += bytes.length
    if (this.#size <= MAX_KEPT) return
    const all = Buffer.concat(this.#pieces)
    this.#head ??= Buffer.from(all.subarray(0, MAX_END))
    const tail = Buffer.from(all.subarray(-MAX_END))
    this.#pieces = [tail]
    this.#size = tail.length
  }

  get isEmpty(): boolean {
    return this.#size === 0
  }

  get size(): number {
    return this.#size
  }

  /** All there was, if it was kept. */
  get whole(): Buffer | undefined {
    return this.#head === undefined ? joined(this.#pieces) : undefined
  }

  /** The JSON value, or what can be made out of one that was too long. */
  json(): unknown {
    const text = joined(this.#pieces).toString()
    return this.#head === undefined ? parsed(text) : salvaged(this.#head.toString(), text)
  }

  clear(): void {
    this.#pieces = []
    this.#size = 0
    this.#head = undefined
  }
}

/** Most answers and lines come in one piece, of which no copy is needed. */
function joined(pieces: readonly Uint8Array[]): Buffer {
  const [first, second] = pieces
  if (first === undefined || second !== undefined) return Buffer.concat(pieces)
  return Buffer.from(first.buffer, first.byteOffset, first.length)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Texts in a JSON document have their quotation marks escaped, so none of these is found within one. */
const FIELD = (name: string): RegExp => new RegExp(`"${name}"\\s*:\\s*"((?:[^"\\\\]|\\\\.){1,256})"`)

/** Of a document whose middle is missing: the fields that matter, as far as they are at its ends. */
function salvaged(head: string, tail: string): unknown {
  const json: Record<string, unknown> = { choices: [], data: [] }
  for (const name of ['id', 'model', 'type', 'object', 'modelVersion', 'responseId']) {
    const value = FIELD(name).exec(head)?.[1] ?? FIELD(name).exec(tail)?.[1]
    if (value !== undefined) json[name] = value
  }
  for (const name of ['usage', 'usageMetadata']) {
    const value = lastObject(name, tail) ?? lastObject(name, head)
    if (value !== undefined) json[name] = value
  }
  if (/"response\.(?:completed|incomplete)"/.test(head)) {
    return { type: 'response.completed', response: { ...json, object: 'response' } }
  }
  return json
}

function lastObject(name: string, text: string): unknown {
  const from = text.lastIndexOf(`"${name}"`)
  if (from < 0) return undefined
  const begin = text.indexOf('{', from)
  let depth = 0
  for (let i = begin; i >= 0 && i < text.length; i++) {
    if (text[i] === '{') depth++
    else if (text[i] === '}' && --depth === 0) return parsed(text.slice(begin, i + 1))
  }
  return undefined
}

/** Whether more may be known of an answer when what was added is read. */
export const NO_MORE = 0
/** The model may have begun to say something. */
export const MAY_BEGIN = 1
/** It may have said all. */
export const MAY_END = 2

interface TimedPiece {
  /** Where it ends in the batch. */
  readonly end: number
  /** When it came, by `performance.now()`. */
  readonly at: number
}

/** Keeps what is added, which takes next to no time, until it is read. */
export class Answer {
  readonly found: Found = {}
  /** When the model began to say something, by `performance.now()`; of a stream. */
  contentAt: number | undefined
  readonly isStream: boolean
  #dialect: Dialect
  #waiting = new Ends()
  /** What came since the last batch: a copy, since whoever reads the answer may do with its pieces as he likes. */
  #batch: Buffer | undefined
  #batchSize = 0
  /** The first pieces in it, while the model says nothing. */
  #timed: TimedPiece[] = []
  #hasContent = false

  /** @param isStream of server-sent events */
  constructor(dialect: Dialect, isStream: boolean) {
    this.#dialect = dialect
    this.isStream = isStream
  }

  /** Whether the model has begun to say something, as far as was read. */
  get hasContent(): boolean {
    return this.#hasContent
  }

  /** Bytes that wait to be read. */
  get size(): number {
    return this.#waiting.size + this.#batchSize
  }

  /** @returns `NO_MORE`, `MAY_BEGIN` or `MAY_END` */
  add(bytes: Uint8Array): number {
    if (this.isStream) return this.#keep(bytes)
    this.#waiting.add(Buffer.from(bytes))
    return NO_MORE
  }

  /** No more comes. */
  end(): void {
    this.read()
    if (this.#batch !== undefined && spare.length < MAX_SPARE) spare.push(this.#batch)
    this.#batch = undefined
    if (this.#waiting.isEmpty) return
    if (this.isStream) this.#waitingLine()
    else {
      this.#dialect.read(this.#waiting.json(), this.found)
      this.#waiting.clear()
    }
  }

  #keep(bytes: Uint8Array): number {
    const { length } = bytes
    const isFull = this.#batchSize + length > BATCH
    if (isFull) this.read()
    if (length > BATCH) {
      this.#begin(bytes, performance.now())
      return MAY_END
    }
    this.#batch ??= spare.pop() ?? Buffer.allocUnsafeSlow(BATCH)
    this.#batch.set(bytes, this.#batchSize)
    this.#batchSize += length
    if (!this.#hasContent && this.#timed.length < MAX_TIMED) {
      this.#timed.push({ end: this.#batchSize, at: performance.now() })
    }
    if (isFull || this.#dialect.mayEnd(bytes)) return MAY_END
    return this.#hasContent ? NO_MORE : MAY_BEGIN
  }

  /** Takes in what a stream has said by now. */
  read(): void {
    const size = this.#batchSize
    if (this.#batch === undefined || size === 0) return
    this.#batchSize = 0
    let from = 0
    if (!this.#hasContent) {
      for (const { end, at } of this.#timed) {
        this.#begin(this.#batch.subarray(from, end), at)
        from = end
        if (this.#hasContent) break
      }
      const last = this.#timed.at(-1)
      this.#timed = []
      if (!this.#hasContent && last !== undefined && last.end < size) {
        this.#begin(this.#batch.subarray(last.end, size), last.at)
        return
      }
    }
    const rest = this.#batch.subarray(from, size)
    if (rest.length > 0 && !this.#endSaysAll(rest)) this.#lines(rest, (lines) => this.#marked(lines))
  }

  /** Of a piece that came at a time: of its lines each is read until the model says something. */
  #begin(bytes: Uint8Array, at: number): void {
    this.#lines(bytes, (all) => this.#marked(this.#hasContent ? all : this.#afterContent(all)))
    if (this.#hasContent) this.contentAt ??= at
  }

  /**
   * Whether the last lines say how many tokens there were and that nothing more comes, as those of a whole answer do: then
   * no line before them matters, and to look through those is most of the work. Else they are read again in their order.
   */
  #endSaysAll(all: Buffer): boolean {
    if (all.length < 2 * END || all[all.length - 1] !== LINE_END) return false
    const end = all.subarray(all.indexOf(LINE_END, all.length - END) + 1)
    if (this.#marked(end) < 2) return false
    const { isWhole, outputTokens } = this.found
    if (isWhole !== true || outputTokens === undefined) return false
    this.#waiting.clear()
    return true
  }

  /** @param read gets whole lines, with the end of each */
  #lines(bytes: Uint8Array, read: (all: Buffer) => void): void {
    let all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    if (!this.#waiting.isEmpty) {
      const end = all.indexOf(LINE_END)
      this.#waiting.add(Buffer.from(end < 0 ? all : all.subarray(0, end)))
      if (end < 0) return
      this.#waitingLine()
      all = all.subarray(end + 1)
    }
    const whole = all.lastIndexOf(LINE_END) + 1
    if (whole > 0) read(all.subarray(0, whole))
    // A copy: what came with it need not be kept.
    if (whole < all.length) this.#waiting.add(Buffer.from(all.subarray(whole)))
  }

  /** Reads lines until the model says something. @returns those after that */
  #afterContent(all: Buffer): Buffer {
    let begin = 0
    while (begin < all.length && !this.#hasContent) {
      const end = all.indexOf(LINE_END, begin)
      this.#line(all.subarray(begin, end))
      begin = end + 1
    }
    return all.subarray(begin)
  }

  /** Reads the last lines in which there is a mark: most say nothing that matters. @returns how many */
  #marked(all: Buffer): number {
    const begins = this.#dialect.marks.lastLines(all, MAX_READ)
    for (const begin of begins) this.#line(all.subarray(begin, all.indexOf(LINE_END, begin)))
    return begins.length
  }

  #waitingLine(): void {
    const { whole } = this.#waiting
    if (whole !== undefined) this.#line(whole)
    else this.#event(this.#waiting.json())
    this.#waiting.clear()
  }

  #line(line: Buffer): void {
    // `data:`
    if (line.length < 6 || line[0] !== 100 || line[1] !== 97 || line[4] !== 58) return
    const data = line.subarray(5)
    if (data.length < 16 && data.toString().trim() === '[DONE]') {
      this.found.isWhole = true
      return
    }
    this.#event(parsed(data.toString()))
  }

  #event(json: unknown): void {
    this.#dialect.read(json, this.found)
    if (!this.#hasContent) this.#hasContent = this.#dialect.isContent(json)
  }
}
