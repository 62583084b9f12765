/** The hive of two processes that the README shows, asked as a user asks: nothing in it is wrong. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { fixture } from '../kit/hive-support.js'
import { hivelog } from '../kit/reader-cli.js'
import { scratch } from '../kit/reader-log.js'

test('an agent in a process of its own has one life, and ends as its process says', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const run = spawnSync(process.execPath, [fixture('process-hive'), file], { encoding: 'utf8' })
  assert.deepEqual(
    [run.status, run.stderr],
    [0, ''],
    'the parent approves what its child asked, without a warning',
  )
  const state = JSON.parse((await hivelog(['state', '--json', file])).stdout)
  const told = state.agents.map(({ agentId, status, lives }: Record<string, unknown>) => [
    agentId,
    status,
    lives,
  ])
  assert.deepEqual(told, [
    ['lead', 'ok', 1],
    ['coder', 'ok', 1],
  ])
  const { findings } = JSON.parse((await hivelog(['check', '--json', file])).stdout)
  const rules = findings.map(({ rule }: { rule: string }) => rule)
  assert.ok(!rules.some((rule: string) => /duplicate|lost|approval/.test(rule)), rules.join(', '))
  const audit = JSON.parse((await hivelog(['audit', '--json', file])).stdout)
  assert.deepEqual(audit.problems, [])
  assert.deepEqual(
    audit.cases.map(({ subject, status }: Record<string, string>) => [subject, status]),
    [
      ['Drop the users table?', 'approved'],
      ['Drop the backups too?', 'pending'],
    ],
  )
  const shown = JSON.parse((await hivelog(['show', '--json', 'coder', file])).stdout)
  assert.deepEqual([shown.place.log, shown.outcome.status, shown.lives], [file, 'ok', undefined])
  assert.equal(shown.outcome.usage.calls, 2, 'what it used in its own process')
})
