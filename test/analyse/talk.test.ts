/** Who said what to whom: both ways, by any name, in threads, with what became of it and what has no answer. */
import assert from 'node:assert/strict'
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { TalkItem } from '../../src/analyse/talk/report.js'
import { talkBetween, talkPartners } from '../../src/analyse/talk.js'
import { cases } from '../kit/long-run.js'
import { scratch } from '../kit/reader-log.js'
import { cleanUp, StoryLog, T0 } from '../kit/story.js'

/** `thread.depth id who`, `?` where it has no answer. */
const short = ({ thread, depth, event, from, unanswered }: TalkItem): string =>
  `${thread}.${depth} ${(event as { id?: string }).id} ${from}${unanswered === true ? '?' : ''}`

test('both ways, with broadcasts, over two processes; each before its answers', async (t) => {
  const { main } = cleanUp(scratch(t))
  const report = await talkBetween(main.file, 'lead', 'coder')
  assert.deepEqual(report.items.map(short), ['1.0 m-1 a', '1.1 m-3 b', '2.0 m-2 a', '3.0 m-4 b?'])
  assert.deepEqual(
    report.items.map(({ deliveries }) => deliveries.map(({ agentId, tookMs }) => [agentId, tookMs])),
    [[['coder', 20]], [['lead', 110]], [['coder', 15]], [['lead', undefined]]],
  )
  assert.deepEqual([report.threads, report.counts], [3, { fromA: 2, fromB: 2, unanswered: 1 }])
  const turned = await talkBetween(main.file, 'coder', 'lead')
  assert.deepEqual(turned.items.map(short), ['1.0 m-1 b', '1.1 m-3 a', '2.0 m-2 b', '3.0 m-4 a?'])
})

test('an escalation is asked of the human, and its decision answers it', async (t) => {
  const { main } = cleanUp(scratch(t))
  const report = await talkBetween(main.file, 'coder', 'human')
  assert.deepEqual(
    report.items.map((item) => [item.event.kind, item.from, item.thread, item.depth, item.unanswered]),
    [
      ['escalate', 'a', 1, 0, undefined],
      ['approval', 'b', 1, 1, undefined],
    ],
  )
  main
    .at(400, 'escalate', { from: 'lead', to: 'human', subject: '?', id: 'e-2' })
    .at(401, 'approval', { id: 'e-2', approve: 'maybe' })
  const pending = await talkBetween(main.file, 'lead', 'human')
  assert.deepEqual(pending.items.map(short).slice(-2), ['2.0 e-2 a?', '2.1 e-2 b'])
})

test('god, human and the agent itself name one another as the rules say', async (t) => {
  const { main } = cleanUp(scratch(t))
  for (const [a, b] of [
    ['human', 'god'],
    ['human', 'lead'],
    ['lead', 'human'],
  ] as const) {
    const ids = (await talkBetween(main.file, a, b)).items.map(({ event }) => (event as { id?: string }).id)
    assert.deepEqual(ids, ['m-0'], `${a} ${b}`)
  }
  assert.equal((await talkBetween(main.file, 'god', 'coder')).items.length, 4)
  const foreign = new StoryLog(join(scratch(t), 'foreign.jsonl'), true)
    .at(0, 'spawn', { agentId: 'nitya', name: 'N', isGod: true })
    .at(1, 'spawn', { agentId: 'jim', name: 'J', isGod: false })
    .at(2, 'message', { from: 'jim', to: 'human', act: 'inform', subject: 's', id: 'm-1' })
    .at(3, 'message', { from: 'scheduler', to: 'god', act: 'request', subject: 's', id: 'm-2' })
    .at(4, 'message', {
      from: 'jim',
      to: 'ghost',
      act: 'inform',
      subject: 's',
      id: 'm-3',
      delivered: ['nitya'],
    })
    .at(5, 'message', { from: 'jim', to: 'nitya', act: 'inform', subject: 's', id: 'm-4', delivered: [] })
    .at(6, 'terminal-handoff', {
      from: 'jim',
      to: 'nitya',
      act: 'inform',
      subject: 's',
      id: 'm-5',
      delivered: true,
    })
  const idsOf = async (a: string, b: string): Promise<unknown[]> =>
    (await talkBetween(foreign.file, a, b)).items.map(({ event, deliveries }) => [
      (event as { id?: string }).id,
      ...deliveries.map(({ agentId }) => agentId),
    ])
  assert.deepEqual(await idsOf('jim', 'human'), [['m-1', 'nitya']])
  assert.deepEqual(await idsOf('jim', 'nitya'), [['m-1', 'nitya'], ['m-3', 'nitya'], ['m-4'], ['m-5']])
  assert.deepEqual(await idsOf('scheduler', 'god'), [['m-2', 'nitya']])
  const [standup] = (await talkBetween(foreign.file, 'scheduler', 'nitya')).items
  assert.equal(standup?.unanswered, undefined, 'a scheduler takes no answer')
})

test('what answers: a name, a conversation, or a message that names nothing', async (t) => {
  const ask = { act: 'request', subject: 's' }
  const log = new StoryLog(join(scratch(t), 'hive.jsonl'))
    .at(1, 'message', { from: 'a', to: 'b', ...ask, id: 'q-1' })
    .at(2, 'message', { from: 'a', to: 'b', ...ask, id: 'q-2', conversation: 'c' })
    .at(3, 'message', { from: 'a', to: 'b', ...ask, id: 'q-3' })
    .at(4, 'message', { from: 'a', to: 'b', ...ask, id: 'q-4', requiresReply: false })
    .at(5, 'message', { from: 'a', to: 'b', act: 'inform', subject: 's', id: 'q-5', requiresReply: true })
    .at(6, 'message', { from: 'b', to: 'a', act: 'inform', subject: 's', id: 'r-1', inReplyTo: 'q-1' })
    .at(7, 'message', { from: 'b', to: 'a', act: 'inform', subject: 's', id: 'r-2', conversation: 'c' })
    .at(8, 'message', { from: 'b', to: 'a', ...ask, id: 'q-6' })
  const unanswered = async (): Promise<string[]> =>
    (await talkBetween(log.file, 'a', 'b')).items.filter((item) => item.unanswered).map(short)
  // q-6 names nothing, and may answer all before it.
  assert.deepEqual(await unanswered(), ['6.0 q-6 b?'])
  const named = new StoryLog(join(scratch(t), 'hive.jsonl'))
    .at(1, 'message', { from: 'a', to: 'b', ...ask, id: 'q-1' })
    .at(2, 'message', { from: 'a', to: 'b', ...ask, id: 'q-2' })
    .at(3, 'message', { from: 'b', to: 'a', act: 'inform', subject: 's', id: 'r-1', inReplyTo: 'q-1' })
  const { items, counts } = await talkBetween(named.file, 'a', 'b')
  assert.deepEqual([items.map(short), counts.unanswered], [['1.0 q-1 a', '1.1 r-1 b', '2.0 q-2 a?'], 1])
})

test('threads: deep, by conversation, to what is not listed, and never round', async (t) => {
  const log = new StoryLog(join(scratch(t), 'hive.jsonl'))
    .at(1, 'message', { from: 'a', to: 'b', act: 'inform', id: 'm-1' })
    .at(2, 'message', { from: 'a', to: 'b', act: 'inform', id: 'c-1', conversation: 'c' })
    .at(3, 'message', { from: 'b', to: 'a', act: 'inform', id: 'm-2', inReplyTo: 'm-1' })
    .at(4, 'message', { from: 'b', to: 'a', act: 'inform', id: 'c-2', conversation: 'c' })
    .at(5, 'message', { from: 'a', to: 'b', act: 'inform', id: 'm-3', inReplyTo: 'm-2' })
    .at(6, 'message', { from: 'b', to: 'a', act: 'inform', id: 'm-4', inReplyTo: 'm-1' })
    .at(7, 'message', { from: 'b', to: 'a', act: 'inform', id: 'x-1', inReplyTo: 'elsewhere' })
    .at(8, 'message', { from: 'b', to: 'a', act: 'inform', id: 'l-1', inReplyTo: 'l-2' })
    .at(9, 'message', { from: 'a', to: 'b', act: 'inform', id: 'l-2', inReplyTo: 'l-1' })
    .at(10, 'message', { from: 'a', to: 'b', act: 'inform', id: 'self', inReplyTo: 'self' })
  const { items, threads } = await talkBetween(log.file, 'a', 'b')
  assert.deepEqual(items.map(short), [
    '1.0 m-1 a',
    '1.1 m-2 b',
    '1.2 m-3 a',
    '1.1 m-4 b',
    '2.0 c-1 a',
    '2.1 c-2 b',
    '3.0 x-1 b',
    '4.0 l-2 a',
    '4.1 l-1 b',
    '5.0 self a',
  ])
  assert.equal(threads, 5)
  assert.equal(items.find(({ event }) => (event as { id?: string }).id === 'x-1')?.repliesTo, 'elsewhere')
})

test('only the newest are listed, and all are counted; only those of a time, and answers whenever they come', async (t) => {
  const log = new StoryLog(join(scratch(t), 'hive.jsonl'))
  for (let i = 1; i <= 20; i++) log.at(i, 'message', { from: 'a', to: 'b', act: 'request', id: `m-${i}` })
  log.at(30, 'message', { from: 'b', to: 'a', act: 'inform', id: 'r', inReplyTo: 'm-7' })
  const last = await talkBetween(log.file, 'a', 'b', { limit: 3 })
  assert.deepEqual(
    last.items.map(({ event }) => (event as { id?: string }).id),
    ['m-19', 'm-20', 'r'],
  )
  assert.deepEqual([last.notListed, last.counts], [18, { fromA: 20, fromB: 1, unanswered: 19 }])
  assert.equal(last.items[2]?.repliesTo, 'm-7')
  const some = await talkBetween(log.file, 'a', 'b', { since: T0 + 6, until: T0 + 8 })
  assert.deepEqual(some.items.map(short), ['1.0 m-6 a?', '2.0 m-7 a', '3.0 m-8 a?'])
})

test('with whom somebody talks: each way, when last, and what is open on either side', async (t) => {
  const { main } = cleanUp(scratch(t))
  main
    .at(400, 'escalate', { from: 'coder', to: 'human', subject: '?', id: 'e-2' })
    .at(401, 'message', { from: 'lead', to: 'stranger', act: 'request', subject: 's', id: 'm-9' })
  const { partners } = await talkPartners(main.file, 'coder')
  assert.deepEqual(
    partners.map(({ name, sent, received, firstTs, lastTs, awaited, owed }) => [
      name,
      sent,
      received,
      firstTs - T0,
      lastTs - T0,
      awaited,
      owed,
    ]),
    [
      ['human', 2, 0, 100, 400, 1, 0],
      ['lead', 2, 2, 50, 110, 1, 0],
    ],
  )
  const lead = await talkPartners(main.file, 'god')
  assert.deepEqual(
    lead.partners.map(({ name, sent, received, awaited, owed }) => [name, sent, received, awaited, owed]),
    [
      ['stranger', 1, 0, 1, 0],
      ['coder', 2, 2, 0, 1],
      ['human', 0, 1, 0, 1],
    ],
  )
})

test('names that nobody has are told, with those that there are', async (t) => {
  const { main } = cleanUp(scratch(t))
  const report = await talkBetween(main.file, 'cder', 'lead')
  assert.deepEqual([report.items, report.unknown], [[], ['cder']])
  assert.ok(report.names.includes('coder'))
})

test('nothing in a log makes it throw, and each message is listed once', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const value = fc.constantFrom<unknown>(
    'a',
    'b',
    'm-1',
    'm-2',
    'god',
    'human',
    'broadcast',
    1,
    null,
    ['a', 'm-1', 7],
    {},
  )
  const kind = fc.constantFrom(
    'message',
    'message',
    'drain',
    'spawn',
    'escalate',
    'approval',
    'drop',
    'terminal-handoff',
  )
  const names = [
    'agentId',
    'from',
    'to',
    'id',
    'ids',
    'count',
    'inReplyTo',
    'approve',
    'delivered',
    'conversation',
    'act',
  ]
  const event = fc
    .tuple(
      kind,
      fc.nat(1000),
      fc.record(Object.fromEntries(names.map((name) => [name, value])), { requiredKeys: [] }),
    )
    .map(([each, ts, fields]) => ({ ts, kind: each, ...fields }))
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 25 }), async (events) => {
      writeFileSync(file, '')
      for (const each of events) appendFileSync(file, `${JSON.stringify(each)}\n`)
      for (const [a, b] of [
        ['a', 'b'],
        ['a', 'a'],
        ['god', 'human'],
      ] as const) {
        const { items, counts } = await talkBetween(file, a, b)
        const lines = items.map(({ place }) => place.line)
        assert.equal(new Set(lines).size, lines.length)
        assert.equal(lines.length, counts.fromA + counts.fromB)
        await talkPartners(file, a)
      }
    }),
    { numRuns: cases(100, 100) },
  )
})
