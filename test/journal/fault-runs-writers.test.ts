/** Two writers never write one log. More, and with real waiting: `scripts/lock-run.mjs`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  LOSSES,
  type LockLoss,
  lockRace,
  loseLock,
  stopTaking,
  type WritersReport,
} from '../kit/fault-writers.js'
import { cases, partsOf, seedOfRun } from '../kit/long-run.js'

function assertOneWriter({ duplicates, missing, unclear, other }: WritersReport): void {
  assert.deepEqual(
    { duplicates, missing, unclear, other },
    { duplicates: [], missing: [], unclear: [], other: [] },
  )
}

test('of many processes that want a log at once, one has it, again and again', async () => {
  const rounds = cases(5, 2)
  const report = await lockRace(cases(20, 10), rounds, seedOfRun())
  assert.equal(report.opened, rounds)
  assertOneWriter(report)
})

for (const how of Object.keys(LOSSES) as LockLoss[]) {
  test(`a holder that lost its lock writes no line of the log: ${how}`, async () => {
    assertOneWriter(await loseLock(how))
  })
}

test('one who stops in the middle of taking over, and wakes up later, writes no line beside another', async () => {
  let stops = 0
  const step = Math.max(5, partsOf(5))
  for (let nth = 1 + (seedOfRun() % step); ; nth += step) {
    const report = await stopTaking(nth)
    if (report === undefined) break
    stops++
    assertOneWriter(report)
  }
  assert.ok(stops >= 2, `${stops} places to stop at`)
})
