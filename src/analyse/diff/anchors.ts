/** Anchors of an alignment: events that are there once on either side, as many as keep their order. */

/** A pair of positions that belong together. */
export type Anchor = [a: number, b: number]

/**
 * The longest chain of pairs in which the second positions rise.
 * @param pairs in rising order of the first positions
 */
export function risingChain(pairs: readonly Anchor[]): Anchor[] {
  const tails: number[] = []
  const before = new Int32Array(pairs.length)
  for (const [i, [, b]] of pairs.entries()) {
    let low = 0
    let high = tails.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((pairs[tails[middle] as number] as Anchor)[1] < b) low = middle + 1
      else high = middle
    }
    before[i] = low === 0 ? -1 : (tails[low - 1] as number)
    tails[low] = i
  }
  const chain: Anchor[] = []
  for (let i = tails.at(-1) ?? -1; i !== -1; i = before[i] as number) chain.push(pairs[i] as Anchor)
  return chain.reverse()
}
