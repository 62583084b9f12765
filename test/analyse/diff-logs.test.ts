import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { diffLogs, type LogDiff } from '../../src/analyse.js'
import { LogWriter, scratch } from '../kit/reader-log.js'

type Event = { kind: string } & Record<string, unknown>

/** Writes two logs and compares them. */
async function compare(
  t: { after(fn: () => void): void },
  a: readonly (Event | string)[],
  b: readonly (Event | string)[],
  options: Parameters<typeof diffLogs>[2] = {},
): Promise<LogDiff> {
  const folder = scratch(t)
  const files = [a, b].map((events, side) => {
    const file = join(folder, `${'ab'[side]}.jsonl`)
    const lines = events.map((event, i) =>
      typeof event === 'string'
        ? event
        : JSON.stringify({ ts: 1_700_000_000_000 + 1000 * side + i, ...event }),
    )
    writeFileSync(file, lines.map((line) => `${line}\n`).join(''))
    return file
  })
  return diffLogs(files[0] as string, files[1] as string, options)
}

const spawn = (agentId: string, name = agentId, more: object = {}): Event => ({
  kind: 'spawn',
  agentId,
  name,
  isGod: false,
  ...more,
})
const message = (from: string, to: string, subject: string, id: string, more: object = {}): Event => ({
  kind: 'message',
  from,
  to,
  act: 'request',
  subject,
  id,
  ...more,
})
const tool = (agentId: string, name: string): Event => ({ kind: 'tool', agentId, name, ok: true })
const drain = (agentId: string, ...ids: string[]): Event => ({
  kind: 'drain',
  agentId,
  count: ids.length,
  ids,
})

const lines = (diff: LogDiff['parts']): (number | undefined)[] => [diff?.a?.line, diff?.b?.line]

test('an extra message renames no later one', async (t) => {
  const rest = (x: string): Event[] => [
    message('lead', 'coder', 'write it', `${x}2`),
    drain('coder', `${x}2`),
    message('coder', 'lead', 'done', `${x}3`, { inReplyTo: `${x}2` }),
  ]
  const diff = await compare(t, rest('x'), [message('lead', 'coder', 'hurry', 'y1'), ...rest('y')])
  assert.deepEqual([diff.verdict, diff.a.only, diff.b.only, diff.common], ['differ', 0, 1, 3])
  assert.deepEqual([diff.first?.agent, diff.first?.change, ...lines(diff.first)], ['lead', 'b', 1, 1])
  assert.deepEqual(
    diff.around.rows.map(({ mark, a, b }) => [mark, a?.line, b?.line]),
    [
      ['b', undefined, 1],
      ['same', 1, 2],
      ['same', 2, 3],
      ['same', 3, 4],
    ],
  )
  assert.deepEqual(
    diff.agents.map(({ agent, parts, only }) => [agent, parts !== undefined, only]),
    [
      ['lead', true, { a: 0, b: 1 }],
      ['coder', false, { a: 0, b: 0 }],
    ],
  )
})

test('a reply to another message is another event, though all ids differ anyway', async (t) => {
  const run = (x: string, answered: string): Event[] => [
    message('lead', 'coder', 'one', `${x}1`),
    message('lead', 'coder', 'two', `${x}2`),
    message('coder', 'lead', 'done', `${x}3`, { inReplyTo: x + answered }),
  ]
  assert.equal((await compare(t, run('x', '2'), run('y', '2'))).verdict, 'same')
  const diff = await compare(t, run('x', '1'), run('y', '2'))
  assert.deepEqual([diff.first?.agent, diff.first?.change, diff.first?.index], ['coder', 'changed', 0])
  assert.deepEqual(diff.first?.fields, [
    {
      field: 'inReplyTo',
      a: JSON.stringify('message lead → coder request "one" #1'),
      b: JSON.stringify('message lead → coder request "two" #1'),
    },
  ])
})

test('escalations, approvals, conversations, drops and sessions are told apart by what they stand for', async (t) => {
  const run = (x: string, approved: string, conversation: string): Event[] => [
    { kind: 'escalate', from: 'coder', to: 'ana', subject: 'drop table', id: `${x}-e1` },
    { kind: 'escalate', from: 'coder', to: 'ana', subject: 'drop index', id: `${x}-e2` },
    { kind: 'approval', id: `${x}-${approved}`, approve: true },
    message('lead', 'coder', 'one', `${x}1`, { conversation: `${x}-c1` }),
    message('lead', 'coder', 'two', `${x}2`, { conversation: `${x}-c2` }),
    message('lead', 'coder', 'three', `${x}3`, { conversation: `${x}-${conversation}` }),
    { kind: 'drop', from: 'lead', to: 'coder', id: `${x}3`, reason: 'no-inbox' },
    { kind: 'session', agentId: 'coder', sessionId: `${x}-s1` },
    { kind: 'session', agentId: 'coder', sessionId: `${x}-s1` },
  ]
  assert.equal((await compare(t, run('x', 'e1', 'c1'), run('y', 'e1', 'c1'))).verdict, 'same')
  const approval = await compare(t, run('x', 'e1', 'c1'), run('y', 'e2', 'c1'))
  assert.deepEqual([approval.first?.agent, approval.a.only, approval.b.only], ['ana', 1, 1])
  const conversation = await compare(t, run('x', 'e1', 'c1'), run('y', 'e1', 'c2'))
  assert.deepEqual(
    [conversation.first?.agent, conversation.first?.fields.map(({ field }) => field)],
    ['lead', ['conversation']],
  )
  const sessions = await compare(t, run('x', 'e1', 'c1'), [
    ...run('y', 'e1', 'c1').slice(0, -1),
    { kind: 'session', agentId: 'coder', sessionId: 'another' },
  ])
  assert.deepEqual(
    sessions.first?.fields.map(({ field }) => field),
    ['sessionId'],
  )
})

test('agents with generated ids are paired by name, parent and order of spawn; ids in both logs are kept', async (t) => {
  const run = (...ids: [string, string, string]): Event[] => [
    spawn('god', 'Nitya'),
    spawn(ids[0], 'Jim', { parent: 'god' }),
    spawn(ids[1], 'Jim', { parent: 'god' }),
    spawn(ids[2], 'Jim', { parent: ids[1] }),
    tool(ids[0], 'grep'),
    tool(ids[2], 'sed'),
    message('god', ids[1], 'go', `m-${ids[1]}`, { delivered: [ids[1], ids[0]] }),
    { kind: 'agent-hold', id: ids[1], onHold: true },
  ]
  const diff = await compare(t, run('jim-a', 'jim-b', 'jim-c'), run('jim-x', 'jim-y', 'jim-z'))
  assert.equal(diff.verdict, 'same')
  assert.deepEqual(
    diff.agents.map(({ agent, ids }) => [agent, ids?.a, ids?.b]).sort(),
    [
      ['Jim of Jim of god#2#1', 'jim-c', 'jim-z'],
      ['Jim of god#1', 'jim-a', 'jim-x'],
      ['Jim of god#2', 'jim-b', 'jim-y'],
      ['god', undefined, undefined],
    ].sort(),
  )
  const kept = await compare(t, run('jim-a', 'jim-b', 'jim-c'), run('jim-b', 'jim-a', 'jim-c'))
  assert.equal(kept.verdict, 'differ')
  const only = await compare(t, run('jim-a', 'jim-b', 'jim-c'), run('jim-x', 'jim-y', 'jim-z'), {
    agent: 'jim-x',
  })
  assert.deepEqual([only.verdict, only.a.events, only.agents[0]?.agent], ['same', 2, 'Jim of god#1'])
})

test('an id that the other log only delivers to, or puts on hold, is in both logs', async (t) => {
  const work = (id: string): Event[] => [spawn(id, 'Coder'), tool(id, 'grep')]
  const toAll = message('lead', 'broadcast', 'stop', 'm', { delivered: ['g-1'] })
  for (const other of [toAll, { kind: 'agent-hold', id: 'g-1', onHold: true }]) {
    const [plain, named] = [
      await compare(t, work('g-1'), work('g-2')),
      await compare(t, work('g-1'), [...work('g-2'), other]),
    ]
    assert.deepEqual(
      plain.agents.map(({ agent, ids }) => [agent, ids]),
      [['Coder#1', { a: 'g-1', b: 'g-2' }]],
    )
    const ofCoders = named.agents.filter(({ agent }) => agent === 'g-1' || agent === 'g-2')
    assert.deepEqual(ofCoders.map(({ agent, ids, only }) => [agent, ids, only.a]).sort(), [
      ['g-1', undefined, 2],
      ['g-2', undefined, 0],
    ])
  }
})

test('agents with ids of any length are paired, by the name that their first spawn told', async (t) => {
  const run = (x: string): Event[] => {
    const [coder, nameless] = [x.repeat(300), `${x}-7`]
    return [
      spawn(coder, 'Coder', { parent: 'lead' }),
      { kind: 'spawn', agentId: nameless },
      { kind: 'rename', agentId: coder, name: `renamed ${x}` },
      spawn(coder, `again ${x}`),
      tool(coder, 'grep'),
      tool(nameless, 'ls'),
    ]
  }
  const left = ['rename', 'spawn']
  const { agents, only } = await compare(t, run('x'), run('y'))
  assert.deepEqual(agents.map(({ agent }) => agent).sort(), ['Coder of lead#1', 'agent#1'])
  assert.deepEqual(
    [...new Set(only.map(({ kind }) => kind))].sort(),
    left,
    'what tells another name is another event',
  )
})

test('an approval belongs to whom the escalation went that it is about', async (t) => {
  const ask = (to: string): Event => ({ kind: 'escalate', from: 'coder', to, subject: 's', id: 'e' })
  const answer = (approve: unknown): Event => ({ kind: 'approval', id: 'e', approve })
  const events = [
    answer(true), // Nobody has asked yet: the human's.
    ask('ana'),
    answer(false),
    ask('bo'),
    answer('maybe'),
    answer(true),
    answer(true),
    ask('cy'),
    { kind: 'approval', approve: true },
  ]
  const { agents } = await compare(t, events, events)
  assert.deepEqual(Object.fromEntries(agents.map(({ agent, events: { a } }) => [agent, a])), {
    human: 2,
    coder: 3,
    ana: 1,
    bo: 3,
  })
})

test('only the order between agents differs: a verdict of its own, with the place', async (t) => {
  const [a, b, c] = [tool('lead', 'one'), tool('coder', 'two'), tool('coder', 'three')]
  const diff = await compare(t, [a, b, c], [b, a, c])
  assert.deepEqual([diff.verdict, ...lines(diff.parts), diff.first], ['order', 1, 1, undefined])
  assert.deepEqual([diff.a.only, diff.b.only, diff.only], [0, 0, []])
  assert.equal(diff.around.of, 'hive')
  const inbox = await compare(t, [drain('x', 'm1', 'm2')], [drain('x', 'm2', 'm1')])
  assert.equal(inbox.verdict, 'same')
})

test('where the order differs before behaviour does, the rows are those of the agent that parts', async (t) => {
  const start = [tool('lead', '1'), tool('coder', '2')]
  const diff = await compare(
    t,
    [...start, tool('lead', '3'), tool('coder', '4'), tool('coder', 'sed')],
    [...start.toReversed(), tool('lead', '3'), tool('coder', '4'), tool('coder', 'awk')],
    { context: 1 },
  )
  assert.deepEqual(lines(diff.parts), [1, 1])
  assert.deepEqual([diff.first?.agent, diff.first?.index, ...lines(diff.first)], ['coder', 2, 5, 5])
  assert.deepEqual(diff.first?.fields, [{ field: 'name', a: '"sed"', b: '"awk"' }])
  assert.deepEqual(
    [diff.around.of, diff.around.rows.map(({ mark, a, b }) => [mark, a?.line, b?.line])],
    [
      'agent',
      [
        ['same', 4, 4],
        ['changed', 5, 5],
      ],
    ],
  )
})

test('what differs between any two runs is not compared, unless asked; other fields can be left out', async (t) => {
  const run = (n: number, model: string): Event[] => [
    { ...spawn('lead'), pid: n },
    { kind: 'usage', agentId: 'lead', model, inputTokens: n, outputTokens: n, costUsd: n, ms: n },
    { kind: 'snapshot', agentId: 'lead', label: 'l', ref: `${n}`, bytes: n },
    { kind: 'wait', agentId: 'lead', resource: 'r', ms: n },
    { kind: 'app-start', version: '1', appPath: `/${n}`, exePath: `/${n}` },
    {
      kind: 'plan',
      agentId: 'lead',
      seq: n,
      session: `${n}`,
      checkpoint: n,
      trace: `${n}`,
      span: `${n}`,
      steps: { b: 1, a: [2] },
    },
  ]
  assert.equal((await compare(t, run(1, 'm'), run(2, 'm'))).verdict, 'same')
  const model = await compare(t, run(1, 'm'), run(2, 'n'))
  assert.deepEqual(model.first?.fields, [{ field: 'model', a: '"m"', b: '"n"' }])
  assert.equal((await compare(t, run(1, 'm'), run(2, 'n'), { ignoreFields: ['model'] })).verdict, 'same')
  const kept = await compare(t, run(1, 'm'), run(2, 'm'), { keepFields: ['inputTokens'] })
  assert.deepEqual(kept.first?.fields, [{ field: 'inputTokens', a: '1', b: '2' }])
  const ids = [message('a', 'b', 's', 'same'), message('a', 'b', 's', 'other')]
  assert.equal(
    (await compare(t, [ids[0] as Event], [ids[1] as Event], { keepFields: ['id'] })).verdict,
    'differ',
  )
})

test('malformed lines are skipped and counted a side, housekeeping is left out', async (t) => {
  const diff = await compare(
    t,
    ['not json', '', tool('lead', 'grep'), '{"ts":1}', { kind: 'log.gap', lost: 3, reason: 'x' }],
    [tool('lead', 'grep'), '{"ts":1,"kind":"tool"'],
  )
  assert.deepEqual([diff.verdict, diff.a.malformed, diff.b.malformed, diff.common], ['same', 3, 1, 1])
})

test('empty logs; one empty; one a prefix of the other; the same file', async (t) => {
  const events = [tool('lead', 'a'), tool('lead', 'b')]
  const both = await compare(t, [], [])
  assert.deepEqual([both.verdict, both.agents, both.around.rows], ['same', [], []])
  const one = await compare(t, events, [])
  assert.deepEqual([one.verdict, one.a.only, one.b.only, one.first?.change], ['differ', 2, 0, 'a'])
  assert.deepEqual(
    [lines(one.first), lines(one.parts)],
    [
      [1, undefined],
      [1, undefined],
    ],
  )
  const prefix = await compare(t, events.slice(0, 1), events)
  assert.deepEqual([prefix.first?.change, prefix.first?.index, lines(prefix.first)], ['b', 1, [undefined, 2]])
  assert.deepEqual(
    prefix.around.rows.map(({ mark }) => mark),
    ['same', 'b'],
  )
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file).messages(5)
  assert.equal((await diffLogs(file, file)).verdict, 'same')
})

test('rotated and gzipped segments are read like one file; places name the segment', async (t) => {
  const folder = scratch(t)
  const log = new LogWriter(join(folder, 'a.jsonl')).messages(4)
  log.rotate({ gzip: true })
  log.messages(4).rotate()
  log.messages(4)
  const other = new LogWriter(join(folder, 'b.jsonl')).messages(4).messages(4).messages(3)
  assert.equal((await diffLogs(log.file, other.messages(4).file)).verdict, 'differ')
  const whole = new LogWriter(join(folder, 'c.jsonl')).messages(4).messages(4).messages(4)
  assert.equal((await diffLogs(log.file, whole.file)).verdict, 'same')
  const changed = new LogWriter(join(folder, 'd.jsonl')).messages(2).message('else').messages(9)
  const diff = await diffLogs(log.file, changed.file)
  assert.deepEqual(
    [diff.first?.a?.file, diff.first?.a?.line, diff.first?.a?.seq],
    [join(folder, 'a.000000000001.jsonl.gz'), 4, 4],
  )
})

test('fields of any type, names of any kind and any depth do no harm', async (t) => {
  const deep = `{"ts":1,"kind":"x","deep":${'['.repeat(5000)}${']'.repeat(5000)}}`
  const odd = [
    deep,
    '{"ts":1,"kind":"__proto__","agentId":"__proto__","__proto__":{"x":1},"constructor":null}',
    '{"ts":1,"kind":"message","from":1,"to":null,"subject":[],"id":{},"inReplyTo":[1],"conversation":7}',
    '{"ts":1,"kind":"spawn","agentId":["a"],"name":5,"parent":{}}',
    '{"ts":1,"kind":"drain","agentId":"a","ids":[null,{"a":1},"x"]}',
    '{"ts":1,"kind":"approval","id":false}',
  ]
  const same = await compare(t, odd, odd)
  assert.deepEqual([same.verdict, same.common], ['same', 6])
  const diff = await compare(t, odd, odd.toReversed())
  assert.ok(JSON.stringify(diff).includes('nested too deeply') || diff.around.rows.length > 0)
  const depth = await compare(t, [deep], [deep.replace('[]', '[1]')])
  assert.deepEqual([depth.verdict, depth.first?.fields.map(({ field }) => field)], ['differ', ['deep']])
})

test('what takes more than a line is shown shortened', async (t) => {
  const long = (text: string): Event => ({
    kind: 'note',
    agentId: 'lead',
    text: text.repeat(100_000),
    list: [text],
  })
  const { first } = await compare(t, [long('x')], [long('y')])
  assert.deepEqual(Object.keys(first?.a?.event ?? {}).sort(), ['agentId', 'kind', 'text', 'ts'])
  assert.equal((first?.a?.event as Record<string, unknown> | undefined)?.text, 'x'.repeat(200))
})

test('past maxEvents nothing is compared, and the result says so', async (t) => {
  const run = (first: string, length: number): Event[] => [
    tool('lead', 'same'),
    tool('coder', first),
    ...Array.from({ length }, (_, i) => tool('lead', `${i}`)),
  ]
  const diff = await compare(t, run('x', 50), run('y', 60), { maxEvents: 20 })
  assert.deepEqual([diff.a.isCut, diff.b.isCut, diff.a.events, diff.b.events], [true, true, 21, 21])
  assert.deepEqual([diff.first?.agent, diff.a.only, diff.b.only], ['coder', 1, 1])
  assert.match(diff.notes.join(), /go on after the events that were compared/)
  // That one side was read further says nothing about its agents.
  const order = await compare(
    t,
    [tool('coder', 'x'), ...run('x', 40)],
    [...run('x', 30).slice(0, 1), tool('coder', 'x'), tool('coder', 'x'), ...run('x', 30).slice(2)],
    { maxEvents: 10 },
  )
  assert.deepEqual([order.verdict, order.a.events, order.b.events], ['order', order.common, order.common])
  // Equal logs are compared to their ends.
  const equal = await compare(t, run('x', 50), run('x', 50), { maxEvents: 1 })
  assert.deepEqual([equal.verdict, equal.common, equal.notes], ['same', 52, []])
})

test('options out of range and files that cannot be read are errors', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file)
  await assert.rejects(
    diffLogs(file, file, { context: -1 }),
    /context: -1 is not possible; use a whole number of rows from 0 to 1000/,
  )
  await assert.rejects(
    diffLogs(file, file, { maxEvents: 0 }),
    /maxEvents: 0 is not possible; use a whole number of events from 1/,
  )
  await assert.rejects(diffLogs('-', '-'), /only one of two logs can be standard input/)
  await assert.rejects(diffLogs(file, `${file}.none`), /there is no such file/)
})
