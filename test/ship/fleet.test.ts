/** `npm run test:fleet` in small: hives that send their own logs, a bad network, and everybody killed now and then. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runFleet } from '../kit/fleet-run.js'
import { tempFolder } from '../kit/hive-support.js'

/** The same numbers in every run. */
function diceOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

test('copies of hives that send their own logs are exact, whoever is killed', async (t) => {
  const report = await runFleet({
    folder: tempFolder(t),
    hives: 2,
    events: 2_000,
    serverKills: 3,
    hiveKills: 3,
    rotateBytes: 50_000,
    dice: diceOf(11),
  })
  assert.deepEqual(report.problems, [])
  assert.equal(report.events, 4_000)
  assert.ok(report.segments > 6, 'they were rotated')
  assert.ok(report.acknowledgements > 10)
})
