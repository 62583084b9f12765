/** What people, models and tools said stays out of lines; where it is asked for, it is kept, redacted, aside. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { HiveSpanProcessor, JsonlSpanExporter } from '../../src/index.js'
import { eventsOf, tempFolder } from '../kit/hive-support.js'
import { atOnce, within } from '../kit/otel-provider.js'
import { SECRETS } from '../kit/secrets.js'

/** The attributes in which each vocabulary holds contents, on a model's call and on a tool. */
const MODELS: [kind: string, value: string, prompt: string, answer: string][] = [
  ['gen_ai.operation.name', 'chat', 'gen_ai.input.messages', 'gen_ai.output.messages'],
  ['openinference.span.kind', 'LLM', 'input.value', 'output.value'],
  ['ai.operationId', 'ai.generateText.doGenerate', 'ai.prompt.messages', 'ai.response.text'],
  ['langfuse.observation.type', 'generation', 'langfuse.observation.input', 'langfuse.observation.output'],
]
const TOOLS: [kind: string, value: string, args: string, result: string][] = [
  ['gen_ai.operation.name', 'execute_tool', 'gen_ai.tool.call.arguments', 'gen_ai.tool.call.result'],
  ['openinference.span.kind', 'TOOL', 'input.value', 'output.value'],
  ['ai.operationId', 'ai.toolCall', 'ai.toolCall.args', 'ai.toolCall.result'],
  ['traceloop.span.kind', 'tool', 'traceloop.entity.input', 'traceloop.entity.output'],
]

async function record(t: TestContext, how: 'live' | 'batch', capture?: 'artifacts') {
  const file = join(tempFolder(t), 'hive.jsonl')
  const exporter = new JsonlSpanExporter({ file, fsync: 'no', ...(capture && { capture }) })
  const processor = how === 'live' ? new HiveSpanProcessor({ exporter }) : new BatchSpanProcessor(exporter)
  const provider = new BasicTracerProvider({ spanProcessors: [processor] })
  const tracer = provider.getTracer('test')
  for (const { text } of SECRETS) {
    for (const [kind, value, given, got] of [...MODELS, ...TOOLS]) {
      within(tracer, 'work', { attributes: { [kind]: value, [given]: `q: ${text}` } }, (span) => {
        span.setAttributes({ [got]: `a: ${text}`, 'gen_ai.usage.input_tokens': 1 })
        span.setStatus({ code: 2, message: `failed with ${text}` })
      })
    }
  }
  await provider.shutdown()
  const folder = `${file}.artifacts`
  const artifacts =
    capture === undefined
      ? []
      : (readdirSync(folder, { recursive: true }) as string[])
          .filter((name) => /[0-9a-f]{64}$/.test(name))
          .map((name) => readFileSync(join(folder, name), 'utf8'))
  return { lines: eventsOf(file), text: readFileSync(file, 'utf8'), artifacts }
}

for (const how of ['live', 'batch'] as const) {
  test(`${how}: no content is in a line, and no secret`, async (t) => {
    const { lines, text } = await record(t, how)
    assert.ok(lines.some(({ kind }) => kind === 'usage') && lines.some(({ kind }) => kind === 'tool'))
    assert.ok(!lines.some(({ kind }) => kind === 'snapshot'))
    assert.doesNotMatch(text, /"[qa]: /)
    for (const { shape, secret } of SECRETS) assert.ok(!text.includes(secret), shape)
  })

  test(`${how}: asked for, contents are kept as artifacts, redacted, each with its line`, async (t) => {
    const { lines, text, artifacts } = await record(t, how, 'artifacts')
    const labels = new Set(lines.filter(({ kind }) => kind === 'snapshot').map(({ label }) => label))
    assert.deepEqual(
      [...labels].sort(),
      [
        'answer of a model',
        'arguments of work',
        'prompt of a model',
        'result of work',
        ...(labels.has('arguments of unknown') ? ['arguments of unknown', 'result of unknown'] : []),
      ].sort(),
    )
    assert.ok(
      artifacts.some((each) => each.startsWith('q: ')) && artifacts.some((each) => each.startsWith('a: ')),
    )
    for (const { shape, secret } of SECRETS) {
      assert.ok(![text, ...artifacts].some((each) => each.includes(secret)), shape)
    }
  })
}

test('spans of a scope that an adapter covers are not told, and what is under them finds its agent', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const exporter = new JsonlSpanExporter({ file, fsync: 'no' })
  const provider = new BasicTracerProvider({ spanProcessors: [new HiveSpanProcessor({ exporter })] })
  exporter.recorder.covered.add('framework*')
  const [mine, theirs] = [provider.getTracer('mine'), provider.getTracer('framework-x')]
  const { trace, context } = await import('@opentelemetry/api')
  atOnce(t, () => {
    const agent = mine.startSpan('invoke_agent lead')
    const step = theirs.startSpan('execute_tool look', {}, trace.setSpan(context.active(), agent))
    mine.startSpan('execute_tool own', {}, trace.setSpan(context.active(), step)).end()
    step.end()
    agent.end()
  })
  await provider.shutdown()
  assert.deepEqual(
    eventsOf(file).map(({ kind, agentId, name }) => `${kind} ${agentId} ${name ?? ''}`),
    ['spawn lead lead', 'tool.start lead own', 'tool lead own', 'exit lead '],
  )
})

test('what is under a parent that has ended finds its agent', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const exporter = new JsonlSpanExporter({ file, fsync: 'no' })
  const provider = new BasicTracerProvider({ spanProcessors: [new HiveSpanProcessor({ exporter })] })
  const { trace, context } = await import('@opentelemetry/api')
  const tracer = provider.getTracer('mine')
  const first = tracer.startSpan('invoke_agent lead')
  const { traceId, spanId } = first.spanContext()
  first.end()
  // As Mastra's bridge does after a pause: of the parent there are only its ids.
  const copy = { traceId, spanId, traceFlags: 1, isRemote: true }
  tracer.startSpan('invoke_agent aide', {}, trace.setSpanContext(context.active(), copy)).end()
  await provider.shutdown()
  const spawn = eventsOf(file).find(({ kind, agentId }) => kind === 'spawn' && agentId === 'aide')
  assert.equal(spawn?.parent, 'lead')
})

test('what other processors see of a span is untouched: its class, its properties and what is on it', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const exporter = new JsonlSpanExporter({ file, fsync: 'no' })
  const provider = new BasicTracerProvider({ spanProcessors: [new HiveSpanProcessor({ exporter })] })
  const bare = new BasicTracerProvider().getTracer('mine').startSpan('work')
  const span = provider.getTracer('mine').startSpan('work')
  assert.equal(span.setAttributes({ a: 1, 'gen_ai.operation.name': 'chat' }).setAttribute('b', 'x'), span)
  assert.ok(span.constructor === bare.constructor && span instanceof bare.constructor)
  assert.deepEqual(Reflect.ownKeys(span), Reflect.ownKeys(bare))
  assert.deepEqual(
    { ...(span as unknown as { attributes: object }).attributes },
    { a: 1, 'gen_ai.operation.name': 'chat', b: 'x' },
  )
  span.end()
  await provider.shutdown()
})
