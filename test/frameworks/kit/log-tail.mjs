/** Follows the logs of a folder while they are written, and says when each line was there to be read. */
import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { now } from './clock.mjs'

/** How often it looks. */
const EVERY_MS = 2

export class LogTail {
  /** The complete lines, decoded, in the order in which they were seen: `{ event, at, file }`; `at` is when at the latest. */
  lines = []
  #folder
  #lookedAt = now()
  #at = 0
  #files = new Map()
  #timer
  #buffer = Buffer.alloc(256 * 1024)

  constructor(folder) {
    this.#folder = folder
    this.#timer = setInterval(() => this.look(), EVERY_MS)
  }

  look() {
    const before = this.#lookedAt
    this.#lookedAt = now()
    // On a busy machine it looks too late itself; that is not the line's fault.
    this.#at = Math.min(this.#lookedAt, before + 2 * EVERY_MS)
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

  close() {
    clearInterval(this.#timer)
    this.look()
    for (const { fd } of this.#files.values()) closeSync(fd)
    this.#files.clear()
  }

  #take(name, file, bytes) {
    const at = this.#at
    const end = bytes.lastIndexOf(0x0a) + 1
    for (const text of bytes.subarray(0, end).toString('utf8').split('\n')) {
      if (text !== '') this.lines.push({ event: JSON.parse(text), at, file: name })
    }
    file.rest = Buffer.from(bytes.subarray(end))
  }
}
