/** SDK 2.x (NodeSDK 0.2xx) and Langfuse. */
import { suite } from './orders.mjs'

await suite(import.meta.url, { framework: 'OpenTelemetry SDK 2, Langfuse' })
