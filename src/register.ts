/**
 * Zero-code start: `node --import hivelog/register app.js`. Everything comes from the environment: `HIVELOG_FILE`,
 * `AGENT_ID`, `AGENT_SESSION_ID`, `TRACEPARENT`, and the standard `OTEL_*` variables. The process itself is an agent
 * when `AGENT_ID` is set: its life is recorded, and every span of the application nests under it. The application's own
 * OpenTelemetry, whenever it starts, works as without this; `HIVELOG_INSTRUMENT` says which frameworks are recorded,
 * `HIVELOG_KEEP_INDEX` whether the side index is kept up. Worker threads are recorded in logs of their own.
 */

import { isMainThread } from 'node:worker_threads'
import { diag } from '@opentelemetry/api'
import { beforeFirstUse } from './frameworks/first-use.js'
import { instrument } from './frameworks/instrument.js'
import { nothingSeen } from './frameworks/nothing-seen.js'
import type { Hive } from './hive/hive.js'
import { type HiveOptions, startAs } from './hive/start-hive.js'
import { type ThreadOptions, tellThreads, threadOptions } from './hive/worker-threads.js'
import { ensureDiagLogger } from './otel/provider.js'
import { whenNothingLeft } from './record/nothing-left.js'

/** Nobody who only added a flag waits longer for a backend that does not answer. */
const END_MS = 1_000

// `--import` runs in worker threads too, and the file has one writer.
const asThread = isMainThread ? undefined : threadOptions()
if (asThread === undefined) main()
else beforeFirstUse(() => thread(asThread))

function main(): void {
  ensureDiagLogger()
  const hive = start()
  // It begins here.
  const { self } = hive
  const threads = isMainThread ? tellThreads(hive) : undefined
  instrument(hive, undefined, true)
  // Only the lines of a log tell, and a process that is an agent has some.
  if (self === undefined && hive.file !== undefined) {
    process.once('exit', () => {
      const isNothing = hive.recorder.count === 0 && threads?.haveRecorded() !== true
      if (isNothing) diag.warn(nothingSeen(hive.file as string))
    })
  }
  // While there is time to send the last spans. What ends the process otherwise ends the agent too, in the file.
  whenNothingLeft(() => void hive.finish())
}

/** The application knows nothing of it, and may stop the thread at any time. */
function thread(options: ThreadOptions): void {
  ensureDiagLogger()
  const hive = start(options)
  // It begins here, so that all else in the thread lies under it.
  void hive.self
  hive.instrument()
  whenNothingLeft(() => void hive.finish())
}

/** The application must run even where its log cannot. */
function start(options: Pick<HiveOptions, 'file' | 'sessionId'> = {}): Hive {
  const given = { ...options, shutdownTimeoutMs: END_MS }
  try {
    return startAs(given, 'hivelog/register')
  } catch (error) {
    diag.error(`hivelog: nothing is recorded in a file: ${(error as Error).message}`)
    return startAs({ ...given, file: false }, 'hivelog/register')
  }
}
