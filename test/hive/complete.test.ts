import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace-base'
import {
  captureDiag,
  eventsOf,
  fixture,
  linesOf,
  runNode,
  tempFolder,
  tempHive,
  tempReceiver,
} from '../kit/hive-support.js'

const COUNT = 10_000
/** What `maxEventsPerSpan` is by default. */
const PER_SPAN = 100

const messagesOf = (file: string) => eventsOf(file).filter(({ kind }) => kind === 'message')

function assertSubjects(subjects: unknown[]): void {
  assert.equal(subjects.length, COUNT)
  subjects.forEach((subject, i) => {
    if (subject !== `message ${i}`) assert.fail(`message ${i} is ${JSON.stringify(subject)}`)
  })
}

test('10,000 messages of one agent are 10,000 lines, and 10,000 span events over OTLP', async (t) => {
  const said = captureDiag(t)
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url } })
  const lead = hive.spawn({ agentId: 'lead' })
  const coder = lead.spawn({ agentId: 'coder', name: 'Coder' })
  for (let i = 0; i < COUNT; i++) coder.message({ to: 'lead', act: 'inform', subject: `message ${i}` })
  coder.end()
  await hive.shutdown()

  assertSubjects(messagesOf(file).map(({ subject }) => subject))
  assert.deepEqual(
    linesOf(file).map(({ seq }) => seq),
    Array.from({ length: linesOf(file).length }, (_, i) => i + 1),
  )

  const parts = receiver.spans
    .filter(({ name }) => name === 'invoke_agent Coder')
    .sort((a, b) => partOf(a) - partOf(b))
  assert.equal(parts.length, COUNT / PER_SPAN)
  assertSubjects(parts.flatMap(({ events }) => events.map(({ attributes }) => attributes['hive.subject'])))
  const leadSpan = receiver.one('invoke_agent lead')
  parts.forEach((part, i) => {
    assert.equal(partOf(part), i + 1)
    assert.equal(part.traceId, leadSpan.traceId)
    assert.equal(part.parentSpanId, i === 0 ? leadSpan.spanId : parts[0]?.spanId, 'they stay together')
    assert.equal(part.droppedEventsCount, 0)
    assert.deepEqual(
      part.links.map(({ spanId }) => spanId),
      i === 0 ? [] : [parts[i - 1]?.spanId],
      'linked to the part before',
    )
    assert.equal(part.attributes['hive.span.continued'], i < parts.length - 1 ? true : undefined)
    assert.equal(part.attributes['gen_ai.agent.id'], 'coder')
  })
  assert.deepEqual(said, [])
})

const partOf = ({ attributes }: { attributes: Record<string, unknown> }): number =>
  (attributes['hive.span.part'] as number | undefined) ?? 1

test('each line names the part of the span that holds its event', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url }, maxEventsPerSpan: 3 })
  const coder = hive.spawn({ agentId: 'coder' })
  for (let i = 0; i < 10; i++) coder.message({ to: 'lead', act: 'inform', subject: `message ${i}` })
  await hive.shutdown()

  const spanOf = new Map(
    receiver.spans.flatMap(({ spanId, events }) =>
      events.map(({ attributes }) => [attributes['hive.subject'], spanId] as const),
    ),
  )
  const messages = messagesOf(file)
  assert.equal(new Set(messages.map(({ span }) => span)).size, 4)
  for (const { subject, span } of messages) assert.equal(span, spanOf.get(subject))
})

test('2,000 tools in one turn are 2,000 spans over OTLP', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url } })
  const coder = hive.spawn({ agentId: 'coder' })
  for (let i = 0; i < 2_000; i++) coder.tool({ name: `tool-${i}`, ok: true })
  await hive.shutdown()

  const spans = receiver.spans.map(({ attributes }) => attributes['gen_ai.tool.name'])
  assert.equal(new Set(spans).size, 2_001, 'the tools, and the agent, which has none')
  assert.equal(eventsOf(file).filter(({ kind }) => kind === 'tool').length, 2_000)
})

test('a sampler that drops everything does not thin the file', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url }, sampler: new AlwaysOffSampler() })
  const coder = hive.spawn({ agentId: 'coder' })
  for (let i = 0; i < COUNT; i++) coder.message({ to: 'lead', act: 'inform', subject: `message ${i}` })
  await hive.shutdown()

  assertSubjects(messagesOf(file).map(({ subject }) => subject))
  assert.deepEqual(receiver.spans, [])
})

for (const sampler of ['always_off', 'parentbased_always_off']) {
  test(`OTEL_TRACES_SAMPLER=${sampler} does not thin the file`, async (t) => {
    const receiver = await tempReceiver(t)
    const file = join(tempFolder(t), 'hive.jsonl')
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, OTEL_TRACES_SAMPLER: sampler }
    const run = await runNode([fixture('hive-burst'), file, String(COUNT)], env)
    assert.equal(run.code, 0, run.stderr)

    assertSubjects(messagesOf(file).map(({ subject }) => subject))
    assert.equal(receiver.requests, 0)
  })
}

test('an incoming trace that is not sampled is recorded all the same, and says so to its children', async (t) => {
  const receiver = await tempReceiver(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
    TRACEPARENT: `00-${'0a'.repeat(16)}-${'0b'.repeat(8)}-00`,
  }
  const run = await runNode([fixture('hive-burst'), file, '10'], env)
  assert.equal(run.code, 0, run.stderr)

  assert.equal(messagesOf(file).length, 10)
  assert.ok(eventsOf(file).every(({ trace }) => trace === '0a'.repeat(16)))
  assert.equal(receiver.requests, 0)
})

type Burst = { fileMs: number; shutdownMs: number; stderr: string }

async function burst(folder: string, name: string, env: NodeJS.ProcessEnv): Promise<Burst> {
  const file = join(folder, `${name}.jsonl`)
  const run = await runNode([fixture('hive-burst'), file, String(COUNT)], env)
  assert.equal(run.code, 0, run.stderr)
  assertSubjects(messagesOf(file).map(({ subject }) => subject))
  return { ...(JSON.parse(run.stdout) as Omit<Burst, 'stderr'>), stderr: run.stderr }
}

for (const mode of ['hang', 'refuse'] as const) {
  test(`a trace backend that ${mode}s does not thin the file, the end comes, and one line says so`, async (t) => {
    const receiver = await tempReceiver(t, mode)
    const run = await burst(tempFolder(t), 'hive', {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      OTEL_EXPORTER_OTLP_TIMEOUT: '600',
    })
    assert.ok(run.shutdownMs < 5_000, `the shutdown took ${run.shutdownMs} ms`)
    assert.match(run.stderr, /^hivelog: .*the last spans (are|were) not sent.*\n$/)
    assert.ok(receiver.requests > 0, 'the backend was asked')
  })
}

test('a shutdown waits for a trace backend that hangs as long as it was told, and no longer', async (t) => {
  const said = captureDiag(t)
  const receiver = await tempReceiver(t, 'hang')
  // The exporter itself waits for 10 seconds, the shutdown by default for 5.
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url }, shutdownTimeoutMs: 300 })
  hive.spawn({ agentId: 'coder' })
  const start = performance.now()
  await hive.shutdown()
  const ms = performance.now() - start
  assert.ok(ms > 290 && ms < 4_500, `the shutdown took ${ms} ms`)
  assert.deepEqual(said, [
    `hivelog: the trace backend at ${receiver.url} did not answer within 300 ms; the last spans are not sent`,
  ])
  assert.equal(linesOf(file).at(-1)?.kind, 'log.seal')
})

test('the file does not wait for a trace backend that hangs', async (t) => {
  const receiver = await tempReceiver(t, 'hang')
  // Whoever waited for a request would have waited that long at least.
  const timeoutMs = 10_000
  const { fileMs } = await burst(tempFolder(t), 'hive', {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
    OTEL_EXPORTER_OTLP_TIMEOUT: String(timeoutMs),
    OTEL_BSP_SCHEDULE_DELAY: '1',
  })
  assert.ok(receiver.requests > 0, 'the backend was asked')
  assert.ok(fileMs < timeoutMs, `the file was whole after ${fileMs} ms`)
})
