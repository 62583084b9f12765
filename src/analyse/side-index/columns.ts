/** Messages field by field: so they take a fraction of the room and of the time that they take as objects. */
import type { Message } from '../../model/inbox.js'
import { type Numbers, numbers, numbersOf, type Texts, textsOf } from './fields.js'

export interface Columns {
  count: number
  seq: Numbers
  ts: Numbers
  id: Texts
  from: Texts
  act: Texts
  subject: Texts
  /** Which of them require a reply. */
  reply?: number[]
}

export function columnsOf(messages: readonly Message[]): Columns {
  const { length: count } = messages
  // The engine writes arrays that never had holes in a fraction of the time.
  const seq: number[] = []
  const ts: number[] = []
  const id: (string | null)[] = []
  const from: (string | null)[] = []
  const act: (string | null)[] = []
  const subject: (string | null)[] = []
  const reply: number[] = []
  for (let i = 0; i < count; i++) {
    const message = messages[i] as Message
    seq.push(message.seq)
    ts.push(message.ts)
    id.push(message.id ?? null)
    from.push(message.from ?? null)
    act.push(message.act ?? null)
    subject.push(message.subject ?? null)
    if (message.requiresReply === true) reply.push(i)
  }
  return {
    count,
    seq: numbers(seq),
    ts: numbers(ts),
    id,
    from,
    act,
    subject,
    ...(reply.length > 0 && { reply }),
  }
}

type Taken = { [Field in 'id' | 'from' | 'act' | 'subject']: readonly (string | null)[] }

/** Messages that are made when they are asked for. */
export class StoredColumns {
  readonly #load: () => Columns
  #taken: Taken | undefined
  #seq: readonly number[] = []
  #ts: readonly number[] = []
  #reply: ReadonlySet<number> = new Set()

  /** @param load asked once, if at all */
  constructor(load: () => Columns) {
    this.#load = load
  }

  slice(from: number, to: number): Message[] {
    const { id, from: sender, act, subject } = this.#take()
    const messages: Message[] = []
    for (let i = from; i < to; i++) {
      messages.push({
        order: 0,
        seq: this.#seq[i] as number,
        ts: this.#ts[i] as number,
        id: id[i] ?? undefined,
        from: sender[i] ?? undefined,
        act: act[i] ?? undefined,
        subject: subject[i] ?? undefined,
        requiresReply: this.#reply.has(i) ? true : undefined,
        log: undefined,
        file: undefined,
        line: undefined,
      })
    }
    return messages
  }

  #take(): Taken {
    if (this.#taken !== undefined) return this.#taken
    const { seq, ts, id, from, act, subject, reply } = this.#load()
    this.#seq = numbersOf(seq)
    this.#ts = numbersOf(ts)
    this.#reply = new Set(reply)
    this.#taken = { id: textsOf(id), from: textsOf(from), act: textsOf(act), subject: textsOf(subject) }
    return this.#taken
  }
}
