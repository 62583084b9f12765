/**
 * What leaves over hivelog's own OTLP is redacted, whoever made the span; what the application's own processors and
 * exporters get is as it would be without hivelog.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Link, ROOT_CONTEXT, type Span, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api'
import { TraceState } from '@opentelemetry/core'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import type { HiveOptions } from '../../src/index.js'
import { SpanRedactor } from '../../src/otel/redacted-spans.js'
import { Redactor } from '../../src/redact/redact.js'
import { captureDiag, linesOf, tempHive, tempReceiver } from '../kit/hive-support.js'
import type { OtlpReceiver } from '../kit/otlp-receiver.js'
import { LOOK_ALIKES, type Sample, SECRETS } from '../kit/secrets.js'

const LINKED = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 }

/** Where a text can be on a span of a library that never heard of hivelog. */
const PLACES: Record<string, (tracer: Tracer, text: string) => void> = {
  'an attribute at the start': (tracer, text) =>
    tracer.startSpan('lib', { attributes: { 'lib.note': text } }).end(),
  'an attribute set later': (tracer, text) => within(tracer, (span) => span.setAttribute('lib.note', text)),
  'a list of texts': (tracer, text) => within(tracer, (span) => span.setAttribute('lib.list', ['a', text])),
  'the name of an attribute': (tracer, text) => within(tracer, (span) => span.setAttribute(text, 1)),
  'the span’s name': (tracer, text) => tracer.startSpan(`GET ${text}`).end(),
  'the span’s name, set later': (tracer, text) => within(tracer, (span) => span.updateName(text)),
  'an event’s attribute': (tracer, text) =>
    within(tracer, (span) => span.addEvent('lib.event', { 'lib.note': text })),
  'an event’s name': (tracer, text) => within(tracer, (span) => span.addEvent(text)),
  'a hive’s event': (tracer, text) =>
    within(tracer, (span) => span.addEvent('hive.note', { 'hive.text': text })),
  'an event of a kind that may not be': (tracer, text) =>
    within(tracer, (span) => span.addEvent('hive.log.seal', { 'hive.text': text })),
  'an exception': (tracer, text) =>
    within(tracer, (span) => span.recordException(new Error(`failed: ${text}`))),
  'the text of a status': (tracer, text) =>
    within(tracer, (span) => span.setStatus({ code: SpanStatusCode.ERROR, message: text })),
  'a link’s attribute': (tracer, text) => {
    const links: Link[] = [{ context: LINKED, attributes: { 'lib.note': text } }]
    tracer.startSpan('lib', { links }).end()
  },
  'a prompt, as JSON in an attribute': (tracer, text) =>
    within(tracer, (span) => {
      const parts = [{ type: 'text', content: `my key: ${text}` }]
      span.setAttribute('gen_ai.input.messages', JSON.stringify([{ role: 'user', parts }]))
    }),
  'the arguments of a tool, as JSON in JSON': (tracer, text) =>
    within(tracer, (span) => {
      const call = { name: 'fetch', arguments: JSON.stringify({ url: 'https://x/', note: text }) }
      span.setAttribute('gen_ai.output.messages', JSON.stringify([{ role: 'assistant', call }]))
    }),
  'a result, as JSON in an event': (tracer, text) =>
    within(tracer, (span) =>
      span.addEvent('gen_ai.tool.message', { content: JSON.stringify({ out: [text] }, null, 2) }),
    ),
  'the name of the instrumentation': () => {},
}

function within(tracer: Tracer, work: (span: Span) => void): void {
  const span = tracer.startSpan('lib')
  work(span)
  span.end()
}

/** All that was sent, with what JSON escapes as it was, and so within texts that are JSON. */
function sentBy({ bodies }: OtlpReceiver): string {
  const texts: string[] = []
  const read = (json: string): void => {
    JSON.parse(json, (name, value) => {
      texts.push(name, String(value))
      if (typeof value !== 'string' || !/^[[{]/.test(value)) return
      try {
        read(value)
      } catch {
        // It only looked like JSON.
      }
    })
  }
  for (const body of bodies) read(body)
  return texts.join('\n')
}

function assertNoSecret(receiver: OtlpReceiver, samples: readonly Sample[], where: string): void {
  const sent = sentBy(receiver)
  for (const { shape, secret } of samples) {
    assert.ok(!sent.includes(secret), `${shape} left by ${where}`)
  }
}

async function hiveWithReceiver(t: TestContext, more: HiveOptions = {}) {
  captureDiag(t)
  const receiver = await tempReceiver(t)
  return { receiver, ...tempHive(t, { otlp: { url: receiver.url }, ...more }) }
}

test('there are enough shapes to try', () => {
  assert.ok(SECRETS.length >= 40)
})

for (const [place, put] of Object.entries(PLACES)) {
  test(`no secret leaves in ${place}, under an agent or outside any`, async (t) => {
    const { hive, receiver } = await hiveWithReceiver(t)
    const tracer = hive.tracerProvider.getTracer('lib')
    const agent = hive.spawn({ agentId: 'a' })
    for (const { text } of SECRETS) {
      agent.run(() => put(tracer, text))
      put(tracer, text)
      if (place === 'the name of the instrumentation') {
        hive.tracerProvider.getTracer(`lib ${text}`, text).startSpan('lib').end()
      }
    }
    await hive.shutdown()
    assert.ok(receiver.spans.length > SECRETS.length)
    assertNoSecret(receiver, SECRETS, place)
    assert.match(sentBy(receiver), /\[redacted:/)
  })
}

test('no secret that code puts on the agent’s own span leaves', async (t) => {
  const { hive, receiver } = await hiveWithReceiver(t)
  const agent = hive.spawn({ agentId: 'a' })
  for (const [i, { text }] of SECRETS.entries()) {
    agent.run(() => {
      const span = trace.getActiveSpan() as Span
      span.setAttribute(`note.${i % 50}`, text)
      span.addEvent('lib.event', { text })
      span.addEvent('hive.note', { text })
      span.addEvent('hive.log.seal', { text })
      span.recordException(new Error(text))
      span.setStatus({ code: SpanStatusCode.ERROR, message: text })
      span.updateName(text)
    })
    agent.log('note', { text })
    agent.message({ to: 'b', act: 'inform', subject: text })
    agent.tool({ name: 'grep', ok: false, error: text })
    agent.call({ host: 'h', path: text })
  }
  agent.end({ error: SECRETS[0]?.text as string })
  await hive.shutdown()
  assertNoSecret(receiver, SECRETS, 'the agent’s span')
})

test('no secret leaves in the resource', async (t) => {
  const resourceAttributes = Object.fromEntries(SECRETS.map(({ text }, i) => [`lib.note.${i}`, text]))
  const { hive, receiver } = await hiveWithReceiver(t, {
    serviceName: `hive ${SECRETS[0]?.text}`,
    resourceAttributes: { ...resourceAttributes, 'db.password': 'hunter2hunter2' },
  })
  hive.tracerProvider.getTracer('lib').startSpan('lib').end()
  await hive.shutdown()
  assert.equal(receiver.spans.length, 1)
  assertNoSecret(receiver, SECRETS, 'the resource')
  assert.equal(receiver.spans[0]?.resource['db.password'], '[redacted:key]')
  assert.equal(receiver.spans[0]?.resource['process.pid'], process.pid)
})

test('an attribute whose name names a secret loses its value, whatever that is', async (t) => {
  const { hive, receiver } = await hiveWithReceiver(t, { redact: { keys: ['nickname'] } })
  const tracer = hive.tracerProvider.getTracer('lib')
  const secrets = {
    password: 'x1y2z3',
    'db.password': 'x1y2z3',
    'http.request.header.authorization': ['x1y2z3'],
    'http.request.header.cookie': ['x1y2z3'],
    'http.response.header.set-cookie': 'x1y2z3',
    'http.request.header.x-api-key': 'x1y2z3',
    'user.pin.passcode': 123123,
    'user.nickname': 'x1y2z3',
  }
  const harmless = {
    'gen_ai.usage.input_tokens': 5,
    'has.password': true,
    'next.page': 'x1',
    'tests.pass': 12,
  }
  within(tracer, (span) => {
    span.setAttributes({ ...secrets, ...harmless })
    span.addEvent('lib.event', { ...secrets, ...harmless })
    span.setAttribute('process.command_args', ['psql', '--password', 'x1y2z3', '-h', 'db'])
  })
  await hive.shutdown()
  const sent = receiver.one('lib')
  const masked = Object.fromEntries(Object.keys(secrets).map((name) => [name, '[redacted:key]']))
  const { 'process.command_args': args, ...others } = sent.attributes
  assert.deepEqual(others, { ...masked, ...harmless })
  assert.deepEqual(sent.events[0]?.attributes, { ...masked, ...harmless })
  assert.deepEqual(args, ['psql', '--password', '[redacted:key]', '-h', 'db'])
})

test('what is no secret leaves as it is', async (t) => {
  const { hive, receiver } = await hiveWithReceiver(t)
  const tracer = hive.tracerProvider.getTracer('lib')
  const given = Object.fromEntries(LOOK_ALIKES.map((text, i) => [`note.${i}`, text]))
  const names = Object.keys(given)
  for (let i = 0; i < names.length; i += 50) {
    const some = Object.fromEntries(names.slice(i, i + 50).map((name) => [name, given[name] as string]))
    within(tracer, (span) => span.setAttributes(some))
  }
  await hive.shutdown()
  assert.deepEqual(Object.assign({}, ...receiver.named('lib').map(({ attributes }) => attributes)), given)
})

test('other vendors’ trace state goes along without secrets', async (t) => {
  const { hive, receiver } = await hiveWithReceiver(t)
  const key = `ghp_${'aB3dE6gH9jK2mN5p'.repeat(2)}aB3d`
  const remote = { ...LINKED, isRemote: true, traceState: new TraceState(`vendor=${key},other=1`) }
  const parent = trace.setSpanContext(ROOT_CONTEXT, remote)
  hive.tracerProvider
    .getTracer('lib')
    .startSpan('lib', { links: [{ context: remote }] }, parent)
    .end()
  await hive.shutdown()
  const sent = receiver.bodies.join()
  assert.ok(!sent.includes(key))
  assert.equal(
    sent.split('"vendor=[redacted:github-token],other=1"').length,
    3,
    'on the span and on its link',
  )
})

/** What an exporter gets that an application registered itself, without what differs from run to run. */
function seenBy(exporter: InMemorySpanExporter): unknown {
  return exporter
    .getFinishedSpans()
    .filter(({ instrumentationScope }) => instrumentationScope.name === 'lib')
    .map((span) => ({
      name: span.name,
      kind: span.kind,
      status: span.status,
      attributes: span.attributes,
      events: span.events.map(({ time: _, ...event }) => ({
        ...event,
        attributes: { ...event.attributes, 'exception.stacktrace': undefined },
      })),
      links: span.links,
      scope: span.instrumentationScope,
      note: span.resource.attributes.note,
      dropped: [span.droppedAttributesCount, span.droppedEventsCount, span.droppedLinksCount],
    }))
}

test('the application’s own exporter beside gets what it would get without hivelog', async (t) => {
  const note = SECRETS[0]?.text as string
  const work = (tracer: Tracer, run: (each: () => void) => void) => {
    for (const { text } of SECRETS) for (const put of Object.values(PLACES)) run(() => put(tracer, text))
  }
  const alone = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ note }),
    spanProcessors: [new SimpleSpanProcessor(alone)],
  })
  work(provider.getTracer('lib'), (each) => each())
  const without = seenBy(alone)
  assert.ok(JSON.stringify(without).includes(SECRETS[0]?.secret as string))

  const beside = new InMemorySpanExporter()
  const { hive, receiver } = await hiveWithReceiver(t, {
    resourceAttributes: { note },
    spanProcessors: [new SimpleSpanProcessor(beside)],
  })
  const agent = hive.spawn({ agentId: 'a' })
  work(hive.tracerProvider.getTracer('lib'), (each) => agent.run(each))
  const spans = beside.getFinishedSpans()
  await hive.flush()
  // Ours is sent while theirs still holds the very same spans.
  const processors = hive.tracerProvider as unknown as { forceFlush(): Promise<void> }
  await processors.forceFlush()
  assert.ok(receiver.spans.length >= spans.length)
  assert.deepEqual(seenBy(beside), without)
})

test('what a hive redacted itself is not looked through again, and all else once', async (t) => {
  const looked: string[] = []
  class Listening extends Redactor {
    override string(text: string): string {
      looked.push(text)
      return super.string(text)
    }
  }
  const seen: ReadableSpan[] = []
  const { hive } = tempHive(t, {
    spanProcessors: [
      {
        onStart() {},
        onEnd: (span) => void seen.push(span),
        forceFlush: async () => {},
        shutdown: async () => {},
      },
    ],
  })
  const agent = hive.spawn({ agentId: 'a' })
  agent.message({ to: 'b', act: 'inform', subject: 'hello' })
  agent.run(() => trace.getActiveSpan()?.addEvent('hive.note', { text: 'plain' }))
  agent.end()
  const other = hive.spawn({ agentId: 'b' })
  other.message({ to: 'a', act: 'inform', subject: 'hello' })
  other.run(() => trace.getActiveSpan()?.addEvent('lib.event', { text: 'looked at' }))
  other.end()
  const redactor = new SpanRedactor(new Listening())
  const [span, mixed] = seen as [ReadableSpan, ReadableSpan]
  await span.resource.waitForAsyncAttributes?.()
  redactor.redact(span)
  assert.equal(span.events.length, 2)
  assert.ok(looked.includes('a') && !looked.includes('hello') && !looked.includes('plain'), looked.join())

  redactor.redact(mixed)
  assert.equal(mixed.events.length, 2)
  assert.ok(looked.includes('looked at') && !looked.includes('hello'), looked.join())

  looked.length = 0
  const tracer = hive.tracerProvider.getTracer('lib')
  within(tracer, (each) => {
    each.setAttribute('note', 'one')
    each.addEvent('lib.event', { note: 'two' })
  })
  redactor.redact(seen[2] as ReadableSpan)
  for (const text of ['one', 'two']) {
    assert.equal(looked.filter((each) => each === text).length, 1, 'each is looked through once')
  }
})

test('a span that holds no secret is not copied', async (t) => {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  within(provider.getTracer('lib'), (span) => {
    span.setAttributes({ a: 'x', list: ['a', 'b'], n: 1 })
    span.addEvent('e', { b: 'y' })
    span.addLink({ context: LINKED, attributes: { c: 'z' } })
  })
  const [span] = exporter.getFinishedSpans() as [ReadableSpan]
  const { redact } = new SpanRedactor(new Redactor())
  assert.equal(redact(span), span)
  t.after(() => provider.shutdown())
})

test('bytes and values of other shapes, which another SDK may let pass, are redacted too', () => {
  const { redact } = new SpanRedactor(new Redactor())
  const key = `ghp_${'aB3dE6gH9jK2mN5p'.repeat(2)}aB3d`
  const attributes = {
    bytes: Buffer.from(`\xff with ${key} \x80`, 'latin1'),
    plain: Uint8Array.of(0, 255, 128),
    map: { deep: [{ password: 'x1y2z3', note: key }] },
  }
  const span = {
    name: 's',
    kind: 0,
    spanContext: () => LINKED,
    status: { code: 0 },
    attributes,
    events: [],
    links: [],
    startTime: [1, 0],
    endTime: [1, 0],
    resource: { attributes: {} },
    instrumentationScope: { name: 'lib' },
  } as unknown as ReadableSpan
  const clean = redact(span).attributes as unknown as typeof attributes
  assert.equal(Buffer.from(clean.bytes).toString('latin1'), '\xff with [redacted:github-token] \x80')
  assert.equal(clean.plain, attributes.plain)
  assert.deepEqual(clean.map, { deep: [{ password: '[redacted:key]', note: '[redacted:github-token]' }] })
})

test('one value that no request can say does not cost the others: times and numbers out of range', async (t) => {
  const { hive, receiver, file } = await hiveWithReceiver(t)
  const tracer = hive.tracerProvider.getTracer('lib')
  const agent = hive.spawn({ agentId: 'a' })
  within(tracer, (span) => {
    span.addEvent('no time', { a: 1 }, Number.NaN)
    span.addEvent('before all', { a: 1 }, new Date(-1e12))
    span.addEvent('after all', { a: 1 }, new Date(8.64e15))
    span.setAttributes({ big: 1e300, nan: Number.NaN, inf: -Infinity, list: [1e300, 1] })
  })
  agent.log('big', { value: 1e300 })
  agent.tool({ name: 'slow', ok: true, ms: 1e300 })
  agent.run(() => {
    trace.getActiveSpan()?.addEvent('hive.far', {}, new Date(8.64e15))
    trace.getActiveSpan()?.addEvent('hive.past', {}, new Date(-8.64e15))
  })
  await hive.shutdown()
  const { events, attributes } = receiver.one('lib')
  assert.equal(events.length, 3)
  for (const { timeUnixNano } of events) {
    assert.ok(BigInt(timeUnixNano) >= 0n && BigInt(timeUnixNano) < 2n ** 64n)
  }
  assert.deepEqual(attributes, { big: '1e+300', nan: 'NaN', inf: '-Infinity', list: ['1e+300', 1] })
  for (const { startMs, endMs } of receiver.spans) assert.ok(startMs >= 0 && endMs >= startMs)
  for (const event of receiver.one('invoke_agent a').events) assert.ok(BigInt(event.timeUnixNano) >= 0n)
  assert.ok(!/"intValue":\d+e/.test(receiver.bodies.join()))
  const far = linesOf(file).find(({ kind }) => kind === 'far')
  assert.equal(far?.ts, 8.64e15, 'the line says what was said')
})

test('a text that cannot be looked through does not leave, and says so in its place', () => {
  class Failing extends Redactor {
    override string(text: string): string {
      if (text.includes('hard')) throw new RangeError('too hard')
      return super.string(text)
    }
  }
  const span = {
    name: 'hard name',
    kind: 0,
    spanContext: () => LINKED,
    status: { code: 2, message: 'hard status' },
    attributes: { easy: 'as it is' },
    events: [{ name: 'hard event', time: [1, 0] }],
    links: [],
    startTime: [1, 0],
    endTime: [1, 0],
    resource: resourceFromAttributes({}),
    instrumentationScope: { name: 'lib' },
    droppedLinksCount: 0,
  } as unknown as ReadableSpan
  const clean = new SpanRedactor(new Failing()).redact(span)
  assert.equal(clean.name, '[redacted:unchecked]')
  assert.deepEqual(clean.status, { code: 2, message: '[redacted:unchecked]' })
  assert.equal(clean.events[0]?.name, '[redacted:unchecked]')
  assert.deepEqual(clean.attributes, { easy: 'as it is' })
})
