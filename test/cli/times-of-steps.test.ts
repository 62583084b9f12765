/** Times on a command line, where a writer's clock was set back: the log's first and last lines are not its least and greatest times. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hivelog, linesOf } from '../kit/reader-cli.js'
import { scratch } from '../kit/reader-log.js'

const env = { ...process.env, TZ: 'UTC' }
const log = (days: readonly string[]): string =>
  days
    .map((time, i) =>
      JSON.stringify({
        v: 1,
        ts: Date.parse(`2026-${time}Z`),
        seq: i + 1,
        kind: 'tool',
        agentId: 'a',
        name: time,
      }),
    )
    .join('\n')
    .concat('\n')
/** A test has no time zone of its own: times are given in UTC. */
const names = (stdout: string): string[] => linesOf(stdout).map((line) => JSON.parse(line).name)
const STEPPED = ['10-24T10:00:00', '10-24T15:00:00', '10-25T15:00:00', '10-24T23:00:00']
const FIRST_IS_LATEST = ['10-25T15:00:00', '10-24T10:00:00', '10-24T23:00:00']

test('a time of day is that of the last day that has it, also where the log ends on an earlier one', async (t) => {
  const cwd = scratch(t)
  writeFileSync(join(cwd, 'hive.jsonl'), log(STEPPED))
  const { stdout, stderr } = await hivelog(['cat', '--json', '--since', '14:03'], { cwd, env })
  assert.deepEqual([names(stdout), stderr], [['10-25T15:00:00'], ''])
  // The 25th has no 16:00 in the log: its last day that has it is the 24th.
  const later = await hivelog(['cat', '--json', '--since', '16:00'], { cwd, env })
  assert.deepEqual([names(later.stdout), later.stderr], [['10-25T15:00:00', '10-24T23:00:00'], ''])
  const state = await hivelog(['state', '--json', '--time', '14:03'], { cwd, env })
  assert.equal(JSON.parse(state.stdout).seq, 2)
  assert.equal(state.stderr, '')
})

test('a time of which the log has events is not told to be outside of it', async (t) => {
  const cwd = scratch(t)
  writeFileSync(join(cwd, 'hive.jsonl'), log(STEPPED))
  const inside = ['cat', '--json', '--since', '2026-10-25T14:00']
  assert.deepEqual(await hivelog(inside, { cwd, env }), {
    code: 0,
    stdout: (await hivelog(inside, { cwd, env })).stdout,
    stderr: '',
  })
  const after = await hivelog(['cat', '--json', '--since', '2026-10-25T16:00'], { cwd, env })
  assert.match(
    after.stderr,
    /is after the last event of the log, which goes from 2026-10-24 10:00.* to 2026-10-25 15:00/,
  )
  const before = await hivelog(['cat', '--json', '--until', '2026-10-24T09:00'], { cwd, env })
  assert.match(
    before.stderr,
    /is before the first event of the log, which goes from 2026-10-24 10:00.* to 2026-10-25 15:00/,
  )
  const replay = await hivelog(['replay', '--speed', '0', '--since', '2026-10-25T14:00'], { cwd, env })
  assert.equal(replay.stderr, '')
  mkdirSync(join(cwd, 'other'))
  writeFileSync(join(cwd, 'other', 'hive.jsonl'), log(FIRST_IS_LATEST))
  const { stdout, stderr } = await hivelog(
    ['cat', '--json', '--until', '2026-10-24T11:00', 'other/hive.jsonl'],
    { cwd, env },
  )
  assert.deepEqual([names(stdout), stderr], [['10-24T10:00:00'], ''])
})
