/**
 * Zero-code start: `node --import hivelog/register app.js`. Everything comes from the environment: `HIVELOG_FILE`,
 * `AGENT_ID`, `AGENT_SESSION_ID`, `TRACEPARENT`, and the standard `OTEL_*` variables. The process itself is an agent
 * when `AGENT_ID` is set: its life is recorded, and every span of the application nests under it.
 */

import { isMainThread } from 'node:worker_threads'
import { diag } from '@opentelemetry/api'
import { onExit } from 'signal-exit'
import { describe } from './format/quote.js'
import type { Agent } from './hive/agent.js'
import type { Hive } from './hive/hive.js'
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
  endWithProcess(hive, self)
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

function endWithProcess(hive: Hive, self: Agent | undefined): void {
  let thrown: unknown
  process.on('uncaughtExceptionMonitor', (error) => {
    thrown = error
  })
  process.once('beforeExit', (code) => {
    endAgent(self, code, null, thrown)
    void hive.shutdown()
  })
  onExit((code, signal) => endAgent(self, code, signal, thrown))
}

function endAgent(
  self: Agent | undefined,
  code: number | null | undefined,
  signal: NodeJS.Signals | null,
  thrown: unknown,
): void {
  if (self === undefined || self.ended) return
  if (signal !== null) self.end({ status: 'killed', error: signal })
  // An exception that the application handled is none of its end's.
  else if (code && thrown !== undefined) {
    self.end({ status: 'error', error: thrown instanceof Error ? thrown : describe(thrown) })
  } else if (code) self.end({ status: 'error', error: `exit code ${code}` })
  else self.end()
}
