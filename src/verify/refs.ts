/**
 * Finds the lines of a segment that name artifacts. Lines are many and artifacts few, so the bytes are searched for
 * the beginning of a reference a chunk at a time; only lines that have one are parsed, and snapshots, which name
 * theirs in another way. A raw `{"ref"` cannot stand inside a JSON string, where its quotes would be escaped.
 */
import type { ArtifactRef } from '../format/kinds.js'
import { storedAside } from '../format/subject.js'

/** An artifact that a line names. */
export interface NamedArtifact extends ArtifactRef {
  /** The first line that names it, and its offset. */
  line: number
  offset: number
}

/** Short enough to be searched for by its first byte alone, which is many times faster. */
const MARK = Buffer.from('{"ref"')

export class RefFinder {
  /** Offset of the next place that names something; past the end of what was searched, infinite. */
  next = Number.POSITIVE_INFINITY
  #found: NamedArtifact[] = []
  readonly #isOn: boolean
  /** Further places in this chunk. */
  #places: number[] = []
  /** The last bytes of the chunk before, in which the mark may have begun. */
  #tail: Buffer = Buffer.alloc(0)

  constructor(isOn: boolean) {
    this.#isOn = isOn
  }

  /** Searches the next chunk, which begins at this offset. */
  begin(chunk: Buffer, offset: number): void {
    if (!this.#isOn) return
    const places: number[] = this.next === Number.POSITIVE_INFINITY ? [] : [this.next]
    const overlap = this.#tail.length
    if (overlap > 0) {
      const seam = Buffer.concat([this.#tail, chunk.subarray(0, MARK.length - 1)])
      const at = seam.indexOf(MARK)
      if (at !== -1) places.push(offset - overlap + at)
    }
    for (let at = chunk.indexOf(MARK); at !== -1; at = chunk.indexOf(MARK, at + MARK.length)) {
      places.push(offset + at)
    }
    const end = chunk.subarray(Math.max(0, chunk.length - MARK.length + 1))
    this.#tail = Buffer.concat([this.#tail, end]).subarray(-(MARK.length - 1))
    this.#places = places
    this.#step()
  }

  /** Takes a line that one of the places may be in, or that may name one by itself. */
  line(event: object, offset: number, length: number, line: number): void {
    while (this.next < offset + length) this.#step()
    for (const ref of artifactsIn(event)) this.#found.push({ ...ref, line, offset })
  }

  /** How many were found since the last call of `take`. */
  get count(): number {
    return this.#found.length
  }

  /** What was found since the last call. */
  take(): NamedArtifact[] {
    const found = this.#found
    this.#found = []
    return found
  }

  #step(): void {
    this.next = this.#places.shift() ?? Number.POSITIVE_INFINITY
  }
}

/**
 * The artifacts that a line names: its own `ref` and `bytes` as a snapshot has them, and fields that are such a pair
 * and nothing else. A content that could not be kept has a `ref` that is no hash, and names none.
 */
export function artifactsIn(event: object): ArtifactRef[] {
  const values: unknown[] = Object.values(event).filter((value) => storedAside(value) !== undefined)
  const { kind, ref, bytes } = event as Record<string, unknown>
  if (kind === 'snapshot' && storedAside({ ref, bytes }) !== undefined) values.push(event)
  return values as ArtifactRef[]
}
