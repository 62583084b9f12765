/** Sums of amounts that stay exact where many small ones meet. */

/** Adds numbers with what rounding takes from each sum kept beside it (Neumaier's way). */
export class ExactSum {
  #sum = 0
  #rest = 0

  /** Goes on from the parts of another sum. */
  go([sum, rest]: readonly [number, number]): void {
    this.#sum = sum
    this.#rest = rest
  }

  add(value: number): void {
    const sum = this.#sum + value
    this.#rest += Math.abs(this.#sum) >= Math.abs(value) ? this.#sum - sum + value : value - sum + this.#sum
    this.#sum = sum
  }

  /** The sum to 15 significant digits: all that decimal amounts have in a double. */
  get value(): number {
    const value = this.#sum + this.#rest
    // Past the greatest number, the rest is no number.
    return Number.isFinite(value)
      ? Math.min(Number(value.toPrecision(15)), Number.MAX_VALUE)
      : Number.MAX_VALUE
  }

  /** What another one needs to go on exactly. Numbers that JSON has no word for become the greatest that it has. */
  get parts(): [number, number] {
    if (Number.isFinite(this.#sum) && Number.isFinite(this.#rest)) return [this.#sum, this.#rest]
    return [Number.MAX_VALUE, 0]
  }
}
