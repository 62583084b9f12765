/**
 * Messages field by field: so they take a fraction of the room and of the time that they take as objects. Their texts
 * are one text, beside the length of each: the engine puts it together, and cuts from it, faster than it writes and
 * reads the texts as JSON one by one.
 */
import type { Message } from '../../model/inbox.js'
import { type Numbers, numbers, numbersOf } from './fields.js'

/** What is a text in a message, in the order in which a message has its texts in the text of all. */
type TextField = 'id' | 'from' | 'act' | 'subject'

export interface Columns {
  seq: Numbers
  ts: Numbers
  /** The length of each text; -1 where a message has none. */
  lengths: { [Field in TextField]: number[] }
  /** Which of them require a reply. */
  reply?: number[]
}

export interface ColumnsAndText {
  columns: Columns
  /** The texts of all messages, one after the other. */
  text: string
}

export function columnsOf(messages: readonly Message[]): ColumnsAndText {
  // The engine writes arrays that never had holes in a fraction of the time.
  const seq: number[] = []
  const ts: number[] = []
  const lengths: Columns['lengths'] = { id: [], from: [], act: [], subject: [] }
  const reply: number[] = []
  let text = ''
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i] as Message
    const { id, from, act, subject } = message
    seq.push(message.seq)
    ts.push(message.ts)
    lengths.id.push(id?.length ?? -1)
    lengths.from.push(from?.length ?? -1)
    lengths.act.push(act?.length ?? -1)
    lengths.subject.push(subject?.length ?? -1)
    if (id !== undefined) text += id
    if (from !== undefined) text += from
    if (act !== undefined) text += act
    if (subject !== undefined) text += subject
    if (message.requiresReply === true) reply.push(i)
  }
  return {
    columns: { seq: numbers(seq), ts: numbers(ts), lengths, ...(reply.length > 0 && { reply }) },
    text,
  }
}

/** Messages that are made when they are asked for. */
export class StoredColumns {
  readonly #load: () => ColumnsAndText
  #taken: ColumnsAndText | undefined
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
    const { columns, text } = this.#take()
    const { lengths } = columns
    const messages: Message[] = []
    for (let i = from; i < to; i++) {
      let at = this.#starts[i] as number
      const next = (length: number): string | undefined => {
        if (length === -1) return undefined
        at += length
        return text.slice(at - length, at)
      }
      messages.push({
        order: 0,
        seq: this.#seq[i] as number,
        ts: this.#ts[i] as number,
        id: next(lengths.id[i] as number),
        from: next(lengths.from[i] as number),
        act: next(lengths.act[i] as number),
        subject: next(lengths.subject[i] as number),
        requiresReply: this.#reply.has(i) ? true : undefined,
        log: undefined,
        file: undefined,
        line: undefined,
      })
    }
    return messages
  }

  #take(): ColumnsAndText {
    if (this.#taken !== undefined) return this.#taken
    this.#taken = this.#load()
    const { seq, ts, lengths, reply } = this.#taken.columns
    this.#seq = numbersOf(seq)
    this.#ts = numbersOf(ts)
    this.#reply = new Set(reply)
    const starts: number[] = []
    let at = 0
    for (let i = 0; i < this.#seq.length; i++) {
      starts.push(at)
      for (const each of [lengths.id, lengths.from, lengths.act, lengths.subject])
        at += Math.max(0, each[i] as number)
    }
    this.#starts = starts
    return this.#taken
  }
}
