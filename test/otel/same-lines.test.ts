/** A processor, and an exporter alone, tell the same spans as the same lines. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Attributes, ROOT_CONTEXT, type SpanContext, SpanStatusCode, trace } from '@opentelemetry/api'
import { BasicTracerProvider, BatchSpanProcessor, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import fc from 'fast-check'
import { HiveSpanProcessor, JsonlSpanExporter } from '../../src/index.js'
import { eventsOf, type Line, tempFolder } from '../kit/hive-support.js'
import { cases } from '../kit/long-run.js'
import { atOnce } from '../kit/otel-provider.js'

interface Shape {
  what: number
  /** What is said only after the start. */
  isLate: boolean
  isFailed: boolean
  /** Whether it is of a scope that tells nothing after its start. */
  isPlain: boolean
  /** Whether its children know it by a copy of its context only. */
  isCopied: boolean
  /** Children that are started under it, in order, and whether they end after it. */
  under: { shape: Shape; isAfter: boolean }[]
  /** A child that begins after its end. */
  next: Shape | undefined
}

/** Names, attributes and, by vocabulary, what the span is. */
const KINDS: readonly [name: string, attributes: Attributes][] = [
  ['invoke_agent lead', {}],
  [
    'agent',
    { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.id': 'a-1', 'gen_ai.agent.name': 'One' },
  ],
  ['coder', { 'openinference.span.kind': 'AGENT' }],
  ['execute_tool grep', { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.call.id': 'c-1' }],
  ['grep', { 'openinference.span.kind': 'TOOL', 'tool.name': 'grep', 'input.value': '{"a":1}' }],
  ['handoff_to_coder', { 'openinference.span.kind': 'TOOL' }],
  [
    'chat m',
    { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'm', 'gen_ai.usage.input_tokens': 7 },
  ],
  ['llm', { 'openinference.span.kind': 'LLM', 'llm.model_name': 'm', 'llm.token_count.completion': 3 }],
  ['GET', { 'http.request.method': 'GET', 'server.address': 'h' }],
  ['request', {}],
  ['step', { 'gen_ai.operation.name': 'agent_step', 'gen_ai.usage.input_tokens': 70 }],
]

const shapeOf = (depth: number): fc.Arbitrary<Shape> =>
  fc.record({
    what: fc.nat(KINDS.length - 1),
    isLate: fc.boolean(),
    isFailed: fc.boolean(),
    isPlain: fc.boolean(),
    isCopied: fc.boolean(),
    under:
      depth === 0
        ? fc.constant([])
        : fc.array(fc.record({ shape: shapeOf(depth - 1), isAfter: fc.boolean() }), { maxLength: 3 }),
    next: depth === 0 ? fc.constant(undefined) : fc.option(shapeOf(depth - 1), { nil: undefined, freq: 3 }),
  })

const hasLate = ({ under, next }: Shape): boolean =>
  next !== undefined || under.some(({ shape, isAfter }) => isAfter || hasLate(shape))

const BASE = 1_790_000_000_000

async function linesOf(t: TestContext, how: 'live' | 'simple' | 'batch', tree: Shape) {
  const file = join(tempFolder(t), 'hive.jsonl')
  const exporter = new JsonlSpanExporter({ file, fsync: 'no', sessionId: 's' })
  const processors = {
    live: () => new HiveSpanProcessor({ exporter }),
    simple: () => new SimpleSpanProcessor(exporter),
    batch: () => new BatchSpanProcessor(exporter),
  }
  let ids = 0
  const idGenerator = {
    generateTraceId: () => 'a'.repeat(32),
    generateSpanId: () => (++ids).toString(16).padStart(16, '0'),
  }
  const provider = new BasicTracerProvider({ spanProcessors: [processors[how]()], idGenerator })
  const tracer = provider.getTracer('test')
  const plain = provider.getTracer('@opentelemetry/instrumentation-http')
  let now = BASE
  const tick = (): number => {
    now += 10
    return now
  }
  const play = (each: Shape, parent: SpanContext | undefined): (() => void) => {
    const [name, attributes] = KINDS[each.what] as (typeof KINDS)[number]
    const above = parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent)
    const span = (each.isPlain && !each.isLate ? plain : tracer).startSpan(
      name,
      { kind: 2, startTime: tick(), ...(!each.isLate && { attributes }) },
      above,
    )
    if (each.isLate) span.setAttributes(attributes)
    span.addEvent('hive.note', { 'hive.of': name }, tick())
    const own = each.isCopied ? { ...span.spanContext() } : span.spanContext()
    const later: (() => void)[] = []
    for (const { shape: inner, isAfter } of each.under) {
      const end = play(inner, own)
      if (isAfter) later.push(end)
      else end()
    }
    return () => {
      if (each.isFailed) span.setStatus({ code: SpanStatusCode.ERROR, message: 'no' })
      span.end(tick())
      for (const end of later) end()
      if (each.next !== undefined) play(each.next, own)()
    }
  }
  atOnce(t, () => play(tree, undefined)())
  await provider.shutdown()
  // The life of the process's agent has ids and times of its own.
  return eventsOf(file).map(({ seq, ...line }: Line) =>
    line.agentId === 'same-lines.test' && (line.kind === 'spawn' || line.kind === 'exit')
      ? { kind: line.kind, agentId: line.agentId }
      : line,
  )
}

/** An agent that begins under the tool of one that has ended, when that tool has ended too. */
const plainShape = { isLate: false, isFailed: false, isPlain: false, isCopied: false }
const agentAlone: Shape = { ...plainShape, what: 0, under: [], next: undefined }
const endedTool: Shape = { ...plainShape, what: 3, under: [], next: agentAlone }
const agentOfTool: Shape = {
  ...plainShape,
  what: 0,
  under: [{ shape: endedTool, isAfter: true }],
  next: undefined,
}
const underEndedTool: Shape = {
  ...plainShape,
  what: 9,
  isPlain: true,
  under: [
    { shape: agentAlone, isAfter: true },
    { shape: agentOfTool, isAfter: false },
  ],
  next: undefined,
}

test('of any spans, a processor and an exporter tell the same lines', async (t) => {
  await fc.assert(
    fc.asyncProperty(shapeOf(3), async (tree) => {
      const live = await linesOf(t, 'live', tree)
      assert.deepEqual(await linesOf(t, 'batch', tree), live)
      // Spans that come one by one, of which one outlives that above it, which has been told then: it comes too late to
      // be told in its place.
      if (!hasLate(tree)) assert.deepEqual(await linesOf(t, 'simple', tree), live)
    }),
    { numRuns: cases(3000, 120), examples: [[underEndedTool]] },
  )
})
