/** Lines of JSON as they go by in pieces. */

/** Characters of a line that is read; a longer one holds the contents of files, and is passed over. */
const MAX_LINE = 4 * 1024 * 1024

/** Lines that matter name one of these at the top; pieces of messages are most of the others. */
const MATTERS =
  /"type":"(?:assistant|user|system|result|control_(?:request|response|cancel_request)|message_(?:start|delta))"/

export class JsonLines {
  #take: (message: unknown) => void
  #rest = ''
  #isTooLong = false
  #decoder = new TextDecoder()

  /** @param take gets each line's value */
  constructor(take: (message: unknown) => void) {
    this.#take = take
  }

  add(piece: unknown): void {
    let text = ''
    if (typeof piece === 'string') text = piece
    else if (piece instanceof Uint8Array) text = this.#decoder.decode(piece, { stream: true })
    let begin = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', begin)) {
      this.#line(this.#rest + text.slice(begin, end))
      this.#rest = ''
      begin = end + 1
    }
    const rest = text.slice(begin)
    if (this.#rest.length + rest.length > MAX_LINE) {
      this.#isTooLong = true
      this.#rest = ''
    } else if (!this.#isTooLong) this.#rest += rest
  }

  #line(line: string): void {
    if (this.#isTooLong) {
      this.#isTooLong = false
      return
    }
    if (line.length > MAX_LINE || !MATTERS.test(line)) return
    let message: unknown
    try {
      message = JSON.parse(line)
    } catch {
      return
    }
    this.#take(message)
  }
}
