// P. What a span of somebody else's costs at the processor: one of no interest, a query of an API, a model's call.
// The same provider without a processor is beside it, so that only what is ours remains.
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import { HiveSpanProcessor, JsonlSpanExporter } from '../../dist/index.js'
import { inRounds, median } from '../lib/stats.mjs'

const TURN = 100
/** A processor that does nothing: the SDK's own cost of having one is no cost of ours. */
const idle = { onStart() {}, onEnd() {}, forceFlush: async () => {}, shutdown: async () => {} }

const SPANS = {
  'no interest, of an instrumentation of Node’s': {
    scope: '@opentelemetry/instrumentation-pg',
    name: 'pg.query',
    start: { 'db.system': 'postgresql', 'db.name': 'app' },
    end: { 'db.rows': 3 },
    most: 1,
  },
  'no interest, of any other scope': {
    scope: 'app',
    name: 'render',
    start: { a: 1 },
    end: { b: 2 },
    most: 1,
  },
  'no interest, under another that is open': {
    scope: '@opentelemetry/instrumentation-pg',
    name: 'pg.query',
    start: { 'db.system': 'postgresql', 'db.name': 'app' },
    end: { 'db.rows': 3 },
    isUnder: true,
    most: 1,
  },
  'no interest, of any other scope, under another that is open': {
    scope: 'app',
    name: 'render',
    start: { a: 1 },
    end: { b: 2 },
    isUnder: true,
    most: 1,
  },
  'a model’s call': {
    scope: 'gen_ai',
    name: 'chat m',
    start: { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'm' },
    end: { 'gen_ai.usage.input_tokens': 100, 'gen_ai.usage.output_tokens': 20 },
    most: 20,
  },
}

async function run({ tracer, processor }, { name, start, end, isUnder }, count) {
  let took = 0
  const cpu = process.cpuUsage()
  const above = isUnder ? tracer.startSpan('GET', { kind: SpanKind.SERVER }, ROOT_CONTEXT) : undefined
  const context = above === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, above)
  for (let i = 0; i < count; ) {
    const began = performance.now()
    for (const until = i + TURN; i < until; i++) {
      const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes: start }, context)
      span.setAttributes(end)
      span.end()
    }
    took += performance.now() - began
    await nextTurn()
  }
  above?.end()
  await processor.forceFlush()
  const { user, system } = process.cpuUsage(cpu)
  return { took: (took * 1e3) / count, cpu: (user + system) / count }
}

export default async function spans({ dir, quick }) {
  const rounds = quick ? 5 : 15
  const count = quick ? 10_000 : 20_000
  const exporter = new JsonlSpanExporter({ file: join(dir, 'spans.jsonl'), fsync: 'no' })
  const ours = new HiveSpanProcessor({ exporter })
  const sides = (scope) =>
    [idle, ours].map((processor) => ({
      processor,
      tracer: new BasicTracerProvider({ spanProcessors: [processor] }).getTracer(scope),
    }))
  const rows = []
  const targets = []
  for (const [what, span] of Object.entries(SPANS)) {
    const [without, with_] = sides(span.scope)
    const costs = await inRounds([without, with_], rounds, (each) => run(each, span, count))
    const of = (who, figure) => median(costs.get(who).map((each) => each[figure]))
    const [bare, all] = [of(without, 'took'), of(with_, 'took')]
    const cpu = of(with_, 'cpu') - of(without, 'cpu')
    rows.push([what, bare.toFixed(2), all.toFixed(2), (all - bare).toFixed(2), cpu.toFixed(2)])
    targets.push({ what: `${what}, µs of ours`, atMost: span.most, measured: all - bare })
  }
  await ours.shutdown()
  return {
    title: 'P. A span of somebody else’s at the processor',
    note: `${rounds} rounds of ${count} spans each, medians, in turns of ${TURN}. CPU is of the whole process, garbage collection and file included.`,
    columns: ['µs a span', 'a processor that does nothing', 'HiveSpanProcessor', 'ours', 'ours, CPU'],
    rows,
    targets,
  }
}
