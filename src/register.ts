/**
 * Zero-code start: `node --import hivelog/register app.js`. Everything comes from the environment: `HIVELOG_FILE`,
 * `AGENT_ID`, `AGENT_SESSION_ID`, `TRACEPARENT`, and the standard `OTEL_*` variables. The process itself is an agent
 * when `AGENT_ID` is set: its life is recorded, and every span of the application nests under it.
 */

import { isMainThread } from 'node:worker_threads'
import { diag } from '@opentelemetry/api'
import { startRegistered } from './hive/start-hive.js'
import { ensureDiagLogger } from './otel/provider.js'

// `--import` runs in worker threads too, and the file has one writer.
if (isMainThread) main()

function main(): void {
  ensureDiagLogger()
  if (process.env.AGENT_LOG_ENDPOINT) {
    diag.warn('hivelog: AGENT_LOG_ENDPOINT is not served by this version; events go to the file and to OTLP')
  }
  const { hive, setRoot } = start()
  const self = hive.self
  if (self !== undefined) setRoot(() => self.context)
  hive.instrument()
  // While there is time to send the last spans. What ends the process otherwise ends the agent too, in the file.
  process.once('beforeExit', () => void hive.shutdown())
}

/** The application must run even where its log cannot. */
function start(): ReturnType<typeof startRegistered> {
  try {
    return startRegistered({}, 'hivelog/register')
  } catch (error) {
    diag.error(`hivelog: nothing is recorded in a file: ${(error as Error).message}`)
    return startRegistered({ file: false }, 'hivelog/register')
  }
}
