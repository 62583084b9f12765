/** One event in full: how it is found, the artifacts that it names, and what came of it. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type {
  DrainOutcome,
  EscalationOutcome,
  LifeOutcome,
  MessageOutcome,
} from '../../src/analyse/show/report.js'
import { showEvent } from '../../src/analyse/show.js'
import { tempHive } from '../kit/hive-support.js'
import { cases } from '../kit/long-run.js'
import { scratch } from '../kit/reader-log.js'
import { cleanUp, StoryLog, T0 } from '../kit/story.js'

const linesOf = (places: readonly { place: { file: string; line?: number } }[]): (number | undefined)[] =>
  places.map(({ place }) => place.line)

test('a seq is that of the first log; where it has none, of a child', async (t) => {
  const { main, child } = cleanUp(scratch(t))
  const four = await showEvent(main.file, '4')
  assert.deepEqual([four.found, four.place?.log, four.place?.line], ['event', main.file, 4])
  main.child('other').at(400, 'x').at(401, 'x')
  const one = await showEvent([child.file, main.file], '4')
  assert.equal(one.place?.log, child.file, 'the first FILE counts')
  child.at(130, 'x').at(131, 'x').at(132, 'x').at(133, 'x')
  const eleven = await showEvent(main.file, '11')
  assert.deepEqual([eleven.found, eleven.place?.log, eleven.place?.line], ['event', child.file, 11])
  assert.equal((await showEvent(main.file, '11', { thisFile: true })).found, 'nothing')
})

test('a seq that only several children have is told as several, and --log says which', async (t) => {
  const { main } = cleanUp(scratch(t))
  const [a, b] = [main.child('a'), main.child('b')]
  for (const log of [a, b]) for (let i = 0; i < 12; i++) log.at(i, 'x', { n: i })
  const report = await showEvent(main.file, '12')
  assert.deepEqual([report.found, report.event, report.outcome], ['several', undefined, undefined])
  assert.deepEqual(
    report.matches?.list.map(({ place }) => [place.log, place.line]),
    [
      [a.file, 12],
      [b.file, 12],
    ],
  )
  const one = await showEvent(main.file, '12', { log: b.file })
  assert.deepEqual([one.found, one.place?.log], ['event', b.file])
  const byPlace = await showEvent(main.file, 'a.jsonl:12')
  assert.deepEqual([byPlace.found, byPlace.place?.log], ['event', a.file])
})

test('what is exactly so is meant before what begins so; several of a kind are told', async (t) => {
  const folder = scratch(t)
  const log = new StoryLog(join(folder, 'hive.jsonl'))
    .at(0, 'spawn', { agentId: 'code', name: 'x', isGod: false })
    .at(1, 'spawn', { agentId: 'coder', name: 'x', isGod: false })
    .at(2, 'message', { from: 'a', to: 'b', act: 'inform', subject: '', id: 'msg-1' })
    .at(3, 'message', { from: 'a', to: 'b', act: 'inform', subject: '', id: 'msg-12' })
    .at(4, 'message', { from: 'a', to: 'b', act: 'inform', subject: '', id: 'unique' })
    .at(5, 'message', { from: 'a', to: 'b', act: 'inform', subject: '', id: 'twice' })
    .at(6, 'message', { from: 'a', to: 'b', act: 'inform', subject: '', id: 'twice' })
    .at(7, 'message', { from: 'a', to: 'b', act: 'inform', subject: '', id: 'coder' })
    .at(8, 'approval', { id: 'orphan', approve: true })
    .at(9, 'plan', { id: 777, agentId: 'late' })
    .at(10, 'plan', { agentId: 'late' })
  const found = async (query: string): Promise<unknown> => {
    const { found, place, matches } = await showEvent(log.file, query)
    return found === 'event' ? place?.line : found === 'several' ? linesOf(matches?.list ?? []) : found
  }
  assert.equal(await found('code'), 1)
  assert.equal(await found('msg-1'), 3)
  assert.deepEqual(await found('msg'), [3, 4])
  assert.equal(await found('uni'), 5)
  assert.deepEqual(await found('twice'), [6, 7])
  assert.deepEqual(await found('coder'), [2, 8], 'an agent and a message of that id')
  assert.equal(await found('orphan'), 9, 'what only speaks of the id, where nothing has it')
  assert.equal(await found('orph'), 'nothing')
  assert.equal(await found('777'), 10, 'no seq, but an id')
  assert.equal(await found('late'), 10, 'an agent that never spawned is found by its first event')
  assert.equal(await found('zzz'), 'nothing')
  assert.equal(await found('hive.jsonl:11'), 11)
  assert.equal(await found('hive.jsonl:12'), 'nothing')
})

test('an agent that was spawned again is its last life; the others are told', async (t) => {
  const log = new StoryLog(join(scratch(t), 'hive.jsonl'))
    .at(0, 'spawn', { agentId: 'a', name: 'first', isGod: false })
    .at(5, 'usage', { agentId: 'a', inputTokens: 1, outputTokens: 1, costUsd: 1 })
    .at(10, 'exit', { agentId: 'a', status: 'ok' })
    .at(20, 'spawn', { agentId: 'a', name: 'second', isGod: false })
    .at(25, 'usage', { agentId: 'a', inputTokens: 10, outputTokens: 5, costUsd: 0.5 })
    .at(30, 'spawn', { agentId: 'a', name: 'third', isGod: false })
    .at(31, 'tool', { agentId: 'a', name: 'x', ok: true })
  const last = await showEvent(log.file, 'a')
  assert.deepEqual([last.place?.line, linesOf(last.lives ?? [])], [6, [1, 4]])
  assert.deepEqual(
    [(last.outcome as LifeOutcome).status, (last.outcome as LifeOutcome).events],
    ['living', 2],
  )
  const first = (await showEvent(log.file, '1')).outcome as LifeOutcome
  assert.deepEqual([first.status, first.ms, first.events, first.usage.costUsd], ['ok', 10, 3, 1])
  const second = (await showEvent(log.file, '4')).outcome as LifeOutcome
  assert.deepEqual([second.status, second.ms, second.events, second.end?.place.line], ['replaced', 10, 2, 6])
  assert.deepEqual(second.usage, { calls: 1, inputTokens: 10, outputTokens: 5, costUsd: 0.5, unpriced: 0 })
})

test('a life of which another writer tells the end is lost', async (t) => {
  const log = new StoryLog(join(scratch(t), 'hive.jsonl'))
    .at(0, 'log.open', { format: 1, segment: 1, writer: 'w', pid: 1, host: 'h', started: 1 })
    .at(1, 'spawn', { agentId: 'a', name: 'A', isGod: false })
    .at(50, 'log.open', { format: 1, segment: 1, writer: 'w', pid: 2, host: 'h', started: 2 })
  const life = (await showEvent(log.file, 'a')).outcome as LifeOutcome
  assert.deepEqual([life.status, life.ms, life.end?.place.line], ['lost', 49, 3])
})

test('of a message: who drained it and when, what answers it, and what was not delivered', async (t) => {
  const { main } = cleanUp(scratch(t))
  const outcome = async (query: string): Promise<MessageOutcome> =>
    (await showEvent(main.file, query)).outcome as MessageOutcome
  const one = await outcome('m-1')
  const [delivery] = one.deliveries.list
  assert.deepEqual([delivery?.agentId, delivery?.taken?.ts, delivery?.tookMs], ['coder', T0 + 70, 20])
  assert.deepEqual([linesOf(one.replies.list), one.replies.list[0]?.place.ts], [[4], T0 + 90])
  const broadcast = await outcome('m-2')
  assert.deepEqual(
    broadcast.deliveries.list.map(({ agentId, tookMs }) => [agentId, tookMs]),
    [['coder', 15]],
    'not to its sender',
  )
  assert.deepEqual(
    (await outcome('m-4')).deliveries.list.map(({ agentId, taken }) => [agentId, taken]),
    [['lead', undefined]],
  )
  main
    .at(400, 'message', { from: 'lead', to: 'coder', act: 'inform', subject: 's', id: 'm-9' })
    .at(401, 'drop', { from: 'lead', to: 'coder', id: 'm-9', reason: 'hop-cap' })
  const dropped = await outcome('m-9')
  assert.deepEqual(dropped.deliveries.list, [{ agentId: 'coder', dropped: 'hop-cap' }])
  assert.deepEqual(linesOf(dropped.drops.list), [12])
})

test('a drain that comes before its message, by the clock of another process, has taken it', async (t) => {
  const main = new StoryLog(join(scratch(t), 'hive.jsonl'))
    .at(0, 'spawn', { agentId: 'a', name: 'A', isGod: false })
    .at(1, 'spawn', { agentId: 'b', name: 'B', isGod: false })
    .at(50, 'message', { from: 'a', to: 'b', act: 'inform', subject: 's', id: 'm-1' })
  main.child('b').at(40, 'drain', { agentId: 'b', count: 1, ids: ['m-1'] })
  const { deliveries } = (await showEvent(main.file, 'm-1')).outcome as MessageOutcome
  const [delivery] = deliveries.list
  assert.deepEqual([delivery?.agentId, delivery?.taken?.ts, delivery?.tookMs], ['b', T0 + 40, undefined])
  const drain = (await showEvent(main.file, 'b.jsonl:1')).outcome as DrainOutcome
  assert.deepEqual([linesOf(drain.took.list), drain.unknown.list], [[3], []])
})

test('of an escalation: the first clear answer decides, whenever it comes', async (t) => {
  const main = new StoryLog(join(scratch(t), 'hive.jsonl'))
    .at(0, 'escalate', { from: 'a', to: 'human', subject: '?', id: 'e-1' })
    .at(5, 'approval', { id: 'e-1', approve: 'yes' })
    .at(10, 'approval', { id: 'e-1', approve: true, by: 'ana' })
    .at(11, 'approval', { id: 'e-1', approve: false, by: 'bob' })
    .at(20, 'escalate', { from: 'a', to: 'human', subject: '?', id: 'e-2' })
    .at(40, 'escalate', { from: 'a', to: 'human', subject: '?', id: 'e-3' })
    .at(100, 'x')
  main.child('a').at(30, 'approval', { id: 'e-3', approve: false })
  const outcome = async (id: string): Promise<EscalationOutcome> =>
    (await showEvent(main.file, id)).outcome as EscalationOutcome
  const one = await outcome('e-1')
  assert.deepEqual([one.status, one.ms, one.decision?.place.line], ['approved', 10, 3])
  assert.deepEqual(linesOf(one.others.list), [2, 4])
  const two = await outcome('e-2')
  assert.deepEqual([two.status, two.ms, two.decision], ['pending', 80, undefined])
  const three = await outcome('e-3')
  assert.deepEqual([three.status, three.ms, three.decision?.place.ts], ['rejected', undefined, T0 + 30])
  const answers = async (line: number): Promise<unknown> => {
    const outcome = (await showEvent(main.file, String(line))).outcome
    return outcome?.type === 'approval' && [outcome.decides, outcome.escalation?.place.line]
  }
  assert.deepEqual(await answers(2), [false, 1])
  assert.deepEqual(await answers(3), [true, 1])
  assert.deepEqual(await answers(4), [false, 1])
  const early = (await showEvent(main.file, 'a.jsonl:1')).outcome
  assert.deepEqual(early?.type === 'approval' && [early.decides, early.escalation?.place.line], [true, 6])
})

test('of a drain: what it took, by ids and by number; in a foreign log an estimate', async (t) => {
  const folder = scratch(t)
  const fill = (log: StoryLog): StoryLog => {
    log.at(0, 'spawn', { agentId: 'a', name: 'A', isGod: false })
    for (let i = 1; i <= 4; i++)
      log.at(i, 'message', { from: 'b', to: 'a', act: 'inform', subject: 's', id: `m-${i}` })
    return log
  }
  const own = fill(new StoryLog(join(folder, 'own.jsonl')))
    .at(10, 'drain', { agentId: 'a', count: 3, ids: ['m-3', 'm-404'] })
    .at(11, 'drain', { agentId: 'a', count: 1 })
  const drained = async (log: StoryLog, line: number): Promise<DrainOutcome> =>
    (await showEvent(log.file, String(line))).outcome as DrainOutcome
  const first = await drained(own, 6)
  assert.deepEqual(
    [linesOf(first.took.list), first.unknown.list, first.estimated],
    [[2, 4], ['m-404'], undefined],
  )
  assert.deepEqual(linesOf((await drained(own, 7)).took.list), [3])
  const foreign = fill(new StoryLog(join(folder, 'foreign.jsonl'), true)).at(10, 'drain', {
    agentId: 'a',
    count: 1,
  })
  const all = await drained(foreign, 6)
  assert.deepEqual([linesOf(all.took.list), all.estimated], [[2, 3, 4, 5], true])
  const message = (await showEvent(foreign.file, 'm-1')).outcome as MessageOutcome
  assert.equal(message.deliveries.list[0]?.estimated, true)
})

test('the content that an event names: sound, missing, changed, no text, no file, cut', async (t) => {
  const { main, child } = cleanUp(scratch(t))
  const text = main.artifact('Grüße\n'.repeat(5))
  const binary = main.artifact(Buffer.from([0, 1, 2, 255]))
  const gone = main.artifact('gone')
  rmSync(main.artifactPath(gone.ref))
  const changed = main.artifact('right')
  writeFileSync(main.artifactPath(changed.ref), 'wrong')
  const pipe = main.artifact('pipe')
  rmSync(main.artifactPath(pipe.ref))
  execFileSync('mkfifo', [main.artifactPath(pipe.ref)])
  const folder = main.artifact('folder')
  rmSync(main.artifactPath(folder.ref))
  mkdirSync(main.artifactPath(folder.ref))
  // The bytes 16 KiB from the start are in the middle of a character.
  const long = main.artifact(`x${'€'.repeat(10_000)}`)
  const fields = { text, binary, gone, changed, pipe, folder, long, lied: { ...text, bytes: 3 } }
  main.at(500, 'note', { id: 'n-1', ...fields, other: { ref: 'no hash', bytes: 1 } })
  const { artifacts, ok } = await showEvent(main.file, 'n-1')
  assert.equal(ok, false)
  const by = Object.fromEntries(artifacts.map((each) => [each.field, each]))
  assert.deepEqual(Object.keys(by), Object.keys(fields))
  const status = (name: string): unknown => by[name]?.status
  assert.deepEqual([status('text'), by.text?.text, by.text?.cut], ['ok', 'Grüße\n'.repeat(5), undefined])
  assert.deepEqual([status('binary'), by.binary?.binary, by.binary?.text], ['ok', true, undefined])
  assert.deepEqual([status('gone'), by.gone?.reason], ['missing', 'it is not there'])
  assert.deepEqual([status('changed'), by.changed?.text], ['changed', undefined])
  assert.deepEqual([status('pipe'), status('folder'), status('lied')], ['missing', 'missing', 'changed'])
  const shown = by.long?.text ?? ''
  assert.match(shown, /^x€+$/)
  assert.equal(Buffer.byteLength(shown) + (by.long?.cut ?? 0), long.bytes)
  assert.ok(16 * 1024 - Buffer.byteLength(shown) < 3)
  const full = await showEvent(main.file, 'n-1', { full: true })
  assert.equal(full.artifacts.find(({ field }) => field === 'long')?.text?.length, 10_001)
  // A child's log has its artifacts beside itself.
  const own = child.artifact('the child knows')
  child.at(500, 'snapshot', { agentId: 'coder', ...own })
  const snapshot = await showEvent(main.file, 'coder.jsonl:8')
  assert.deepEqual(
    snapshot.artifacts.map(({ text: content, field, path }) => [content, field, path]),
    [['the child knows', undefined, child.artifactPath(own.ref)]],
  )
})

test('an artifact by its hash, or how that begins, and who names it', async (t) => {
  const { main, child } = cleanUp(scratch(t))
  const content = main.artifact('a plan')
  child.artifact('a plan')
  main.at(500, 'note', { plan: content })
  child.at(500, 'note', { plan: content })
  const unnamed = child.artifact('nobody names it')
  for (const query of [content.ref, content.ref.slice(0, 8), content.ref.slice(0, 12).toUpperCase()]) {
    const { found, artifacts, namedBy, ok } = await showEvent(main.file, query)
    assert.deepEqual([found, ok, artifacts.map(({ text }) => text)], ['artifact', true, ['a plan']], query)
    assert.deepEqual(linesOf(namedBy?.list ?? []), [11, 8])
  }
  assert.equal((await showEvent(main.file, content.ref.slice(0, 7))).found, 'nothing')
  const alone = await showEvent(main.file, unnamed.ref.slice(0, 10))
  assert.deepEqual(
    [alone.found, alone.artifacts[0]?.text, alone.namedBy?.list],
    ['artifact', 'nobody names it', []],
  )
  rmSync(main.artifactPath(content.ref))
  const other = await showEvent(main.file, content.ref)
  assert.deepEqual(
    other.artifacts.map(({ status }) => status),
    ['missing', 'ok'],
    'one of the two logs has lost it',
  )
  assert.equal(other.ok, false)
})

test('spans and traces are found, whole or by how they begin', async (t) => {
  const log = new StoryLog(join(scratch(t), 'hive.jsonl'))
    .at(0, 'x', { trace: '0a'.repeat(16), span: '0b'.repeat(8) })
    .at(1, 'x', { trace: '0a'.repeat(16), span: '0c'.repeat(8) })
  assert.equal((await showEvent(log.file, '0c0c0c0c')).place?.line, 2)
  assert.equal((await showEvent(log.file, '0B'.repeat(8))).place?.line, 1)
  assert.deepEqual(linesOf((await showEvent(log.file, '0a'.repeat(16))).matches?.list ?? []), [1, 2])
  assert.equal((await showEvent(log.file, '0c0c0c0')).found, 'nothing')
})

test('what is found is bounded, and the rest is counted', async (t) => {
  const log = new StoryLog(join(scratch(t), 'hive.jsonl')).at(0, 'message', { from: 'a', to: 'b', id: 'm' })
  for (let i = 0; i < 300; i++) log.at(i, 'message', { from: 'b', to: 'a', id: `r-${i}`, inReplyTo: 'm' })
  const { replies } = (await showEvent(log.file, 'm')).outcome as MessageOutcome
  assert.deepEqual([replies.list.length, replies.more], [50, 250])
  const { matches } = await showEvent(log.file, 'r-')
  assert.deepEqual([matches?.list.length, matches?.more], [50, 250])
})

test('nothing in a log makes it throw', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const value = fc.oneof(
    fc.constantFrom<unknown>('a', 'b', 'm-1', 'e-1', 'god', 'human', 'broadcast', true, false, null, 0, 1, [
      'm-1',
      3,
    ]),
    fc.jsonValue(),
  )
  const kind = fc.constantFrom(
    'message',
    'drain',
    'spawn',
    'escalate',
    'approval',
    'drop',
    'exit',
    'usage',
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
    'delivered',
    'parent',
    'seq',
  ]
  const event = fc
    .tuple(
      kind,
      fc.nat(1000),
      fc.record(Object.fromEntries(names.map((name) => [name, value])), { requiredKeys: [] }),
    )
    .map(([each, ts, fields]) => ({ ts, kind: each, ...fields }))
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 20 }), async (events) => {
      writeFileSync(file, '')
      for (const each of events) appendFileSync(file, `${JSON.stringify(each)}\n`)
      for (let line = 1; line <= events.length; line++) {
        const report = await showEvent(file, `hive.jsonl:${line}`)
        assert.deepEqual(report.event, JSON.parse(JSON.stringify(events[line - 1])), 'it is shown as it is')
        JSON.stringify(report)
      }
      for (const query of ['a', 'm-1', 'e-1', '1', 'god']) await showEvent(file, query)
    }),
    { numRuns: cases(60, 60) },
  )
})

test('a number that is an id too, and a place that is one, are listed both', async (t) => {
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'coder' })
  for (const id of ['5', '4', 'x', 'hive.jsonl:3']) agent.escalate({ id, subject: id })
  await hive.flush()
  const lines = async (query: string) => {
    const { found, place, matches } = await showEvent(file, query)
    return found === 'event' ? place?.line : matches?.list.map((match) => match.place.line)
  }
  assert.deepEqual(await lines('5'), [5, 3])
  assert.deepEqual(await lines('hive.jsonl:3'), [3, 6])
  assert.equal(await lines('4'), 4, 'both are one line')
  assert.equal(await lines('hive.jsonl:4'), 4)
})
