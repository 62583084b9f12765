/**
 * Tests of which more is better: `npm test` takes a sample, `scripts/long-run.mjs` all cases.
 */

const isLong = process.env.HIVELOG_TEST_LONG === '1'

/** How many cases: `all` in a long run, else `some`. */
export const cases = (all: number, some: number): number => (isLong ? all : some)

/**
 * Chooses the sample: always the same one, so that a change is judged by what it changes. Another with
 * `HIVELOG_TEST_SEED`.
 */
export const seedOfRun = (): number => Number(process.env.HIVELOG_TEST_SEED ?? 1)

/**
 * Whether it is the turn of the `n`th case: of all in a long run, else of one of `parts`. The Nodes of `.ci/run` have
 * seeds that follow each other, so three parts are all tried there.
 */
export const isInTurn = (n: number, parts = 3): boolean => isLong || n % parts === seedOfRun() % parts
