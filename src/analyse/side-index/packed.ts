/**
 * States as the side index holds them. Most of a big state are the messages that wait, and hardly anybody asks for one
 * of them: they are written field by field, all of an inbox in one text, which is taken apart when it is needed.
 */
import type { Inbox, Message, StoredMessages } from '../../model/inbox.js'
import type { HiveModel, StoredState } from '../../model/model.js'
import type { InboxState } from '../../model/state.js'

/** An inbox and its messages, field by field. */
interface Columns extends Omit<InboxState, 'messages'> {
  /** Messages that are held. */
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

/** Whole numbers, with spaces between them, each as what it is more than the one before it; others as they are. */
type Numbers = string | number[]

/** One a line; those of which one is missing, or more than a line, as they are, and null where there is none. */
type Texts = string | (string | null)[]

/** The JSON of the state that a model of one log is in. */
export function pack(model: HiveModel): string {
  const state = model.view('none')
  const inboxes = model.filledInboxes()
  for (let i = 0; i < inboxes.length; i++) {
    state.inboxes[i] = columnsOf(state.inboxes[i] as InboxState, (inboxes[i] as Inbox).list()) as never
  }
  return JSON.stringify(state)
}

/** @throws when it is not what `pack` made */
export function unpack(text: string): StoredState {
  const packed = JSON.parse(text) as Omit<StoredState, 'inboxes'> & { inboxes: Columns[] }
  return { ...packed, inboxes: packed.inboxes.map(inboxOf) }
}

function columnsOf({ messages: _, ...inbox }: InboxState, messages: readonly Message[]): Columns {
  const columns: Columns = {
    ...inbox,
    held: messages.length,
    seq: numbers(messages, 'seq'),
    ts: numbers(messages, 'ts'),
    id: texts(messages, 'id'),
    from: texts(messages, 'from'),
    act: texts(messages, 'act'),
    subject: texts(messages, 'subject'),
  }
  const reply: number[] = []
  for (let i = 0; i < messages.length; i++) if (messages[i]?.requiresReply === true) reply.push(i)
  if (reply.length > 0) columns.reply = reply
  return columns
}

function inboxOf({
  held,
  seq,
  ts,
  id,
  from,
  act,
  subject,
  reply,
  ...inbox
}: Columns): StoredState['inboxes'][0] {
  const messages: StoredMessages = {
    count: held,
    load: () => messagesOf({ held, seq, ts, id, from, act, subject, ...(reply !== undefined && { reply }) }),
  }
  return { ...inbox, messages }
}

function messagesOf(columns: Omit<Columns, keyof InboxState>): Message[] {
  const seqs = numbersOf(columns.seq)
  const times = numbersOf(columns.ts)
  const ids = textsOf(columns.id)
  const senders = textsOf(columns.from)
  const acts = textsOf(columns.act)
  const subjects = textsOf(columns.subject)
  const replies = new Set(columns.reply)
  return Array.from({ length: columns.held }, (_, i) => ({
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
  }))
}

function numbers(messages: readonly Message[], name: 'seq' | 'ts'): Numbers {
  const steps = new Array<number>(messages.length)
  let last = 0
  for (let i = 0; i < messages.length; i++) {
    const value = (messages[i] as Message)[name]
    if (!Number.isSafeInteger(value)) return messages.map((message) => message[name])
    steps[i] = value - last
    last = value
  }
  return steps.join(' ')
}

function numbersOf(given: Numbers): number[] {
  if (typeof given !== 'string') return given
  let last = 0
  return given.split(' ').map((step) => {
    last += Number(step)
    return last
  })
}

function texts(messages: readonly Message[], name: 'id' | 'from' | 'act' | 'subject'): Texts {
  const all = new Array<string | null>(messages.length)
  let isPlain = true
  for (let i = 0; i < messages.length; i++) {
    const text = (messages[i] as Message)[name]
    all[i] = text ?? null
    isPlain &&= text !== undefined && !text.includes('\n')
  }
  return isPlain ? all.join('\n') : all
}

const textsOf = (given: Texts): (string | null)[] => (typeof given === 'string' ? given.split('\n') : given)
