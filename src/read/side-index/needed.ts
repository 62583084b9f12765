/** Reads of a segment only what a selection needs, where its ranges are known. */
import type { Selector } from '../select.js'
import type { SelectingReader } from '../selecting-reader.js'
import { chunksOf, type Source } from '../sources.js'
import type { Range } from './ranges.js'
import type { KnownRanges } from './standing.js'

const NOTHING: Buffer = Buffer.alloc(0)
/** Ranges that are passed over in one go: what they hold themselves is in memory then. */
const AT_ONCE = 1000

/**
 * The chunks of a segment with lines that are needed. What lies between them, the reader is told before the chunk that
 * follows, which can be empty, or before they end.
 * @param size bytes that are read at once
 * @param onPassed is told of bytes that are not read
 */
export function neededChunks(
  source: Source,
  reader: SelectingReader,
  known: KnownRanges,
  selector: Selector,
  size: number | undefined,
  onPassed?: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  const isNeeded = neededOf(known.ranges, selector)
  if (!isNeeded.includes(false)) return chunksOf(source, 0, size)
  return chunksBetween(source, reader, known, isNeeded, size, onPassed)
}

async function* chunksBetween(
  source: Source,
  reader: SelectingReader,
  { ranges, isWhole }: KnownRanges,
  isNeeded: readonly boolean[],
  size: number | undefined,
  onPassed?: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  const parts = new Parts(source, size)
  try {
    let offset = 0
    for (let i = 0; i < ranges.length; ) {
      const from = offset
      if (isNeeded[i]) {
        for (; isNeeded[i]; i++) offset += (ranges[i] as Range).bytes
        // The end may bring what the ranges do not say: damage, or in a file that grows another line.
        yield* parts.part(from, i === ranges.length ? Number.POSITIVE_INFINITY : offset)
        if (i === ranges.length) return
      } else {
        let n = 0
        for (; n < AT_ONCE && isNeeded[i] === false; n++, i++) {
          const range = ranges[i] as Range
          reader.pass(range)
          offset += range.bytes
        }
        onPassed?.(offset - from)
        if (n === AT_ONCE) yield NOTHING
      }
    }
    if (!isWhole) yield* parts.part(offset, Number.POSITIVE_INFINITY)
  } finally {
    await parts.close()
  }
}

/** Which ranges have to be read. */
function neededOf(ranges: readonly Range[], selector: Selector): boolean[] {
  const isNeeded: boolean[] = []
  /** Whether up to here there were only lines of the log's own, or that are no events. */
  let isOpening = true
  for (const [i, { isOdd, kinds, least, greatest }] of ranges.entries()) {
    // What a segment begins with is judged as a whole.
    const goesOn = isOpening && i > 0 && isNeeded[i - 1] === true
    const isWanted = selector.wantsKinds(kinds) && selector.wantsTimes(least, greatest)
    isNeeded.push(isOdd || goesOn || isWanted)
    if (kinds?.length !== 0) isOpening = false
  }
  const end = ranges.findLastIndex(({ lines }) => lines > 0)
  const range = ranges[end]
  if (selector.last && range !== undefined && range.kept.at(-1)?.line !== range.lines - 1)
    isNeeded[end] = true
  return isNeeded
}

/** Reads parts of a segment in their order. A compressed one is uncompressed once, and no further than they go. */
class Parts {
  readonly #source: Source
  readonly #size: number | undefined
  #chunks: AsyncGenerator<Buffer> | undefined
  /** What is left of the last chunk, and where that begins. */
  #rest = NOTHING
  #at = 0

  constructor(source: Source, size: number | undefined) {
    this.#source = source
    this.#size = size
  }

  /** @param to a line's begin, or none */
  part(from: number, to: number): AsyncGenerator<Buffer> {
    if (this.#source.gzip) return this.#uncompressed(from, to)
    return chunksOf(this.#source, from, this.#size, to)
  }

  async *#uncompressed(from: number, to: number): AsyncGenerator<Buffer> {
    this.#chunks ??= chunksOf(this.#source)
    while (this.#at < to) {
      if (this.#rest.length === 0) {
        const next = await this.#chunks.next()
        if (next.done === true) return
        this.#rest = next.value
      }
      const skip = Math.min(this.#rest.length, Math.max(0, from - this.#at))
      const end = Math.min(this.#rest.length, to - this.#at)
      const piece = this.#rest.subarray(skip, end)
      this.#rest = this.#rest.subarray(end)
      this.#at += end
      if (piece.length > 0) yield piece
    }
  }

  async close(): Promise<void> {
    await this.#chunks?.return(undefined)
  }
}
