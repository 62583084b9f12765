/** Whatever a log holds, the checks end, within their bounds; and a hive that does all right has nothing found. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Checker, type CheckReport } from '../../src/analyse/check/checker.js'
import { Settings } from '../../src/analyse/check/settings.js'
import type { LogItem } from '../../src/read/items.js'
import { cases, seedOfRun } from '../kit/long-run.js'
import { FIRST_TS } from '../kit/reader-log.js'

const MAX_FINDINGS = 5

function check(events: object[], closed = false): CheckReport {
  const checker = new Checker(new Settings(), { closed, maxFindings: MAX_FINDINGS })
  for (const [i, event] of events.entries()) {
    const place = { file: 'hive.jsonl', line: i + 1, offset: i, bytes: 20 }
    const isBad = !('kind' in event)
    const item = isBad
      ? { malformed: '{', reason: 'JSON cut short', ...place }
      : { event, seq: i + 1, ...place }
    checker.add(item as LogItem)
  }
  return checker.report('hive.jsonl')
}

const KINDS = [
  ...[
    'spawn',
    'message',
    'drain',
    'escalate',
    'approval',
    'usage',
    'call',
    'tool',
    'wait',
    'snapshot',
    'drop',
    'exit',
  ],
  ...[
    'archive',
    'app-start',
    'terminal-handoff',
    'rename',
    'log.open',
    'log.seal',
    'log.gap',
    'log.torn',
    '__proto__',
  ],
]
const id = fc.constantFrom('a', 'b', 'god', 'human', 'broadcast', '__proto__', 'constructor', '')
const value = fc.oneof(
  { weight: 4, arbitrary: id },
  {
    weight: 2,
    arbitrary: fc.constantFrom<unknown>('request', true, false, 0, 1, 2, -1, 429, [], ['a'], ['b', null]),
  },
  { weight: 1, arbitrary: fc.jsonValue() },
)
const FIELDS = [
  ...[
    'agentId',
    'from',
    'to',
    'id',
    'act',
    'subject',
    'inReplyTo',
    'requiresReply',
    'delivered',
    'archived',
    'isGod',
  ],
  ...[
    'count',
    'ids',
    'approve',
    'costUsd',
    'inputTokens',
    'outputTokens',
    'host',
    'path',
    'status',
    'error',
    'name',
  ],
  ...['ok', 'reason', 'lost', 'bytes', 'pid', 'session', 'span', 'seq', 'checkpoint', 'parent', 'holder'],
]
const garbage = fc
  .record({
    ts: fc.oneof(fc.integer({ min: 0, max: 10_000_000 }), fc.constantFrom(-8.64e15, 8.64e15, 0.5)),
    kind: fc.constantFrom(...KINDS),
    fields: fc.dictionary(fc.constantFrom(...FIELDS), value, { maxKeys: 10 }),
  })
  .map(({ ts, kind, fields }) => ({ ...fields, ts, kind }))

test('random garbage: never throws, findings are bounded and well-formed', () => {
  const events = fc.array(fc.oneof({ weight: 9, arbitrary: garbage }, fc.constant({})), { maxLength: 120 })
  fc.assert(
    fc.property(events, fc.boolean(), (garbled, closed) => {
      const report = check(garbled, closed)
      const perRule = new Map<string, number>()
      for (const { rule, message, count, places, agents } of report.findings) {
        perRule.set(rule, (perRule.get(rule) ?? 0) + 1)
        assert.ok(
          message.length > 0 && message.length < 1000 && !/undefined|NaN|\[object/.test(message),
          message,
        )
        assert.ok(count >= 0 && places.length > 0 && places.length <= 10 && agents.length <= 10)
      }
      for (const found of perRule.values()) assert.ok(found <= MAX_FINDINGS)
      const { error, warning, info } = report.counts
      assert.equal(error + warning + info, report.findings.length + report.omitted)
      JSON.stringify(report)
    }),
    { numRuns: cases(1500, 150), seed: seedOfRun() },
  )
})

interface Step {
  who: number
  to: number
  what: 'ask' | 'tell' | 'escalate' | 'call' | 'tool' | 'usage' | 'respawn'
  pause: number
}

/** A hive in which everybody reads, answers and ends; `ours` as hivelog writes it. */
class GoodHive {
  readonly events: object[] = []
  readonly #ours: boolean
  readonly #checkpoints = new Map<string, number>()
  #ts = FIRST_TS
  #ids = 0

  constructor(agents: number, ours: boolean) {
    this.#ours = ours
    if (ours) this.#write('log.open', { format: 1, segment: 1, writer: 'w', pid: 1, host: 'h' })
    for (let i = 0; i < agents; i++) this.#spawn(`a${i}`, i === 0)
  }

  step({ who, to, what, pause }: Step): void {
    this.#ts += pause
    const agentId = `a${who}`
    const id = `m-${++this.#ids}`
    if (what === 'ask' || what === 'tell') this.#talk(agentId, `a${to}`, id, what === 'ask')
    else if (what === 'escalate') {
      this.#write('escalate', { from: agentId, to: 'human', subject: 'May I?', id }, agentId)
      this.#write('approval', { id, approve: to % 2 === 0 })
    } else if (what === 'call') {
      this.#write('call', { agentId, host: 'h', path: `/${id}`, status: to % 2 === 0 ? 200 : 500 }, agentId)
    } else if (what === 'tool') this.#write('tool', { agentId, name: id, ok: to % 2 === 0 }, agentId)
    else if (what === 'usage') {
      this.#write('usage', { agentId, inputTokens: 100, outputTokens: 5, costUsd: 0.001 * (to + 1) }, agentId)
    } else {
      this.#write('exit', { agentId, status: 'ok' }, agentId)
      this.#spawn(agentId, who === 0)
    }
  }

  end(agents: number): void {
    for (let i = 0; i < agents; i++) this.#write('exit', { agentId: `a${i}`, status: 'ok' }, `a${i}`)
    if (this.#ours) this.#write('log.seal', { sha256: '0', bytes: 1 })
  }

  #talk(from: string, to: string, id: string, asks: boolean): void {
    const delivered = this.#ours ? {} : { delivered: [to] }
    this.#write(
      'message',
      { from, to, act: asks ? 'request' : 'inform', subject: `About ${id}`, id, ...delivered },
      from,
    )
    this.#write('drain', { agentId: to, count: 1, ...(this.#ids % 2 === 0 && { ids: [id] }) }, to)
    if (!asks) return
    const reply = { act: 'done', subject: `Re: About ${id}`, id: `r-${id}`, inReplyTo: id }
    this.#write('message', { from: to, to: from, ...reply }, to)
    this.#write('drain', { agentId: from, count: 1 }, from)
  }

  #spawn(agentId: string, isGod: boolean): void {
    this.#checkpoints.delete(agentId)
    this.#write('spawn', { agentId, name: agentId, isGod }, agentId)
  }

  #write(kind: string, fields: object, agent?: string): void {
    this.#ts += 5
    const event: Record<string, unknown> = { ts: this.#ts, kind, ...fields }
    if (this.#ours) {
      Object.assign(event, { seq: this.events.length + 1, session: 's-1' })
      if (agent !== undefined) {
        const checkpoint = this.#checkpoints.get(agent) ?? 0
        event.checkpoint = checkpoint
        this.#checkpoints.set(agent, checkpoint + 1)
      }
    }
    this.events.push(event)
  }
}

test('a hive that does all right: nothing is found, while it runs and after', () => {
  const agents = 4
  const step: fc.Arbitrary<Step> = fc.record({
    who: fc.nat(agents - 1),
    to: fc.nat(agents - 1),
    what: fc.constantFrom('ask', 'tell', 'escalate', 'call', 'tool', 'usage', 'respawn'),
    pause: fc.oneof(fc.nat(1000), fc.nat(3_600_000)),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.boolean(), (steps, ours) => {
      const hive = new GoodHive(agents, ours)
      for (const each of steps) hive.step(each)
      assert.deepEqual(check(hive.events).findings, [])
      hive.end(agents)
      assert.deepEqual(check(hive.events, true).findings, [])
    }),
    { numRuns: cases(300, 40), seed: seedOfRun() },
  )
})

test('a line taken out of a good hive is found', () => {
  fc.assert(
    fc.property(fc.nat(30), fc.integer({ min: 1, max: 3 }), (at, taken) => {
      const hive = new GoodHive(3, true)
      for (let i = 0; i < 20; i++) hive.step({ who: i % 3, to: (i + 1) % 3, what: 'tell', pause: 10 })
      hive.end(3)
      hive.events.splice(at + 1, taken)
      const { findings } = check(hive.events)
      assert.ok(findings.some(({ rule, count }) => rule === 'seq-gap' && count === taken))
    }),
    { seed: 3 },
  )
})

test('memory: ever new agents, recipients, subjects, calls, spans and escalations are forgotten in time', () => {
  const checker = new Checker(new Settings(), { closed: false, maxFindings: MAX_FINDINGS })
  const place = { file: 'hive.jsonl', offset: 0, bytes: 20 }
  let seq = 0
  const add = (event: object): void => {
    seq++
    checker.add({
      ...place,
      line: seq,
      seq,
      event: { ts: FIRST_TS + seq, session: `s-${seq}`, ...event },
    } as LogItem)
  }
  for (let i = 0; i < 60_000; i++) {
    const agentId = `a-${i}`
    add({ kind: 'spawn', agentId, name: agentId, span: `${i}` })
    add({
      kind: 'message',
      from: agentId,
      to: `nobody-${i}`,
      subject: `s-${i}`,
      id: `m-${i}`,
      inReplyTo: `m-${i - 1}`,
    })
    add({ kind: 'message', from: agentId, to: 'a-0', act: 'request', subject: `s-${i}`, id: `n-${i}` })
    add({ kind: 'escalate', from: agentId, to: 'human', subject: 'May I?', id: `e-${i}` })
    add({ kind: 'call', agentId, host: `h-${i}`, status: 500 })
    add({ kind: 'usage', agentId, costUsd: 1 })
    add({ kind: 'drain', agentId, count: 1e9, ids: [`x-${i}`] })
  }
  const { findings, notes } = checker.report('hive.jsonl')
  assert.ok(findings.length <= 100)
  assert.ok(
    notes.some((note) => /more than 20,000 agents/.test(note)),
    notes.join('\n'),
  )
  assert.ok(
    notes.some((note) => /10,000 escalations/.test(note)),
    notes.join('\n'),
  )
})
