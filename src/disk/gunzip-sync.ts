/**
 * Reads a gzipped file on this thread, piece by piece: the runtime itself can inflate synchronously only as a whole,
 * and a few megabytes can inflate to gigabytes. A second thread inflates, and hands over one piece at a time.
 */
import { readFileSync, readSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { type Gunzip, gunzipSync, constants as zlib } from 'node:zlib'
import { systemCodeOf } from './errors.js'
import { checkPadding, restBuffer } from './gunzip.js'

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
const { readSync } = require('node:fs')
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
// A stream of the file would close it where the data is damaged.
function* pieces() {
  for (let at = 0, got; ; at += got) {
    const bytes = Buffer.allocUnsafe(65536)
    got = readSync(fd, bytes, 0, bytes.length, at)
    if (got === 0) return
    yield bytes.subarray(0, got)
  }
}
Atomics.store(state, 2, 1)
const gunzip = createGunzip({ chunkSize: ${PIECE} })
pipeline(
  pieces,
  gunzip,
  async (inflated) => {
    for await (const chunk of inflated) give(${FULL}, chunk)
  },
).then(() => give(${END}, Buffer.from(String(gunzip.bytesWritten))), (error) => give(${FAILED}, Buffer.from(error.message)))
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
    const { bytes, fault } = gunzipSound(readFileSync(fd), MAX_WHOLE)
    if (fault !== undefined) throw fault
    yield bytes
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
      if (now === END) {
        const rest = restBuffer()
        checkPadding(rest.subarray(0, readSync(fd, rest, 0, rest.length, Number(bytes.toString()))))
        return
      }
      yield bytes
      Atomics.store(state, 0, ASKED)
      Atomics.notify(state, 0)
    }
  } finally {
    Atomics.store(state, 0, STOP)
    Atomics.notify(state, 0)
  }
}

/** What compressed data holds, as far as it is sound. */
export interface Sound {
  bytes: Buffer
  /** Why that is not all; `undefined` when it is. */
  fault: Error | undefined
}

/**
 * Inflates what is in memory; of what is damaged or cut off, all that is before that.
 * @throws when it is more than `max` bytes
 */
export function gunzipSound(data: Buffer, max: number): Sound {
  try {
    const { buffer, engine } = inflated(data, max, zlib.Z_FINISH)
    checkPadding(data.subarray(engine.bytesWritten))
    return { bytes: buffer, fault: undefined }
  } catch (error) {
    if (isTooLarge(error)) throw error
    const sound = systemCodeOf(error) === 'Z_DATA_ERROR' ? data.subarray(0, soundBytes(data, max)) : data
    return { bytes: inflated(sound, max, zlib.Z_SYNC_FLUSH).buffer, fault: error as Error }
  }
}

/** Compressed bytes before the first one that makes no sense. */
function soundBytes(data: Buffer, max: number): number {
  let sound = 0
  for (let end = data.length, tried = end; sound < end; tried = Math.ceil((sound + end) / 2)) {
    try {
      inflated(data.subarray(0, tried), max, zlib.Z_SYNC_FLUSH)
      sound = tried
    } catch (error) {
      if (isTooLarge(error)) throw error
      end = tried - 1
    }
  }
  return sound
}

const isTooLarge = (error: unknown): boolean => systemCodeOf(error) === 'ERR_BUFFER_TOO_LARGE'

/** The types do not know of `info`, which has the bytes that were taken told too. */
const inflated = (data: Buffer, max: number, finishFlush: number): { buffer: Buffer; engine: Gunzip } =>
  gunzipSync(data, { maxOutputLength: max, finishFlush, info: true }) as never
