/**
 * States as the side index holds them. Most of a big state are the messages that wait: they are written field by field
 * and not one by one, which takes half the time and room.
 */
import type { Inbox, Message } from '../../model/inbox.js'
import type { HiveModel } from '../../model/model.js'
import type { HiveState, InboxState, WaitingMessage } from '../../model/state.js'

/** The messages of an inbox; what one of them does not have is null. */
interface Columns extends Omit<InboxState, 'messages'> {
  seq: Numbers
  ts: Numbers
  id: (string | null)[]
  from: (string | null)[]
  act: (string | null)[]
  subject: (string | null)[]
  /** Which of them require a reply. */
  reply?: number[]
}

/** Whole numbers, each as what it is more than the one before it; others as they are. */
type Numbers = number[] | { exact: number[] }

/** The JSON of the state that a model of one log is in. */
export function pack(model: HiveModel): string {
  const state = model.view(false)
  const inboxes = model.filledInboxes()
  for (let i = 0; i < inboxes.length; i++) {
    state.inboxes[i] = columnsOf(state.inboxes[i] as InboxState, (inboxes[i] as Inbox).list()) as never
  }
  return JSON.stringify(state)
}

/** @throws when it is not what `pack` made */
export function unpack(text: string): HiveState {
  const packed = JSON.parse(text) as Omit<HiveState, 'inboxes'> & { inboxes: Columns[] }
  return { ...packed, inboxes: packed.inboxes.map(inboxOf) }
}

function columnsOf({ messages: _, ...inbox }: InboxState, messages: readonly Message[]): Columns {
  const { length } = messages
  const id = new Array<string | null>(length)
  const from = new Array<string | null>(length)
  const act = new Array<string | null>(length)
  const subject = new Array<string | null>(length)
  let reply: number[] | undefined
  for (let i = 0; i < length; i++) {
    const message = messages[i] as Message
    id[i] = message.id ?? null
    from[i] = message.from ?? null
    act[i] = message.act ?? null
    subject[i] = message.subject ?? null
    if (message.requiresReply !== true) continue
    reply ??= []
    reply.push(i)
  }
  const columns: Columns = {
    ...inbox,
    seq: numbers(messages, 'seq'),
    ts: numbers(messages, 'ts'),
    id,
    from,
    act,
    subject,
  }
  if (reply !== undefined) columns.reply = reply
  return columns
}

function inboxOf({ seq, ts, id, from, act, subject, reply, ...inbox }: Columns): InboxState {
  const seqs = exact(seq)
  const times = exact(ts)
  const messages = seqs.map((seq, i): WaitingMessage => {
    const message: WaitingMessage = { seq, ts: times[i] as number }
    if (id[i] !== null) message.id = id[i] as string
    if (from[i] !== null) message.from = from[i] as string
    if (act[i] !== null) message.act = act[i] as string
    if (subject[i] !== null) message.subject = subject[i] as string
    return message
  })
  for (const at of reply ?? []) (messages[at] as WaitingMessage).requiresReply = true
  return { ...inbox, messages }
}

function numbers(messages: readonly Message[], name: 'seq' | 'ts'): Numbers {
  const steps = new Array<number>(messages.length)
  let last = 0
  for (let i = 0; i < messages.length; i++) {
    const value = (messages[i] as Message)[name]
    if (!Number.isSafeInteger(value)) return { exact: messages.map((message) => message[name]) }
    steps[i] = value - last
    last = value
  }
  return steps
}

function exact(given: Numbers): number[] {
  if (!Array.isArray(given)) return given.exact
  let last = 0
  return given.map((step) => {
    last += step
    return last
  })
}
