/** Writers that are killed at any moment. Two thousand: `scripts/kill-run.mjs`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killRun } from '../kit/fault-kill.js'

test('SIGKILL at any moment loses nothing that was acknowledged, and the next writer goes on', async () => {
  const report = await killRun(60, 11)
  assert.equal(report.kills, 60)
  assert.ok(report.acknowledged > 60, `${report.acknowledged} acknowledged`)
  assert.deepEqual(report.violations, [])
})
