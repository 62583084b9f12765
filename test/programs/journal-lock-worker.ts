/** Writes a log in a worker thread: says when it holds it, and goes on until it is terminated. */
import { parentPort, workerData } from 'node:worker_threads'
import { Journal } from '../../src/journal/journal.js'
import { append } from '../kit/journal-kit.js'

const journal = new Journal({ file: workerData, session: 's-1', fsync: 'no' })
append(journal)
journal.write()
parentPort?.postMessage('held')
parentPort?.on('message', async () => {
  await journal.close()
  parentPort?.postMessage('closed')
})
