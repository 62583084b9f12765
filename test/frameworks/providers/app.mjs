/**
 * An application with OpenTelemetry of its own: argument `before` (the provider was started by an --import before this),
 * `after` (it is started here), `langfuse` (here, with Langfuse's processor) or `none`. Spans are made before it starts,
 * in the same turn, and later, through both copies of the API.
 */
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
/** It may be another version than that of the provider. */
const { context, propagation, trace } = await import(process.env.API ?? '@opentelemetry/api')
const common = require('@opentelemetry/api')
const [way] = process.argv.slice(2)

const early = trace.getTracer('early', '1.0')
early.startSpan('before any').end()

if (way === 'after' || way === 'langfuse') await import(`./start-${way}.mjs`)
early.startActiveSpan('same turn', { attributes: { n: 1 } }, (outer) => {
  common.trace.getTracer('common').startSpan('inner').end()
  outer.addEvent('mine', { a: 'b' })
  outer.end()
})
await new Promise((resolve) => setTimeout(resolve, 5))

const tracer = trace.getTracer('app')
await tracer.startActiveSpan(
  'invoke_agent planner',
  { attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'planner' } },
  async (agent) => {
    const carrier = {}
    propagation.inject(context.active(), carrier)
    if (way !== 'none' && !carrier.traceparent?.includes(agent.spanContext().traceId)) {
      console.log('the propagator does not propagate')
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
    agent.addEvent('hive.message', { 'hive.to': 'human', 'hive.act': 'inform', 'hive.subject': 'hello' })
    early.startActiveSpan(
      'execute_tool search',
      { attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'search' } },
      (tool) => tool.end(),
    )
    agent.end()
  },
)
console.log(trace.getTracer('late').startSpan('last').isRecording())
await globalThis.telemetry?.shutdown()
console.log('done')
