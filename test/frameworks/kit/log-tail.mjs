/** Follows the logs of a folder while they are written, and says when each line was there to be read. */
import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { now } from './clock.mjs'

/** How often it looks. */
const EVERY_MS = 2

export class LogTail {
  /** The complete lines, decoded, in the order in which they were seen: `{ event, at, file }`. */
  lines = []
  #folder
  #lookedAt = now()
  /** When it could not look: `[from, to]`. */
  #stalls = []
  #files = new Map()
  #timer
  #buffer = Buffer.alloc(256 * 1024)

  constructor(folder) {
    this.#folder = folder
    this.#timer = setInterval(() => this.look(), EVERY_MS)
  }

  look() {
    const before = this.#lookedAt + 2 * EVERY_MS
    this.#lookedAt = now()
    if (this.#lookedAt > before) this.#stalls.push([before, this.#lookedAt])
    for (const name of readdirSync(this.#folder)) {
      if (!name.endsWith('.jsonl')) continue
      let file = this.#files.get(name)
      if (file === undefined) {
        file = { fd: openSync(join(this.#folder, name), 'r'), rest: Buffer.alloc(0) }
        this.#files.set(name, file)
      }
      for (;;) {
        const read = readSync(file.fd, this.#buffer, 0, this.#buffer.length, null)
        if (read === 0) break
        this.#take(name, file, Buffer.concat([file.rest, this.#buffer.subarray(0, read)]))
      }
    }
  }

  /**
   * Milliseconds between two times for which this process, which has next to nothing to do, was not let run: on a machine
   * that is so busy, others wait too.
   */
  stalledBetween(from, to) {
    let sum = 0
    for (const [start, end] of this.#stalls) sum += Math.max(0, Math.min(end, to) - Math.max(start, from))
    return sum
  }

  close() {
    clearInterval(this.#timer)
    this.look()
    for (const { fd } of this.#files.values()) closeSync(fd)
    this.#files.clear()
  }

  #take(name, file, bytes) {
    const at = this.#lookedAt
    const end = bytes.lastIndexOf(0x0a) + 1
    for (const text of bytes.subarray(0, end).toString('utf8').split('\n')) {
      if (text !== '') this.lines.push({ event: JSON.parse(text), at, file: name })
    }
    file.rest = Buffer.from(bytes.subarray(end))
  }
}
