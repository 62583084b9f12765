/** Keeps a consumer's cursor while it follows: what it has been given, what it is done with, and when that is saved. */
import { timerMs } from '../format/options.js'
import { COMMIT_EVERY_MS, CursorFile, type CursorOptions, type CursorPosition } from './cursor.js'
import { isMalformed, type LogItem } from './items.js'
import type { Source } from './sources.js'

/** Consecutive lines of one segment, on their way to the consumer. */
export interface Batch {
  items: readonly LogItem[]
  /** Lines of the whole log before the first item. */
  count: number
  /** `seq` of the last event before the first item. */
  seq: number | undefined
  /** The segment they are of. Without `from` the position after the batch is `after`. */
  from?: { source: Source; first: string | undefined }
  /** Set when the log goes on with another segment, not behind the last item. */
  after?: number
  /** The items are not given: the cursor only goes past them. */
  isPassed?: boolean
}

/** An item of a batch; the last one that was reached. */
interface Point {
  batch: Batch | undefined
  index: number
}

export class CursorKeeper {
  readonly options: CursorOptions
  readonly #log: string
  readonly #isAuto: boolean
  readonly #everyMs: number
  #file: CursorFile | undefined
  /** Up to the item that the consumer has in hand. */
  readonly #given: Point = { batch: undefined, index: 0 }
  /** Up to the last item that the consumer asked beyond. */
  readonly #done: Point = { batch: undefined, index: 0 }
  #isDirty = false
  #savedAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #saving: Promise<void> = Promise.resolve()
  #error: { reason: unknown } | undefined

  constructor(log: string, cursor: string | CursorOptions) {
    this.#log = log
    this.options = typeof cursor === 'string' ? { name: cursor } : cursor
    this.#isAuto = this.options.commit !== 'manual'
    this.#everyMs = this.options.commitEveryMs ?? COMMIT_EVERY_MS
  }

  /** The position that was saved last. @throws when the name is none, or the file is damaged */
  async load(): Promise<CursorPosition | undefined> {
    this.#file = new CursorFile(this.#log, this.options.name)
    return this.#file.read()
  }

  /** The consumer is about to get this item; those before it need nothing from it any more. */
  give(batch: Batch, index: number): void {
    if (index > 0) this.#reach(this.#done, batch, index - 1)
    this.#reach(this.#given, batch, index)
  }

  /** The consumer asks for the next one. @throws when the cursor could not be saved */
  took(): void {
    this.#done.batch = this.#given.batch
    this.#done.index = this.#given.index
    this.#saveSoon()
    this.#throwError()
  }

  /** All of the batch is done with, given or not. */
  pass(batch: Batch): void {
    const last = batch.items.length - 1
    if (last < 0 && batch.after === undefined) return
    this.#reach(this.#given, batch, last)
    this.took()
  }

  /** There is nothing to give for now. */
  async idle(): Promise<void> {
    this.#throwError()
    if (this.#isDirty && Date.now() - this.#savedAt >= this.#everyMs) await this.#save()
  }

  /**
   * Saves everything given so far.
   * @param withLast whether the last item is among it: in the merged story of several logs it may yet be to come
   */
  async commit(withLast = true): Promise<void> {
    const { batch, index } = this.#given
    if (batch === undefined) return
    if (withLast) this.#reach(this.#done, batch, index)
    await this.#save()
  }

  /** Saves what is not saved yet, unless that is left to `commit`. */
  async close(): Promise<void> {
    if (this.#isAuto && this.#isDirty) await this.#save()
    this.#stopTimer()
    await this.#saving
    this.#throwError()
  }

  #reach(point: Point, batch: Batch, index: number): void {
    point.batch = batch
    point.index = index
  }

  #saveSoon(): void {
    if (!this.#isAuto) return
    this.#isDirty = true
    this.#timer ??= setTimeout(() => {
      this.#save().catch((reason) => {
        this.#error = { reason }
      })
    }, timerMs(this.#everyMs)).unref()
  }

  async #save(): Promise<void> {
    this.#stopTimer()
    const { batch, index } = this.#done
    if (batch === undefined) return
    this.#isDirty = false
    this.#savedAt = Date.now()
    const position = positionAfter(batch, index)
    const saved = this.#saving.then(async () => {
      await this.options.beforeCommit?.()
      await this.#file?.write(position)
    })
    this.#saving = saved.catch(() => {
      this.#isDirty = this.#isAuto
    })
    await saved
  }

  #stopTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #throwError(): void {
    const error = this.#error
    this.#error = undefined
    if (error !== undefined) throw error.reason
  }
}

/** The position after an item of a batch. */
function positionAfter(batch: Batch, index: number): CursorPosition {
  const seq = lastSeq(batch, index)
  const item = batch.items[index]
  if (item === undefined || batch.from === undefined) {
    return { ...(seq !== undefined && { seq }), count: batch.count, after: batch.after ?? 0 }
  }
  const { source, first } = batch.from
  return {
    ...(seq !== undefined && { seq }),
    count: batch.count + index + 1,
    ...(source.firstSeq !== undefined && { segment: source.firstSeq }),
    ...(first !== undefined && { first }),
    offset: item.offset + item.bytes + 1,
    bytes: item.bytes,
    ...(item.line !== undefined && { line: item.line }),
    ...(!isMalformed(item) && { ts: item.event.ts }),
  }
}

/** `seq` of the last event up to an item of a batch. */
export function lastSeq(batch: Batch, index = batch.items.length - 1): number | undefined {
  for (let i = index; i >= 0; i--) {
    const item = batch.items[i] as LogItem
    if (!isMalformed(item)) return item.seq
  }
  return batch.seq
}
