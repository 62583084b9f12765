/** The plug-in in a provider of the user's own. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Attributes, TimeInput } from '@opentelemetry/api'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { HiveSpanProcessor, JsonlSpanExporter, startHive } from '../../src/index.js'
import { interceptEvents } from '../../src/otel/plain-events.js'
import { LogRecorder as Recorder } from '../../src/record/log-recorder.js'
import { withEnvironment } from '../kit/git-repo.js'
import { captureDiag, eventsOf, linesOf, oneEvent, tempFolder, tempHive } from '../kit/hive-support.js'
import { REGISTRATIONS, type Registration, tempProvider, within, withinAgent } from '../kit/otel-provider.js'

for (const registration of Object.keys(REGISTRATIONS) as Registration[]) {
  test(`registered ${registration}: every event is written, once`, async (t) => {
    const said = captureDiag(t)
    const { file, tracer, provider } = tempProvider(t, registration)
    withinAgent(tracer, 'coder', (span) => {
      for (let i = 0; i < 10; i++)
        span.addEvent('hive.message', { 'hive.to': 'lead', 'hive.subject': `${i}` })
      span.addEvent('hive.plan', { 'hive.steps': 4 })
      span.addEvent('unrelated', { x: 1 })
      withinAgent(tracer, 'helper', (inner) => inner.addEvent('hive.drain', { 'hive.count': 1 }))
    })
    await provider.shutdown()

    const kinds = eventsOf(file).map(({ kind, agentId, from }) => `${kind} of ${agentId ?? from}`)
    const expected = [
      ...Array.from({ length: 10 }, () => 'message of coder'),
      ...['coder', 'helper'].flatMap((agent) => [`spawn of ${agent}`, `exit of ${agent}`]),
      'drain of helper',
      'plan of coder',
    ]
    assert.deepEqual(kinds.sort(), expected.sort())
    assert.equal(oneEvent(file, 'drain').session, 'sess_plugin')
    const seqs = linesOf(file).map(({ seq }) => seq)
    assert.deepEqual(
      seqs,
      seqs.map((_, i) => i + 1),
    )
    for (const agent of ['coder', 'helper']) {
      const own = eventsOf(file).filter((line) => (line.agentId ?? line.from) === agent)
      assert.deepEqual(
        own.map(({ checkpoint }) => checkpoint),
        own.map((_, i) => i),
      )
    }
    assert.deepEqual(said, [])
  })
}

test('under the live processor an event is in the file while its span is open', async (t) => {
  const { file, tracer, provider } = tempProvider(t, 'live')
  const span = tracer.startSpan('invoke_agent coder')
  span.addEvent('hive.message', { 'hive.subject': 'now' })
  await provider.forceFlush()
  assert.equal(oneEvent(file, 'message').subject, 'now')
  assert.equal(span.isRecording(), true)
  span.end()
})

test('under the live processor the SDK’s limit of 128 events a span does not thin the file', async (t) => {
  const { file, tracer, provider } = tempProvider(t, 'live and batch')
  withinAgent(tracer, 'coder', (span) => {
    for (let i = 0; i < 1_000; i++) span.addEvent('hive.message', { 'hive.subject': `message ${i}` })
  })
  await provider.shutdown()
  assert.deepEqual(
    eventsOf(file)
      .filter(({ kind }) => kind === 'message')
      .map(({ subject }) => subject),
    Array.from({ length: 1_000 }, (_, i) => `message ${i}`),
  )
})

test('an exporter that is alone says when the SDK dropped events', async (t) => {
  const said = captureDiag(t)
  const { file, tracer, provider } = tempProvider(t, 'simple')
  withinAgent(tracer, 'coder', (span) => {
    for (let i = 0; i < 130; i++) span.addEvent('hive.message', { 'hive.subject': `message ${i}` })
  })
  await provider.shutdown()
  assert.equal(eventsOf(file).filter(({ kind }) => kind === 'message').length, 128)
  assert.equal(
    said.filter((line) => /the SDK dropped 2 events of span invoke_agent coder/.test(line)).length,
    1,
  )
})

test('secrets of plain events do not reach the file; what the other exporters get is as it was given', async (t) => {
  const { file, tracer, provider, others } = tempProvider(t, 'live')
  const key = `sk-ant-api03-${'aB3dE6gH9jK2mN5p'.repeat(4)}`
  const message = { 'hive.subject': `use ${key}`, 'hive.password': 'p4ss', list: ['a', key] }
  const plan = { secret: 'x9', note: `Bearer ${key}` }
  withinAgent(tracer, 'coder', (span) => {
    span.addEvent('hive.message', message)
    span.addEvent('hive.plan', plan)
  })
  const sent = others.getFinishedSpans().flatMap(({ events }) => events.map(({ attributes }) => attributes))
  await provider.shutdown()
  const written = JSON.stringify(eventsOf(file))
  for (const secret of [key, 'p4ss', 'x9']) assert.ok(!written.includes(secret), `${secret} in ${written}`)
  assert.match(written, /redacted/)
  assert.deepEqual(sent, [message, plan])
})

test('a field that is too big becomes a reference in the file, and stays for the other exporters', async (t) => {
  const { file, tracer, provider, others } = tempProvider(t, 'live')
  const attributes = { 'hive.text': 'x'.repeat(100_000) }
  withinAgent(tracer, 'coder', (span) => span.addEvent('hive.plan', attributes))
  const [event] = others.getFinishedSpans()[0]?.events ?? []
  await provider.shutdown()
  const { text } = oneEvent(file, 'plan') as unknown as { text: { ref: string; bytes: number } }
  assert.equal(text.bytes, 100_000)
  assert.deepEqual(event?.attributes, attributes)
})

for (const [what, args, ts] of [
  ['a number of milliseconds', [{ 'hive.a': 1 }, 1_700_000_000_123], 1_700_000_000_123],
  ['a fraction of a millisecond', [{ 'hive.a': 1 }, 1_700_000_000_123.9], 1_700_000_000_123],
  ['a Date', [{ 'hive.a': 1 }, new Date(1_700_000_000_123)], 1_700_000_000_123],
  ['seconds and nanoseconds', [{ 'hive.a': 1 }, [1_700_000_000, 123_456_789]], 1_700_000_000_123],
  ['a time in place of the attributes', [1_700_000_000_123], 1_700_000_000_123],
  ['a Date in place of the attributes', [new Date(1_700_000_000_123)], 1_700_000_000_123],
  ['an array in place of the attributes', [[1_700_000_000, 123_456_789]], 1_700_000_000_123],
  ['given without attributes', [undefined, 1_700_000_000_123], 1_700_000_000_123],
] as const) {
  test(`the time of a plain event can be ${what}`, async (t) => {
    for (const registration of ['live', 'simple'] as const) {
      const { file, tracer, provider, others } = tempProvider(t, registration)
      withinAgent(tracer, 'coder', (span) =>
        span.addEvent('hive.plan', ...(args as unknown as [Attributes, TimeInput])),
      )
      const [event] = others.getFinishedSpans()[0]?.events ?? []
      await provider.shutdown()
      const line = oneEvent(file, 'plan')
      assert.equal(line.ts, ts)
      assert.ok(!('0' in line), 'a time is no attribute')
      assert.equal(event?.time[0], Math.trunc(ts / 1000))
      assert.equal(Math.trunc((event?.time[1] ?? 0) / 1e6), ts % 1000)
    }
  })
}

test('a plain event without a time, or at a time of performance.now(), happened just now', async (t) => {
  const { file, tracer, provider } = tempProvider(t, 'live')
  const before = Date.now()
  withinAgent(tracer, 'coder', (span) => {
    span.addEvent('hive.a')
    span.addEvent('hive.b', { 'hive.x': 1 })
    span.addEvent('hive.c', performance.now())
  })
  const after = Date.now()
  await provider.shutdown()
  for (const kind of ['a', 'b', 'c']) {
    const { ts } = oneEvent(file, kind)
    assert.ok(ts >= before - 2 && ts <= after + 2, `${kind} at ${ts}, not between ${before} and ${after}`)
  }
})

test('a kind that no event may have is refused in one line, by the processor and by the exporter alone', async (t) => {
  const said = captureDiag(t)
  for (const registration of ['live', 'simple'] as const) {
    said.length = 0
    const { file, tracer, provider, others } = tempProvider(t, registration)
    withinAgent(tracer, 'coder', (span) => {
      for (const kind of ['log.gap', 'Plan B', '', 'plan']) span.addEvent(`hive.${kind}`, { 'hive.lost': 1 })
    })
    const [sent] = others.getFinishedSpans()
    await provider.shutdown()
    assert.deepEqual(
      eventsOf(file).map(({ kind, checkpoint }) => [kind, checkpoint]),
      [
        ['spawn', 0],
        ['plan', 1],
        ['exit', 2],
      ],
      registration,
    )
    assert.deepEqual(
      linesOf(file).filter(({ kind }) => kind === 'log.gap'),
      [],
    )
    assert.equal(sent?.events.length, 4, 'they stay on the span')
    const ours = said.filter((line) => line.startsWith('hivelog: '))
    assert.equal(ours.length, 3, said.join('\n'))
    for (const line of ours) assert.match(line, /^hivelog: an event of kind ".*" is not recorded: /)
  }
})

test('a plain event of a kind that is no agent’s is not counted among the agent’s', async (t) => {
  for (const registration of ['live', 'simple'] as const) {
    const { file, tracer, provider } = tempProvider(t, registration)
    withinAgent(tracer, 'coder', (span) => {
      span.addEvent('hive.escalate', { 'hive.id': 'e-1', 'hive.to': 'human', 'hive.subject': 's' })
      span.addEvent('hive.approval', { 'hive.id': 'e-1', 'hive.approve': true })
      span.addEvent('hive.plan')
    })
    await provider.shutdown()
    assert.deepEqual(
      eventsOf(file).map(({ kind, checkpoint, from, agentId }) => [kind, checkpoint, from ?? agentId]),
      [
        ['spawn', 0, 'coder'],
        ['escalate', 1, 'coder'],
        ['approval', undefined, undefined],
        ['plan', 2, 'coder'],
        ['exit', 3, 'coder'],
      ],
    )
  }
})

test('what is in an agent is in the agent’s session, whatever else the span says', async (t) => {
  const { file, tracer, provider } = tempProvider(t, 'live')
  withinAgent(
    tracer,
    'coder',
    () => {
      const attributes = { 'gen_ai.operation.name': 'execute_tool', 'session.id': 'other' }
      within(tracer, 'execute_tool grep', { attributes }, (span) => span.addEvent('hive.plan'))
    },
    { 'gen_ai.conversation.id': 'conv-7' },
  )
  within(tracer, 'outside', { attributes: { 'session.id': 'sess_other' } }, (span) =>
    span.addEvent('hive.note'),
  )
  await provider.shutdown()
  assert.deepEqual(
    eventsOf(file).map(({ kind, session }) => [kind, session]),
    [
      ['spawn', 'conv-7'],
      ['tool.start', 'conv-7'],
      ['plan', 'conv-7'],
      ['tool', 'conv-7'],
      ['exit', 'conv-7'],
      ['note', 'sess_other'],
    ],
  )
})

test('addEvent gives the span back, and can be replaced by whoever comes after', async (t) => {
  const { file, tracer, provider } = tempProvider(t, 'live')
  withinAgent(tracer, 'coder', (span) => {
    assert.equal(span.addEvent('hive.a').addEvent('exception').addEvent('hive.b'), span)
    const added = span.addEvent.bind(span)
    const seen: string[] = []
    span.addEvent = (name, ...rest) => {
      seen.push(name)
      return added(name, ...rest)
    }
    span.addEvent('hive.c')
    assert.deepEqual(seen, ['hive.c'])
  })
  await provider.shutdown()
  assert.deepEqual(
    eventsOf(file).map(({ kind }) => kind),
    ['spawn', 'a', 'b', 'c', 'exit'],
  )
})

test('an event added to a span that has ended is not recorded', async (t) => {
  captureDiag(t)
  const { file, tracer, provider } = tempProvider(t, 'live')
  const span = tracer.startSpan('invoke_agent coder')
  span.end()
  span.addEvent('hive.message', { 'hive.subject': 'too late' })
  await provider.shutdown()
  assert.deepEqual(
    eventsOf(file).map(({ kind }) => kind),
    ['spawn', 'exit'],
  )
})

test('a hive in a provider that has the plug-in writes each line once, and shares the file', async (t) => {
  const { file, provider, tracer, others } = tempProvider(t, 'live and batch')
  const { hive } = tempHive(t, { file, tracerProvider: provider, sessionId: 'sess_hive' })
  const lead = hive.spawn({ agentId: 'lead' })
  lead.message({ to: 'coder', act: 'inform', subject: 'direct' })
  lead.tool({ name: 'grep', ok: true })
  lead.run(() => withinAgent(tracer, 'foreign', (span) => span.addEvent('hive.plan', { 'hive.steps': 4 })))
  lead.end()
  await hive.shutdown()
  assert.equal(others.getFinishedSpans().length, 3)
  withinAgent(tracer, 'later', () => {})
  await provider.shutdown()

  const lines = eventsOf(file).map(({ kind, agentId, from, session }) => [kind, agentId ?? from, session])
  assert.deepEqual(lines, [
    ['spawn', 'lead', 'sess_hive'],
    ['message', 'lead', 'sess_hive'],
    ['tool', 'lead', 'sess_hive'],
    ['spawn', 'foreign', 'sess_hive'],
    ['plan', 'foreign', 'sess_hive'],
    ['exit', 'foreign', 'sess_hive'],
    ['exit', 'lead', 'sess_hive'],
    ['spawn', 'later', 'sess_plugin'],
    ['exit', 'later', 'sess_plugin'],
  ])
  assert.equal(eventsOf(file).find(({ agentId }) => agentId === 'foreign')?.parent, 'lead')
})

test('a hive and a plug-in on two files are two records of the same hive', async (t) => {
  const { file, provider } = tempProvider(t, 'live')
  const { hive, file: own } = tempHive(t, { tracerProvider: provider })
  const lead = hive.spawn({ agentId: 'lead' })
  lead.message({ to: 'coder', act: 'inform', subject: 'both' })
  lead.end()
  await hive.shutdown()
  await provider.shutdown()
  const kindsOf = (path: string) => eventsOf(path).map(({ kind }) => kind)
  assert.deepEqual(kindsOf(file), ['spawn', 'message', 'exit'])
  assert.deepEqual(kindsOf(own), ['spawn', 'message', 'exit'])
})

test('the provider of startHive takes the plug-in of another file as a further processor', async (t) => {
  const folder = tempFolder(t)
  const exporter = new JsonlSpanExporter({ file: join(folder, 'second.jsonl'), fsync: 'no' })
  const hive = startHive({
    file: join(folder, 'first.jsonl'),
    fsync: 'no',
    spanProcessors: [new HiveSpanProcessor({ exporter })],
  })
  hive.spawn({ agentId: 'lead' }).end()
  await hive.shutdown()
  for (const name of ['first', 'second']) {
    assert.deepEqual(
      eventsOf(join(folder, `${name}.jsonl`)).map(({ kind }) => kind),
      ['spawn', 'exit'],
    )
  }
})

test('a sampler of the provider’s own bounds what the plug-in sees, and not what a hive writes', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const exporter = new JsonlSpanExporter({ file, fsync: 'no' })
  const provider = new BasicTracerProvider({
    sampler: { shouldSample: () => ({ decision: 0 }), toString: () => 'none' },
    spanProcessors: [new HiveSpanProcessor({ exporter })],
  })
  const { hive } = tempHive(t, { file, tracerProvider: provider })
  hive.spawn({ agentId: 'lead' }).message({ to: 'coder', act: 'inform', subject: 's' })
  withinAgent(provider.getTracer('test'), 'foreign', () => {})
  await hive.shutdown()
  await provider.shutdown()
  assert.deepEqual(
    eventsOf(file).map(({ kind, agentId, from }) => [kind, agentId ?? from]),
    [
      ['spawn', 'lead'],
      ['message', 'lead'],
      ['exit', 'lead'],
    ],
  )
})

test('spans that come after the shutdown of the exporter are reported as failed', async (t) => {
  const { tracer, provider, others } = tempProvider(t, 'live')
  withinAgent(tracer, 'coder', () => {})
  const spans = others.getFinishedSpans()
  const exporter = new JsonlSpanExporter({ file: join(tempFolder(t), 'other.jsonl') })
  await exporter.shutdown()
  const result = await new Promise<{ code: number }>((resolve) => exporter.export(spans, resolve))
  assert.equal(result.code, 1)
  await provider.shutdown()
})

test('a recorder that is given back once too often does not close the one that came after it', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const first = Recorder.open({ file, fsync: 'no' }, 'JsonlSpanExporter')
  await first.release()
  const second = Recorder.open({ file, fsync: 'no' }, 'JsonlSpanExporter')
  assert.notEqual(second, first)
  await first.release()
  assert.equal(Recorder.open({ file }, 'JsonlSpanExporter'), second, 'it is shared still')
  await second.release()
  const context = { traceId: '0a'.repeat(16), spanId: '0b'.repeat(8), traceFlags: 1 }
  second.write(Date.now(), 'note', { a: 1 }, { context, session: 's-1', life: undefined })
  await second.release()
  assert.deepEqual(
    eventsOf(file).map(({ kind, a, session }) => [kind, a, session]),
    [['note', 1, 's-1']],
  )
})

test('who gives a shared recorder back finds what it wrote in the file; the last one finds it closed', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const [first, second] = [
    Recorder.open({ file, fsync: 'no' }, 'JsonlSpanExporter'),
    Recorder.open({ file }, 'JsonlSpanExporter'),
  ]
  const context = { traceId: '0a'.repeat(16), spanId: '0b'.repeat(8), traceFlags: 1 }
  const write = (a: number) =>
    first.write(Date.now(), 'note', { a }, { context, session: 's-1', life: undefined })
  write(1)
  await first.release()
  assert.deepEqual(
    eventsOf(file).map(({ a }) => a),
    [1],
  )
  assert.ok(existsSync(`${file}.lock`))
  write(2)
  void second.release()
  await second.release()
  assert.ok(!existsSync(`${file}.lock`))
  assert.deepEqual(
    eventsOf(file).map(({ a }) => a),
    [1, 2],
  )
})

test('an exporter is of the session of AGENT_SESSION_ID, or of a new one, unless it is told which', async (t) => {
  for (const [options, env, session] of [
    [{}, 's-env', /^s-env$/],
    [{ sessionId: 's-option' }, 's-env', /^s-option$/],
    [{}, '', /^sess_[0-9a-f]{16}$/],
    [{}, undefined, /^sess_[0-9a-f]{16}$/],
  ] as const) {
    withEnvironment(t, { AGENT_SESSION_ID: env })
    const file = join(tempFolder(t), 'hive.jsonl')
    const exporter = new JsonlSpanExporter({ file, fsync: 'no', ...options })
    const provider = new BasicTracerProvider({ spanProcessors: [new HiveSpanProcessor({ exporter })] })
    provider.getTracer('test').startSpan('invoke_agent a').end()
    await provider.shutdown()
    for (const line of linesOf(file)) assert.match(line.session, session)
  }
})

test('an event that cannot be recorded stays on its span as it is, and one line says so', (t) => {
  const said = captureDiag(t)
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const span = provider.getTracer('lib').startSpan('work')
  interceptEvents(span, () => {
    throw new RangeError('too long')
  })
  assert.equal(span.addEvent('hive.note', { 'hive.text': 'x' }), span)
  span.end()
  const [{ events } = { events: [] }] = exporter.getFinishedSpans()
  assert.deepEqual(
    events.map(({ name, attributes }) => [name, attributes]),
    [['hive.note', { 'hive.text': 'x' }]],
  )
  assert.equal(said.length, 1)
  assert.match(said[0] as string, /event hive\.note could not be recorded: .*too long/)
})

test('an event without a time has on its span the time of its line, though the clock was set meanwhile', async (t) => {
  const { file, tracer, provider, others } = tempProvider(t, 'live')
  const { now } = Date
  withinAgent(tracer, 'coder', (span) => {
    t.mock.method(Date, 'now', () => now() + 5_000)
    span.addEvent('hive.note', { 'hive.text': 'x' })
    t.mock.reset()
  })
  const [span] = others.getFinishedSpans()
  const [seconds = 0, nanos = 0] = span?.events[0]?.time ?? []
  await provider.shutdown()
  assert.equal(seconds * 1_000 + nanos / 1e6, oneEvent(file, 'note').ts)
})

for (const registration of ['live', 'simple'] as const) {
  test(`registered ${registration}: a part of an agent’s life that is continued is no exit`, async (t) => {
    const said = captureDiag(t)
    const { file, tracer, provider } = tempProvider(t, registration)
    withinAgent(tracer, 'coder', () => {}, { 'hive.span.continued': true })
    assert.deepEqual(said, [])
    withinAgent(tracer, 'coder', () => {}, { 'hive.span.part': 2 })
    await provider.shutdown()
    const kinds = eventsOf(file).map(({ kind, agentId }) => [kind, agentId])
    assert.deepEqual(kinds, [
      ['spawn', 'coder'],
      ['exit', 'coder'],
    ])
    assert.deepEqual(said, [])
  })
}
