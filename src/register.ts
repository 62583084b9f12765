/**
 * Zero-code start: `node --import hivelog/register app.js`. Everything comes from the environment: `HIVELOG_FILE`,
 * `AGENT_ID`, `AGENT_SESSION_ID`, `TRACEPARENT`, and the standard `OTEL_*` variables. The process itself is an agent
 * when `AGENT_ID` is set: its life is recorded, and every span of the application nests under it. The application's own
 * OpenTelemetry, whenever it starts, works as without this; `HIVELOG_INSTRUMENT` says which frameworks are recorded,
 * `HIVELOG_KEEP_INDEX` whether the side index is kept up.
 */

import { isMainThread } from 'node:worker_threads'
import { diag } from '@opentelemetry/api'
import { instrument } from './frameworks/instrument.js'
import { nothingSeen } from './frameworks/nothing-seen.js'
import type { Hive } from './hive/hive.js'
import { startAs } from './hive/start-hive.js'
import { ensureDiagLogger } from './otel/provider.js'

/** Nobody who only added a flag waits longer for a backend that does not answer. */
const END_MS = 1_000

// `--import` runs in worker threads too, and the file has one writer.
if (isMainThread) main()

function main(): void {
  ensureDiagLogger()
  const hive = start()
  // It begins here.
  const { self } = hive
  instrument(hive, undefined, true)
  // Only the lines of a log tell, and a process that is an agent has some.
  if (self === undefined && hive.file !== undefined) {
    process.once('exit', () => {
      if (hive.recorder.count === 0) diag.warn(nothingSeen(hive.file as string))
    })
  }
  // While there is time to send the last spans. What ends the process otherwise ends the agent too, in the file.
  process.once('beforeExit', () => void hive.finish())
}

/** The application must run even where its log cannot. */
function start(): Hive {
  try {
    return startAs({ shutdownTimeoutMs: END_MS }, 'hivelog/register')
  } catch (error) {
    diag.error(`hivelog: nothing is recorded in a file: ${(error as Error).message}`)
    return startAs({ file: false, shutdownTimeoutMs: END_MS }, 'hivelog/register')
  }
}
