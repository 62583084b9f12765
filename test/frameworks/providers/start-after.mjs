import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { NodeSDK } from '@opentelemetry/sdk-node'

globalThis.telemetry = new NodeSDK({
  serviceName: 'theirs',
  traceExporter: new OTLPTraceExporter({ url: process.env.THEIR_BACKEND }),
})
globalThis.telemetry.start()
