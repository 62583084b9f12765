/**
 * Reads a gzipped file on this thread, piece by piece: the runtime itself can inflate synchronously only as a whole,
 * and a few megabytes can inflate to gigabytes. A second thread inflates, and hands over one piece at a time.
 */
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { gunzipSync } from 'node:zlib'

const PIECE = 1024 * 1024
/** How long the thread may take to begin, and for one piece on the slowest of disks. */
const START_MS = 10_000
const PIECE_MS = 120_000
/** Without a second thread all of it is in memory, and so there is a limit. */
const MAX_WHOLE = 512 * 1024 * 1024

/** States of the hand-over: whose turn it is, or how it ended. */
const ASKED = 0
const FULL = 1
const END = 2
const FAILED = 3
const STOP = 4

/** Text, so that whoever bundles this needs no second file. */
const INFLATE = `
const { workerData: { fd, control, piece } } = require('node:worker_threads')
const { createReadStream } = require('node:fs')
const { pipeline } = require('node:stream/promises')
const { createGunzip } = require('node:zlib')
const state = new Int32Array(control)
const shared = Buffer.from(piece)
function give(as, bytes) {
  state[1] = bytes.copy(shared)
  Atomics.store(state, 0, as)
  Atomics.notify(state, 0)
  if (as === ${FULL}) Atomics.wait(state, 0, ${FULL})
  if (Atomics.load(state, 0) === ${STOP}) process.exit()
}
Atomics.store(state, 2, 1)
pipeline(
  createReadStream(null, { fd, start: 0, autoClose: false }),
  createGunzip({ chunkSize: ${PIECE} }),
  async (inflated) => {
    for await (const chunk of inflated) give(${FULL}, chunk)
  },
).then(() => give(${END}, Buffer.alloc(0)), (error) => give(${FAILED}, Buffer.from(error.message)))
`

/**
 * The uncompressed bytes of the open file `fd`. A piece is valid until the next one is asked for.
 * @throws when they are damaged or cannot be read
 */
export function* gunzipPieces(fd: number): Generator<Buffer> {
  const control = new SharedArrayBuffer(12)
  const piece = new SharedArrayBuffer(PIECE)
  const state = new Int32Array(control)
  let worker: Worker
  try {
    const workerData = { fd, control, piece }
    // Nothing of what this process was started with concerns it.
    worker = new Worker(INFLATE, { eval: true, workerData, execArgv: [], env: {}, stdin: false })
  } catch {
    yield gunzipSync(readFileSync(fd), { maxOutputLength: MAX_WHOLE })
    return
  }
  worker.unref()
  worker.on('error', () => {})
  try {
    for (;;) {
      const isSilent = Atomics.wait(state, 0, ASKED, state[2] === 0 ? START_MS : PIECE_MS) === 'timed-out'
      if (isSilent && Atomics.load(state, 2) === 0) throw new Error('no thread could be started to read it')
      if (isSilent) throw new Error(`reading it took longer than ${PIECE_MS} ms`)
      const bytes = Buffer.from(piece, 0, state[1])
      const now = Atomics.load(state, 0)
      if (now === FAILED) throw new Error(bytes.toString())
      if (now === END) return
      yield bytes
      Atomics.store(state, 0, ASKED)
      Atomics.notify(state, 0)
    }
  } finally {
    Atomics.store(state, 0, STOP)
    Atomics.notify(state, 0)
  }
}
