/**
 * An application with worker threads that knows nothing of hivelog. How it goes is its first argument, what the threads
 * ask the second.
 */
import { once } from 'node:events'
import { env as environment } from 'node:process'
import {
  isMainThread,
  parentPort,
  SHARE_ENV,
  Worker,
  type WorkerOptions,
  workerData,
} from 'node:worker_threads'

interface Given {
  way: string
  url: string
}

const [, , way = '', url = ''] = process.argv
const ask = async (of: string, path: string): Promise<unknown> => (await fetch(`${of}${path}`)).text()

async function main(): Promise<void> {
  const options: WorkerOptions = { workerData: { way, url } satisfies Given }
  if (way === 'shared environment') options.env = SHARE_ENV
  if (way === 'handed over') options.env = { ...environment, ...(await coder()) }
  const count = way === 'two' ? 2 : 1
  const workers = Array.from({ length: count }, () => {
    const worker = new Worker(new URL(import.meta.url), options)
    worker.on('error', () => {})
    return worker
  })
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  if (way === 'stopped') await Promise.all(workers.map((worker) => worker.terminate()))
  if (way === 'process ends') process.exit(0)
}

/** What hands a thread an agent of its own. */
async function coder(): Promise<Record<string, string>> {
  const { startHive } = await import('../../src/index.js')
  return startHive().spawn({ agentId: 'coder' }).env()
}

async function thread({ way, url }: Given): Promise<void> {
  if (way !== 'nothing') await ask(url, '/in-thread')
  // The line is written at the end of a turn.
  await new Promise((resolve) => setTimeout(resolve, 5))
  parentPort?.postMessage('done')
  if (way === 'stopped' || way === 'process ends') setInterval(() => {}, 1_000)
  if (way === 'throws') throw new Error('it broke')
  if (way === 'exits') process.exit(3)
}

if (isMainThread) await main()
else await thread(workerData)
