/**
 * Tests of which more is better: `npm test` takes a sample, the further Nodes of `.ci/run` larger ones, and
 * `scripts/long-run.mjs` all cases.
 */

const isLong = process.env.HIVELOG_TEST_LONG === '1'

/**
 * `npm test` is what somebody waits for who changes something: it takes half of the cases that each further Node of
 * `.ci/run` takes.
 */
const share = process.env.HIVELOG_TEST_WHOLE === '1' ? 1 : 1 / 2

/** How many cases: `all` in a long run, else `some`, of which `npm test` takes half. */
export const cases = (all: number, some: number): number => (isLong ? all : Math.ceil(share * some))

/** Of how many parts of the cases one is taken: of `some`, or twice as many by `npm test`; in a long run it is all. */
export const partsOf = (some: number): number => (isLong ? 1 : some / share)

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
