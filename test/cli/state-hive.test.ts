/** state and replay of hives of several logs, of foreign logs, and of what is no log. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { hivelog, linesOf } from '../kit/reader-cli.js'
import { FIRST_TS, scratch } from '../kit/reader-log.js'

type Given = [at: number, kind: string, fields: object]

const open = (pid: number): object => ({ format: 1, segment: 1, writer: 'w/1', pid, host: 'h' })

/** The text of a log; times are milliseconds after the first. */
function logOf(events: readonly Given[], ours = true): string {
  const lines = events.map(([at, kind, fields], i) =>
    JSON.stringify({ ts: FIRST_TS + at, kind, ...fields, ...(ours && { seq: i + 1, session: 's-1' }) }),
  )
  return `${lines.join('\n')}\n`
}

const spawn = (agentId: string, more: object = {}): object => ({
  agentId,
  name: agentId,
  isGod: false,
  ...more,
})

/** A lead that writes to a coder in a process of its own, which drains one of two messages and asks. */
function hive(t: TestContext): { cwd: string; child: string } {
  const cwd = scratch(t)
  const child = join('hive.jsonl.agents', 'coder.jsonl')
  mkdirSync(join(cwd, 'hive.jsonl.agents'))
  writeFileSync(
    join(cwd, 'hive.jsonl'),
    logOf([
      [0, 'log.open', open(1)],
      [1, 'spawn', spawn('lead', { isGod: true })],
      [20, 'message', { from: 'lead', to: 'coder', act: 'request', subject: 'One', id: 'm-1' }],
      [40, 'message', { from: 'lead', to: 'coder', act: 'request', subject: 'Two', id: 'm-2' }],
      [41, 'usage', { agentId: 'lead', inputTokens: 7, outputTokens: 1, costUsd: 0.5 }],
    ]),
  )
  writeFileSync(
    join(cwd, child),
    logOf([
      [9, 'log.open', open(2)],
      [10, 'spawn', spawn('coder', { parent: 'lead' })],
      // By a clock that is behind.
      [19, 'drain', { agentId: 'coder', count: 1, ids: ['m-1'] }],
      [30, 'escalate', { from: 'coder', to: 'human', subject: 'Drop it?', id: 'e-1' }],
      [50, 'message', { from: 'coder', to: 'god', act: 'done', subject: 'Re: One', id: 'm-3' }],
    ]),
  )
  return { cwd, child }
}

const state = async (cwd: string, ...args: string[]) =>
  JSON.parse((await hivelog(['state', '--json', ...args], { cwd })).stdout)

test('state: a log and those of its child processes are one hive, told with log, file and line', async (t) => {
  const { cwd, child } = hive(t)
  const { agents, inboxes, pending, logs, events, seq, usage } = await state(cwd)
  assert.deepEqual(
    agents.map(({ agentId, status, log, file, line }: Record<string, unknown>) => [
      agentId,
      status,
      log,
      file,
      line,
    ]),
    [
      ['lead', 'alive', 'hive.jsonl', 'hive.jsonl', 5],
      ['coder', 'alive', child, child, 5],
    ],
  )
  assert.deepEqual(
    inboxes.map(({ recipient, messages }: { recipient: string; messages: Record<string, unknown>[] }) => [
      recipient,
      messages.map(({ id, log, file, line }) => [id, log, file, line]),
    ]),
    [
      ['coder', [['m-2', 'hive.jsonl', 'hive.jsonl', 4]]],
      ['lead', [['m-3', child, child, 5]]],
    ],
  )
  assert.deepEqual(
    pending.map(({ id, log, line }: Record<string, unknown>) => [id, log, line]),
    [['e-1', child, 4]],
  )
  assert.deepEqual(
    logs.map(({ log, seq, writer }: { log: string; seq: number; writer: { pid: number } }) => [
      log,
      seq,
      writer.pid,
    ]),
    [
      ['hive.jsonl', 5, 1],
      [child, 5, 2],
    ],
  )
  assert.deepEqual([events, seq, usage.costUsd], [8, 5, 0.5])
  const text = (await hivelog(['state'], { cwd })).stdout
  assert.match(text, /^state {4}after seq 5 of hive\.jsonl and 1 other log, /)
  assert.match(text, /^ {2}coder\.jsonl:4 {2}coder {2}e-1 /m)
})

test('state: the files in any order, alone, and at a seq of the first or a time', async (t) => {
  const { cwd, child } = hive(t)
  const ids = async (...args: string[]): Promise<string[]> =>
    (await state(cwd, ...args)).agents.map(({ agentId }: { agentId: string }) => agentId)
  assert.deepEqual(await ids('--this-file'), ['lead'])
  assert.deepEqual(await ids(child), ['coder'])
  assert.deepEqual(await ids(child, 'hive.jsonl'), ['lead', 'coder'])
  const known = await state(cwd, child, 'hive.jsonl')
  assert.deepEqual([known.seq, known.writer.pid], [5, 2], 'of the first FILE')
  // The child asks at 30, between seq 3 (at 20) and seq 4 (at 40) of the parent's log.
  const at = await state(cwd, '--at', '3')
  assert.deepEqual([at.seq, at.pending.length, at.inboxes.length], [3, 0, 0])
  const next = await state(cwd, '--at', '4')
  assert.deepEqual([next.seq, next.pending.length, next.inboxes.length], [4, 1, 1])
  const replayed = async (...args: string[]): Promise<number[]> =>
    linesOf((await hivelog(['replay', '--speed', '0', '--json', ...args], { cwd })).stdout).map(
      (line) => JSON.parse(line).event.ts - FIRST_TS,
    )
  assert.deepEqual(await replayed('--from', '3', '--to', '4'), [20, 30, 40])
  assert.deepEqual(await replayed('--to', '3'), [0, 1, 9, 10, 19, 20])
  const early = await state(cwd, '--time', String(FIRST_TS + 29))
  assert.deepEqual([early.events, early.pending.length], [4, 0])
  assert.deepEqual(await state(cwd, '--until', String(FIRST_TS + 29)), early)
  const beyond = await hivelog(['state', '--json', '--at', '77'], { cwd })
  assert.equal(beyond.stderr, 'hivelog: the log ends at seq 5\n')
})

test('state: another writer of the parent’s log does not lose the child’s agents', async (t) => {
  const { cwd } = hive(t)
  const file = join(cwd, 'hive.jsonl')
  const lines = [
    { ts: FIRST_TS + 60, kind: 'log.open', ...open(1), started: 5, seq: 6, session: 's-1' },
    { ts: FIRST_TS + 61, kind: 'log.open', ...open(1), segment: 2, started: 5, seq: 7, session: 's-1' },
  ]
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''), { flag: 'a' })
  const statuses = (await state(cwd)).agents.map(
    ({ agentId, status }: Record<string, string>) => `${agentId} ${status}`,
  )
  assert.deepEqual(statuses, ['lead lost', 'coder alive'])
})

test('replay: all logs in one story, each item of its log', async (t) => {
  const { cwd, child } = hive(t)
  const shown = linesOf((await hivelog(['replay', '--speed', '0', '--json', '--from', '3'], { cwd })).stdout)
    .map((line) => JSON.parse(line))
    .map(({ log, line, changes }) => [log, line, changes.map(({ type }: { type: string }) => type)])
  assert.deepEqual(shown, [
    ['hive.jsonl', 3, []],
    [child, 4, ['pending']],
    ['hive.jsonl', 4, ['inbox']],
    ['hive.jsonl', 5, ['usage']],
    [child, 5, ['inbox']],
  ])
  const lines = async (...args: string[]): Promise<number> =>
    linesOf((await hivelog(['replay', '--speed', '0', '--json', ...args], { cwd })).stdout).length
  assert.equal(await lines('--since', String(FIRST_TS + 40)), 3, 'an event of that time included')
  assert.equal(await lines('--from', String(FIRST_TS + 40)), 2)
  assert.equal(await lines('--until', String(FIRST_TS + 10)), 4)
  assert.equal(await lines('--this-file'), 5)
  assert.equal(await lines('--agent', 'coder'), 6)
})

test('replay: a line of another log than the first ends in its name, as cat writes it', async (t) => {
  const { cwd } = hive(t)
  const shown = async (...args: string[]): Promise<string[]> =>
    linesOf((await hivelog(args, { cwd })).stdout).filter((line) => !line.startsWith('  ↳'))
  const lines = await shown('replay', '--speed', '0')
  assert.deepEqual(
    lines.flatMap((line, i) => (line.endsWith('  [coder]') ? [i] : [])),
    [2],
    'the child’s log.open; its other lines begin with the agent after which the log is called',
  )
  assert.deepEqual(lines, await shown('cat'))
  assert.ok(!(await shown('replay', '--speed', '0', '--this-file')).some((line) => line.includes('[coder]')))
})

test('what a foreign log leaves to guess is called an estimate', async (t) => {
  const cwd = scratch(t)
  const events: Given[] = [
    [0, 'spawn', spawn('god', { isGod: true })],
    [1, 'spawn', spawn('jim')],
    [2, 'message', { from: 'jim', to: 'human', act: 'inform', subject: 'Done', id: 'm-1' }],
    [
      3,
      'message',
      { from: 'god', to: 'jim', act: 'request', subject: 'More', id: 'm-2', delivered: ['jim'] },
    ],
  ]
  writeFileSync(join(cwd, 'hive.jsonl'), logOf(events, false))
  const inboxes = (await state(cwd)).inboxes.map(
    ({ recipient, waiting, estimated }: Record<string, unknown>) => [recipient, waiting, estimated],
  )
  assert.deepEqual(inboxes, [
    ['god', 1, true],
    ['jim', 1, undefined],
  ])
  assert.equal((await state(cwd)).estimated, true)
  const text = (await hivelog(['state'], { cwd })).stdout
  assert.match(text, /^god .* ≈1\b/m)
  assert.match(text, /^≈ about so many: another program wrote the log/m)
  const drained: Given[] = [...events, [4, 'drain', { agentId: 'jim', count: 0 }]]
  writeFileSync(join(cwd, 'hive.jsonl'), logOf(drained, false))
  assert.deepEqual(
    (await state(cwd)).inboxes.map(({ recipient }: Record<string, unknown>) => recipient),
    ['god'],
    'a drain takes all, whatever it counts',
  )
  writeFileSync(join(cwd, 'hive.jsonl'), logOf(drained, true))
  const own = await state(cwd)
  assert.deepEqual(
    own.inboxes.map(({ recipient, estimated }: Record<string, unknown>) => [recipient, estimated]),
    [['jim', undefined]],
    'in a log of our own the human has no inbox, and a drain of 0 takes none',
  )
  assert.equal(own.estimated, undefined)
})

test('calls without a cost are priced as hivelog cost prices them', async (t) => {
  const cwd = scratch(t)
  const usage = (fields: object): Given => [1, 'usage', { agentId: 'a', ...fields }]
  writeFileSync(
    join(cwd, 'hive.jsonl'),
    logOf([
      [0, 'spawn', spawn('a')],
      usage({ model: 'claude-sonnet-4-5', inputTokens: 1000, outputTokens: 1000 }),
      usage({ inputTokens: 1, outputTokens: 1, costUsd: 0.1 }),
      usage({ inputTokens: 1, outputTokens: 1, costUsd: 0.2 }),
      usage({ model: 'nobodys-model', inputTokens: 1, outputTokens: 1 }),
    ]),
  )
  const { usage: sums } = await state(cwd)
  // $3 and $15 a million tokens.
  assert.deepEqual([sums.calls, sums.costUsd, sums.unpriced], [4, 0.003 + 0.015 + 0.3, 1])
  const { total } = JSON.parse((await hivelog(['cost', '--json'], { cwd })).stdout)
  assert.deepEqual([total.costUsd, total.unpricedCalls], [sums.costUsd, sums.unpriced])
})

for (const command of ['state', 'replay']) {
  test(`${command}: what is no log, or holds no event, is told as such`, async (t) => {
    const cwd = scratch(t)
    writeFileSync(join(cwd, 'text.jsonl'), 'hello\nworld\n')
    writeFileSync(join(cwd, 'empty.jsonl'), '')
    writeFileSync(join(cwd, 'begun.jsonl'), logOf([[0, 'log.open', open(1)]]))
    for (const [file, expected, says] of [
      ['text.jsonl', 2, /text\.jsonl is no log/],
      ['empty.jsonl', 1, /empty\.jsonl is empty/],
      ['begun.jsonl', 1, /begun\.jsonl holds no event yet/],
    ] as const) {
      const { code, stderr } = await hivelog(
        [command, ...(command === 'replay' ? ['--speed', '0'] : []), file],
        {
          cwd,
        },
      )
      assert.equal(code, expected, file)
      assert.match(stderr, says)
    }
  })
}
