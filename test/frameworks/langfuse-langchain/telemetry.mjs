/**
 * Langfuse as its documentation sets it up: its span processor in a provider of the application's, and its handler, which
 * the application gives to each run.
 */
import { CallbackHandler } from '@langfuse/langchain'
import { LangfuseSpanProcessor } from '@langfuse/otel'
import { FileExporter, startTelemetry } from '../kit/their-telemetry.mjs'

await startTelemetry(
  new LangfuseSpanProcessor({
    publicKey: 'pk-lf-test',
    secretKey: 'sk-lf-test',
    exporter: new FileExporter(),
    exportMode: 'immediate',
  }),
)
globalThis.callbacks = [new CallbackHandler()]
