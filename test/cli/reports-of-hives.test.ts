/** What every report takes: several logs, those of child processes, a time; and what it says where nothing is. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hivelog } from '../kit/reader-cli.js'
import { scratch } from '../kit/reader-log.js'

const T0 = 1_787_386_181_000
const lines = (agentId: string, from: number): string =>
  [
    { kind: 'spawn', agentId, name: agentId },
    { kind: 'usage', agentId, costUsd: 1 },
    { kind: 'call', agentId, host: 'h', ms: 1 },
    { kind: 'wait', agentId, resource: 'r', ms: 1 },
    { kind: 'escalate', from: agentId, to: 'human', subject: 's', id: `e-${agentId}` },
  ]
    .map((line, i) => `${JSON.stringify({ ts: T0 + from + i, ...line, seq: i + 1, session: 's' })}\n`)
    .join('')

/** What a report counts, by its name. */
type Json = ReturnType<typeof JSON.parse>
const COUNT: Record<string, (report: Json) => number> = {
  audit: ({ cases }) => cases.length,
  cost: ({ total }) => total.calls,
  calls: ({ total }) => total?.calls ?? 0,
  waits: ({ total }) => total?.waits ?? 0,
  stats: ({ usage }) => usage.calls,
}

function folderOf(t: Parameters<typeof scratch>[0]): string {
  const cwd = scratch(t)
  writeFileSync(join(cwd, 'a.jsonl'), lines('a', 0))
  mkdirSync(join(cwd, 'a.jsonl.agents'))
  writeFileSync(join(cwd, 'a.jsonl.agents', 'child.jsonl'), lines('child', 1000))
  writeFileSync(join(cwd, 'b.jsonl'), lines('b', 2000))
  return cwd
}

for (const [command, count] of Object.entries(COUNT)) {
  test(`${command}: child logs, several logs, and a time`, async (t) => {
    const cwd = folderOf(t)
    const counted = async (...args: string[]): Promise<number> => {
      const { code, stdout, stderr } = await hivelog([command, '--json', ...args], { cwd })
      assert.equal(code, 0, stderr)
      return count(JSON.parse(stdout))
    }
    assert.equal(await counted('a.jsonl'), 2)
    assert.equal(await counted('a.jsonl', '--this-file'), 1)
    assert.equal(await counted('b.jsonl', 'a.jsonl'), 3)
    assert.equal(await counted('a.jsonl', 'b.jsonl', '--since', String(T0 + 1000)), 2)
    assert.equal(await counted('a.jsonl', 'b.jsonl', '--until', String(T0 + 1999)), 2)
    assert.equal(
      await counted('a.jsonl', 'b.jsonl', '--since', String(T0 + 900), '--until', String(T0 + 1100)),
      1,
    )
  })
}

for (const command of [...Object.keys(COUNT), 'export']) {
  test(`${command}: a file that is no log, or holds no event, is told as such`, async (t) => {
    const cwd = scratch(t)
    writeFileSync(join(cwd, 'notes.txt'), 'these are\nmy notes\n')
    writeFileSync(join(cwd, 'empty.jsonl'), '')
    const args = command === 'export' ? ['export', '--format', 'csv'] : [command]
    const none = await hivelog([...args, 'notes.txt'], { cwd })
    assert.deepEqual([none.code, none.stdout], [2, ''])
    assert.match(none.stderr, /^hivelog: notes\.txt is no log: [^\n]+\n$/)
    const empty = await hivelog([...args, 'empty.jsonl'], { cwd })
    assert.deepEqual([empty.code, empty.stdout], [1, ''])
    assert.match(empty.stderr, /^hivelog: empty\.jsonl is empty: [^\n]+\n$/)
  })
}

test('diff: two hives, their child logs and a time; no log is no verdict', async (t) => {
  const cwd = folderOf(t)
  writeFileSync(join(cwd, 'c.jsonl'), lines('a', 5))
  const diff = async (...args: string[]): Promise<[number | null, string, number, number]> => {
    const { code, stdout } = await hivelog(['diff', '--json', ...args], { cwd })
    const { verdict, a, b } = JSON.parse(stdout)
    return [code, verdict, a.events, b.events]
  }
  assert.deepEqual(await diff('a.jsonl', 'c.jsonl'), [1, 'differ', 10, 5])
  assert.deepEqual(await diff('a.jsonl', 'c.jsonl', '--this-file'), [0, 'same', 5, 5])
  assert.deepEqual(await diff('a.jsonl', 'c.jsonl', '--until', String(T0 + 500)), [0, 'same', 5, 5])
  writeFileSync(join(cwd, 'notes.txt'), 'my notes\n')
  const none = await hivelog(['diff', 'a.jsonl', 'notes.txt'], { cwd })
  assert.deepEqual([none.code, none.stdout], [2, ''])
  assert.match(none.stderr, /^hivelog: notes\.txt is no log: /)
})
