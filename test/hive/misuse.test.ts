/** No call throws: what cannot be recorded as it is, is recorded as it can be or refused, and one line says so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { trace } from '@opentelemetry/api'
import type { Agent, Hive } from '../../src/index.js'
import { captureDiag, eventsOf, type Line, linesOf, tempHive, tempReceiver } from '../kit/hive-support.js'

/** What plain JavaScript can pass in place of anything. */
// biome-ignore lint/suspicious/noExplicitAny: these calls are those that TypeScript forbids
type Anything = any

const circular: Record<string, unknown> = { name: 'loop' }
circular.self = circular
const hostile = new Proxy(
  {},
  {
    get() {
      throw new Error('no get')
    },
    ownKeys() {
      throw new Error('no keys')
    },
    getPrototypeOf() {
      throw new Error('no prototype')
    },
  },
)
const throwing = {
  to: 'lead',
  act: 'inform',
  get subject(): string {
    throw new Error('no subject')
  },
}

interface Misuse {
  what: string
  call(agent: Agent, hive: Hive): unknown
  /** The one line that is said; nothing when everything there was is recorded. */
  says?: RegExp
  /** Kind and some fields of the one line that is recorded, if any. */
  records?: [kind: string, fields: Record<string, unknown>]
}

const any = (value: unknown): Anything => value

const MISUSES: Misuse[] = [
  {
    what: 'a message without anything',
    call: (agent) => agent.message(any(undefined)),
    says: /message of agent a lacks `to`, `act`, `subject`/,
    records: ['message', { from: 'a', to: undefined }],
  },
  {
    what: 'a message without a subject',
    call: (agent) => agent.message(any({ to: 'lead', act: 'inform', subject: null })),
    says: /message of agent a lacks `subject`; it is recorded without/,
    records: ['message', { to: 'lead', act: 'inform', subject: undefined }],
  },
  {
    what: 'a message to nobody',
    call: (agent) => agent.message(any({ act: 'inform', subject: 'x' })),
    says: /message of agent a lacks `to`; it is recorded without/,
    records: ['message', { to: undefined, act: 'inform', subject: 'x' }],
  },
  {
    what: 'a message without an act',
    call: (agent) => agent.message(any({ to: 'lead', subject: 'x' })),
    says: /message of agent a lacks `act`; it is recorded without/,
    records: ['message', { to: 'lead', act: undefined, subject: 'x' }],
  },
  {
    what: 'a message with a getter that throws',
    call: (agent) => agent.message(throwing),
    records: ['message', { to: 'lead', subject: '[unserializable: no subject]' }],
  },
  {
    what: 'a message that is a hostile proxy',
    call: (agent) => agent.message(any(hostile)),
    records: ['message', { from: 'a', to: '[unserializable: no get]' }],
  },
  {
    what: 'a message of odd values',
    call: (agent) => agent.message(any({ to: 5n, act: () => 1, subject: circular, id: Symbol('x') })),
    records: [
      'message',
      { to: '5', act: '[function]', subject: { name: 'loop', self: '[circular]' }, id: '[symbol]' },
    ],
  },
  {
    what: 'a message of numbers that JSON has not',
    call: (agent) => agent.message(any({ to: Number.NaN, act: Number.POSITIVE_INFINITY, subject: -0 })),
    records: ['message', { to: 'NaN', act: 'Infinity', subject: 0 }],
  },
  {
    what: 'a drain of nothing',
    call: (agent) => agent.drain(any(undefined)),
    says: /drain of agent a lacks a number or a list/,
    records: ['drain', { count: 0 }],
  },
  {
    what: 'a drain of odd messages',
    call: (agent) => agent.drain(any([null, 7, { id: 8n }, hostile, 'm1'])),
    records: ['drain', { count: 5, ids: [null, null, '8', '[unserializable: no get]', 'm1'] }],
  },
  {
    what: 'an escalation of nothing',
    call: (agent) => agent.escalate(any(null)),
    says: /escalate of agent a lacks `subject`/,
    records: ['escalate', { from: 'a', to: 'human' }],
  },
  {
    what: 'usage of nothing',
    call: (agent) => agent.usage(any(null)),
    says: /usage of agent a lacks `inputTokens`, `outputTokens`/,
    records: ['usage', { agentId: 'a' }],
  },
  {
    what: 'a tool without ok',
    call: (agent) => agent.tool(any({ name: 'grep' })),
    says: /tool of agent a lacks `ok`/,
    records: ['tool', { name: 'grep' }],
  },
  {
    what: 'a tool whose name cannot be text',
    call: (agent) => agent.tool(any({ name: { toString: 5 }, ok: true, ms: -5 })),
    records: ['tool', { name: { toString: 5 }, ok: true }],
  },
  {
    what: 'a call of nothing',
    call: (agent) => agent.call(any(undefined)),
    says: /call of agent a lacks `host`/,
    records: ['call', { agentId: 'a' }],
  },
  {
    what: 'a call of odd values',
    call: (agent) => agent.call(any({ host: 'h', method: Symbol('m'), status: 'ok', path: {} })),
    records: ['call', { host: 'h', method: '[symbol]', status: 'ok', path: {} }],
  },
  {
    what: 'a wait of nothing',
    call: (agent) => agent.wait(any({})),
    says: /wait of agent a lacks `resource`, `ms`/,
    records: ['wait', { agentId: 'a' }],
  },
  {
    what: 'a snapshot of nothing',
    call: (agent) => agent.snapshot(any(undefined)),
    says: /snapshot of agent a lacks `content`/,
    records: ['snapshot', { agentId: 'a' }],
  },
  {
    what: 'a snapshot of a circle',
    call: (agent) => agent.snapshot({ content: circular }),
    records: ['snapshot', { agentId: 'a', bytes: Buffer.byteLength('{"name":"loop","self":"[circular]"}') }],
  },
  {
    what: 'a snapshot of a hostile proxy',
    call: (agent) => agent.snapshot({ content: hostile }),
    records: ['snapshot', { agentId: 'a' }],
  },
  {
    what: 'a drop of nothing',
    call: (agent) => agent.drop(any(7)),
    says: /drop of agent a lacks `to`, `id`, `reason`/,
    records: ['drop', { from: 'a' }],
  },
  {
    what: 'an event of odd values',
    call: (agent) =>
      agent.log('odd', { circular, big: 2n ** 70n, fn() {}, at: new Date(0), none: undefined, nil: null }),
    records: [
      'odd',
      {
        circular: { name: 'loop', self: '[circular]' },
        big: '1180591620717411303424',
        fn: '[function]',
        at: '1970-01-01T00:00:00.000Z',
        none: undefined,
        nil: null,
      },
    ],
  },
  {
    what: 'an event that is a hostile proxy',
    call: (agent) => agent.log('odd', hostile),
    records: ['odd', { agentId: 'a' }],
  },
  {
    what: 'a known kind',
    call: (agent) => agent.log(any('message'), {}),
    says: /kind "message" is not recorded/,
  },
  {
    what: 'a journal’s kind',
    call: (agent) => agent.log(any('log.open'), {}),
    says: /kind "log.open" is not/,
  },
  {
    what: 'a kind in capitals',
    call: (agent) => agent.log('Plan'),
    says: /kind "Plan" is not recorded: a kind/,
  },
  {
    what: 'a kind that is no text',
    call: (agent) => agent.log(any(5n), {}),
    says: /kind "5" is not recorded/,
  },
  { what: 'a kind that is a circle', call: (agent) => agent.log(any(circular), {}), says: /is not recorded/ },
  { what: 'a kind that is hostile', call: (agent) => agent.log(any(hostile), {}), says: /is not recorded/ },
  { what: 'no kind', call: (agent) => agent.log(any(undefined)), says: /kind "undefined" is not recorded/ },
  {
    what: 'a plain event of a journal’s kind',
    call: (agent) => agent.run(() => trace.getActiveSpan()?.addEvent('hive.log.seal', { 'hive.bytes': 1 })),
    says: /kind "log.seal" is not recorded/,
  },
  {
    what: 'a plain event at no time',
    call: (agent) => agent.run(() => trace.getActiveSpan()?.addEvent('hive.odd', {}, Number.NaN)),
    records: ['odd', { agentId: 'a' }],
  },
  {
    what: 'a plain event with the line’s own names',
    call: (agent) =>
      agent.run(() =>
        trace.getActiveSpan()?.addEvent('hive.message', { 'hive.seq': 9, ts: 8, 'hive._ts': 7 }),
      ),
    records: ['message', { from: 'a', _seq: 9, __ts: 8, _ts: 7 }],
  },
  {
    what: 'an approval of an unknown id',
    call: (_, hive) => hive.approve('nobody-asked', true),
    says: /approval of "nobody-asked", which no agent of this hive has escalated; it is recorded/,
    records: ['approval', { id: 'nobody-asked', approve: true }],
  },
  {
    what: 'an approval of an unknown id by an agent, which is not said to be recorded',
    call: (agent, hive) => hive.approve('nobody-asked', true, { by: agent.agentId }),
    says: /"a" is an agent and cannot decide "nobody-asked": only people decide; it is not recorded/,
  },
  {
    what: 'an approval of no id',
    call: (_, hive) => hive.approve(any(undefined), any(undefined), any(null)),
    says: /approval of "undefined"/,
    records: ['approval', { id: undefined }],
  },
  {
    what: 'a message of the hive without anything',
    call: (_, hive) => hive.message(any(null)),
    says: /message of the hive lacks `from`, `to`, `act`, `subject`/,
    records: ['message', { from: undefined }],
  },
  {
    what: 'a hive’s event of a known kind',
    call: (_, hive) => hive.log(any('spawn')),
    says: /kind "spawn" is not/,
  },
  {
    what: 'a spawn without anything',
    call: (_, hive) => hive.spawn(any(undefined)),
    says: /spawn lacks `agentId`, a string/,
    records: ['spawn', { agentId: 'undefined', name: 'undefined', isGod: false }],
  },
  {
    what: 'a spawn of odd values',
    call: (_, hive) => hive.spawn(any({ agentId: 'b', name: { a: 1 }, isGod: 'yes', pid: 'x', model: 5n })),
    records: ['spawn', { agentId: 'b', name: '[object Object]', isGod: false, pid: 'x', model: '5' }],
  },
  {
    what: 'a spawn of an id that lives',
    call: (agent) => agent.spawn({ agentId: 'a' }),
    says: /an agent a lives already; the new one takes the id over/,
    records: ['spawn', { agentId: 'a', parent: 'a' }],
  },
  {
    what: 'an end with nothing',
    call: (agent) => agent.end(any(null)),
    records: ['exit', { agentId: 'a', status: 'ok' }],
  },
  {
    what: 'an end with an odd error',
    call: (agent) => agent.end({ error: any(hostile) }),
    records: ['exit', { agentId: 'a', status: 'error', error: 'unknown error' }],
  },
  {
    what: 'an error whose message is no text',
    call: (agent) => agent.end({ error: Object.assign(new Error(), { message: Symbol('s') }) as Anything }),
    records: ['exit', { status: 'error', error: 'Symbol(s)' }],
  },
]

function assertFields(line: Line | undefined, fields: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(fields)) assert.deepEqual(line?.[name], value, name)
}

for (const { what, call, says, records } of MISUSES) {
  test(`${what} does not throw`, async (t) => {
    const said = captureDiag(t)
    const { hive, file } = tempHive(t)
    const agent = hive.spawn({ agentId: 'a' })
    call(agent, hive)
    await hive.flush()

    assert.equal(said.length, says === undefined ? 0 : 1, said.join('\n'))
    if (says !== undefined) assert.match(said[0] as string, says)
    const lines = eventsOf(file).slice(1)
    assert.equal(lines.length, records === undefined ? 0 : 1)
    if (records !== undefined) {
      assert.equal(lines[0]?.kind, records[0])
      assertFields(lines[0], records[1])
    }
    await hive.shutdown()
    assert.deepEqual(
      linesOf(file).map(({ seq }) => seq),
      linesOf(file).map((_, i) => i + 1),
      'every line is JSON, none is missing',
    )
  })
}

test('of two agents of one id both record, and the end of the first does not hide the second', async (t) => {
  captureDiag(t)
  const { hive, file } = tempHive(t)
  const first = hive.spawn({ agentId: 'a' })
  const second = hive.spawn({ agentId: 'a' })
  first.wait({ resource: 'first', ms: 1 })
  second.wait({ resource: 'second', ms: 1 })
  first.end()
  assert.equal(hive.agents.get('a'), second)
  await hive.shutdown()
  assert.equal(eventsOf(file).filter(({ kind }) => kind === 'exit').length, 2)
})

test('the spans of libraries count on in the life that they are of, though another of its id has ended', async (t) => {
  captureDiag(t)
  const { hive, file } = tempHive(t, { maxEventsPerSpan: 1 })
  const tracer = hive.tracerProvider.getTracer('library')
  const first = hive.spawn({ agentId: 'a' })
  const second = hive.spawn({ agentId: 'a' })
  first.end()
  second.wait({ resource: 'r', ms: 1 })
  // On a part that began when the first was gone.
  second.wait({ resource: 'r', ms: 1 })
  second.run(() => tracer.startSpan('execute_tool grep').end())
  await hive.shutdown()
  assert.deepEqual(
    eventsOf(file).map(({ kind, checkpoint }) => [kind, checkpoint]),
    [
      ['spawn', 0],
      ['spawn', 0],
      ['exit', 1],
      ['wait', 1],
      ['wait', 2],
      ['tool.start', 3],
      ['tool', 4],
      ['exit', 5],
    ],
  )
})

test('calls that lack nothing say nothing', async (t) => {
  const said = captureDiag(t)
  const { hive } = tempHive(t)
  const agent = hive.spawn({ agentId: 'a' })
  const sent = agent.message({ to: 'b', act: 'inform', subject: 's' })
  agent.drain(3)
  agent.drain([])
  agent.drain([sent, 'm-1', { id: 'm-2' }])
  agent.usage({ inputTokens: 0, outputTokens: 0 })
  agent.tool({ name: 't', ok: false })
  agent.call({ host: 'h' })
  agent.wait({ resource: 'r', ms: 0 })
  agent.snapshot({ content: '' })
  agent.drop({ to: 'b', id: 'm', reason: 'full' })
  agent.log('plan')
  hive.log('plan', { a: 1 })
  hive.message({ from: 'human', to: 'a', act: 'request', subject: '' })
  const { id } = agent.escalate({ subject: '?' })
  await hive.approve(id, false)
  agent.end()
  await hive.shutdown()
  assert.deepEqual(said, [])
})

test('without a file the events are on the spans, and nothing waits for a disk', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { file: false, otlp: { url: receiver.url } })
  assert.equal(hive.file, undefined)
  const agent = hive.spawn({ agentId: 'a' })
  const { id, durable } = agent.escalate({ subject: 'Delete?' })
  await durable
  await hive.approve(id, true)
  assert.equal(agent.snapshot({ content: 'x' }).ref, 'not-stored')
  await hive.flush()
  await hive.shutdown()
  assert.deepEqual(
    receiver.one('invoke_agent a').events.map(({ name }) => name),
    ['hive.escalate', 'hive.approval', 'hive.snapshot'],
  )
})

test('an id of any characters makes an environment for a child', (t) => {
  const { hive, file } = tempHive(t)
  for (const agentId of ['a/b', '..', 'ü \ud800', 'x'.repeat(1000)]) {
    const log = hive.spawn({ agentId }).env().HIVELOG_FILE
    assert.ok(log?.startsWith(`${file}.agents/`))
    assert.match(log?.slice(`${file}.agents/`.length) ?? '', /^[\w%-][\w%.+-]{0,199}\.jsonl$/)
  }
})
