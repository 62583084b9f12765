/** When an event happened says nothing about now: what falls due goes by the clock that nobody sets. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { type Span, trace } from '@opentelemetry/api'
import type { Agent, Hive } from '../../src/index.js'
import { captureDiag, eventsOf, oneEvent, tempHive, tempReceiver } from '../kit/hive-support.js'
import { tempProvider } from '../kit/otel-provider.js'

const HOUR = 3_600_000
const DAYS_30 = 30 * 24 * HOUR

/** The turn of the event loop goes on for so long, with all that falls due in it. */
function busy(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until) {
    // Nothing else can make time pass within a turn.
  }
}

/** All that was recorded before is written, and nothing is due. */
async function newTurn(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Adds a plain event to the agent's span at a time of its own. */
const at = (agent: Agent, time: Date): void =>
  agent.run(() => {
    ;(trace.getActiveSpan() as Span).addEvent('hive.own', { 'hive.at': 'its own time' }, time)
  })

/** Ways to record an event whose time is its own. */
const WAYS: Record<string, (hive: Hive, agent: Agent, time: Date) => void> = {
  'on an agent’s span': (_, agent, time) => at(agent, time),
  'on an agent’s span, after its end': (_, agent, time) => {
    agent.end()
    at(agent, time)
  },
  'on a library’s span under an agent': (hive, agent, time) =>
    agent.run(() => {
      hive.tracerProvider.getTracer('lib').startActiveSpan('lib', (span) => {
        span.addEvent('hive.own', { 'hive.at': 'its own time' }, time)
        span.end()
      })
    }),
}

const note = (hive: Hive): void => hive.log('note')

for (const [way, record] of Object.entries(WAYS)) {
  for (const [when, timeOf] of [
    ['an hour from now', () => Date.now() + HOUR],
    ['at the end of all time', () => 8.64e15],
  ] as const) {
    test(`an event ${way} that happens ${when} does not keep its turn’s lines from the file`, async (t) => {
      captureDiag(t)
      const { hive, file } = tempHive(t)
      const agent = hive.spawn({ agentId: 'a' })
      await newTurn()
      const time = new Date(timeOf())
      record(hive, agent, time)
      busy(40)
      agent.log('later')
      assert.match(readFileSync(file, 'utf8'), /"kind":"own"/, 'live, in the turn that lasts')
      await hive.shutdown()
      assert.equal(oneEvent(file, 'own').ts, time.getTime())
      assert.ok(Math.abs(oneEvent(file, 'later').ts - Date.now()) < 60_000)
    })
  }

  test(`an event ${way} that happened 30 days ago is not written on the caller’s path`, async (t) => {
    captureDiag(t)
    const { hive, file } = tempHive(t)
    const agent = hive.spawn({ agentId: 'a' })
    await newTurn()
    const before = readFileSync(file, 'utf8')
    const began = performance.now()
    record(hive, agent, new Date(Date.now() - DAYS_30))
    note(hive)
    note(hive)
    const now = readFileSync(file, 'utf8')
    // Where the machine took its time, the line was due.
    if (performance.now() - began < 20) assert.equal(now, before)
    await hive.shutdown()
    assert.ok(oneEvent(file, 'own').ts < Date.now() - DAYS_30 + 60_000)
  })
}

test('an event of another’s span, under the plug-in, that happens an hour from now is live all the same', async (t) => {
  const { file, tracer, provider } = tempProvider(t, 'live')
  const span = tracer.startSpan('invoke_agent coder')
  await newTurn()
  span.addEvent('hive.own', {}, new Date(Date.now() + HOUR))
  busy(40)
  span.addEvent('hive.later', {})
  assert.match(readFileSync(file, 'utf8'), /"kind":"own"/)
  span.end()
  await provider.shutdown()
})

function setClock(t: TestContext, by: number): void {
  const now = Date.now() + by
  t.mock.timers.reset()
  t.mock.timers.enable({ apis: ['Date'], now })
}

/** As `until`, by a clock that the test does not set. */
async function soon(is: () => boolean): Promise<void> {
  for (let i = 0; i < 2_000 && !is(); i++) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.ok(is())
}

test('an agent’s span is continued when it is old, though the clock was set back', async (t) => {
  const said = captureDiag(t)
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url }, maxSpanAgeMs: 50 })
  const agent = hive.spawn({ agentId: 'a' })
  agent.log('note')
  const first = agent.spanContext.spanId
  setClock(t, -DAYS_30)
  await soon(() => agent.spanContext.spanId !== first)
  await hive.shutdown()
  const parts = receiver.named('invoke_agent a')
  assert.ok(parts.length >= 2)
  for (const { startMs, endMs } of parts) assert.ok(endMs >= startMs)
  assert.deepEqual(said, [])
})

test('and is not, when it is young, though the clock was set forward', async (t) => {
  const { hive } = tempHive(t)
  const agent = hive.spawn({ agentId: 'a' })
  agent.log('note')
  const first = agent.spanContext.spanId
  setClock(t, DAYS_30)
  agent.log('note')
  agent.log('note')
  assert.equal(agent.spanContext.spanId, first)
})

test('however far the clock is set, tools and calls have their length, and spans do not warn', async (t) => {
  const said = captureDiag(t)
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url } })
  const agent = hive.spawn({ agentId: 'a' })
  for (const by of [-DAYS_30, 2 * DAYS_30, -DAYS_30]) {
    setClock(t, by)
    agent.tool({ name: 'grep', ok: true, ms: 7 })
    agent.message({ to: 'b', act: 'inform', subject: 's' })
  }
  agent.end()
  await hive.shutdown()
  for (const span of receiver.named('execute_tool grep')) assert.equal(span.endMs - span.startMs, 7)
  assert.equal(eventsOf(file).length, 8)
  assert.deepEqual(said, [])
})

test('options without end neither warn nor fire at once', async (t) => {
  const said = captureDiag(t)
  const warnings: Error[] = []
  const listener = (warning: Error): number => warnings.push(warning)
  process.on('warning', listener)
  t.after(() => process.off('warning', listener))
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, {
    otlp: { url: receiver.url },
    maxSpanAgeMs: Number.POSITIVE_INFINITY,
    maxEventsPerSpan: Number.POSITIVE_INFINITY,
    shutdownTimeoutMs: Number.POSITIVE_INFINITY,
    recover: true,
  })
  const agent = hive.spawn({ agentId: 'a' })
  for (let i = 0; i < 300; i++) agent.log('note')
  agent.end()
  await hive.shutdown()
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.deepEqual(warnings, [])
  assert.deepEqual(
    said.filter((line) => !/Dropped \d+ events/.test(line)),
    [],
  )
  assert.equal(receiver.named('invoke_agent a').length, 1)
  assert.equal(eventsOf(file).length, 302)
})

test('an event that begins a span lies within it, though the clock goes on with every look at it', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url } })
  let now = Date.now()
  t.mock.method(Date, 'now', () => now++)
  hive.message({ from: 'human', to: 'lead', act: 'inform', subject: 'Thanks' })
  const agent = hive.spawn({ agentId: 'a' })
  agent.message({ to: 'lead', act: 'inform', subject: 'Hello' })
  t.mock.restoreAll()
  agent.end()
  await hive.shutdown()
  const firstTs = new Map<string, number>()
  for (const { span, ts } of eventsOf(file)) {
    if (span !== undefined && !firstTs.has(span)) firstTs.set(span, ts)
  }
  for (const name of ['hive.session', 'invoke_agent a']) {
    const [span] = receiver.named(name)
    assert.ok(span !== undefined)
    assert.equal(span.startMs, firstTs.get(span.spanId))
  }
})
