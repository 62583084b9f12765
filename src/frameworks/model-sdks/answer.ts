/** What is read of a model's answer while it goes by: a JSON document, or a stream of server-sent events. */
import type { Dialect, Found } from './dialects.js'

/** Bytes of a document, or of one event, that are kept as they are; of a longer one its two ends. */
const MAX_KEPT = 1024 * 1024
const MAX_END = 64 * 1024
/** What comes after the first words of the model is looked at in batches of so many bytes. */
const BATCH = 64 * 1024
/** Memory for batches that is kept for the next answers. */
const MAX_SPARE = 4
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

export class Answer {
  readonly found: Found = {}
  /** Whether the model has begun to say something. */
  hasContent = false
  #dialect: Dialect
  #isStream: boolean
  #waiting = new Ends()
  /** What came since the last batch: a copy, since whoever reads the answer may do with its pieces as he likes. */
  #batch: Buffer | undefined
  #batchSize = 0

  /** @param isStream of server-sent events */
  constructor(dialect: Dialect, isStream: boolean) {
    this.#dialect = dialect
    this.#isStream = isStream
  }

  /** @returns whether more may be known than before */
  add(bytes: Uint8Array): boolean {
    // Whose answer it is was said by then.
    if (this.#isStream && this.hasContent) return this.#keep(bytes)
    if (this.#isStream) this.#lines(bytes, (all) => this.#eachLine(all))
    else this.#waiting.add(bytes)
    return true
  }

  /** No more comes. */
  end(): void {
    this.#readBatch()
    if (this.#batch !== undefined && spare.length < MAX_SPARE) spare.push(this.#batch)
    this.#batch = undefined
    if (this.#waiting.isEmpty) return
    if (this.#isStream) this.#waitingLine()
    else {
      this.#dialect.read(this.#waiting.json(), this.found)
      this.#waiting.clear()
    }
  }

  #keep(bytes: Uint8Array): boolean {
    const { length } = bytes
    const isFull = this.#batchSize + length > BATCH
    if (isFull) this.#readBatch()
    if (length > BATCH) {
      this.#lines(bytes, (all) => this.#marked(all))
      return true
    }
    this.#batch ??= spare.pop() ?? Buffer.allocUnsafeSlow(BATCH)
    this.#batch.set(bytes, this.#batchSize)
    this.#batchSize += length
    const mayEnd = this.#dialect.mayEnd(bytes)
    if (mayEnd) this.#readBatch()
    return isFull || mayEnd
  }

  #readBatch(): void {
    const size = this.#batchSize
    this.#batchSize = 0
    const all = size === 0 ? undefined : this.#batch?.subarray(0, size)
    if (all === undefined || this.#endSaysAll(all)) return
    this.#lines(all, (lines) => this.#marked(lines))
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

  #eachLine(all: Buffer): void {
    for (let begin = 0; begin < all.length; ) {
      const end = all.indexOf(LINE_END, begin)
      this.#line(all.subarray(begin, end))
      begin = end + 1
    }
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
    if (!this.hasContent) this.hasContent = this.#dialect.isContent(json)
  }
}
