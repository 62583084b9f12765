/**
 * Tests of which more is better: `npm test` takes a sample, other cases each day; `scripts/long-run.mjs` takes all.
 */

const isLong = process.env.HIVELOG_TEST_LONG === '1'

/** How many cases: `all` in a long run, else `some`. */
export const cases = (all: number, some: number): number => (isLong ? all : some)

/** The same all day, so that what fails once fails again; another with `HIVELOG_TEST_SEED`. */
export const seedOfToday = (): number =>
  Number(process.env.HIVELOG_TEST_SEED ?? Math.floor(Date.now() / 86_400_000))
