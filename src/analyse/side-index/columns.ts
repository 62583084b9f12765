/**
 * Messages field by field: so they take a fraction of the room and of the time that they take as objects. Their texts
 * are one text, in which each stands behind its length: the engine puts it together, and cuts from it, faster than it
 * writes and reads texts as JSON one by one.
 */
import type { Message } from '../../model/inbox.js'
import { type Numbers, numbers, numbersOf } from './fields.js'

export interface Columns {
  seq: Numbers
  ts: Numbers
  /** Which of them require a reply. */
  reply?: number[]
}

export interface ColumnsAndText {
  columns: Columns
  /** Of each message `id`, `from`, `act` and `subject`, each behind its mark. */
  text: string
}

/** The mark of a text that is not there. */
const NONE = '\0'
/** The mark of a text that is so long or longer: its length in digits follows, and the end of these. */
const LONG = 126
const LONG_MARK = '\x7f'
const END_OF_DIGITS = ';'
/** The marks of shorter ones, by their length. */
const MARKS = Array.from({ length: LONG }, (_, length) => String.fromCharCode(length + 1))

const markOf = ({ length }: string): string =>
  length < LONG ? (MARKS[length] as string) : `${LONG_MARK}${length}${END_OF_DIGITS}`

export function columnsOf(messages: readonly Message[]): ColumnsAndText {
  // The engine writes arrays that never had holes in a fraction of the time.
  const seq: number[] = []
  const ts: number[] = []
  const reply: number[] = []
  let text = ''
  const add = (value: string | undefined): void => {
    if (value === undefined) text += NONE
    else {
      text += markOf(value)
      text += value
    }
  }
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i] as Message
    seq.push(message.seq)
    ts.push(message.ts)
    add(message.id)
    add(message.from)
    add(message.act)
    add(message.subject)
    if (message.requiresReply === true) reply.push(i)
  }
  return {
    columns: { seq: numbers(seq), ts: numbers(ts), ...(reply.length > 0 && { reply }) },
    text,
  }
}

/** Cuts texts from the text of all, one after the other. */
class Cutter {
  at = 0
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  next(): string | undefined {
    const length = this.skip()
    return length === -1 ? undefined : this.#text.slice(this.at - length, this.at)
  }

  /** Returns the length of the text that is passed over; -1 if it is not there. */
  skip(): number {
    let length = this.#text.charCodeAt(this.at++) - 1
    if (length === LONG) {
      const end = this.#text.indexOf(END_OF_DIGITS, this.at)
      length = Number(this.#text.slice(this.at, end))
      this.at = end + END_OF_DIGITS.length
    }
    if (length > 0) this.at += length
    return length
  }
}

/** Messages that are made when they are asked for. */
export class StoredColumns {
  readonly #load: () => ColumnsAndText
  #cutter: Cutter | undefined
  #seq: readonly number[] = []
  #ts: readonly number[] = []
  /** Where in the text each message begins. */
  #starts: readonly number[] = []
  #reply: ReadonlySet<number> = new Set()

  /** @param load asked once, if at all */
  constructor(load: () => ColumnsAndText) {
    this.#load = load
  }

  slice(from: number, to: number): Message[] {
    this.#cutter ??= this.#take()
    const cutter = this.#cutter
    cutter.at = this.#starts[from] ?? 0
    const messages: Message[] = []
    for (let i = from; i < to; i++) {
      messages.push({
        order: 0,
        seq: this.#seq[i] as number,
        ts: this.#ts[i] as number,
        id: cutter.next(),
        from: cutter.next(),
        act: cutter.next(),
        subject: cutter.next(),
        requiresReply: this.#reply.has(i) ? true : undefined,
        log: undefined,
        file: undefined,
        line: undefined,
      })
    }
    return messages
  }

  #take(): Cutter {
    const { columns, text } = this.#load()
    this.#seq = numbersOf(columns.seq)
    this.#ts = numbersOf(columns.ts)
    this.#reply = new Set(columns.reply)
    const cutter = new Cutter(text)
    const starts: number[] = []
    for (let i = 0; i < this.#seq.length; i++) {
      starts.push(cutter.at)
      for (let field = 0; field < 4; field++) cutter.skip()
    }
    this.#starts = starts
    return cutter
  }
}
