/** Numbers by their index, a few bytes each, that grow at the end without being copied. */

type Numbers = Uint16Array | Uint32Array | Float64Array

const BITS = 14
const SIZE = 1 << BITS
const MASK = SIZE - 1

/** A column of numbers; what was never set is 0. Pieces of it take no memory until something in them is set. */
export class Column {
  readonly #make: new (
    length: number,
  ) => Numbers
  readonly #pieces: (Numbers | undefined)[] = []

  constructor(make: new (length: number) => Numbers) {
    this.#make = make
  }

  get(index: number): number {
    return this.#pieces[index >>> BITS]?.[index & MASK] ?? 0
  }

  set(index: number, value: number): void {
    const at = index >>> BITS
    let piece = this.#pieces[at]
    if (piece === undefined) {
      piece = new this.#make(SIZE)
      this.#pieces[at] = piece
    }
    piece[index & MASK] = value
  }
}

/** Names as numbers from 1; 0 is none, and `MANY` stands for several, or for one of more names than are kept. */
export class Names {
  static readonly MANY = 1
  readonly #max: number
  readonly #numbers = new Map<string, number>()
  readonly #names: string[] = ['', '']

  constructor(max: number) {
    this.#max = max
  }

  /** The number of a name, which is given one if it has none. */
  add(name: string): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    if (this.#names.length > this.#max) return Names.MANY
    const number = this.#names.length
    this.#numbers.set(name, number)
    this.#names.push(name)
    return number
  }

  /** 0 for a name that has none: nothing is told apart by it, unless it is among the `MANY`. */
  find(name: string): number {
    return this.#numbers.get(name) ?? 0
  }

  name(number: number): string {
    return this.#names[number] as string
  }

  get size(): number {
    return this.#names.length - 2
  }
}

/**
 * Positions of rows: ascending, and most of them one more than the one before, so that only where they are not
 * something is kept.
 */
export class Positions {
  /** Rows at which a new run begins, and their positions. */
  readonly #rows: number[] = []
  readonly #positions: number[] = []
  #count = 0
  #last = 0

  get count(): number {
    return this.#count
  }

  /** Position of the last row; 0 where there is none. */
  get last(): number {
    return this.#last
  }

  get first(): number {
    return this.#positions[0] ?? 0
  }

  /** Adds a row. @param wanted its position; one that is not greater than the last one becomes the next number */
  add(wanted: number): number {
    const position = wanted > this.#last ? wanted : this.#last + 1
    if (position !== this.#last + 1 || this.#count === 0) {
      this.#rows.push(this.#count)
      this.#positions.push(position)
    }
    this.#last = position
    return this.#count++
  }

  of(row: number): number {
    const run = lastUpTo(this.#rows, row)
    return (this.#positions[run] as number) + row - (this.#rows[run] as number)
  }

  /** The last row whose position is not greater; -1 where there is none. */
  rowUpTo(position: number): number {
    const run = lastUpTo(this.#positions, position)
    if (run === -1) return -1
    const end = run + 1 < this.#rows.length ? (this.#rows[run + 1] as number) : this.#count
    return Math.min(
      (this.#rows[run] as number) + Math.floor(position) - (this.#positions[run] as number),
      end - 1,
    )
  }

  /** The row of exactly this position; -1 where there is none. */
  rowOf(position: number): number {
    const row = this.rowUpTo(position)
    return row >= 0 && this.of(row) === position ? row : -1
  }
}

/** Index of the last of ascending numbers that is not greater; -1 where there is none. */
export function lastUpTo(numbers: readonly number[], value: number): number {
  let low = 0
  let high = numbers.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((numbers[middle] as number) <= value) low = middle + 1
    else high = middle
  }
  return low - 1
}
