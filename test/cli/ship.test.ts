/** `hivelog ship` against a real server: how far behind a copy is, and key events only. */
import assert from 'node:assert/strict'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { serve } from '../../src/serve/server.js'
import { Tokens } from '../../src/serve/tokens.js'
import { defer, tempFolder } from '../kit/hive-support.js'
import { hivelog } from '../kit/reader-cli.js'
import { linesOf } from '../kit/serve-support.js'

const BEGAN = 1_787_386_181_000
const line = (seq: number, kind: string, fields: object = {}): string =>
  `${JSON.stringify({ ts: BEGAN + seq, kind, ...fields, seq, session: 's' })}\n`

async function tempFleet(t: TestContext) {
  const folder = tempFolder(t)
  const store = join(folder, 'store')
  const token = new Tokens(join(store, 'tokens.json')).add('hives', ['ingest'])
  const { url, close } = await serve({ store, port: 0 })
  defer(t, close)
  const file = join(folder, 'hive.jsonl')
  const env = { AGENT_LOG_ENDPOINT: url, AGENT_LOG_TOKEN: token }
  const ship = (...args: string[]) => hivelog(['ship', ...args], { env })
  return { folder, store, url, file, ship }
}

test('--status: what the server lacks, byte for byte, and nothing is sent', async (t) => {
  const { folder, store, file, ship } = await tempFleet(t)
  const first = line(1, 'note', { text: 'ä' })
  writeFileSync(file, first)
  const ahead = await ship('--status', '--json', file)
  assert.equal(ahead.code, 1)
  const status = JSON.parse(ahead.stdout)
  assert.deepEqual(
    { ...status, log: '' },
    { file, log: '', session: 's', seq: 0, behindBytes: Buffer.byteLength(first), behindLines: 1 },
  )
  assert.ok(!existsSync(join(store, 's')), 'nothing was sent')

  assert.equal((await ship('--once', file)).code, 0)
  const even = await ship('--status', file)
  assert.deepEqual([even.code, even.stderr], [0, ''])
  assert.equal(even.stdout, `${file}: nothing behind, the copy s/${status.log} is at seq 1\n`)

  const more = line(2, 'note') + line(3, 'note')
  appendFileSync(file, `${more}{"ts":4,"kind":"half`)
  const behind = JSON.parse((await ship('--status', '--json', file)).stdout)
  assert.deepEqual([behind.seq, behind.behindBytes, behind.behindLines], [1, more.length, 2])
  const told = await ship('--status', file)
  assert.equal(told.code, 1)
  assert.match(told.stdout, /: 2 lines \(\d+ B\) behind, the copy s\/[0-9a-f]{16} is at seq 1\n$/)

  // Of several logs one that is behind is enough.
  const other = join(folder, 'other.jsonl')
  writeFileSync(other, line(1, 'note', { text: 'other' }))
  assert.equal((await ship('--once', file)).code, 0)
  const both = await ship('--status', '--json', file, other)
  assert.equal(both.code, 1)
  assert.deepEqual(
    both.stdout
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text).behindLines),
    [0, 1],
  )
})

test('--status: a token that the server does not know, a server that is away, no log, bad use', async (t) => {
  const { file, ship, url } = await tempFleet(t)
  writeFileSync(file, line(1, 'note'))
  const unknown = await ship('--status', '--token', 'hl_other', file)
  assert.deepEqual([unknown.code, unknown.stdout], [1, ''])
  assert.match(unknown.stderr, /^hivelog: the server refuses.*\(401\).*\n$/)
  const missing = await ship('--status', join(file, '..', 'gone.jsonl'))
  assert.deepEqual([missing.code, missing.stdout], [2, ''])
  const both = await ship('--status', '--once', file)
  assert.equal(both.code, 2)
  assert.match(both.stderr, /--status or --once, not both/)
  assert.ok(!both.stderr.includes(url))
})

test('--kinds: events of these kinds and no copy, each once, also when it is run again', async (t) => {
  const { store, file, ship } = await tempFleet(t)
  const usage = { agentId: 'a', model: 'm', inputTokens: 1, outputTokens: 2 }
  writeFileSync(
    file,
    line(1, 'spawn', { agentId: 'a', name: 'A', isGod: true }) +
      line(2, 'usage', usage) +
      line(3, 'note', { text: '"kind":"usage"' }) +
      line(4, 'plan.made', { steps: 3 }),
  )
  const sent = await ship('--once', '--json', '--kinds', 'usage, plan.made', file)
  assert.deepEqual([sent.code, sent.stderr], [0, ''])
  const { events, session } = JSON.parse(sent.stdout)
  assert.deepEqual([events, session], [2, 's'])
  const stored = () =>
    linesOf({ store }, 's')
      .filter(({ kind }) => kind !== 'ingest.batch')
      .map(({ seq: _, ...event }) => event)
  const expected = [
    { ts: BEGAN + 2, kind: 'usage', ...usage, session: 's' },
    { ts: BEGAN + 4, kind: 'plan.made', steps: 3, session: 's' },
  ]
  assert.deepEqual(stored(), expected)
  appendFileSync(file, line(5, 'usage', { ...usage, outputTokens: 9 }))
  const again = await ship('--once', '--kinds', 'usage,plan.made', file)
  assert.equal(again.stdout, `${file}: 1 event sent, as s\n`)
  assert.deepEqual(stored(), [
    ...expected,
    { ts: BEGAN + 5, kind: 'usage', ...usage, outputTokens: 9, session: 's' },
  ])
  assert.equal(readFileSync(file, 'utf8').split('\n').length, 6, 'the log is as it was')
})

test('--kinds: what can be no kind is bad use', async (t) => {
  const { file, ship } = await tempFleet(t)
  writeFileSync(file, line(1, 'note'))
  for (const kinds of ['usage,', 'No Kind', '../x']) {
    const { code, stderr } = await ship('--once', '--kinds', kinds, file)
    assert.equal(code, 2, kinds)
    assert.match(stderr, /^hivelog: --kinds takes kinds of events/)
  }
})
