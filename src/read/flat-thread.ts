/**
 * Takes the lines of a long file apart in a second thread, while this one makes events of those before them. It reads
 * the file itself, and hands over one piece after the other: whole lines and what was found in them.
 */
import { Worker } from 'node:worker_threads'
import {
  copiesIn,
  FLAT_BYTES,
  FLAT_LAYOUT,
  type FlatProgram,
  FOUND_BYTES,
  MOST_COPIED,
  TakenLines,
} from './flat-scan.js'

/** Pieces that can wait to be looked at. */
const SLOTS = 8
/** Where in a slot things are. */
const LENGTH = 0
const LINES = 4
const LAST_COPY = 8
const BYTES = 64
const FOUND = BYTES + FLAT_BYTES
const COPIES = FOUND + FOUND_BYTES
const SLOT = COPIES + MOST_COPIED

/** Where in what both threads share things are: pieces that were handed over, and those that were done with. */
const GIVEN = 0
const DONE = 1
/** Whether somebody waits for the next piece, who is to be called. */
const WAITS = 2
/** Whether the last piece was handed over. */
const ENDED = 3
const SHARED = 16

/**
 * Text, so that whoever bundles this needs no second file. A line that is longer than a slot is handed over in pieces
 * in which nothing was found.
 */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads')
const { readSync } = require('node:fs')
const { fd, from, shared, program, layout } = workerData
const state = new Int32Array(shared, 0, ${SHARED / 4})
const { scan, memory } = new WebAssembly.Instance(new WebAssembly.Module(program.module)).exports
const own = Buffer.from(memory.buffer)
own.set(program.tables)
const slots = Array.from({ length: ${SLOTS} }, (_, i) => Buffer.from(shared, ${SHARED} + i * ${SLOT}, ${SLOT}))
let rest = Buffer.alloc(0)
let position = from
let isOver = false
let isWithinLine = false
function hand() {
  if (Atomics.exchange(state, ${WAITS}, 0) === 1) parentPort.postMessage(0)
}
for (let n = 0; ; n++) {
  for (let done; n - (done = Atomics.load(state, ${DONE})) >= ${SLOTS}; ) Atomics.wait(state, ${DONE}, done)
  const slot = slots[n % ${SLOTS}]
  const bytes = slot.subarray(${BYTES}, ${FOUND})
  let length = rest.copy(bytes)
  while (length < bytes.length && !isOver) {
    const got = readSync(fd, bytes, length, bytes.length - length, position)
    isOver = got === 0
    length += got
    position += got
  }
  if (length === 0) break
  const whole = bytes.subarray(0, length).lastIndexOf(10) + 1
  let taken = length
  let lines = 0
  if (isWithinLine || whole === 0) {
    taken = bytes.subarray(0, length).indexOf(10) + 1 || length
    isWithinLine = bytes[taken - 1] !== 10
  } else {
    bytes.copy(own, layout.BLOCK, 0, whole)
    taken = scan(layout.BLOCK, layout.BLOCK + whole, ...program.factors) - layout.BLOCK
    lines = own.readUInt32LE(layout.LINES)
    const copied = own.readUInt32LE(layout.COPIED_TO)
    own.copy(slot, ${FOUND}, layout.FOUND, own.readUInt32LE(layout.FOUND_TO))
    own.copy(slot, ${COPIES}, layout.COPIES, copied)
    slot.writeUInt32LE(copied - 1 - layout.COPIES + ${COPIES}, ${LAST_COPY})
  }
  slot.writeUInt32LE(taken, ${LENGTH})
  slot.writeUInt32LE(lines, ${LINES})
  rest = Buffer.from(bytes.subarray(taken, length))
  Atomics.store(state, ${GIVEN}, n + 1)
  hand()
}
Atomics.store(state, ${ENDED}, 1)
hand()
`

/** What was handed over. */
class Piece extends TakenLines {
  readonly #slot: Buffer

  constructor(shared: SharedArrayBuffer, at: number) {
    super(shared, at + FOUND)
    this.#slot = Buffer.from(shared, at, SLOT)
  }

  /** Its bytes, once it was handed over. */
  take(): Buffer {
    this.lines = this.#slot.readUInt32LE(LINES)
    this.copies = this.lines === 0 ? [] : copiesIn(this.#slot, COPIES, this.#slot.readUInt32LE(LAST_COPY))
    return this.#slot.subarray(BYTES, BYTES + this.#slot.readUInt32LE(LENGTH))
  }
}

export class FlatThread {
  /** Bytes that were handed over. */
  given = 0
  readonly #fd: number
  readonly #from: number
  readonly #program: FlatProgram
  readonly #pieces: readonly Piece[]
  readonly #shared = new SharedArrayBuffer(SHARED + SLOTS * SLOT)
  readonly #state = new Int32Array(this.#shared, 0, SHARED / 4)
  #taken: Piece
  #bytes = 0
  #isGone = false
  #wake: () => void = () => {}

  /** @param from offset at which the open file is read on, whose descriptor is `fd` */
  constructor(fd: number, from: number, program: FlatProgram) {
    this.#fd = fd
    this.#from = from
    this.#program = program
    this.#pieces = Array.from({ length: SLOTS }, (_, i) => new Piece(this.#shared, SHARED + i * SLOT))
    this.#taken = this.#pieces[0] as Piece
  }

  /** What was found in the piece that was handed over last. */
  get taken(): TakenLines {
    return this.#taken
  }

  /** As `FlatScanner.scan`, for the piece that was handed over last. */
  scan(_bytes: Buffer, from: number, to: number): number {
    return from === 0 && to === this.#bytes && this.#taken.lines > 0 ? to : from
  }

  /**
   * The file's bytes; each piece is valid until the next one is asked for, and all that was found in it has to be looked
   * at until then. They end before the file's end (see `given`) where the thread cannot go on.
   */
  async *pieces(): AsyncGenerator<Buffer> {
    const worker = this.#start()
    try {
      for (let n = 0; await this.#hasGiven(n); n++) {
        const piece = this.#pieces[n % SLOTS] as Piece
        this.#taken = piece
        const bytes = piece.take()
        this.#bytes = bytes.length
        this.given += bytes.length
        yield bytes
        this.#bytes = 0
        Atomics.store(this.#state, DONE, n + 1)
        Atomics.notify(this.#state, DONE)
      }
    } finally {
      await worker?.terminate()
    }
  }

  #start(): Worker | undefined {
    const wake = (): void => this.#wake()
    const [fd, from, shared, program] = [this.#fd, this.#from, this.#shared, this.#program]
    const workerData = { fd, from, shared, program, layout: FLAT_LAYOUT }
    try {
      // Nothing of what this process was started with concerns it.
      const worker = new Worker(THREAD, { eval: true, workerData, execArgv: [], env: {}, stdin: false })
      worker.on('message', wake)
      worker.on('error', wake)
      worker.on('exit', () => {
        this.#isGone = true
        wake()
      })
      return worker
    } catch {
      this.#isGone = true
      return undefined
    }
  }

  /** Waits for that piece. Whether there is one. */
  async #hasGiven(n: number): Promise<boolean> {
    const state = this.#state
    const isThere = (): boolean => Atomics.load(state, GIVEN) > n
    for (;;) {
      if (isThere()) return true
      if (this.#isGone || Atomics.load(state, ENDED) === 1) return isThere()
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      Atomics.store(state, WAITS, 1)
      if (isThere() || Atomics.load(state, ENDED) === 1) Atomics.store(state, WAITS, 0)
      else await woken
    }
  }
}
