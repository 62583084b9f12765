/**
 * Worker threads of a process whose hive was started without code. A log has one writer, so a thread has a log of its
 * own beside that of its process, as a child process has: `<log>.agents/<agent>.worker-<thread id>.jsonl`.
 */
import { existsSync, statSync } from 'node:fs'
import { getEnvironmentData, setEnvironmentData, threadId, type Worker } from 'node:worker_threads'
import { INVALID_SPAN_CONTEXT } from '@opentelemetry/api'
import { lockFile } from '../format/beside.js'
import { formatTraceparent } from '../otel/traceparent.js'
import { processName } from '../record/implicit.js'
import { childLog, inheritAs } from './environment.js'
import type { Hive } from './hive.js'

/** What the main thread tells all others: Node hands it on to those that threads begin, too. */
interface Told {
  /** The log; `undefined` when there is none. */
  file: string | undefined
  session: string
  /** Who the process is. */
  agentId: string
  /** Whether it is an agent from the start; threads of another have no parent. */
  isAgent: boolean
  traceparent: string | undefined
  /** What its environment said, which a thread may have been given otherwise. */
  variable: string | undefined
}

const KEY = 'hivelog'
const idOf = ({ agentId }: Told, thread: number): string => `${agentId}.worker-${thread}`

/** How a thread is recorded. */
export interface ThreadOptions {
  file: string | false
  sessionId: string
}

/** Told what threads of the process record. */
export interface Threads {
  /** Whether one of them has recorded something. */
  haveRecorded(): boolean
}

/** Tells threads that begin from now on of the hive, and the log of the end of those that cannot tell it themselves. */
export function tellThreads(hive: Hive): Threads {
  const { self, file, sessionId: session } = hive
  const told: Told = {
    file,
    session,
    agentId: self?.agentId ?? processName(),
    isAgent: self !== undefined,
    traceparent: self && formatTraceparent(self.spanContext),
    variable: process.env.HIVELOG_FILE,
  }
  setEnvironmentData(KEY, { ...told })
  /** Those that run, and since when, epoch milliseconds. */
  const running = new Map<string, number>()
  let hasAny = false
  const ended = (agentId: string, since: number, code: number | undefined): void => {
    running.delete(agentId)
    if (file === undefined) return
    const log = childLog(file, agentId)
    const mtimeMs = statSync(log, { throwIfNoEntry: false })?.mtimeMs ?? 0
    if (mtimeMs < since) return
    hasAny = true
    // One that closed its log has told its end there.
    if (!existsSync(lockFile(log))) return
    const fields = { agentId, status: 'killed', ...(code !== undefined && { error: `exit code ${code}` }) }
    const nowhere = { context: INVALID_SPAN_CONTEXT, session, life: undefined }
    hive.recorder.write(Date.now(), 'exit', fields, nowhere)
  }
  process.on('worker', (worker: Worker) => {
    const agentId = idOf(told, worker.threadId)
    const since = Date.now()
    running.set(agentId, since)
    worker.once('exit', (code) => {
      if (!hive.isOver) ended(agentId, since, code)
    })
  })
  // What still runs then ends with the process, without a word.
  hive.onEnd(() => {
    for (const [agentId, since] of running) ended(agentId, since, undefined)
  })
  return { haveRecorded: () => hasAny }
}

/**
 * What this thread is to record as; `undefined` where it was handed an agent of its own by `env()`, or where the main
 * thread was not started without code.
 */
export function threadOptions(): ThreadOptions | undefined {
  const told = getEnvironmentData(KEY) as unknown as Told | undefined
  const variable = process.env.HIVELOG_FILE
  if (told === undefined || (variable !== undefined && variable !== told.variable)) return undefined
  const { file, session, isAgent, traceparent } = told
  const agentId = idOf(told, threadId)
  const parent = isAgent ? told.agentId : undefined
  inheritAs({ agent: { agentId, name: agentId, parent }, traceparent })
  return { file: file === undefined ? false : childLog(file, agentId), sessionId: session }
}
