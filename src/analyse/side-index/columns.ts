/** Messages field by field: so they take a fraction of the room and of the time that they take as objects. */
import type { Message } from '../../model/inbox.js'
import { type Texts, texts, textsOf } from './fields.js'

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

/** Whole numbers, each as what it is more than the one before it; or where not all are whole, all as they are. */
type Numbers = number[] | { as: number[] }

export function columnsOf(messages: readonly Message[]): Columns {
  const { length: count } = messages
  const seq = new Array<number>(count)
  const ts = new Array<number>(count)
  const id = new Array<string | undefined>(count)
  const from = new Array<string | undefined>(count)
  const act = new Array<string | undefined>(count)
  const subject = new Array<string | undefined>(count)
  const reply: number[] = []
  for (let i = 0; i < count; i++) {
    const message = messages[i] as Message
    seq[i] = message.seq
    ts[i] = message.ts
    id[i] = message.id
    from[i] = message.from
    act[i] = message.act
    subject[i] = message.subject
    if (message.requiresReply === true) reply.push(i)
  }
  return {
    count,
    seq: numbers(seq),
    ts: numbers(ts),
    id: texts(id),
    from: texts(from),
    act: texts(act),
    subject: texts(subject),
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

function numbers(values: number[]): Numbers {
  const steps = new Array<number>(values.length)
  let last = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    if (!Number.isSafeInteger(value)) return { as: values }
    const step = value - last
    // Of two whole numbers far apart the difference need not be exact.
    if (!Number.isSafeInteger(step)) return { as: values }
    steps[i] = step
    last = value
  }
  return steps
}

function numbersOf(given: Numbers): readonly number[] {
  if (!Array.isArray(given)) return given.as
  let last = 0
  for (let i = 0; i < given.length; i++) {
    last += given[i] as number
    given[i] = last
  }
  return given
}
