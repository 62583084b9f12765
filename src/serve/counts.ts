/** Numbers that were seen, as ranges: an agent's counter has few gaps. */
export class Counts {
  /** Sorted, apart from each other, both ends included. */
  readonly #ranges: [number, number][] = []

  /** @returns whether it was not there */
  add(count: number): boolean {
    const ranges = this.#ranges
    let low = 0
    let high = ranges.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((ranges[middle] as [number, number])[1] < count) low = middle + 1
      else high = middle
    }
    const after = ranges[low]
    if (after !== undefined && after[0] <= count) return false
    const before = ranges[low - 1]
    const touchesBefore = before !== undefined && before[1] === count - 1
    const touchesAfter = after !== undefined && after[0] === count + 1
    if (touchesBefore && touchesAfter) {
      before[1] = after[1]
      ranges.splice(low, 1)
    } else if (touchesBefore) before[1] = count
    else if (touchesAfter) after[0] = count
    else ranges.splice(low, 0, [count, count])
    return true
  }
}
