/** The model against the rules in their plainest form, over hives of several logs, ours and foreign. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { HiveEvent } from '../../src/format/kinds.js'
import { HiveModel } from '../../src/model/model.js'
import type { HiveState } from '../../src/model/state.js'
import { cases, seedOfRun } from '../kit/long-run.js'
import { type Entry, type Event, Naive } from './naive.js'

const agent = fc.constantFrom('a', 'b', 'c', 'lead', 'god')
const name = fc.constantFrom('a', 'b', 'c', 'lead', 'god', 'human', 'broadcast', 'scheduler', 'stranger')
const id = fc.constantFrom(...Array.from({ length: 8 }, (_, i) => `m-${i}`))
const question = fc.constantFrom('e-1', 'e-2', 'e-3')
const of = (kind: string, fields: Record<string, fc.Arbitrary<unknown>>, weight = 2) => ({
  weight,
  arbitrary: fc.record({ kind: fc.constant(kind), ...fields }, { requiredKeys: ['kind'] }),
})
const whole = (kind: string, fields: Record<string, fc.Arbitrary<unknown>>, weight = 2) => ({
  weight,
  arbitrary: fc.record({ kind: fc.constant(kind), ...fields }),
})
const event = fc.oneof(
  whole('spawn', { agentId: agent, isGod: fc.boolean() }, 4),
  of('message', { from: name, to: name, id, delivered: fc.constantFrom<unknown>(true, false) }, 8),
  of('message', { from: name, to: name, id, delivered: fc.array(name, { maxLength: 4 }) }, 5),
  whole('message', { from: name, to: name, id }, 12),
  of('drain', { agentId: agent, count: fc.nat(3), ids: fc.array(id, { maxLength: 3 }) }, 4),
  whole('drain', { agentId: agent, count: fc.nat(3) }, 4),
  whole('drop', { from: name, to: name, id, reason: fc.constantFrom('no-inbox', 'hop-cap') }, 3),
  whole('escalate', { from: agent, to: fc.constant('human'), id: question }),
  whole('approval', { id: question, approve: fc.constantFrom<unknown>(true, false, 'yes', undefined) }, 3),
  of('exit', {
    agentId: agent,
    status: fc.constantFrom('ok', 'error', 'killed', 'lost', 'gone'),
    error: fc.constant('no disk'),
    exitCode: fc.constantFrom<unknown>(0, 1),
    signal: fc.constant('SIGTERM'),
  }),
  whole('archive', { agentId: agent, archived: fc.constantFrom<unknown>(true, false, 'no') }, 3),
  whole('agent-hold', { id: agent, onHold: fc.constantFrom<unknown>(true, false, 1) }, 3),
  of('usage', { agentId: agent, costUsd: fc.constantFrom<unknown>(0.25, 0.01, -1, '3') }, 2),
  whole('tool', { agentId: agent }, 2),
  whole('app-start', {}, 1),
  whole('terminal-handoff', { from: agent, to: agent, id, delivered: fc.boolean() }, 1),
  of('log.open', {
    pid: fc.constantFrom(1, 2),
    host: fc.constant('h'),
    session: fc.constantFrom('s-1', 's-2'),
    segment: fc.constantFrom(1, 2, 3),
    started: fc.constantFrom(10, 20),
  }),
)

interface Line {
  log: number
  back: number
  given: { kind: string }
}
const line: fc.Arbitrary<Line> = fc.record({
  log: fc.nat(2),
  back: fc.constantFrom(0, 0, 0, 3, 20),
  given: event as fc.Arbitrary<{ kind: string }>,
})

/** The second is that of a child process of the first one's. */
const LOGS = ['hive.jsonl', 'hive.jsonl.agents/a.jsonl', 'other.jsonl']

/** The lines as entries: of logs 0 and 1 with `seq`, of log 2 without. `logs` is how many there are. */
function story(lines: readonly Line[], logs: number, firstIsForeign: boolean): Entry[] {
  const seqs = [0, 0, 0]
  return lines.map(({ log: n, back, given }, i) => {
    const log = n % logs
    const seq = ++(seqs[log] as number)
    const isForeign = log === 2 || (log === 0 && firstIsForeign)
    const event = { ts: 1000 + 10 * i - back, ...given, ...(!isForeign && { seq }) } as Event
    for (const field of Object.keys(event)) if (event[field] === undefined) delete event[field]
    const name = LOGS[log] as string
    return { event, seq, log: name, file: name, line: seq }
  })
}

const entryOf = ({ event, ...place }: Entry) => ({ event: event as unknown as HiveEvent, ...place })

function told({ agents, inboxes, pending, usage }: HiveState, isSeveral: boolean): object {
  return {
    agents: agents.map(({ agentId, status, lives, isGod }) => [agentId, status, lives, isGod]),
    inboxes: inboxes
      .map(({ recipient, waiting, messages, estimated = false }) => [
        recipient,
        waiting,
        estimated,
        messages.map(({ seq, log }) => (isSeveral ? `${log} ${seq}` : seq)),
      ])
      .sort(),
    pending: pending.map(({ id, seq, log }) => (isSeveral ? `${id} ${log} ${seq}` : `${id} ${seq}`)),
    cents: Math.round(usage.costUsd * 100),
    unpriced: usage.unpriced,
  }
}

function toldBy(naive: Naive, isSeveral: boolean): object {
  return {
    agents: naive.agents.map(({ id, status, lives, isGod }) => [id, status, lives, isGod]),
    inboxes: Object.entries(naive.boxes)
      .filter(([, { messages }]) => messages.length > 0)
      .map(([recipient, { messages, estimated }]) => [
        recipient,
        messages.length,
        estimated,
        messages.map(({ seq, log }) => (isSeveral ? `${log} ${seq}` : seq)),
      ])
      .sort(),
    pending: naive.pending.map(({ id, seq, log }) => (isSeveral ? `${id} ${log} ${seq}` : `${id} ${seq}`)),
    cents: naive.cents,
    unpriced: naive.unpriced,
  }
}

const hive = fc.tuple(
  fc.array(line, { minLength: 20, maxLength: 120, size: 'max' }),
  fc.constantFrom(1, 2, 3),
  fc.boolean(),
)

const RUNS = cases(400, 130)

test('after every event the model is what the rules say', () => {
  let compared = 0
  let estimated = 0
  fc.assert(
    fc.property(hive, ([lines, logs, firstIsForeign]) => {
      const model = new HiveModel(logs > 1 ? { firstLog: 'hive.jsonl' } : {})
      const naive = new Naive()
      for (const entry of story(lines, logs, firstIsForeign)) {
        model.add(entryOf(entry))
        naive.add(entry)
        const state = model.view()
        assert.deepEqual(told(state, logs > 1), toldBy(naive, logs > 1), JSON.stringify(entry))
        compared++
        if (state.estimated === true) estimated++
      }
    }),
    { numRuns: RUNS, seed: seedOfRun() },
  )
  assert.ok(compared > RUNS * 25 && estimated > RUNS * 1.25, `${compared} states, ${estimated} estimated`)
})

test('going on from the JSON of a state, at every event, is going on', () => {
  fc.assert(
    fc.property(hive, ([lines, logs, firstIsForeign]) => {
      const options = logs > 1 ? { firstLog: 'hive.jsonl' } : {}
      const model = new HiveModel(options)
      let parts = new HiveModel(options)
      for (const entry of story(lines, logs, firstIsForeign)) {
        parts = new HiveModel(options, JSON.parse(JSON.stringify(parts.view())))
        model.add(entryOf(entry))
        parts.add(entryOf(entry))
        assert.equal(JSON.stringify(parts.view()), JSON.stringify(model.view()))
      }
    }),
    { numRuns: cases(250, 80), seed: seedOfRun() },
  )
})
