/** Finds what somebody meant who mistyped a name. */

/** The name that is nearest, if one is near: two slips, or one in a short name. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const bound = name.length < 5 ? 1 : 2
  let best: { name: string; slips: number } | undefined
  for (const each of names) {
    const slips = slipsBetween(name, each, bound)
    if (slips <= bound && slips < (best?.slips ?? bound + 1)) best = { name: each, slips }
  }
  return best?.name
}

/** How many characters to put in, take out, change or swap with their neighbour; more than `bound` is not counted on. */
function slipsBetween(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) > bound) return bound + 1
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1]
      let slips = Math.min(
        (row[j] as number) + 1,
        (next[j - 1] as number) + 1,
        (row[j - 1] as number) + (isSame ? 0 : 1),
      )
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        slips = Math.min(slips, (before[j - 2] as number) + 1)
      }
      next.push(slips)
    }
    before = row
    row = next
  }
  return row[b.length] as number
}
