/** Changes to a signed log by somebody without the key. Ten thousand: `scripts/tamper-run.mjs`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CHANGES, tamperRun } from '../kit/fault-tamper.js'
import { cases, seedOfRun } from '../kit/long-run.js'

test('a change is found with the key, or is one that a file alone cannot show', async () => {
  // Each kind of change on each log, and some under a writer that runs.
  const report = await tamperRun(cases(12, 4) * Object.keys(CHANGES).length, 2 + seedOfRun())
  assert.deepEqual(report.falseAlarms, [])
  assert.deepEqual(report.missed, [])
  assert.ok(report.found > report.changes / 2, `${report.found} of ${report.changes} found`)
})
