/** Spans with all contents, and hivelog's processor that keeps them as artifacts, and sends them to hivelog's own backend. */
import { OpenTelemetry } from '@ai-sdk/otel'
import { registerTelemetry } from 'ai'
import { startHive } from 'hivelog'

const hive = startHive({ capture: 'artifacts' })
if (process.env.HIVELOG_TEST_INSTRUMENT) hive.instrument()
process.once('beforeExit', () => hive.shutdown())
registerTelemetry(new OpenTelemetry())
