/** Single rules of docs/hive.md, each by its words. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HiveEvent } from '../../src/format/kinds.js'
import type { HiveListener } from '../../src/model/listener.js'
import { HiveModel, type ModelOptions } from '../../src/model/model.js'
import { agentsOf, isAbout } from '../../src/model/who.js'

type Given = [kind: string, fields?: Record<string, unknown>]

function fed(events: readonly Given[], options: ModelOptions = {}): HiveModel {
  const model = new HiveModel(options)
  for (const [i, [kind, fields]] of events.entries()) {
    model.add({ event: { ts: 1000 + i, kind, seq: i + 1, ...fields } as HiveEvent, seq: i + 1 })
  }
  return model
}

const statusAfter = (...events: Given[]): string | undefined =>
  fed([['spawn', { agentId: 'a', name: 'A', isGod: false }], ...events]).agents.get('a')?.status
const waiting = (model: HiveModel, recipient: string): (string | undefined)[] =>
  model
    .inbox(recipient)
    ?.list()
    .map(({ id }) => id) ?? []

test('how an agent ended: what its status says, else its error, exit code and signal', () => {
  const exits: [object, string][] = [
    [{}, 'ok'],
    [{ status: 'killed', error: 'no disk' }, 'killed'],
    [{ error: 'no disk' }, 'error'],
    [{ exitCode: 1 }, 'error'],
    [{ exitCode: 0 }, 'ok'],
    [{ signal: 'SIGTERM' }, 'killed'],
    [{ exitCode: 3, signal: 'SIGTERM' }, 'error'],
    [{ status: 'done', exitCode: 1 }, 'error'],
  ]
  for (const [fields, expected] of exits) {
    assert.equal(statusAfter(['exit', { agentId: 'a', ...fields }]), expected, JSON.stringify(fields))
  }
})

test('a process of the same number in a container that started again is another writer', () => {
  const open = (segment: number, started?: number): Given => [
    'log.open',
    { format: 1, segment, writer: 'w', pid: 1, host: 'h', session: 's', ...(started && { started }) },
  ]
  const spawn: Given = ['spawn', { agentId: 'a', name: 'A', isGod: false }]
  const status = (...events: Given[]): string | undefined => fed(events).agents.get('a')?.status
  assert.equal(status(open(1, 7), spawn, open(2, 7)), 'alive')
  assert.equal(status(open(1, 7), spawn, open(2, 8)), 'lost', 'a later segment, but opened at another time')
  assert.equal(status(open(1), spawn, open(2)), 'alive')
  assert.equal(status(open(1), spawn, open(1)), 'lost')
  assert.equal(
    status(open(1), spawn, open(2, 8)),
    'lost',
    'one that says when it opened the log is no older one',
  )
})

test('a harness that starts loses whom it had alive or held, and leaves the archived', () => {
  assert.equal(statusAfter(['app-start']), 'lost')
  assert.equal(statusAfter(['agent-hold', { id: 'a', onHold: true }], ['app-start']), 'lost')
  assert.equal(statusAfter(['archive', { agentId: 'a', archived: true }], ['app-start']), 'archived')
  assert.equal(
    statusAfter(['exit', { agentId: 'a' }], ['archive', { agentId: 'a', archived: false }]),
    'ok',
    'who ended stays ended',
  )
})

test('a drain takes what ids names, and of the rest of its count the oldest', () => {
  const sent = ['m-1', 'm-2', 'm-3', 'm-4'].map((id): Given => ['message', { from: 'b', to: 'a', id }])
  const after = (fields: object): unknown =>
    waiting(fed([['spawn', { agentId: 'a' }], ...sent, ['drain', { agentId: 'a', ...fields }]]), 'a')
  assert.deepEqual(after({ count: 1, ids: [] }), ['m-2', 'm-3', 'm-4'])
  assert.deepEqual(after({ count: 3, ids: ['m-3'] }), ['m-4'])
  assert.deepEqual(after({ count: 1, ids: ['m-3', 'm-4'] }), ['m-1', 'm-2'])
})

test('a drain may come before its message, and an approval before its escalation', () => {
  const told: string[] = []
  const listener: HiveListener = {
    delivered: (_, { id }) => told.push(`in ${id}`),
    deliveredLate: (_, { id }) => told.push(`late ${id}`),
    escalated: ({ id }, early) => told.push(`asked ${id} ${early?.approve}`),
    answered: (id, answer) => told.push(`${answer} ${id}`),
  }
  const model = fed(
    [
      ['drain', { agentId: 'a', count: 1, ids: ['m-1'] }],
      ['message', { from: 'b', to: 'a', id: 'm-1' }],
      ['message', { from: 'b', to: 'a', id: 'm-1' }],
      ['approval', { id: 'e-1', approve: 'yes' }],
      ['approval', { id: 'e-1', approve: false }],
      ['escalate', { from: 'a', to: 'human', id: 'e-1' }],
      ['approval', { id: 'e-1', approve: true }],
      ['escalate', { from: 'a', to: 'human', id: 'e-1' }],
      ['approval', { id: 'e-1', approve: 1 }],
    ],
    { listener },
  )
  assert.deepEqual(told, [
    'late m-1',
    'in m-1',
    'unclear e-1',
    'early e-1',
    'asked e-1 false',
    'again e-1',
    'asked e-1 undefined',
    'unclear e-1',
  ])
  assert.deepEqual(waiting(model, 'a'), ['m-1'])
  assert.equal(model.escalations.size, 1, 'it was escalated again, and that was not decided')
})

test('what is asked of a human is one thing from its first approval to its last, and another when it is asked again', () => {
  const things: object[] = []
  const told: unknown[] = []
  const numberOf = (thing: object): number => {
    if (!things.includes(thing)) things.push(thing)
    return things.indexOf(thing)
  }
  const listener: HiveListener = {
    escalated: (_, __, again, matter, earlier) =>
      told.push([numberOf(matter), again, earlier === undefined ? undefined : numberOf(earlier)]),
    answered: (_, answer, __, pending, matter) =>
      told.push([numberOf(matter), answer, pending?.seq, matter.decision?.seq]),
  }
  const asked: Given = ['escalate', { from: 'a', to: 'human', id: 'e' }]
  const answer = (approve: unknown): Given => ['approval', { id: 'e', approve }]
  fed(
    [
      answer('yes'), // 1
      answer(true),
      answer(false),
      asked, // 4
      answer(false),
      asked, // 6
      answer(null),
      asked, // 8
      answer(true),
      answer(undefined),
      asked, // 11
      ['escalate', { from: 'a', to: 'human', id: 7 }],
      ['approval', { approve: true }],
    ],
    { listener },
  )
  assert.deepEqual(told, [
    [0, 'unclear', undefined, undefined],
    [0, 'early', undefined, 2],
    [0, 'again', undefined, 2],
    [0, false, undefined],
    [0, 'again', undefined, 2],
    [1, false, 0],
    [1, 'unclear', 6, undefined],
    [2, true, 1],
    [2, 'decides', 8, 9],
    [2, 'unclear', undefined, 9],
    [3, false, 2],
  ])
})

test('of decisions, and of approvals without an escalation, only so many are remembered', () => {
  const ids = ['a', 'b', 'c']
  const listener = (told: string[]): HiveListener => ({
    answered: (id, answer) => told.push(`${answer} ${id}`),
  })
  const approvals = ids.map((id): Given => ['approval', { id, approve: true }])
  const decided: string[] = []
  const asked = ids.map((id): Given => ['escalate', { from: 'x', to: 'human', id }])
  const one = fed([...asked, ...approvals, ...approvals], { listener: listener(decided), maxDecided: 2 })
  assert.deepEqual(decided.slice(3), ['early a', 'again b', 'again c'])
  assert.equal(one.escalations.forgotten, 1)
  const early: string[] = []
  const other = fed([...approvals, ...asked], { listener: listener(early), maxEarly: 2 })
  assert.deepEqual(
    other.escalations.list().map(({ id }) => id),
    ['a'],
  )
})

test('whom an event is about', () => {
  const about = (fields: object): string[] => agentsOf({ ts: 1, kind: 'x', ...fields } as HiveEvent)
  assert.deepEqual(about({ agentId: 'a', from: 'b', to: 'c', delivered: ['c', 'd', 7], id: 'e' }), [
    'a',
    'b',
    'c',
    'd',
  ])
  assert.deepEqual(about({ kind: 'agent-hold', id: 'jim', onHold: true }), ['jim'])
  const many = Array.from({ length: 50 }, (_, i) => `a-${i}`)
  assert.deepEqual(about({ to: 'a-3', delivered: many }), ['a-3', ...many.filter((id) => id !== 'a-3')])
  const event = { ts: 1, kind: 'message', from: 'b', to: 'broadcast', delivered: ['c'] } as HiveEvent
  assert.ok(isAbout(event, new Set(['c'])))
  assert.ok(!isAbout(event, new Set(['a'])))
})

test('an inbox of any length holds the newest, knows the number, and takes ids fast', () => {
  const model = new HiveModel({ inboxCapacity: 2000 })
  let seq = 0
  const add = (kind: string, fields: object): void => {
    seq++
    model.add({ event: { ts: seq, kind, seq, ...fields } as HiveEvent, seq })
  }
  const count = 200_000
  for (let i = 0; i < count; i++) add('message', { from: 'b', to: 'a', id: `m-${i}` })
  add('drain', {
    agentId: 'a',
    count: 1000,
    ids: Array.from({ length: 1000 }, (_, i) => `m-${count - 1 - i}`),
  })
  const inbox = model.inbox('a')
  assert.deepEqual(
    [inbox?.waiting, inbox?.list().length, inbox?.list().at(-1)?.id],
    [199_000, 1000, 'm-198999'],
  )
  add('drain', { agentId: 'a', count: 198_500 })
  assert.deepEqual([inbox?.waiting, inbox?.list()[0]?.id], [500, 'm-198500'])
})

const LOG = 'hive.jsonl'
const CHILD = 'hive.jsonl.agents/a.jsonl'

/** Events of a hive of two logs, one after the other. */
function ofTwo(events: readonly [log: string, ...Given][]): HiveModel {
  const model = new HiveModel({ firstLog: LOG })
  for (const [i, [log, kind, fields]] of events.entries()) {
    const event = { ts: 1000 + i, kind, seq: i + 1, ...fields } as HiveEvent
    model.add({ event, seq: i + 1, log, file: log, line: i + 1 })
  }
  return model
}

test('the spawn in the log of an agent’s own process goes on with its life; its own exit is the one that counts', () => {
  const spawn = { agentId: 'a', name: 'A', isGod: false, session: 's-1' }
  const begun: [string, ...Given][] = [
    [LOG, 'spawn', spawn],
    [CHILD, 'spawn', { ...spawn, pid: 7 }],
  ]
  const own: [string, ...Given] = [CHILD, 'exit', { agentId: 'a', status: 'ok' }]
  const parents: [string, ...Given] = [LOG, 'exit', { agentId: 'a', status: 'killed' }]
  const ends: [[string, ...Given][], string][] = [
    [[own, parents], 'ok'],
    [[parents, own], 'ok'],
    [[parents], 'killed'],
    [[own], 'ok'],
  ]
  for (const [exits, expected] of ends) {
    const agent = ofTwo([...begun, ...exits]).agents.get('a')
    assert.deepEqual([agent?.status, agent?.lives, agent?.log, agent?.pid], [expected, 1, CHILD, 7])
  }
  const reversed = ofTwo([...begun].reverse()).agents.get('a')
  assert.deepEqual([reversed?.lives, reversed?.log], [1, CHILD], 'the child’s clock may be ahead')
})

test('a process that begins again as its agent has the parent, role, model and rank that were told before', () => {
  const told = {
    agentId: 'a',
    name: 'A',
    isGod: true,
    parent: 'lead',
    role: 'writer',
    model: 'm-1',
    session: 's-1',
  }
  const own = { agentId: 'a', name: 'A', isGod: false, pid: 7, session: 's-1' }
  const begun: [string, ...Given][] = [
    [LOG, 'spawn', told],
    [CHILD, 'spawn', own],
    [CHILD, 'exit', { agentId: 'a', status: 'ok' }],
  ]
  const after = (...events: [string, ...Given][]) => {
    const { lives, parent, role, model, isGod } = ofTwo(events).agents.get('a') ?? assert.fail()
    return [lives, parent, role, model, isGod]
  }
  const kept = ['lead', 'writer', 'm-1', true]
  const none = [undefined, undefined, undefined, false]
  assert.deepEqual(after(...begun, [CHILD, 'spawn', { ...own, pid: 8 }]), [2, ...kept])
  const late: [string, ...Given] = [LOG, 'exit', { agentId: 'a', status: 'killed' }]
  assert.deepEqual(
    after([LOG, 'spawn', told], late, [CHILD, 'spawn', own]),
    [2, ...kept],
    'its first, too late',
  )
  const others: [[string, ...Given], string][] = [
    [[CHILD, 'spawn', { ...own, session: 's-2' }], 'another session'],
    [[CHILD, 'spawn', { ...own, pid: undefined }], 'an agent within the process'],
    [[LOG, 'spawn', own], 'told by the log above'],
  ]
  for (const [other, what] of others) assert.deepEqual(after(...begun, other), [2, ...none], what)
})

test('a spawn in another session, after an end, or in a log that is no child’s is another life', () => {
  const spawn = { agentId: 'a', name: 'A', isGod: false, session: 's-1' }
  const lives = (...events: [string, ...Given][]): number | undefined =>
    ofTwo([[LOG, 'spawn', spawn], ...events]).agents.get('a')?.lives
  assert.equal(lives([CHILD, 'spawn', { ...spawn, session: 's-2' }]), 2)
  assert.equal(lives([LOG, 'exit', { agentId: 'a' }], [CHILD, 'spawn', spawn]), 2)
  assert.equal(lives(['other.jsonl', 'spawn', spawn]), 2)
  assert.equal(lives(['hive.jsonl.agents/b.jsonl.agents/a.jsonl', 'spawn', spawn]), 2)
})
