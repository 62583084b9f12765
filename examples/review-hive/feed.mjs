/** Prints the log as it grows. It reads the file, as any other process could: what it shows is on record. */
import { formatEvent } from 'hivelog/analyse'
import { followLog } from 'hivelog/read'
import { look } from './screen.mjs'

export class Feed {
  #screen
  #abort = new AbortController()
  #last = 0
  #until = Infinity
  #running

  constructor(file, screen) {
    this.#screen = screen
    this.#running = this.#follow(file)
  }

  /** Resolves when line `lastSeq` has been printed. */
  async finish(lastSeq) {
    this.#until = lastSeq
    if (this.#last >= lastSeq) this.#abort.abort()
    await this.#running
  }

  async #follow(file) {
    for await (const item of followLog(file, { signal: this.#abort.signal })) {
      if ('malformed' in item) {
        this.#screen.line(`! ${item.reason}`)
        continue
      }
      this.#screen.line(formatEvent(item.event, look()))
      this.#last = item.seq
      if (item.seq >= this.#until) break
    }
  }
}
