/** Telemetry that the application registers for all calls, in a provider of its own. */
import { OpenTelemetry } from '@ai-sdk/otel'
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import { registerTelemetry } from 'ai'

const exporter = new InMemorySpanExporter()
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
provider.register()
registerTelemetry(new OpenTelemetry())
// What the application's backend gets is its own business, whoever else listens.
process.once('beforeExit', () => {
  const names = exporter.getFinishedSpans().map(({ name }) => name.split(' ')[0])
  console.log(`${names.length} spans, ${names.filter((name) => name === 'invoke_agent').length} of agents`)
})
