export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** @param sorted ascending @param share between 0 and 1 */
export const quantile = (sorted, share) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]

const WARM_UP = 2

/**
 * Runs `contestants` in turn, round after round, so that whatever else the machine does hits all of them alike. The
 * first two rounds warm up and do not count. Garbage is not collected in between: after that V8 begins small again,
 * and everything costs up to twice as much for a while.
 * @param measure (contestant) -> nanoseconds an event, or any other cost
 * @returns a Map from contestant to its costs, one a round
 */
export async function inRounds(contestants, rounds, measure) {
  const costs = new Map(contestants.map((contestant) => [contestant, []]))
  for (let round = 0; round < WARM_UP + rounds; round++) {
    for (const contestant of contestants) {
      const cost = await measure(contestant)
      if (round >= WARM_UP) costs.get(contestant).push(cost)
    }
  }
  return costs
}

/** How many times as much `of` costs as `base`: the median of the ratios within each round. */
export const ratio = (of, base) => median(of.map((cost, round) => cost / base[round]))
