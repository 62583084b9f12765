/** The spans that are rebuilt from a log are those that a backend got while the hive lived. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { exportLog } from '../../src/analyse.js'
import type { Agent, Hive, HiveOptions, SentMessage, UsageInput } from '../../src/index.js'
import { eventsOf, linesOf, tempFolder, tempHive, tempReceiver } from '../kit/hive-support.js'
import { cases } from '../kit/long-run.js'
import type { OtlpReceiver, ReceivedSpan } from '../kit/otlp-receiver.js'

/** What a span says that the file can tell. */
function said(span: ReceivedSpan) {
  const { resource, events, ...rest } = span
  const { 'host.name': host, 'process.pid': pid, 'service.name': service } = resource
  return {
    ...rest,
    resource: { host, pid, service },
    events: events.map(({ timeUnixNano, ...event }) => event),
  }
}

/** A clock that moves only when it is told to, so that times are compared to the millisecond. */
function stoppedClock(t: TestContext): (ms: number) => void {
  let now = 1_787_386_181_194
  t.mock.method(Date, 'now', () => now)
  return (ms) => {
    now += ms
  }
}

interface Both {
  live: OtlpReceiver
  again: OtlpReceiver
  file: string
}

async function recordAndExport(
  t: TestContext,
  options: HiveOptions,
  work: (hive: Hive, wait: (ms: number) => void) => unknown,
): Promise<Both> {
  const [live, again] = [await tempReceiver(t), await tempReceiver(t)]
  const wait = stoppedClock(t)
  const { hive, file } = tempHive(t, { otlp: { url: live.url }, serviceName: 'same', ...options })
  await work(hive, wait)
  await hive.shutdown()
  const report = await exportLog(file, { otlp: { url: again.url }, serviceName: 'same' })
  assert.equal(report.error, undefined)
  assert.equal(report.unsent, 0)
  assert.equal(report.spans, again.spans.length)
  return { live, again, file }
}

function assertSame({ live, again }: Both): void {
  const byId = (spans: ReceivedSpan[]) => new Map(spans.map((span) => [span.spanId, said(span)]))
  const [wanted, found] = [byId(live.spans), byId(again.spans)]
  for (const [id, span] of wanted) assert.deepEqual(found.get(id), span, span.name)
  assert.equal(found.size, wanted.size)
  assert.equal(again.spans.length, found.size, 'each span once')
}

test('a hive with everything that agents do', async (t) => {
  const both = await recordAndExport(t, { sessionId: 'sess_all' }, async (hive, wait) => {
    const lead = hive.spawn({ agentId: 'lead', name: 'Lead', isGod: true })
    wait(5)
    const coder = lead.spawn({ agentId: 'coder', name: 'Coder', role: 'dev', model: 'm-1', pid: 4242 })
    const asked = lead.message({ to: 'coder', act: 'request', subject: 'the schema', requiresReply: true })
    wait(2)
    coder.drain([asked])
    coder.tool({ name: 'grep', ok: true, ms: 2 })
    coder.tool({ name: 'rm', ok: false, ms: 1, error: 'no such file' })
    coder.call({ host: 'api.github.com', method: 'GET', path: '/repos', status: 200, ms: 4 })
    coder.call({ host: 'db.local', status: 503, error: 'busy' })
    coder.usage({ model: 'm-1', provider: 'p', inputTokens: 12, outputTokens: 3, costUsd: 0.5, ms: 7 })
    coder.usage({ model: 'm-2', inputTokens: 9, outputTokens: 1, ttftMs: 40, responseId: 'r-1', task: 't' })
    coder.usage({ inputTokens: 1, outputTokens: 1, cacheReadTokens: 1 })
    coder.usage({ model: 'm-1', error: 'overloaded', ms: 3 })
    coder.wait({ resource: 'db', ms: 3, holder: 'lead' })
    coder.snapshot({ label: 'before', content: 'state' })
    coder.drop({ to: 'nobody', id: 'm-9', reason: 'no-inbox' })
    coder.log('plan.revised', { steps: 4, deep: { a: [1, { b: null }] }, list: ['x', 'y'], none: null })
    wait(1)
    const risky = coder.escalate({ subject: 'Drop the users table?' })
    wait(30)
    await hive.approve(risky.id, false, { by: 'ana', note: 'no' })
    const open = coder.escalate({ subject: 'And the rest?' })
    coder.end({ status: 'error', error: 'gave up' })
    await hive.approve(open.id, true)
    hive.message({ from: 'human', to: 'lead', act: 'inform', subject: 'Hello' })
    hive.log('session.event', { agentId: 'lead', x: 1 })
    lead.spawn({ agentId: 'lost' }).end({ status: 'lost' })
    wait(9)
    lead.end()
  })
  assertSame(both)
})

test('parts of long lives, full and old, of agents and of the session', async (t) => {
  const both = await recordAndExport(t, { maxEventsPerSpan: 4, maxSpanAgeMs: 60_000 }, (hive, wait) => {
    const lead = hive.spawn({ agentId: 'lead' })
    const coder = lead.spawn({ agentId: 'coder', model: 'm' })
    for (let i = 0; i < 30; i++) {
      coder.drain([lead.message({ to: 'coder', act: 'inform', subject: `part ${i}` })])
      if (i % 3 === 0) hive.log('tick', { i })
      if (i % 5 === 0) coder.tool({ name: 't', ok: true })
      if (i % 2 === 0) coder.usage({ model: 'm', inputTokens: i, outputTokens: 1 })
      if (i % 7 === 0) lead.spawn({ agentId: `helper-${i}` }).end()
      wait(i % 10 === 0 ? 61_000 : 10)
    }
  })
  assert.ok(both.live.named('invoke_agent coder').length > 6)
  assertSame(both)
})

test('a part that holds one event, or only the exit', async (t) => {
  const both = await recordAndExport(t, { maxEventsPerSpan: 1 }, (hive, wait) => {
    const agent = hive.spawn({ agentId: 'a' })
    for (let i = 0; i < 4; i++) {
      agent.wait({ resource: 'r', ms: i })
      wait(1)
    }
    agent.end({ error: 'out of luck' })
  })
  assertSame(both)
})

test('an approval may be the first event of a part', async (t) => {
  const both = await recordAndExport(t, { maxEventsPerSpan: 1 }, async (hive) => {
    const [a, b] = [hive.spawn({ agentId: 'a' }), hive.spawn({ agentId: 'b' })]
    const [x, y] = [a.escalate({ subject: 'x' }), b.escalate({ subject: 'y' })]
    await hive.approve(y.id, true)
    await hive.approve(x.id, false)
  })
  assertSame(both)
})

test('an answer to what nobody here asked is on the session’s span, as when it was live', async (t) => {
  const both = await recordAndExport(t, {}, async (hive, wait) => {
    const a = hive.spawn({ agentId: 'a' })
    const { id } = a.escalate({ subject: 'x' })
    wait(5)
    await hive.approve(id, true)
    wait(5)
    await hive.approve('of another process', false)
    wait(5)
    a.message({ to: 'b', act: 'inform', subject: 'after it' })
  })
  assertSame(both)
  assert.equal(both.again.one('hive.session').events.length, 1)
})

test('two living agents with one id keep their own events', async (t) => {
  const both = await recordAndExport(t, { maxEventsPerSpan: 3 }, (hive) => {
    const first = hive.spawn({ agentId: 'twin', name: 'first' })
    first.wait({ resource: 'r', ms: 1 })
    const second = hive.spawn({ agentId: 'twin', name: 'second' })
    for (let i = 0; i < 5; i++) first.log('one', { i })
    for (let i = 0; i < 9; i++) second.log('two', { i })
    first.end()
  })
  // The one that lost its id is not ended by the shutdown, so only the log says that there was a last part.
  const ids = new Set(both.live.spans.map(({ spanId }) => spanId))
  const told = both.again.spans.filter(({ spanId }) => ids.has(spanId))
  assert.deepEqual(
    told.map(said).sort((x, y) => (x.spanId < y.spanId ? -1 : 1)),
    both.live.spans.map(said).sort((x, y) => (x.spanId < y.spanId ? -1 : 1)),
  )
})

test('what an agent records when it has ended is on no span, as when it was live', async (t) => {
  const both = await recordAndExport(t, {}, (hive) => {
    const agent = hive.spawn({ agentId: 'a' })
    agent.wait({ resource: 'r', ms: 1 })
    agent.end()
    agent.wait({ resource: 'late', ms: 1 })
    agent.tool({ name: 'late', ok: true })
  })
  assertSame(both)
})

test('spans of instrumented code in an agent lie within it', async (t) => {
  const { live, again, file } = await recordAndExport(t, {}, (hive, wait) => {
    const agent = hive.spawn({ agentId: 'coder' })
    const tracer = hive.tracerProvider.getTracer('llm')
    for (let i = 0; i < 3; i++) {
      agent.run(() => {
        const attributes = { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'm' }
        const span = tracer.startSpan('chat m', { attributes, startTime: Date.now() })
        wait(10)
        span.end(Date.now())
      })
      agent.wait({ resource: 'r', ms: 1 })
      wait(10)
    }
  })
  assert.equal(eventsOf(file).filter(({ kind }) => kind === 'usage').length, 3)
  const [agent, same] = [live.one('invoke_agent coder'), again.one('invoke_agent coder')]
  assert.deepEqual(said(same), said(agent))
  const calls = again.named('chat m')
  assert.deepEqual(
    calls.map(({ spanId, startMs, endMs, parentSpanId, kind }) => ({
      spanId,
      startMs,
      endMs,
      parentSpanId,
      kind,
    })),
    live
      .named('chat m')
      .map(({ spanId, startMs, endMs }) => ({ spanId, startMs, endMs, parentSpanId: agent.spanId, kind: 3 })),
  )
})

test('an agent without an exit ends at its last event; it is lost when another writer goes on with the log', async (t) => {
  const again = await tempReceiver(t)
  const wait = stoppedClock(t)
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'a' })
  wait(5)
  agent.wait({ resource: 'r', ms: 1 })
  wait(5)
  await hive.flush()
  const last = eventsOf(file).at(-1)
  const report = await exportLog(file, { otlp: { url: again.url } })
  assert.deepEqual([report.lost, report.unended, report.spans, report.traces], [0, 1, 1, 1])
  const alive = again.one('invoke_agent a')
  assert.deepEqual([alive.endMs, alive.status.code], [last?.ts, 0])
  assert.equal(alive.attributes['hive.agent.exit_status'], 'alive')

  const next = await tempReceiver(t)
  const seq = (linesOf(file).at(-1)?.seq ?? 0) + 1
  const open = {
    ts: Date.now(),
    kind: 'log.open',
    format: 1,
    segment: 1,
    pid: 1,
    host: 'other',
    seq,
    session: 'x',
  }
  const copy = join(tempFolder(t), 'hive.jsonl')
  writeFileSync(copy, `${readFileSync(file, 'utf8')}${JSON.stringify(open)}\n`)
  const later = await exportLog(copy, { otlp: { url: next.url } })
  assert.deepEqual([later.lost, later.unended, later.spans, later.events], [1, 0, 1, 1])
  const span = next.one('invoke_agent a')
  assert.equal(span.endMs, last?.ts)
  assert.equal(span.status.code, 2)
  assert.equal(span.attributes['hive.agent.exit_status'], 'lost')
  assert.equal(span.attributes['error.type'], 'lost')
  assert.equal(span.resource['service.name'], 'hive')
})

/** One step of a random hive, for the agent of this number. */
const step = fc.record({
  who: fc.nat(7),
  other: fc.nat(7),
  ms: fc.constantFrom(0, 0, 1, 20, 70_000),
  what: fc.constantFrom(
    ...([
      'spawn',
      'message',
      'drain',
      'usage',
      'tool',
      'call',
      'escalate',
      'approve',
      'end',
      'session',
    ] as const),
  ),
})

const calls: UsageInput[] = [
  { inputTokens: 1, outputTokens: 2 },
  { model: 'm', inputTokens: 1, outputTokens: 2, ms: 70_000 },
  { model: 'm', provider: 'p', error: 'overloaded', ms: 5, ttftMs: 3 },
  { model: '', inputTokens: 0, outputTokens: 0, cacheWriteTokens: 3, costUsd: 0.25, responseId: 'r', ms: 0 },
]

test('any hive that is recorded is exported as it was', async (t) => {
  const [live, again] = [await tempReceiver(t), await tempReceiver(t)]
  const wait = stoppedClock(t)
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 120 }),
      fc.integer({ min: 1, max: 6 }),
      async (steps, max) => {
        live.spans.length = 0
        again.spans.length = 0
        const options = { otlp: { url: live.url }, maxEventsPerSpan: max, maxSpanAgeMs: 60_000 }
        const { hive, file } = tempHive(t, { ...options, serviceName: 'same' })
        const agents: Agent[] = [hive.spawn({ agentId: 'agent-0' })]
        const sent: SentMessage[] = []
        const asked: string[] = []
        for (const { who, other, ms, what } of steps) {
          wait(ms)
          const agent = agents[who % agents.length] as Agent
          const to = agents[other % agents.length]?.agentId as string
          if (what === 'spawn') agents.push(agent.spawn({ agentId: `agent-${agents.length}` }))
          else if (what === 'session') hive.log('tick', { who })
          else if (what === 'approve' && asked.length > 0) await hive.approve(asked.pop() as string, true)
          else if (agent.ended) continue
          else if (what === 'message') sent.push(agent.message({ to, act: 'inform', subject: 's' }))
          else if (what === 'drain') agent.drain(sent.splice(0, other))
          else if (what === 'usage') agent.usage(calls[other % calls.length] as UsageInput)
          else if (what === 'tool') agent.tool({ name: 'grep', ok: other > 1, ms: other })
          else if (what === 'call') agent.call({ host: 'h', status: 100 * other })
          else if (what === 'escalate') asked.push(agent.escalate({ subject: 's' }).id)
          else if (what === 'end' && who > 5) agent.end()
        }
        await hive.shutdown()
        await exportLog(file, { otlp: { url: again.url }, serviceName: 'same' })
        assertSame({ live, again, file })
      },
    ),
    { numRuns: cases(60, 60), seed: 20260822 },
  )
})
