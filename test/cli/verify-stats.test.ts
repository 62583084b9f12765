import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hivelog, linesOf } from '../kit/reader-cli.js'
import { editLine, FIRST_TS, FOREIGN, LogWriter, scratch } from '../kit/reader-log.js'

test('verify: exit code 0 and a line that says so when all is well', async (t) => {
  const cwd = scratch(t)
  const log = new LogWriter(join(cwd, 'hive.jsonl')).messages(3)
  log.rotate()
  log.seal()
  const { code, stdout, stderr } = await hivelog(['verify'], { cwd })
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /^ok: hive\.jsonl: 7 lines, no damage\n$/m)
})

test('verify: exit code 1 and each damaged place with kind, file and line, within 100 columns', async (t) => {
  const cwd = scratch(t)
  const log = new LogWriter(join(cwd, 'hive.jsonl')).messages(9).seal()
  const archived = log.rotate()
  log.messages(9).seal()
  editLine(archived, 5, () => undefined)
  editLine(log.file, 4, (line) => line.replace('part', 'pant'))
  const { code, stdout, stderr } = await hivelog(['verify'], { cwd })
  assert.deepEqual([code, stderr], [1, ''])
  assert.match(stdout, /^missing-lines {2}hive\.000000000001\.jsonl:5: seq 5 is missing before seq 6$/m)
  assert.match(stdout, /^changed {2}hive\.jsonl:1-11: /m)
  assert.match(stdout, /^DAMAGED: hive\.jsonl: 2 places$/m)
  for (const line of linesOf(stdout)) assert.ok(line.length <= 100, line)
})

test('verify: one JSON object a file, the worst exit code', async (t) => {
  const cwd = scratch(t)
  new LogWriter(join(cwd, 'a.jsonl')).messages(3).seal()
  new LogWriter(join(cwd, 'b.jsonl')).messages(3).seal()
  editLine(join(cwd, 'a.jsonl'), 2, (line) => line.slice(1))
  const { code, stdout } = await hivelog(['verify', '--json', 'a.jsonl', 'b.jsonl'], { cwd })
  assert.equal(code, 1)
  const [a, b] = linesOf(stdout).map((line) => JSON.parse(line))
  assert.deepEqual([a.file, a.ok, b.file, b.ok], ['a.jsonl', false, 'b.jsonl', true])
  assert.deepEqual([a.findings[0].kind, a.findings[0].file, a.findings[0].line], ['changed', 'a.jsonl', 2])
  assert.deepEqual(b.findings, [])
})

test('verify: --key checks signatures', async (t) => {
  const cwd = scratch(t)
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const other = generateKeyPairSync('ed25519').publicKey
  writeFileSync(join(cwd, 'good.pem'), publicKey.export({ type: 'spki', format: 'pem' }))
  writeFileSync(join(cwd, 'other.pem'), other.export({ type: 'spki', format: 'pem' }))
  writeFileSync(join(cwd, 'bad.pem'), 'hello')
  new LogWriter(join(cwd, 'hive.jsonl'), privateKey).messages(3).seal()
  assert.equal((await hivelog(['verify', '--key', 'good.pem'], { cwd })).code, 0)
  const wrong = await hivelog(['verify', '--key', 'other.pem'], { cwd })
  assert.equal(wrong.code, 1)
  assert.match(wrong.stdout, /^bad-signature {2}hive\.jsonl:5: /m)
  const bad = await hivelog(['verify', '--key', 'bad.pem'], { cwd })
  assert.deepEqual([bad.code, bad.stdout], [2, ''])
  assert.match(bad.stderr, /^hivelog: the public key cannot be read/)
})

test('verify: a log that holds no seal is told apart from one whose seals are good', async (t) => {
  const cwd = scratch(t)
  writeFileSync(join(cwd, 'hive.jsonl'), FOREIGN)
  const { code, stdout } = await hivelog(['verify'], { cwd })
  assert.equal(code, 0)
  assert.match(stdout, /nothing is sealed/)
})

test('stats: counts, times, tokens and cost, over all segments', async (t) => {
  const cwd = scratch(t)
  const file = join(cwd, 'hive.jsonl')
  const log = new LogWriter(file)
    .event('spawn', { agentId: 'lead', name: 'Lead', isGod: true })
    .message()
    .message()
    .event('usage', {
      agentId: 'coder',
      inputTokens: 1000,
      outputTokens: 20,
      cacheReadTokens: 5,
      costUsd: 0.5,
    })
    .event('usage', { agentId: 'lead', inputTokens: 1, outputTokens: 2, costUsd: 0.25 })
    .event('log.gap', { lost: 4, reason: 'disk full' })
    .raw('not json\n')
  log.rotate({ gzip: true })
  log.event('__proto__', { agentId: '__proto__' })
  const { code, stdout } = await hivelog(['stats', '--json'], { cwd })
  assert.equal(code, 0)
  const stats = JSON.parse(stdout)
  rmSync(`${file.replace('.jsonl', '')}.000000000001.jsonl.gz`)
  const live = JSON.parse((await hivelog(['stats', '--json'], { cwd })).stdout)
  assert.equal(live.bytes, statSync(file).size)
  assert.deepEqual(
    { ...stats, bytes: 0, agents: 0, others: 0, kinds: 0 },
    {
      files: ['hive.jsonl'],
      segments: 2,
      bytes: 0,
      lines: 11,
      events: 6,
      malformed: 1,
      lost: 4,
      kinds: 0,
      agents: 0,
      others: 0,
      pending: 0,
      sessions: 1,
      usage: {
        calls: 2,
        failedCalls: 0,
        inputTokens: 1001,
        outputTokens: 22,
        cacheReadTokens: 5,
        cacheWriteTokens: 0,
        costUsd: 0.75,
        unpricedCalls: 0,
      },
      firstTs: FIRST_TS + 2,
      lastTs: FIRST_TS + 10,
      peak: { events: 6, ts: Math.floor(FIRST_TS / 1000) * 1000 },
    },
  )
  assert.deepEqual(stats.agents.lead, {
    status: 'alive',
    lives: 1,
    waiting: 0,
    events: 4,
    sent: 2,
    received: 0,
    calls: 1,
    inputTokens: 1,
    outputTokens: 2,
    costUsd: 0.25,
    unpricedCalls: 0,
  })
  assert.equal(stats.agents.coder.received, 2)
  assert.deepEqual(Object.keys(stats.agents).sort(), ['__proto__', 'coder', 'lead'])
  assert.deepEqual([stats.kinds.message, stats.kinds.usage, stats.kinds['log.open']], [2, 2, 2])
})

test('stats: for people, within 100 columns, whatever the names are', async (t) => {
  const cwd = scratch(t)
  const log = new LogWriter(join(cwd, 'hive.jsonl')).messages(3)
  for (let i = 0; i < 30; i++)
    log.event('exit', { agentId: `agent-${i}-${'x'.repeat(80)}\x1b[31m`, status: 'ok' })
  const { code, stdout } = await hivelog(['stats'], { cwd })
  assert.equal(code, 0)
  assert.match(stdout, /^lines {5}34 {2}\(33 events, 1 session\)$/m)
  assert.match(stdout, /^lead +3 +3 +0$/m)
  assert.match(stdout, /^… and 10 more; see --json$/m)
  assert.ok(!stdout.includes('\x1b'))
  for (const line of linesOf(stdout)) assert.ok(line.length <= 100, line)
})

test('stats: an empty log has no times', async (t) => {
  const cwd = scratch(t)
  writeFileSync(join(cwd, 'hive.jsonl'), '')
  const { code, stdout } = await hivelog(['stats', '--json'], { cwd })
  const stats = JSON.parse(stdout)
  assert.deepEqual([code, stats.lines, stats.events, stats.segments, stats.firstTs], [1, 0, 0, 0, undefined])
  assert.deepEqual(await hivelog(['stats'], { cwd }), {
    code: 1,
    stdout: '',
    stderr: 'hivelog: hive.jsonl is empty: there is no event in it\n',
  })
})
