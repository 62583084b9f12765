/** Writers that are killed at any moment. Two thousand: `scripts/kill-run.mjs`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killRun } from '../kit/fault-kill.js'
import { cases, seedOfRun } from '../kit/long-run.js'

test('SIGKILL at any moment loses nothing that was acknowledged, and the next writer goes on', async () => {
  const kills = cases(60, 12)
  const report = await killRun(kills, seedOfRun())
  assert.equal(report.kills, kills)
  assert.ok(report.acknowledged > kills / 4, `${report.acknowledged} acknowledged`)
  assert.deepEqual(report.violations, [])
})
