/** Spans of no interest change nothing of what is written of others, wherever they lie, and whatever shows when. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { context, diag, ROOT_CONTEXT, type Span, type Tracer, trace } from '@opentelemetry/api'
import fc from 'fast-check'
import { eventsOf } from '../kit/hive-support.js'
import { cases } from '../kit/long-run.js'
import { tempProvider } from '../kit/otel-provider.js'

/** A span of a run: what it is, when that shows, and what lies under it. */
interface Part {
  role: 'agent' | 'tool' | 'chat' | 'nothing'
  shows: 'at start' | 'at once' | 'last'
  /** How many spans of no interest are between it and the one above it, and how many beside it. */
  between: number
  beside: number
  /** Whether those are of an instrumentation whose work an adapter tells. */
  covered: boolean
  parts: Part[]
}

const partOf = (depth: number): fc.Arbitrary<Part> =>
  fc.record<Part>({
    role: fc.constantFrom('agent', 'tool', 'chat', 'nothing'),
    shows: fc.constantFrom('at start', 'at once', 'last'),
    between: fc.nat(2),
    beside: fc.nat(2),
    covered: fc.boolean(),
    parts: depth === 0 ? fc.constant([]) : fc.array(partOf(depth - 1), { maxLength: 3 }),
  })

const nobody = (): void => {}
const SILENT = { error: nobody, warn: nobody, info: nobody, debug: nobody, verbose: nobody }
const OPERATIONS = { agent: 'invoke_agent', tool: 'execute_tool', chat: 'chat' }

interface Tracers {
  tracer: Tracer
  covered: Tracer
}

/** Runs the parts; with `nothing`, spans of no interest lie between and beside them. */
function run(tracers: Tracers, parts: readonly Part[], nothing: boolean, path = 's'): void {
  for (const [i, { role, shows, between, beside, covered, parts: under }] of parts.entries()) {
    const name = `${path}${i}`
    const { tracer } = tracers
    const plain = covered ? tracers.covered : tracer
    const above: Span[] = []
    let inner = context.active()
    for (let j = 0; nothing && j < between; j++) {
      const span = plain.startSpan(`between ${j}`, {}, inner)
      above.push(span)
      inner = trace.setSpan(inner, span)
    }
    const attributes =
      role === 'nothing'
        ? { of: name }
        : {
            'gen_ai.operation.name': OPERATIONS[role],
            ...(role === 'agent' && { 'gen_ai.agent.id': name, 'gen_ai.agent.name': name }),
            ...(role === 'tool' && { 'gen_ai.tool.name': name }),
            ...(role === 'chat' && { 'gen_ai.usage.input_tokens': name.length, 'gen_ai.response.id': name }),
          }
    const span = tracer.startSpan('work', shows === 'at start' ? { attributes } : {}, inner)
    if (shows === 'at once') span.setAttributes(attributes)
    context.with(trace.setSpan(inner, span), () => {
      for (let j = 0; nothing && j < beside; j++) plain.startSpan(`beside ${j}`, { attributes: { j } }).end()
      run(tracers, under, nothing, name)
    })
    if (shows === 'last') span.setAttributes(attributes)
    span.end()
    for (const each of above.reverse()) each.end()
  }
}

async function linesOf(t: TestContext, parts: readonly Part[], nothing: boolean) {
  const { file, provider, tracer, exporter } = tempProvider(t, 'live')
  exporter.recorder.covered.add('covered')
  const faults: string[] = []
  diag.setLogger({ ...SILENT, error: (message) => faults.push(message) }, { suppressOverrideMessage: true })
  // What does not show within 40 ms is waited for no longer, and the machine may do other work.
  const now = performance.now()
  const stopped = t.mock.method(performance, 'now', () => now)
  context.with(ROOT_CONTEXT, () => run({ tracer, covered: provider.getTracer('covered') }, parts, nothing))
  stopped.mock.restore()
  await provider.forceFlush()
  await provider.shutdown()
  diag.disable()
  assert.deepEqual(faults, [])
  return eventsOf(file)
    .filter(({ kind }) => !kind.startsWith('log.'))
    .map(({ ts, trace: _trace, span: _span, pid: _pid, ms: _ms, ...line }) => {
      // Ids of messages begin with those of spans, which are random.
      return JSON.parse(JSON.stringify(line).replaceAll(/"[0-9a-f]{16}\./g, '"')) as unknown
    })
}

test('what is written is the same with them and without them', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(partOf(3), { minLength: 1, maxLength: 3 }), async (parts) => {
      assert.deepEqual(await linesOf(t, parts, true), await linesOf(t, parts, false))
    }),
    { numRuns: cases(40, 40) },
  )
})
