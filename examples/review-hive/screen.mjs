/** The terminal: lines that come at any time, and at most one question, which stays below them. */
import { clearLine, cursorTo } from 'node:readline'
import { createInterface } from 'node:readline/promises'

const NEVER = new Promise(() => {})

export class Screen {
  #prompt
  #closed = false

  constructor() {
    // Nobody may be left to read this (`| head`); the review goes on, and the log is what counts.
    process.stdout.on('error', () => {})
  }

  line(text) {
    if (this.#prompt !== undefined) {
      clearLine(process.stdout, 0)
      cursorTo(process.stdout, 0)
    }
    process.stdout.write(`${text}\n`)
    this.#prompt?.prompt(true)
  }

  /** Asks; resolves to `undefined` at Ctrl-D, and never once this is closed. */
  async ask(question) {
    if (this.#closed) return NEVER
    const prompt = createInterface({ input: process.stdin, output: process.stdout })
    // In a prompt Ctrl-C is a key like others.
    prompt.on('SIGINT', () => process.kill(process.pid, 'SIGINT'))
    const gone = new Promise((resolve) =>
      prompt.once('close', () => resolve(this.#closed ? NEVER : undefined)),
    )
    this.#prompt = prompt
    const answer = await Promise.race([prompt.question(question), gone])
    this.#prompt = undefined
    prompt.close()
    return answer
  }

  /** Takes the question back; there will be no other. */
  close() {
    this.#closed = true
    this.#prompt?.close()
    this.#prompt = undefined
  }
}

/** Whether to use colour, and how many columns there are. */
export function look() {
  const isTerminal = process.stdout.isTTY === true
  return { color: isTerminal && !process.env.NO_COLOR, width: isTerminal ? process.stdout.columns : 100 }
}
