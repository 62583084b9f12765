import { LangfuseSpanProcessor } from '@langfuse/otel'
import { NodeSDK } from '@opentelemetry/sdk-node'

globalThis.telemetry = new NodeSDK({
  serviceName: 'theirs',
  spanProcessors: [
    new LangfuseSpanProcessor({
      baseUrl: new URL(process.env.THEIR_BACKEND).origin,
      publicKey: 'pk-lf-test',
      secretKey: 'sk-lf-test',
      shouldExportSpan: () => true,
    }),
  ],
})
globalThis.telemetry.start()
