/** What commands say of a hive: its logs, its times, and where there is nothing. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseTime } from '../../src/cli/times.js'
import { hivelog, linesOf } from '../kit/reader-cli.js'
import { FOREIGN, LogWriter, scratch } from '../kit/reader-log.js'

test('a hive is shown as one, with a note where nothing fits, and verified log by log', async (t) => {
  const cwd = scratch(t)
  new LogWriter(join(cwd, 'hive.jsonl')).messages(25)
  mkdirSync(join(cwd, 'hive.jsonl.agents'))
  const child = new LogWriter(join(cwd, 'hive.jsonl.agents', 'tester.jsonl'))
  child.messages(40)
  child.event('tool', { agentId: 'coder', name: 'grep', ok: true })
  assert.equal(linesOf((await hivelog(['tail', '-20'], { cwd })).stdout).length, 20)
  assert.match((await hivelog(['tail', '-n1'], { cwd })).stdout, /grep.* \[tester\]\n$/)
  assert.deepEqual(await hivelog(['cat', '--kind', 'mesage'], { cwd }), {
    code: 0,
    stdout: '',
    stderr: "hivelog: no event is of kind 'mesage'; did you mean message?\n",
  })
  const verified = await hivelog(['verify'], { cwd })
  assert.equal(verified.code, 0)
  assert.match(verified.stdout, /tester\.jsonl.*\n2 logs of the hive checked, no damage\n$/s)
})

test('a file that is empty, or no log, is told as that', async (t) => {
  const cwd = scratch(t)
  writeFileSync(join(cwd, 'empty.jsonl'), '')
  writeFileSync(join(cwd, 'README.md'), '# hivelog\n')
  writeFileSync(join(cwd, 'hive.jsonl'), FOREIGN)
  const none = await hivelog(['cat', 'empty.jsonl'], { cwd })
  assert.deepEqual([none.code, none.stderr], [1, 'hivelog: empty.jsonl is empty: there is no event in it\n'])
  const other = await hivelog(['tail', 'hive.jsonl', 'README.md'], { cwd })
  assert.equal(other.code, 2)
  assert.equal(other.stderr, 'hivelog: README.md is no log: none of its lines is an event\n')
})

test('a time of day is on the last day of the log that has it; others count from now', () => {
  const at = (text: string): number => new Date(text).getTime()
  const now = at('2026-08-25T12:00:00')
  const span = { from: at('2026-08-20T10:00:00'), to: at('2026-08-22T14:00:00') }
  const parsed = (value: string): number => parseTime('--time', value, { span, now })
  assert.equal(parsed('13:00'), at('2026-08-22T13:00:00'))
  assert.equal(parsed('14:00:01'), at('2026-08-21T14:00:01'))
  assert.equal(parsed('2h ago'), now - 7_200_000)
  assert.equal(parsed('30m'), now - 1_800_000)
  assert.equal(parsed('yesterday 14:00'), at('2026-08-24T14:00:00'))
  assert.equal(parsed('today'), at('2026-08-25T00:00:00'))
  const short = { from: at('2026-08-22T13:00:00'), to: at('2026-08-22T14:00:00') }
  assert.equal(parseTime('--time', '15:00', { span: short, now }), at('2026-08-22T15:00:00'))
})
