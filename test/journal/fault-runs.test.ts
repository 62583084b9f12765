/**
 * Whatever the disk refuses: nothing that was acknowledged is missing, nothing throws into the agent, all loss is
 * told, and the log can be opened again. All scenarios: `scripts/fault-run.mjs`.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ScenarioResult } from '../kit/fault-life.js'
import {
  allScenarios,
  calm,
  failureTable,
  fullDisks,
  openStage,
  play,
  type Stage,
  sample,
} from '../kit/fault-plan.js'
import { isInTurn, partsOf, seedOfRun } from '../kit/long-run.js'

/** A part of the sample a day. */
const PARTS = partsOf(9)

let stage: Stage
let quiet: ScenarioResult[]
before(() => {
  stage = openStage()
})
after(() => stage.close())

test('on a disk that is well, everything is as promised, to the last sync of a folder', async () => {
  quiet = await play(stage, calm(stage))
  assert.equal(failureTable(quiet), '')
  for (const { counts } of quiet) {
    for (const call of ['open', 'write', 'fsync', 'rename', 'mkdir', 'close']) {
      assert.ok((counts[call] as number) >= 40, `${counts[call]} calls of ${call}`)
    }
  }
})

test('a refused or cut-off system call breaks no promise, whichever it is', async () => {
  const part = seedOfRun() % PARTS
  const chosen = sample(allScenarios(stage, quiet)).filter((_, i) => i % PARTS === part)
  assert.ok(chosen.length > 400 / PARTS, `${chosen.length} scenarios`)
  const results = await play(stage, chosen)
  assert.equal(results.length, chosen.length)
  const met = results.filter(({ hits }) => hits > 0).length
  assert.ok(met > chosen.length * 0.9, `${met} of ${chosen.length} scenarios met their fault`)
  assert.equal(failureTable(results), '')
})

test('a disk that is really full breaks no promise, and when there is room again all is well', async (t) => {
  const chosen = fullDisks(stage)
  if (chosen.length === 0) return t.skip('no file system can be mounted here')
  const results = await play(
    stage,
    chosen.filter((_, i) => isInTurn(i)),
  )
  assert.ok(results.some(({ hits }) => hits > 0))
  assert.equal(failureTable(results), '')
})
