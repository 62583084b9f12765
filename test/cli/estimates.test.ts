/** What is guessed of another program's log is marked alike everywhere, and an agent's events are those that name it. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hivelog, linesOf } from '../kit/reader-cli.js'
import { scratch } from '../kit/reader-log.js'

const LINES = [
  { kind: 'spawn', agentId: 'boss', name: 'B', isGod: true },
  { kind: 'spawn', agentId: 'a', name: 'A' },
  { kind: 'spawn', agentId: 'b', name: 'C' },
  { kind: 'message', from: 'a', to: 'human', act: 'query', subject: 's1', id: 'm1' },
  { kind: 'message', from: 'a', to: 'god', act: 'inform', subject: 's2', id: 'm2' },
  { kind: 'message', from: 'human', to: 'b', act: 'request', subject: 's3', id: 'm3', delivered: ['b'] },
  { kind: 'escalate', from: 'a', to: 'human', subject: 'q', id: 'e1' },
  { kind: 'agent-hold', id: 'b', onHold: true },
] as const

/** Whom each line names, by docs/hive.md: `agentId`, `from`, `to`, `delivered`, and the `id` of an `agent-hold`. */
function naming(name: string): number {
  return LINES.filter((line) => {
    const { kind, agentId, from, to, delivered, id } = line as Record<string, unknown>
    return [
      agentId,
      from,
      to,
      ...((delivered as string[] | undefined) ?? []),
      kind === 'agent-hold' && id,
    ].includes(name)
  }).length
}

// biome-ignore lint/suspicious/noExplicitAny: what a command prints
type Json = any

async function json(cwd: string, ...args: string[]): Promise<Json> {
  const { stdout, stderr } = await hivelog([...args, '--json', 'other.jsonl'], { cwd })
  assert.equal(stderr, '')
  return JSON.parse(stdout)
}

test('stats, top and state mark what waits where it is a guess, and nothing else', async (t) => {
  const cwd = scratch(t)
  writeFileSync(
    join(cwd, 'other.jsonl'),
    LINES.map((line, i) => `${JSON.stringify({ ts: 1_700_000_000_000 + i, ...line })}\n`).join(''),
  )
  const stats = await json(cwd, 'stats')
  // Who got what went to the human is a guess; what `delivered` and `god` say is none.
  assert.deepEqual(
    Object.entries<Json>(stats.agents)
      .map(([id, { waiting, estimated }]) => [id, waiting, estimated])
      .sort(),
    [
      ['a', 0, undefined],
      ['b', 1, undefined],
      ['boss', 2, true],
    ],
  )
  const state = await json(cwd, 'state')
  assert.deepEqual(state.inboxes.map((each: Json) => [each.recipient, each.waiting, each.estimated]).sort(), [
    ['b', 1, undefined],
    ['boss', 2, true],
  ])
  const top = await json(cwd, 'top', '--once')
  assert.deepEqual([top.inbox, top.inboxEstimated], [3, true])
  const text = async (...args: string[]) => (await hivelog([...args, 'other.jsonl'], { cwd })).stdout
  for (const printed of [await text('stats'), await text('top', '--once'), await text('state')]) {
    assert.match(printed, /^boss\b.* ≈2\b/m)
    assert.match(printed, /^b\b.* 1\b/m)
    assert.doesNotMatch(printed, /~|≈1/)
  }
  assert.match(await text('stats'), /^≈ about so many: another program wrote the log/m)
})

test('stats counts as events of a name those that name it, which cat --agent prints', async (t) => {
  const cwd = scratch(t)
  writeFileSync(
    join(cwd, 'other.jsonl'),
    LINES.map((line, i) => `${JSON.stringify({ ts: 1_700_000_000_000 + i, ...line })}\n`).join(''),
  )
  const { agents, others } = await json(cwd, 'stats')
  for (const name of ['boss', 'a', 'b', 'human', 'god']) {
    const printed = linesOf(
      (await hivelog(['cat', '--json', '--agent', name, 'other.jsonl'], { cwd })).stdout,
    )
    assert.equal(printed.length, naming(name), name)
    assert.equal({ ...agents, ...others }[name].events, naming(name), name)
  }
})
