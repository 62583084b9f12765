/** A provider of the application's; the AI SDK's own telemetry, switched on call by call, uses what is registered. */
import { startTelemetry } from '../kit/their-telemetry.mjs'

await startTelemetry()
