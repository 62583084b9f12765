/**
 * Finds the few lines of a stream that say something: those with one of a few marks in them. Hundreds of events go by
 * in a stream, and next to all of them are a word of what the model says, so this is most of what reading one costs.
 * `Buffer.indexOf` takes the bytes one after the other, each when it knows what came before; here four are looked at
 * as one number, and of those numbers several at a time.
 */

const LINE_END = 10
const COLON = 58
const SPACE = 32
/** `null` */
const NULL = [110, 117, 108, 108]

/** Wherever so many bytes lie, four of them are a whole word of memory. */
const SPAN = 7
const WORD = 4
const SLOT_BITS = 12

/** A word of memory that lies in a mark. */
interface Part {
  readonly word: number
  readonly mark: Buffer
  /** Where in the mark. */
  readonly at: number
}

export class Marks {
  /** By `slotOf` a word: 0, or which of `#parts` may lie there. */
  #slots = new Uint8Array(1 << SLOT_BITS)
  #parts: Part[][] = [[]]

  /** @param texts of seven bytes at least, without ends of lines; by its last seven bytes a mark is looked for */
  constructor(...texts: string[]) {
    for (const text of texts) {
      const mark = Buffer.from(text)
      for (let at = mark.length - SPAN; at <= mark.length - WORD; at++) {
        // A copy: it begins where a word does.
        const [word] = new Int32Array(Uint8Array.from(mark.subarray(at, at + WORD)).buffer)
        if (word !== undefined) this.#put({ word, mark, at })
      }
    }
  }

  #put(part: Part): void {
    const slot = slotOf(part.word)
    if (this.#slots[slot] === 0) this.#slots[slot] = this.#parts.push([]) - 1
    this.#parts[this.#slots[slot] as number]?.push(part)
  }

  /**
   * Where the last lines begin that have a mark, in their order. A mark that is the name of a field counts only where
   * the field is not null: what is said once is null in all other events.
   * @param lines whole lines
   * @param most how many lines at most
   */
  lastLines(lines: Buffer, most: number): number[] {
    const begins: number[] = []
    // Bytes before the first whole word.
    const skipped = -lines.byteOffset & (WORD - 1)
    const count = (lines.length - skipped) >> 2
    if (count <= 0) return begins
    const words = new Int32Array(lines.buffer, lines.byteOffset + skipped, count)
    for (let i = this.#before(words, count); i >= 0 && begins.length < most; ) {
      const at = skipped + i * WORD
      let end = i
      if (this.#isAt(lines, at, words[i] as number)) {
        const begin = lines.lastIndexOf(LINE_END, at) + 1
        begins.push(begin)
        // What lies before this line.
        end = Math.floor((begin - skipped) / WORD)
      }
      i = this.#before(words, end)
    }
    return begins.reverse()
  }

  /** The last word before `end` that may lie in a mark, or -1. */
  #before(words: Int32Array, end: number): number {
    const slots = this.#slots
    const at = (i: number): number => slots[slotOf(words[i] as number)] as number
    let i = end - 1
    while (i >= 3 && (at(i) | at(i - 1) | at(i - 2) | at(i - 3)) === 0) i -= 4
    while (i >= 0 && at(i) === 0) i--
    return i
  }

  /** Whether a mark lies over the word at `at`. */
  #isAt(lines: Buffer, at: number, found: number): boolean {
    const parts = this.#parts[this.#slots[slotOf(found)] as number] as Part[]
    for (const { word, mark, at: within } of parts) {
      if (word !== found) continue
      const begin = at - within
      // From the end, where marks differ from what is like them. Bytes outside are `undefined`.
      let left = mark.length
      while (left > 0 && lines[begin + left - 1] === mark[left - 1]) left--
      if (left === 0 && !isNull(lines, begin + mark.length)) return true
    }
    return false
  }
}

const slotOf = (word: number): number => Math.imul(word, 0x9e3779b1) >>> (32 - SLOT_BITS)

/** Whether the field whose name ends before `at` is null. */
function isNull(bytes: Buffer, at: number): boolean {
  let i = at
  while (bytes[i] === COLON || bytes[i] === SPACE) i++
  return i > at && NULL.every((byte, j) => bytes[i + j] === byte)
}
