/**
 * States as the side index holds them. Most of a big state are the messages that wait, and hardly anybody asks for one
 * of them: they are written field by field, all of an inbox in one text, which is taken apart when it is needed. A
 * state can leave out those that a state before it has, too: it is a fraction of a whole one then, and can be had
 * much more often along the log.
 */
import type { Inbox, Message, StoredMessages } from '../../model/inbox.js'
import type { HiveModel, StoredState } from '../../model/model.js'
import type { InboxState } from '../../model/state.js'

/** An inbox and its messages, field by field. */
interface Columns extends Omit<InboxState, 'messages'> {
  /** Messages that come from the state before, and stand first. */
  kept?: Kept
  /** Messages that are held here. */
  held: number
  seq: Numbers
  ts: Numbers
  id: Texts
  from: Texts
  act: Texts
  subject: Texts
  /** Which of them require a reply. */
  reply?: number[]
}

/** Which messages of an inbox are still there: a part of its list as it was. */
interface Kept {
  from: number
  /** Behind the last one. */
  to: number
}

/** Whole numbers, with spaces between them, each as what it is more than the one before it; others as they are. */
type Numbers = string | number[]

/** A character that hardly any text has, and JSON writes as it is. */
const BETWEEN = '\x7f'

/** With `BETWEEN` between them; those of which one is missing, or has that, as they are, and null where there is none. */
type Texts = string | (string | null)[]

/** The JSON of the state that a model of one log is in. */
export function pack(model: HiveModel): string {
  return packed(model, (inbox) => ({ fresh: inbox.list() }))
}

function packed(
  model: HiveModel,
  split: (inbox: Inbox) => { kept?: Kept; fresh: readonly Message[] },
): string {
  const state = model.view('none')
  const inboxes = model.filledInboxes()
  for (let i = 0; i < inboxes.length; i++) {
    const { kept, fresh } = split(inboxes[i] as Inbox)
    state.inboxes[i] = columnsOf(state.inboxes[i] as InboxState, fresh, kept) as never
  }
  return JSON.stringify(state)
}

/** Packs the states of a model that goes on, each whole or as what is new in it. */
export class Packer {
  /** What the inboxes were; only those whose recipient has one alone. */
  #before: Map<Inbox, Shape> | undefined

  /** Whether there is a state to which something can be new. */
  get hasBefore(): boolean {
    return this.#before !== undefined
  }

  whole(model: HiveModel): string {
    this.#before = undefined
    return this.news(model)
  }

  /** Without the messages that the state before it has, which was packed here too. */
  news(model: HiveModel): string {
    const shapes = new Map<Inbox, Shape>()
    const twins = twinsOf(model)
    const text = packed(model, (inbox) => {
      if (twins.has(inbox.recipient)) return { fresh: inbox.list() }
      const shape = shapeOf(inbox)
      shapes.set(inbox, shape)
      const before = this.#before?.get(inbox)
      return before === undefined ? { fresh: inbox.list() } : newsOf(inbox, before, shape)
    })
    this.#before = shapes
    return text
  }
}

/** What tells how the list of an inbox came from what it was. */
interface Shape {
  held: number
  puts: number
  taken: number
}

const shapeOf = (inbox: Inbox): Shape => ({
  held: inbox.waiting - inbox.unheld,
  puts: inbox.puts,
  taken: inbox.takenFromWithin,
})

/** Recipients that more than one inbox has: an agent's, and that of a name before it was one. */
function twinsOf(model: HiveModel): Set<string> {
  const seen = new Set<string>()
  const twins = new Set<string>()
  for (const { recipient } of model.filledInboxes()) {
    if (seen.has(recipient)) twins.add(recipient)
    seen.add(recipient)
  }
  return twins
}

/** The newest message is always among the fresh: it is asked for. */
function newsOf(
  inbox: Inbox,
  before: Shape,
  { held, puts, taken }: Shape,
): { kept?: Kept; fresh: Message[] } {
  const count = puts - before.puts
  const kept = held - Math.max(1, count)
  if (taken !== before.taken || kept <= 0) return { fresh: inbox.list() }
  // Whatever is gone was the oldest.
  const from = before.held + count - held
  return { kept: { from, to: from + kept }, fresh: inbox.latest(held - kept) }
}

/**
 * @param before makes the state before, for one of which that is left out; it is asked once, if at all
 * @throws when it is not what was packed
 */
export function unpack(text: string, before?: () => StoredState): StoredState {
  const packed = JSON.parse(text) as Omit<StoredState, 'inboxes'> & { inboxes: Columns[] }
  let lists: Map<string, StoredMessages> | undefined
  const listBefore = (recipient: string): readonly Message[] => {
    lists ??= new Map(before?.().inboxes.map((inbox) => [inbox.recipient, inbox.messages as StoredMessages]))
    return lists.get(recipient)?.load() ?? []
  }
  return { ...packed, inboxes: packed.inboxes.map((columns) => inboxOf(columns, listBefore)) }
}

function columnsOf(
  { messages: _, ...inbox }: InboxState,
  messages: readonly Message[],
  kept?: Kept,
): Columns {
  const { length } = messages
  const seq = new Array<number>(length)
  const ts = new Array<number>(length)
  const id = new Array<string | undefined>(length)
  const from = new Array<string | undefined>(length)
  const act = new Array<string | undefined>(length)
  const subject = new Array<string | undefined>(length)
  const reply: number[] = []
  for (let i = 0; i < length; i++) {
    const message = messages[i] as Message
    seq[i] = message.seq
    ts[i] = message.ts
    id[i] = message.id
    from[i] = message.from
    act[i] = message.act
    subject[i] = message.subject
    if (message.requiresReply === true) reply.push(i)
  }
  const columns: Columns = {
    ...inbox,
    ...(kept !== undefined && { kept }),
    held: length,
    seq: numbers(seq),
    ts: numbers(ts),
    id: texts(id),
    from: texts(from),
    act: texts(act),
    subject: texts(subject),
  }
  if (reply.length > 0) columns.reply = reply
  return columns
}

function inboxOf(
  { kept, held, seq, ts, id, from, act, subject, reply, ...inbox }: Columns,
  listBefore: (recipient: string) => readonly Message[],
): StoredState['inboxes'][0] {
  const columns = { held, seq, ts, id, from, act, subject, ...(reply !== undefined && { reply }) }
  const fresh = (first = 0): Message[] => messagesOf(columns, first)
  const messages: StoredMessages = {
    count: held + (kept === undefined ? 0 : kept.to - kept.from),
    load: () =>
      kept === undefined ? fresh() : [...listBefore(inbox.recipient).slice(kept.from, kept.to), ...fresh()],
    newest: () => (held === 0 ? undefined : fresh(held - 1)[0]),
  }
  return { ...inbox, messages }
}

/** @param first the first one that is made */
function messagesOf(columns: Omit<Columns, keyof InboxState | 'kept'>, first: number): Message[] {
  const seqs = numbersOf(columns.seq)
  const times = numbersOf(columns.ts)
  const ids = textsOf(columns.id)
  const senders = textsOf(columns.from)
  const acts = textsOf(columns.act)
  const subjects = textsOf(columns.subject)
  const replies = new Set(columns.reply)
  const messages: Message[] = []
  for (let i = first; i < columns.held; i++) messages.push(messageOf(i))
  return messages

  function messageOf(i: number): Message {
    return {
      order: 0,
      seq: seqs[i] as number,
      ts: times[i] as number,
      id: ids[i] ?? undefined,
      from: senders[i] ?? undefined,
      act: acts[i] ?? undefined,
      subject: subjects[i] ?? undefined,
      requiresReply: replies.has(i) ? true : undefined,
      log: undefined,
      file: undefined,
      line: undefined,
    }
  }
}

function numbers(values: number[]): Numbers {
  let steps = ''
  let last = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    if (!Number.isSafeInteger(value)) return values
    steps += i === 0 ? String(value) : ` ${value - last}`
    last = value
  }
  return steps
}

function numbersOf(given: Numbers): number[] {
  if (typeof given !== 'string') return given
  let last = 0
  return given.split(' ').map((step) => {
    last += Number(step)
    return last
  })
}

function texts(values: readonly (string | undefined)[]): Texts {
  for (let i = 0; i < values.length; i++) {
    const text = values[i]
    if (text === undefined || text.indexOf(BETWEEN) !== -1) return values.map((each) => each ?? null)
  }
  return values.join(BETWEEN)
}

const textsOf = (given: Texts): (string | null)[] =>
  typeof given === 'string' ? given.split(BETWEEN) : given
