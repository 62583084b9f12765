/** Telemetry that the application registers for all calls, with the provider that is there. */
import { OpenTelemetry } from '@ai-sdk/otel'
import { registerTelemetry } from 'ai'

registerTelemetry(new OpenTelemetry())
