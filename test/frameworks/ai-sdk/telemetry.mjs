/** Telemetry that the application registers for all calls, in a provider of its own. */
import { OpenTelemetry } from '@ai-sdk/otel'
import { registerTelemetry } from 'ai'
import { startTelemetry } from '../kit/their-telemetry.mjs'

await startTelemetry()
registerTelemetry(new OpenTelemetry())
