/** What each kind of event does to a hive's state. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { StateChange } from '../../src/analyse/state/changes.js'
import { StateReducer } from '../../src/analyse/state/reducer.js'
import { decodeLine } from '../../src/format/decode.js'
import type { HiveEvent } from '../../src/format/kinds.js'
import {
  emptyState,
  type HiveState,
  MAX_ENDED_AGENTS,
  MAX_LISTED_MESSAGES,
  MAX_PENDING,
} from '../../src/model/state.js'
import { cases } from '../kit/long-run.js'

type Given = [kind: string, fields?: object]

function reduce(events: Given[], reducer = new StateReducer()): HiveState {
  for (const [kind, fields] of events) {
    const seq = reducer.seq + 1
    reducer.apply({ ts: 1000 + seq, kind, seq, ...fields } as HiveEvent, seq)
  }
  return reducer.state()
}

const spawn = (agentId: string, more: object = {}): Given => [
  'spawn',
  { agentId, name: agentId, isGod: false, ...more },
]
const message = (from: string, to: string, id: string, more: object = {}): Given => [
  'message',
  { from, to, act: 'request', subject: 's', id, ...more },
]
const statuses = (state: HiveState): string =>
  state.agents.map(({ agentId, status }) => `${agentId} ${status}`).join(', ')
const waiting = (state: HiveState): string =>
  state.inboxes
    .map(({ recipient, messages }) => `${recipient}: ${messages.map(({ id }) => id).join(' ')}`)
    .join('; ')

test('nothing yet', () => {
  assert.deepEqual(new StateReducer().state(), emptyState())
})

test('an agent: who it is, how it stands, since when', () => {
  const given: Given[] = [
    spawn('lead', { isGod: true, pid: 12, session: 's-1' }),
    spawn('coder', { name: 'Coder', parent: 'lead', role: 'writes', model: 'm-1' }),
    ['plan.revised', { agentId: 'coder', steps: 4 }],
    ['exit', { agentId: 'coder', status: 'error', error: 'no disk' }],
  ]
  assert.deepEqual(reduce(given).agents, [
    {
      agentId: 'lead',
      name: 'lead',
      isGod: true,
      status: 'alive',
      since: 1001,
      sinceSeq: 1,
      lives: 1,
      spawnSeq: 1,
      spawnTs: 1001,
      events: 1,
      lastSeq: 1,
      lastTs: 1001,
      pid: 12,
      session: 's-1',
    },
    {
      agentId: 'coder',
      name: 'Coder',
      isGod: false,
      status: 'error',
      since: 1004,
      sinceSeq: 4,
      lives: 1,
      spawnSeq: 2,
      spawnTs: 1002,
      events: 3,
      lastSeq: 4,
      lastTs: 1004,
      parent: 'lead',
      role: 'writes',
      model: 'm-1',
      error: 'no disk',
    },
  ])
})

test('an agent that is spawned again lives again, and keeps its inbox and its sums', () => {
  const state = reduce([
    spawn('a', { role: 'old' }),
    ['usage', { agentId: 'a', inputTokens: 5, outputTokens: 1 }],
    message('human', 'a', 'm-1'),
    ['exit', { agentId: 'a', status: 'killed', error: 'stopped' }],
    spawn('a', { name: 'A2' }),
  ])
  const [agent] = state.agents
  assert.deepEqual(
    [
      agent?.name,
      agent?.status,
      agent?.lives,
      agent?.events,
      agent?.role,
      agent?.error,
      agent?.usage?.inputTokens,
    ],
    ['A2', 'alive', 2, 1, undefined, undefined, 5],
  )
  assert.equal(waiting(state), 'a: m-1')
})

test('harnesses put agents aside and take them back', () => {
  const given: Given[] = [
    spawn('god', { isGod: true }),
    ['archive', { agentId: 'god', archived: true }],
    ['agent-hold', { id: 'jim', onHold: true }],
    spawn('jim'),
    ['agent-hold', { id: 'jim', onHold: true }],
    ['rename', { agentId: 'jim', previousName: 'jim', name: 'James' }],
    ['role', { agentId: 'jim', role: 'tester' }],
    ['session', { agentId: 'jim', sessionId: 's-9' }],
  ]
  const state = reduce(given)
  assert.equal(statuses(state), 'god archived, jim held')
  const { name, role, session } = state.agents[1] ?? {}
  assert.deepEqual({ name, role, session }, { name: 'James', role: 'tester', session: 's-9' })
  const back: Given[] = [
    ['archive', { agentId: 'god', archived: false }],
    ['agent-hold', { id: 'jim', onHold: false }],
  ]
  assert.equal(statuses(reduce([...given, ...back])), 'god alive, jim alive')
})

test('inboxes: routed and not yet drained, by count and by id', () => {
  const routed: Given[] = [spawn('a'), spawn('b'), ...[1, 2, 3, 4].map((n) => message('a', 'b', `m-${n}`))]
  assert.equal(waiting(reduce(routed)), 'b: m-1 m-2 m-3 m-4')
  assert.equal(waiting(reduce([...routed, ['drain', { agentId: 'b', count: 3 }]])), 'b: m-4')
  assert.equal(
    waiting(reduce([...routed, ['drain', { agentId: 'b', count: 2, ids: ['m-3', 'm-1'] }]])),
    'b: m-2 m-4',
  )
  assert.equal(waiting(reduce([...routed, ['drain', { agentId: 'b', count: 9 }]])), '')
  assert.equal(
    waiting(reduce([...routed, ['drop', { from: 'a', to: 'b', id: 'm-2', reason: 'no-inbox' }]])),
    'b: m-1 m-3 m-4',
  )
})

test('who gets a message: the orchestrator, all, those that took delivery, nobody', () => {
  const hive: Given[] = [
    spawn('lead', { isGod: true }),
    spawn('a'),
    spawn('b'),
    ['exit', { agentId: 'b', status: 'ok' }],
  ]
  const after = (...given: Given[]): string => waiting(reduce([...hive, ...given]))
  assert.equal(after(message('a', 'god', 'm')), 'lead: m')
  assert.equal(after(message('a', 'broadcast', 'm')), 'lead: m')
  assert.equal(after(message('scheduler', 'broadcast', 'm')), 'lead: m; a: m')
  assert.equal(after(message('a', 'human', 'm')), '')
  assert.equal(after(message('a', 'b', 'm')), 'b: m', 'it may be spawned again')
  assert.equal(after(message('a', 'nobody', 'm')), 'nobody: m')
  assert.equal(after(message('god', 'x', 'm', { delivered: ['a', 'lead'] })), 'a: m; lead: m')
  assert.equal(after(message('lead', 'x', 'm', { delivered: [] })), '')
  assert.equal(
    after([
      'terminal-handoff',
      { from: 'lead', to: 'a', act: 'request', subject: 's', id: 'm', delivered: true },
    ]),
    '',
  )
})

test('what is pending with the human', () => {
  const given: Given[] = [
    spawn('a'),
    ['escalate', { from: 'a', to: 'human', subject: 'One?', id: 'e-1' }],
    ['escalate', { from: 'a', to: 'human', subject: 'Two?', id: 'e-2' }],
    ['approval', { id: 'e-1', approve: false }],
    ['approval', { id: 'e-9', approve: true }],
  ]
  assert.deepEqual(reduce(given).pending, [
    { id: 'e-2', seq: 3, ts: 1003, from: 'a', to: 'human', subject: 'Two?' },
  ])
})

test('tokens, dollars, and the last snapshot', () => {
  const state = reduce([
    spawn('a'),
    ['usage', { agentId: 'a', inputTokens: 10, outputTokens: 2, cacheReadTokens: 7, costUsd: 0.5 }],
    ['usage', { agentId: 'b', inputTokens: 1, outputTokens: 1 }],
    ['snapshot', { agentId: 'a', label: 'before', ref: 'ab', bytes: 3 }],
  ])
  assert.deepEqual(state.usage, {
    calls: 2,
    inputTokens: 11,
    outputTokens: 3,
    cacheReadTokens: 7,
    cacheWriteTokens: 0,
    costUsd: 0.5,
    unpriced: 1,
  })
  assert.deepEqual(state.snapshot, { seq: 4, ts: 1004, agentId: 'a', ref: 'ab', bytes: 3, label: 'before' })
  assert.equal(statuses(state), 'a alive, b alive')
  assert.deepEqual(
    state.agents.map(({ lives }) => lives),
    [1, 0],
  )
})

test('who a dead process left alive is lost when another opens the log, and not when it is rotated', () => {
  const open = (pid: number, segment: number): Given => [
    'log.open',
    { format: 1, segment, writer: 'w', pid, host: 'h', session: 's' },
  ]
  const given: Given[] = [open(1, 1), spawn('a'), spawn('b'), ['exit', { agentId: 'b', status: 'ok' }]]
  assert.equal(statuses(reduce([...given, open(1, 2)])), 'a alive, b ok')
  assert.equal(statuses(reduce([...given, open(2, 1)])), 'a lost, b ok')
  assert.equal(
    statuses(reduce([...given, open(1, 1)])),
    'a lost, b ok',
    'a container’s only process is pid 1 again',
  )
  assert.equal(
    statuses(reduce([...given, open(2, 1), ['exit', { agentId: 'a', status: 'lost' }]])),
    'a lost, b ok',
  )
  assert.deepEqual(reduce([...given, open(1, 2)]).writer, {
    since: 1001,
    writer: 'w',
    host: 'h',
    session: 's',
    pid: 1,
    segment: 2,
  })
})

test('losses are counted', () => {
  const reducer = new StateReducer()
  reduce(
    [
      ['log.gap', { lost: 3, reason: 'disk full' }],
      ['log.gap', { lost: 'many' }],
    ],
    reducer,
  )
  reducer.malformed()
  const { lost, malformed, events } = reducer.state()
  assert.deepEqual({ lost, malformed, events }, { lost: 3, malformed: 1, events: 0 })
})

test('changes are told', () => {
  const changes: StateChange[] = []
  const reducer = new StateReducer(emptyState(), (change) => changes.push(change))
  reduce(
    [
      spawn('a'),
      message('human', 'a', 'm'),
      ['drain', { agentId: 'a', count: 1 }],
      ['escalate', { from: 'a', to: 'human', subject: 's', id: 'e' }],
      ['approval', { id: 'e', approve: true }],
      ['approval', { id: 'e', approve: true }],
      ['rename', { agentId: 'a', name: 'A' }],
      ['exit', { agentId: 'a', status: 'ok' }],
    ],
    reducer,
  )
  assert.deepEqual(changes, [
    { type: 'status', agentId: 'a', to: 'alive' },
    { type: 'inbox', recipient: 'a', before: 0, waiting: 1 },
    { type: 'inbox', recipient: 'a', before: 1, waiting: 0 },
    { type: 'pending', id: 'e', delta: 1, pending: 1 },
    { type: 'pending', id: 'e', delta: -1, pending: 0 },
    { type: 'pending', id: 'e', delta: 0, pending: 0 },
    { type: 'name', agentId: 'a', from: 'a', to: 'A' },
    { type: 'status', agentId: 'a', from: 'alive', to: 'ok' },
  ])
})

test('a state stays small however long the log: the rest is counted', () => {
  const reducer = new StateReducer()
  const many = 250
  reduce([spawn('a'), ...Array.from({ length: many }, (_, i) => message('human', 'a', `m-${i}`))], reducer)
  let [inbox] = reducer.state().inboxes
  assert.deepEqual(
    [inbox?.waiting, inbox?.messages.length, inbox?.messages[0]?.id],
    [many, MAX_LISTED_MESSAGES, 'm-150'],
  )
  reduce([['drain', { agentId: 'a', count: 160 }]], reducer)
  ;[inbox] = reducer.state().inboxes
  assert.deepEqual([inbox?.waiting, inbox?.messages.length, inbox?.messages[0]?.id], [90, 90, 'm-160'])

  const extra = 7
  reduce(
    Array.from(
      { length: MAX_PENDING + extra },
      (_, i): Given => ['escalate', { from: 'a', to: 'human', id: `e-${i}` }],
    ),
    reducer,
  )
  assert.equal(reducer.state().unlisted.pending, extra)
  reduce([['approval', { id: 'e-0', approve: true }]], reducer)
  assert.equal(reducer.state().unlisted.pending, extra - 1)

  const agents = Array.from({ length: MAX_ENDED_AGENTS + extra }, (_, i): Given[] => [
    spawn(`x-${i}`),
    ['exit', { agentId: `x-${i}`, status: 'ok' }],
  ])
  const state = reduce(agents.flat(), reducer)
  assert.deepEqual([state.agents.length, state.unlisted.endedAgents], [MAX_ENDED_AGENTS + 1, extra])
  assert.equal(state.agents[0]?.agentId, 'a', 'who lives stays')
})

test('one hostile line does not make it big', () => {
  const huge = 'x'.repeat(1_000_000)
  const state = reduce([
    spawn(huge, { name: huge, role: huge }),
    message(huge, huge, huge, { subject: huge }),
    ['escalate', { from: huge, to: huge, subject: huge, id: huge }],
  ])
  assert.ok(JSON.stringify(state).length < 10_000)
})

const anything = fc.oneof(
  fc.anything(),
  fc.constantFrom('a', 'b', 'god', '__proto__', 'constructor', 'ok', 'lost'),
)
const kinds = fc.constantFrom(
  ...[
    'spawn',
    'message',
    'drain',
    'escalate',
    'approval',
    'usage',
    'snapshot',
    'drop',
    'exit',
    'archive',
    'rename',
  ],
  ...['role', 'session', 'agent-hold', 'terminal-handoff', 'log.open', 'log.gap', 'log.torn', 'x.y'],
)
const names = [
  'agentId',
  'from',
  'to',
  'id',
  'ids',
  'count',
  'delivered',
  'name',
  'status',
  'ref',
  'lost',
  'pid',
]

test('fields of any type do no harm, and the state goes on from its JSON exactly', () => {
  const event = fc.tuple(kinds, fc.dictionary(fc.constantFrom(...names), anything))
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40, size: 'max' }), fc.nat(40), (events, cut) => {
      const asRead = events.flatMap(([kind, fields], i) => {
        const line = safeLine({ ts: 1000 + i, kind, ...fields })
        const decoded = line === undefined ? undefined : decodeLine(line)
        return decoded !== undefined && 'event' in decoded ? [decoded.event] : []
      })
      const whole = new StateReducer()
      let parts = new StateReducer()
      for (const [i, each] of asRead.entries()) {
        if (i === cut) parts = new StateReducer(JSON.parse(JSON.stringify(parts.view())))
        whole.apply(each, i + 1)
        parts.apply(each, i + 1)
      }
      assert.deepEqual(parts.state(), whole.state())
      assert.equal(JSON.stringify(parts.view()), JSON.stringify(whole.view()))
    }),
    { numRuns: cases(400, 400), seed: 20261122 },
  )
})

function safeLine(value: object): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}
