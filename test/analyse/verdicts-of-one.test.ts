/**
 * One truth about one thing: what became of a message, a life or an escalation is asked of every command that says so,
 * in hives whose processes' clocks differ, and held against docs/hive.md.
 */
import assert from 'node:assert/strict'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type {
  DrainOutcome,
  EscalationOutcome,
  LifeOutcome,
  MessageOutcome,
} from '../../src/analyse/show/report.js'
import { showEvent } from '../../src/analyse/show.js'
import { talkBetween, talkPartners } from '../../src/analyse/talk.js'
import { whyEvent } from '../../src/analyse/why.js'
import { HiveModel } from '../../src/model/model.js'
import { hiveBatches } from '../../src/read/hive.js'
import { isMalformed } from '../../src/read/items.js'
import { cases } from '../kit/long-run.js'
import { hivelog } from '../kit/reader-cli.js'
import { scratch } from '../kit/reader-log.js'
import { StoryLog } from '../kit/story.js'

type Json = ReturnType<typeof JSON.parse>

async function json(command: string, file: string, args: readonly string[] = []): Promise<Json> {
  const { stdout, stderr, code } = await hivelog([command, ...args, '--json', file])
  assert.ok(code === 0 || code === 1, `${command}: ${stderr}`)
  return JSON.parse(stdout)
}

const hive = (folder: string): StoryLog => new StoryLog(join(folder, 'hive.jsonl'))

/** Each link as `kind log:line how`, `!` where it is certain; and how the chain ends. */
async function why(file: string, query: string): Promise<string[]> {
  const { chain } = await whyEvent(file, query)
  assert.ok(chain !== undefined)
  const steps = chain.steps.map(({ event, place, how, certain }) => {
    const log = place.log === file ? 'hive' : 'child'
    return [`${event.kind} ${log}:${place.line}`, how, certain === true ? '!' : ''].filter(Boolean).join(' ')
  })
  return [...steps, chain.end]
}

async function statusOf(file: string, agentId: string): Promise<string[]> {
  const state = await json('state', file, ['--no-index'])
  const stats = await json('stats', file)
  const { outcome } = await showEvent(file, agentId)
  const { [agentId]: of } = stats.agents
  const inState = state.agents.find((agent: Json) => agent.agentId === agentId)
  return [inState.status, of.status, (outcome as LifeOutcome).status]
}

/** How many wait for an agent, as each command says. */
async function waitingFor(file: string, agentId: string, ids: readonly string[]): Promise<number[]> {
  const state = await json('state', file, ['--no-index'])
  const stats = await json('stats', file)
  const inbox = state.inboxes.find(({ recipient }: Json) => recipient === agentId)
  const talk = await talkBetween(file, 'lead', agentId)
  const waits = talk.items.filter(({ deliveries }) => deliveries.some(({ taken }) => taken === undefined))
  let shown = 0
  for (const id of ids) {
    const { deliveries } = (await showEvent(file, id)).outcome as MessageOutcome
    shown += deliveries.list.filter(({ taken }) => taken === undefined).length
  }
  const { [agentId]: of } = stats.agents
  return [inbox?.waiting ?? 0, of.waiting, waits.length, shown]
}

async function rulesOf(file: string): Promise<string[]> {
  const { findings } = await json('check', file, ['--fail-on', 'none', '--no-config'])
  return findings.map(({ rule }: Json) => rule).sort()
}

/** The hive of a lead, which a person asks, up to the spawn of its child in a process of its own. */
const asked = (folder: string): StoryLog =>
  hive(folder)
    .at(100, 'spawn', { agentId: 'lead', name: 'Lead', isGod: true })
    .at(150, 'message', { from: 'human', to: 'lead', act: 'request', subject: 'Go', id: 'h1' })
    .at(160, 'drain', { agentId: 'lead', count: 1, ids: ['h1'] })
    .at(200, 'spawn', { agentId: 'c', name: 'C', isGod: false, parent: 'lead' })

test('the spawn that the child tells is the same life: its origin is what its parent was asked', async (t) => {
  const main = asked(scratch(t))
  main
    .child('c')
    .at(250, 'spawn', { agentId: 'c', name: 'C', isGod: false })
    .at(260, 'escalate', { from: 'c', to: 'human', subject: 'delete all', id: 'e1' })
  const origin = ['drain hive:3 spawned-by', 'message hive:2 took !', 'outside']
  assert.deepEqual(await why(main.file, 'e1'), ['escalate child:2', 'spawn hive:4 after-spawn', ...origin])
  assert.deepEqual(await why(main.file, 'c'), ['spawn hive:4', ...origin])
  assert.deepEqual(await why(main.file, 'c.jsonl:1'), [
    'spawn child:1',
    'spawn hive:4 after-spawn !',
    ...origin,
  ])
})

test('also where the clock of the child is behind, and its spawn stands first', async (t) => {
  const main = asked(scratch(t))
  main
    .child('c')
    .at(170, 'spawn', { agentId: 'c', name: 'C', isGod: false })
    .at(180, 'escalate', { from: 'c', to: 'human', subject: 'delete all', id: 'e1' })
  const origin = ['drain hive:3 spawned-by', 'message hive:2 took !', 'outside']
  assert.deepEqual(await why(main.file, 'e1'), ['escalate child:2', 'spawn child:1 after-spawn', ...origin])
  assert.deepEqual(await why(main.file, 'c.jsonl:1'), ['spawn child:1', ...origin])
})

test('what is escalated again is superseded, and decided no more', async (t) => {
  const log = hive(scratch(t))
    .at(0, 'spawn', { agentId: 'a', name: 'A', isGod: false })
    .at(100, 'escalate', { from: 'a', to: 'human', subject: '1', id: 'x' })
    .at(250, 'escalate', { from: 'a', to: 'human', subject: '2', id: 'x' })
  const shown = async (seq: number): Promise<(string | number | undefined)[]> => {
    const { status, ms, decision, others } = (await showEvent(log.file, String(seq)))
      .outcome as EscalationOutcome
    return [status, ms, decision?.place.line, others.list.length]
  }
  const audited = async (): Promise<string[]> =>
    (await json('audit', log.file)).cases.map(({ status }: Json) => status)
  const unanswered = async (): Promise<number[]> => {
    const { partners } = await talkPartners(log.file, 'a')
    return [(await talkBetween(log.file, 'a', 'human')).counts.unanswered, partners[0]?.awaited ?? 0]
  }
  assert.deepEqual(await audited(), ['superseded', 'pending'])
  assert.deepEqual(await shown(2), ['superseded', 150, undefined, 0])
  assert.deepEqual(await shown(3), ['pending', 0, undefined, 0])
  assert.deepEqual(await unanswered(), [1, 1])
  log.at(300, 'approval', { id: 'x', approve: true, by: 'ana' })
  assert.deepEqual(await audited(), ['superseded', 'approved'])
  assert.deepEqual(await shown(2), ['superseded', 150, undefined, 0])
  assert.deepEqual(await shown(3), ['approved', 50, 4, 0])
  assert.deepEqual(await unanswered(), [0, 0])
  // What decided one says nothing of the next.
  log.at(400, 'escalate', { from: 'a', to: 'human', subject: '3', id: 'x' })
  assert.deepEqual(await audited(), ['superseded', 'approved', 'pending'])
  assert.deepEqual(await shown(5), ['pending', 0, undefined, 0])
  log.at(500, 'approval', { id: 'x', approve: false, by: 'ana' })
  assert.deepEqual(await shown(3), ['approved', 50, 4, 0])
  assert.deepEqual(await shown(5), ['rejected', 100, 6, 0])
})

test('an escalation whose id somebody else asks again is pending no more', async (t) => {
  const log = hive(scratch(t))
    .at(0, 'spawn', { agentId: 'a', name: 'A', isGod: false })
    .at(1, 'spawn', { agentId: 'b', name: 'B', isGod: false })
    .at(100, 'escalate', { from: 'a', to: 'human', subject: '1', id: 'x' })
    .at(250, 'escalate', { from: 'b', to: 'human', subject: '2', id: 'x' })
    .at(300, 'approval', { id: 'x', approve: true, by: 'ana' })
  const ofA = await talkBetween(log.file, 'a', 'human')
  assert.deepEqual([ofA.counts.unanswered, ofA.items.map(({ event }) => event.kind)], [0, ['escalate']])
  const ofB = await talkBetween(log.file, 'b', 'human')
  assert.deepEqual([ofB.counts.unanswered, ofB.items.length], [0, 2])
})

test('an exit of its own log counts more than that of its parent; of two the last', async (t) => {
  const main = hive(scratch(t))
    .at(100, 'spawn', { agentId: 'lead', name: 'Lead', isGod: true })
    .at(200, 'spawn', { agentId: 'c', name: 'C', isGod: false, parent: 'lead' })
    .at(1000, 'exit', { agentId: 'c', status: 'killed' })
  const child = main.child('c').at(250, 'spawn', { agentId: 'c', name: 'C', isGod: false })
  assert.deepEqual(await statusOf(main.file, 'c'), ['killed', 'killed', 'killed'])
  child.at(1001, 'exit', { agentId: 'c', status: 'ok' })
  assert.deepEqual(await statusOf(main.file, 'c'), ['ok', 'ok', 'ok'])
  const { ms, end } = (await showEvent(main.file, 'c')).outcome as LifeOutcome
  assert.deepEqual([ms, end?.place.log], [801, child.file])

  const one = hive(scratch(t))
    .at(0, 'spawn', { agentId: 'c', name: 'C', isGod: false })
    .at(1, 'exit', { agentId: 'c', status: 'error' })
    .at(2, 'exit', { agentId: 'c', status: 'ok' })
  assert.deepEqual(await statusOf(one.file, 'c'), ['ok', 'ok', 'ok'])
  // How the next life ends says nothing of this one.
  one
    .at(3, 'spawn', { agentId: 'c', name: 'C', isGod: false })
    .at(4, 'exit', { agentId: 'c', status: 'killed' })
  assert.deepEqual(await statusOf(one.file, 'c'), ['killed', 'killed', 'killed'])
  assert.equal(((await showEvent(one.file, '1')).outcome as LifeOutcome).status, 'ok')
})

/** A lead, and its child whose lines come from a log of its own. */
const pair = (folder: string): StoryLog =>
  hive(folder)
    .at(100, 'spawn', { agentId: 'lead', name: 'Lead', isGod: true })
    .at(200, 'spawn', { agentId: 'coder', name: 'Coder', isGod: false, parent: 'lead' })

test('an answer that names its question is one, also where it stands before it', async (t) => {
  const main = pair(scratch(t))
    .at(1000, 'message', { from: 'lead', to: 'coder', act: 'request', subject: '1', id: 'q1' })
    .at(1100, 'message', { from: 'lead', to: 'coder', act: 'request', subject: '2', id: 'q2' })
  main.child('coder').at(250, 'spawn', { agentId: 'coder', name: 'Coder', isGod: false }).at(900, 'message', {
    from: 'coder',
    to: 'lead',
    act: 'inform',
    subject: 'yes',
    id: 'a1',
    inReplyTo: 'q1',
  })
  const { replies } = (await showEvent(main.file, 'q1')).outcome as MessageOutcome
  assert.deepEqual(
    replies.list.map(({ event }) => (event as Json).id),
    ['a1'],
  )
  const { items, counts } = await talkBetween(main.file, 'lead', 'coder')
  const open = items.filter(({ unanswered }) => unanswered === true)
  assert.deepEqual([counts.unanswered, open.map(({ event }) => (event as Json).id)], [1, ['q2']])
  assert.equal((await talkPartners(main.file, 'lead')).partners[0]?.awaited, 1)
  // One answer is no answer to what is asked again under the same id.
  main.at(1200, 'message', { from: 'lead', to: 'coder', act: 'request', subject: '1', id: 'q1' })
  assert.equal((await talkBetween(main.file, 'lead', 'coder')).counts.unanswered, 2)
})

test('a drain that only counts takes what was sent before it and comes after it', async (t) => {
  const main = pair(scratch(t))
    .at(1000, 'note', { agentId: 'lead' })
    .at(800, 'message', { from: 'lead', to: 'coder', subject: '1', id: 'q1', requiresReply: true })
  const child = main
    .child('coder')
    .at(300, 'spawn', { agentId: 'coder', name: 'Coder', isGod: false })
    .at(890, 'drain', { agentId: 'coder', count: 1 })
    .at(900, 'tool', { agentId: 'coder', name: 'grep', ok: true })
  assert.deepEqual(await waitingFor(main.file, 'coder', ['q1']), [0, 0, 0, 0])
  const [delivery] = ((await showEvent(main.file, 'q1')).outcome as MessageOutcome).deliveries.list
  assert.deepEqual([delivery?.taken?.log, delivery?.taken?.line, delivery?.tookMs], [child.file, 2, 90])
  const drained = (await showEvent(main.file, 'coder.jsonl:2')).outcome as DrainOutcome
  assert.deepEqual(
    drained.took.list.map(({ event }) => (event as Json).id),
    ['q1'],
  )
  // It only counted it.
  assert.deepEqual((await why(main.file, 'coder.jsonl:3')).slice(0, 3), [
    'tool child:3',
    'drain child:2 after-drain',
    'message hive:4 took',
  ])
})

test('each drain that only counted takes what was sent before it', async (t) => {
  const main = pair(scratch(t))
    .at(1000, 'note', { agentId: 'lead' })
    .at(700, 'message', { from: 'lead', to: 'coder', act: 'inform', subject: '1', id: 'q1' })
    .at(850, 'message', { from: 'lead', to: 'coder', act: 'inform', subject: '2', id: 'q2' })
    .at(1000, 'message', { from: 'lead', to: 'coder', act: 'inform', subject: '3', id: 'q3' })
  main
    .child('coder')
    .at(300, 'spawn', { agentId: 'coder', name: 'Coder', isGod: false })
    .at(750, 'drain', { agentId: 'coder', count: 1 })
    .at(890, 'drain', { agentId: 'coder', count: 1 })
  assert.deepEqual(await waitingFor(main.file, 'coder', ['q1', 'q2', 'q3']), [1, 1, 1, 1])
  const took = async (line: number): Promise<unknown[]> =>
    ((await showEvent(main.file, `coder.jsonl:${line}`)).outcome as DrainOutcome).took.list.map(
      ({ event }) => (event as Json).id,
    )
  assert.deepEqual([await took(2), await took(3)], [['q1'], ['q2']])
})

/** Two messages, of which the child's drain takes both: one waits, the other is still to come in the story. */
function twoTaken(folder: string, ids: readonly string[], clock: number): StoryLog {
  const main = pair(folder)
    .at(300, 'message', { from: 'lead', to: 'coder', act: 'inform', subject: '0', id: 'm0' })
    .at(1000, 'message', { from: 'lead', to: 'coder', subject: '1', id: 'm1', requiresReply: true })
    .at(9_000_000, 'note', { agentId: 'lead' })
  main
    .child('coder')
    .at(250, 'spawn', { agentId: 'coder', name: 'Coder', isGod: false })
    .at(clock + 890, 'drain', { agentId: 'coder', count: 2, ids })
    .at(clock + 900, 'tool', { agentId: 'coder', name: 'grep', ok: true })
  return main
}

test('a drain that names what is to come, and counts what waits, took both', async (t) => {
  for (const clock of [0, 1000]) {
    const { file } = twoTaken(scratch(t), ['m1'], clock)
    assert.deepEqual(await waitingFor(file, 'coder', ['m0', 'm1']), [0, 0, 0, 0])
    const [cause, drain, message] = await why(file, 'coder.jsonl:3')
    assert.deepEqual(
      [cause, drain, message],
      ['tool child:3', 'drain child:2 after-drain', 'message hive:4 took'],
    )
    const { took, unknown } = (await showEvent(file, 'coder.jsonl:2')).outcome as DrainOutcome
    assert.deepEqual([took.list.map(({ event }) => (event as Json).id), unknown.list], [['m0', 'm1'], []])
  }
})

test('an agent owes the answer to what it drained, also where the drain stands first', async (t) => {
  for (const [ids, clock] of [
    [['m0', 'm1'], 1000],
    [['m0', 'm1'], 0],
    [['m1'], 0],
  ] as const) {
    const main = twoTaken(scratch(t), ids, clock)
    assert.deepEqual(await rulesOf(main.file), ['silent-agent'], `${ids} ${clock}`)
  }
})

test('it owes none if it has answered, before or after the question in the story', async (t) => {
  for (const clock of [0, 1000]) {
    const main = twoTaken(scratch(t), ['m0', 'm1'], clock)
    main
      .child('coder')
      .at(250, 'spawn', { agentId: 'coder', name: 'Coder', isGod: false })
      .at(clock + 890, 'drain', { agentId: 'coder', count: 2, ids: ['m0', 'm1'] })
      .at(clock + 900, 'message', {
        from: 'coder',
        to: 'lead',
        act: 'inform',
        subject: 'ok',
        inReplyTo: 'm1',
      })
    main.at(9_000_001, 'drain', { agentId: 'lead', count: 1 })
    assert.deepEqual(await rulesOf(main.file), [])
  }
})

const MESSAGE = fc.constantFrom('m-1', 'm-2', 'm-3', 'm-4', 'm-5')
const DELIVERY = fc.oneof(
  fc.record({
    kind: fc.constant('message'),
    from: fc.constant('lead'),
    to: fc.constant('coder'),
    id: fc.option(MESSAGE, { nil: undefined }),
  }),
  fc.record({
    kind: fc.constant('drain'),
    agentId: fc.constant('coder'),
    count: fc.nat(3),
    ids: fc.option(fc.array(MESSAGE, { maxLength: 3 }), { nil: undefined }),
  }),
)
const DELIVERIES = fc.array(fc.tuple(fc.nat(30), DELIVERY), { minLength: 1, maxLength: 14 })

test('whatever two clocks say, all commands mean the same messages and drains', async (t) => {
  const folder = scratch(t)
  const nameOf = ({ log, line }: { log: string; line?: number }): string => `${basename(log)}:${line}`
  await fc.assert(
    fc.asyncProperty(DELIVERIES, DELIVERIES, async (own, childs) => {
      const main = pair(folder)
      const child = main.child('coder')
      for (const [log, events] of [
        [main, own],
        [child, childs],
      ] as const) {
        for (const [ts, { kind, ...fields }] of events) log.at(300 + ts, kind, fields)
      }
      const model = new HiveModel({ firstLog: main.file })
      const named = { message: [] as string[], drain: [] as string[] }
      for await (const items of hiveBatches(main.file)) {
        for (const item of items) {
          if (isMalformed(item)) continue
          model.add(item)
          const { kind } = item.event
          if (kind === 'message' || kind === 'drain') named[kind].push(nameOf(item))
        }
      }
      /** Which drain took which message. */
      const took = new Map<string, string>()
      for (const { place, deliveries } of (await talkBetween(main.file, 'lead', 'coder')).items) {
        for (const { taken } of deliveries) if (taken !== undefined) took.set(nameOf(place), nameOf(taken))
      }
      assert.equal(named.message.length - took.size, model.inbox('coder')?.waiting ?? 0)
      for (const each of named.message) {
        const { deliveries } = (await showEvent(main.file, each)).outcome as MessageOutcome
        const taken = deliveries.list[0]?.taken
        assert.equal(taken && nameOf(taken), took.get(each), each)
      }
      for (const each of named.drain) {
        const { took: shown } = (await showEvent(main.file, each)).outcome as DrainOutcome
        const expected = [...took].flatMap(([message, drain]) => (drain === each ? [message] : []))
        assert.deepEqual(shown.list.map(({ place }) => nameOf(place)).sort(), expected.sort(), each)
      }
    }),
    { seed: 5, numRuns: cases(60, 60) },
  )
})
