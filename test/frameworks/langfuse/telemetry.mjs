/** A provider of the application's, which Langfuse's tracing uses. What Langfuse's own processor adds: see ../providers. */
import { startTelemetry } from '../kit/their-telemetry.mjs'

await startTelemetry()
