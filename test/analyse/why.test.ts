/** What an event came about through: what ids say for certain, what is the likeliest, and where it ends. */
import assert from 'node:assert/strict'
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { Causes } from '../../src/analyse/why/causes.js'
import { type Chain, chainFrom } from '../../src/analyse/why/chain.js'
import { whyEvent } from '../../src/analyse/why.js'
import type { HiveEntry } from '../../src/read/hive.js'
import { cases } from '../kit/long-run.js'
import { scratch } from '../kit/reader-log.js'
import { cleanUp, StoryLog } from '../kit/story.js'

/** Each link as `kind time how`, `!` where it is certain; and how the chain ends. */
function short({ steps, end }: Chain): string[] {
  const first = steps[0]?.place.ts as number
  assert.ok(Number.isFinite(first))
  return [
    ...steps.map(({ event, how, certain }) =>
      [event.kind, String(event.ts % 1000), how, certain === true ? '!' : ''].filter(Boolean).join(' '),
    ),
    end,
  ]
}

async function why(file: string, query: string, depth?: number): Promise<string[]> {
  const { found, chain } = await whyEvent(file, query, depth === undefined ? {} : { depth })
  assert.equal(found, 'event')
  return short(chain as Chain)
}

test('from a failure back to the person who asked, over two processes', async (t) => {
  const { main } = cleanUp(scratch(t))
  assert.deepEqual(await why(main.file, 'hive.jsonl:10'), [
    'exit 300',
    'approval 210 after-decision',
    'escalate 100 decides !',
    'drain 70 after-drain',
    // Of the two that it took the one that asks for something.
    'message 50 took',
    'drain 30 after-drain',
    'message 20 took !',
    'outside',
  ])
  const { chain } = await whyEvent(main.file, 'e-1')
  assert.deepEqual(
    chain?.steps[2]?.also?.map(({ event }) => event.ts % 1000),
    [55],
    'the other one is told',
  )
})

test('a reply goes back to what it names, by the drain that took that; all of it is certain', async (t) => {
  const { main } = cleanUp(scratch(t))
  assert.deepEqual((await why(main.file, 'm-3')).slice(0, 3), [
    'message 90',
    'drain 70 reply !',
    'message 50 took !',
  ])
  // Lead has drained nothing since it spawned coder but m-0; its child came of that.
  assert.deepEqual(await why(main.file, 'coder'), [
    'spawn 40',
    'drain 30 spawned-by',
    'message 20 took !',
    'outside',
  ])
})

test('an answer to what nobody drained goes back to it directly', async (t) => {
  const log = new StoryLog(join(scratch(t), 'hive.jsonl'))
    .at(1, 'spawn', { agentId: 'a', name: 'A', isGod: false })
    .at(2, 'spawn', { agentId: 'b', name: 'B', isGod: false, parent: 'a' })
    .at(3, 'message', { from: 'a', to: 'b', act: 'request', subject: '', id: 'm-1' })
    .at(4, 'message', { from: 'b', to: 'a', act: 'inform', subject: '', id: 'm-2', inReplyTo: 'm-1' })
    .at(5, 'message', { from: 'b', to: 'a', act: 'inform', subject: '', id: 'm-3', inReplyTo: 'm-404' })
  assert.deepEqual(await why(log.file, 'm-2'), [
    'message 4',
    'message 3 reply !',
    'spawn 1 after-spawn',
    'started',
  ])
  assert.deepEqual(await why(log.file, 'm-3'), [
    'message 5',
    'spawn 2 after-spawn',
    'spawn 1 spawned-by',
    'started',
  ])
})

test('drains in a row count together, an empty one does not, and what follows an act counts anew', async (t) => {
  const log = new StoryLog(join(scratch(t), 'hive.jsonl'))
    .at(1, 'spawn', { agentId: 'a', name: 'A', isGod: false })
    .at(2, 'message', { from: 'x', to: 'a', act: 'inform', subject: '', id: 'm-1' })
    .at(3, 'message', { from: 'y', to: 'a', act: 'inform', subject: '', id: 'm-2' })
    .at(4, 'message', { from: 'z', to: 'a', act: 'inform', subject: '', id: 'm-3' })
    .at(5, 'drain', { agentId: 'a', count: 1, ids: ['m-1'] })
    .at(6, 'drain', { agentId: 'a', count: 1, ids: ['m-2'] })
    .at(7, 'drain', { agentId: 'a', count: 0 })
    .at(8, 'tool', { agentId: 'a', name: 'x', ok: true })
    .at(9, 'drain', { agentId: 'a', count: 1 })
    .at(10, 'tool', { agentId: 'a', name: 'x', ok: true })
  const { chain } = await whyEvent(log.file, '8')
  assert.deepEqual(short(chain as Chain), ['tool 8', 'drain 6 after-drain', 'message 3 took !', 'outside'])
  assert.deepEqual(
    chain?.steps[1]?.also?.map(({ event }) => event.ts % 1000),
    [5],
  )
  const later = await whyEvent(log.file, '10')
  assert.deepEqual(short(later.chain as Chain), [
    'tool 10',
    'drain 9 after-drain',
    'message 4 took',
    'outside',
  ])
  assert.equal(later.chain?.steps[1]?.also, undefined)
})

test('of the messages of a drain: of the same conversation, else from whom it goes back to', async (t) => {
  const log = new StoryLog(join(scratch(t), 'hive.jsonl'))
    .at(1, 'spawn', { agentId: 'a', name: 'A', isGod: false })
    .at(2, 'message', { from: 'x', to: 'a', act: 'inform', subject: '', id: 'm-1', conversation: 'c' })
    .at(3, 'message', { from: 'y', to: 'a', act: 'inform', subject: '', id: 'm-2' })
    .at(4, 'message', { from: 'z', to: 'a', act: 'request', subject: '', id: 'm-3' })
    .at(5, 'message', { from: 'w', to: 'a', act: 'inform', subject: '', id: 'm-4' })
    .at(6, 'drain', { agentId: 'a', count: 4, ids: ['m-1', 'm-2', 'm-3', 'm-4'] })
    .at(7, 'message', { from: 'a', to: 'q', act: 'inform', subject: '', id: 'a-1', conversation: 'c' })
    .at(8, 'message', { from: 'a', to: 'y', act: 'inform', subject: '', id: 'a-2' })
    .at(9, 'message', { from: 'a', to: 'q', act: 'inform', subject: '', id: 'a-3' })
  const tookOf = async (id: string): Promise<string | undefined> => (await why(log.file, id))[2]
  assert.equal(await tookOf('a-1'), 'message 2 took')
  assert.equal(await tookOf('a-2'), 'message 3 took')
  assert.equal(await tookOf('a-3'), 'message 4 took')
})

test('what answers may come before what is answered, by the clock of another process', async (t) => {
  const main = new StoryLog(join(scratch(t), 'hive.jsonl'))
    .at(1, 'spawn', { agentId: 'a', name: 'A', isGod: false })
    .at(50, 'message', { from: 'a', to: 'b', act: 'request', subject: '', id: 'm-1' })
    .at(60, 'escalate', { from: 'a', to: 'human', subject: '', id: 'e-1' })
  main
    .child('b')
    .at(30, 'spawn', { agentId: 'b', name: 'B', isGod: false })
    .at(40, 'drain', { agentId: 'b', count: 1, ids: ['m-1'] })
    .at(41, 'message', { from: 'b', to: 'a', act: 'inform', subject: '', id: 'm-2', inReplyTo: 'm-1' })
    .at(42, 'approval', { id: 'e-1', approve: true })
    .at(43, 'tool', { agentId: 'b', name: 'x', ok: true })
  assert.deepEqual(await why(main.file, 'm-2'), [
    'message 41',
    'message 50 reply !',
    'spawn 1 after-spawn',
    'started',
  ])
  assert.deepEqual((await why(main.file, 'b.jsonl:4')).slice(0, 2), ['approval 42', 'escalate 60 decides !'])
  assert.deepEqual((await why(main.file, 'b.jsonl:5')).slice(0, 3), [
    'tool 43',
    'drain 40 after-drain',
    'message 50 took !',
  ])
})

test('it never goes round: messages that answer themselves or each other', async (t) => {
  const log = new StoryLog(join(scratch(t), 'hive.jsonl'))
    .at(1, 'message', { from: 'a', to: 'a', act: 'inform', subject: '', id: 'm-1', inReplyTo: 'm-1' })
    .at(2, 'message', { from: 'a', to: 'b', act: 'inform', subject: '', id: 'm-2', inReplyTo: 'm-3' })
    .at(3, 'message', { from: 'b', to: 'a', act: 'inform', subject: '', id: 'm-3', inReplyTo: 'm-2' })
    .at(4, 'spawn', { agentId: 'c', name: 'C', isGod: false, parent: 'c' })
  assert.deepEqual(await why(log.file, 'm-1'), ['message 1', 'loop'])
  assert.deepEqual(await why(log.file, 'm-2'), ['message 2', 'message 3 reply !', 'loop'])
  assert.deepEqual(await why(log.file, 'c'), ['spawn 4', 'missing'])
})

test('no further than was asked for, and what is missing is told', async (t) => {
  const { main } = cleanUp(scratch(t))
  const all = await why(main.file, 'hive.jsonl:10')
  for (const depth of [1, 2, 5, 6]) {
    assert.deepEqual(await why(main.file, 'hive.jsonl:10', depth), [
      ...all.slice(0, depth + 1),
      depth === 6 ? 'outside' : 'depth',
    ])
  }
  main
    .at(400, 'approval', { id: 'e-404', approve: true })
    .at(401, 'drop', { from: 'lead', to: 'coder', id: 'm-404', reason: 'x' })
    .at(402, 'drop', { from: 'lead', to: 'coder', id: 'm-1', reason: 'x' })
    .at(403, 'spawn', { agentId: 'orphan', name: 'O', isGod: false, parent: 'gone' })
    .at(404, 'drain', { agentId: 'orphan', count: 1, ids: ['m-404'] })
    .at(405, 'log.seal', {})
  for (const line of [11, 12, 14, 15])
    assert.equal((await why(main.file, `hive.jsonl:${line}`)).at(-1), 'missing')
  assert.deepEqual((await why(main.file, 'hive.jsonl:13'))[1], 'message 50 drops !')
  assert.deepEqual(await why(main.file, 'hive.jsonl:16'), ['log.seal 405', 'unknown'])
})

test('in a foreign log without ids all but the story itself is a guess', async (t) => {
  const log = new StoryLog(join(scratch(t), 'hive.jsonl'), true)
    .at(1, 'spawn', { agentId: 'god', name: 'N', isGod: true })
    .at(2, 'message', { from: 'scheduler', to: 'god', act: 'request', subject: 'Standup', id: 'm-1' })
    .at(3, 'drain', { agentId: 'god', count: 1 })
    .at(4, 'terminal-handoff', {
      from: 'god',
      to: 'jim',
      act: 'request',
      subject: 's',
      id: 'h-1',
      delivered: true,
    })
  assert.deepEqual(await why(log.file, 'h-1'), [
    'terminal-handoff 4',
    'drain 3 after-drain',
    'message 2 took',
    'outside',
  ])
})

/** A chain of `n` messages from one agent to the other and back, each drained before the next. */
function passed(causes: Causes, n: number): HiveEntry[] {
  let offset = 0
  const entry = (kind: string, fields: object): HiveEntry => {
    const event = { ts: ++offset, kind, ...fields }
    return { log: 'l', file: 'l', seq: offset, offset, bytes: 100, event }
  }
  const entries: HiveEntry[] = []
  for (let i = 1; i <= n; i++) {
    const [from, to] = i % 2 === 0 ? ['b', 'a'] : ['a', 'b']
    const message = entry('message', { from, to, id: `m-${i}` })
    causes.message(message, from, i)
    const drain = entry('drain', { agentId: to, count: 1, ids: [`m-${i}`] })
    causes.drain(drain, to, [{ order: i, id: `m-${i}` } as never])
    entries.push(message, drain)
  }
  return entries
}

test('what is remembered is bounded: a longer chain ends where it was forgotten, and says so', () => {
  const causes = new Causes(20)
  passed(causes, 100)
  const tool = { ts: 1000, kind: 'tool', agentId: 'a' }
  const last = causes.other({ log: 'l', file: 'l', seq: 999, offset: 999, bytes: 9, event: tool }, 'a', true)
  const { steps, end } = chainFrom(last as never, 1000)
  assert.equal(end, 'forgotten')
  assert.ok(steps.length >= 19 && steps.length <= 22, `${steps.length} steps`)
  // What was kept stays, however much comes after it.
  causes.keep(last as never)
  passed(causes, 100)
  assert.equal(chainFrom(last as never, 1000).steps.length, steps.length)
})

test('nothing in a log makes it throw, go round, or give two links of one event', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const id = fc.constantFrom<unknown>('a', 'b', 'c', 'm-1', 'm-2', 'god', 'human', 1, null, ['m-1', 'm-2', 7])
  const kind = fc.constantFrom(
    'message',
    'drain',
    'spawn',
    'escalate',
    'approval',
    'drop',
    'exit',
    'x',
    'log.open',
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
    'parent',
    'conversation',
  ]
  const event = fc
    .tuple(
      kind,
      fc.nat(1000),
      fc.record(Object.fromEntries(names.map((name) => [name, id])), { requiredKeys: [] }),
    )
    .map(([each, ts, fields]) => ({ ts, kind: each, ...fields }))
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 25 }), async (events) => {
      writeFileSync(file, '')
      for (const each of events) appendFileSync(file, `${JSON.stringify(each)}\n`)
      for (let line = 1; line <= events.length; line++) {
        const { chain } = await whyEvent(file, `hive.jsonl:${line}`)
        const places = chain?.steps.map(({ place }) => place.line) ?? []
        assert.equal(new Set(places).size, places.length)
        assert.equal(places[0], line)
      }
    }),
    { numRuns: cases(60, 60) },
  )
})
