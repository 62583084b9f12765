/**
 * States as the side index holds them. Most of a big state are the messages that wait, and hardly anybody asks for one
 * of them but the newest: the others are written apart, field by field, and taken apart when they are needed. A state
 * can leave out those that a state before it has, too: it is a fraction of a whole one then, and can be had much more
 * often along the log.
 */
import type { Inbox, Message, StoredMessages } from '../../model/inbox.js'
import type { Carry, HiveModel, StoredState } from '../../model/model.js'
import type { AgentState, InboxState, PendingEscalation, UsageTotals } from '../../model/state.js'
import { type Columns, columnsOf, StoredColumns } from './columns.js'
import { type Texts, texts, textsOf } from './fields.js'
import { namesOf, rowsOf, type Table, tableOf } from './table.js'

/** A state as two texts without line ends, JSON each. */
export interface Packed {
  /** All of it, but for messages that are not the newest of their inbox. */
  head: string
  /** Those, inbox by inbox. */
  body: string
}

/** An inbox without its messages. */
interface PackedInbox extends Omit<InboxState, 'messages'> {
  /** Messages that come from the state before, and stand first: where they are in its list. */
  from?: number
  to?: number
  /** Messages that are held here: the newest in the head, those before it in the body. */
  held: number
}

type PackedHead = Omit<StoredState, 'agents' | 'carry' | 'inboxes' | 'pending'> & {
  agents: Table
  /** What the agents used, of those that used anything. */
  ofAgents: Table
  inboxes: Table
  pending: Table
  newest: Columns
  carry?: PackedCarry
}

type PackedCarry = Omit<Carry, 'escalations' | 'sums'> & {
  /** As in `Carry`; ids that were decided are many. */
  escalations?: Omit<NonNullable<Carry['escalations']>, 'decided'> & { decided?: Texts }
  /** Ids, and two parts for each: doubles, in Base64, as their digits take long to find. */
  sums?: { ids: Texts; parts: string }
}

const place = { log: true, file: true, line: true } as const
const AGENT = namesOf<Omit<AgentState, 'usage'>>({
  agentId: true,
  name: true,
  isGod: true,
  parent: true,
  role: true,
  model: true,
  pid: true,
  session: true,
  status: true,
  since: true,
  sinceSeq: true,
  error: true,
  lives: true,
  spawnSeq: true,
  spawnTs: true,
  events: true,
  lastSeq: true,
  lastTs: true,
  snapshot: true,
  ...place,
})
/** Sums, and the number of the agent. */
type AgentUsage = UsageTotals & { agent: number }
const USAGE = namesOf<AgentUsage>({
  agent: true,
  calls: true,
  inputTokens: true,
  outputTokens: true,
  cacheReadTokens: true,
  cacheWriteTokens: true,
  costUsd: true,
  unpriced: true,
})
const INBOX = namesOf<PackedInbox>({
  recipient: true,
  waiting: true,
  estimated: true,
  from: true,
  to: true,
  held: true,
})
const PENDING = namesOf<PendingEscalation>({
  id: true,
  seq: true,
  ts: true,
  from: true,
  to: true,
  subject: true,
  ...place,
})

/** Which messages of an inbox are still there: a part of its list as it was. */
interface Kept {
  from: number
  /** Behind the last one. */
  to: number
}

/** The state that a model of one log is in, as one text. */
export function pack(model: HiveModel): string {
  return textOf(packed(model, (inbox) => ({ fresh: inbox.list() })))
}

export const textOf = ({ head, body }: Packed): string => `${head}\n${body}`

/** @throws when it is not what `pack` made */
export function unpack(text: string): StoredState {
  const end = text.indexOf('\n')
  return unpackState(text.slice(0, end), () => text.slice(end + 1))
}

function packed(
  model: HiveModel,
  split: (inbox: Inbox) => { kept?: Kept; fresh: readonly Message[] },
): Packed {
  const { agents, inboxes: states, pending, carry, ...state } = model.view('none')
  const inboxes = model.filledInboxes()
  const rows: PackedInbox[] = []
  const newest: Message[] = []
  const others: Message[] = []
  for (let i = 0; i < inboxes.length; i++) {
    const { kept, fresh } = split(inboxes[i] as Inbox)
    const { recipient, waiting, estimated } = states[i] as InboxState
    const held = fresh.length
    for (let k = 0; k < held - 1; k++) others.push(fresh[k] as Message)
    if (held > 0) newest.push(fresh[held - 1] as Message)
    const row: PackedInbox = { recipient, waiting, held }
    if (estimated !== undefined) row.estimated = estimated
    if (kept !== undefined) Object.assign(row, kept)
    rows.push(row)
  }
  const usages: AgentUsage[] = []
  for (let agent = 0; agent < agents.length; agent++) {
    const usage = agents[agent]?.usage
    if (usage !== undefined) usages.push({ agent, ...usage })
  }
  const head: Omit<PackedHead, keyof StoredState> & { [name: string]: unknown } = {
    ...state,
    agents: tableOf(agents, AGENT),
    ofAgents: tableOf(usages, USAGE),
    inboxes: tableOf(rows, INBOX),
    pending: tableOf(pending, PENDING),
    newest: columnsOf(newest),
    ...(carry !== undefined && { carry: packedCarry(carry) }),
  }
  return { head: JSON.stringify(head), body: JSON.stringify(columnsOf(others)) }
}

function packedCarry({ escalations, sums, ...others }: Carry): PackedCarry {
  const carry: PackedCarry = others
  if (escalations !== undefined) {
    const { decided, ...rest } = escalations
    carry.escalations = { ...rest, ...(decided !== undefined && { decided: texts(decided) }) }
  }
  if (sums !== undefined) {
    const parts = Float64Array.from(sums.flatMap(([, each]) => each))
    carry.sums = { ids: texts(sums.map(([id]) => id)), parts: Buffer.from(parts.buffer).toString('base64') }
  }
  return carry
}

function carryOf({ escalations, sums, ...others }: PackedCarry): Carry {
  const carry: Carry = others
  if (escalations !== undefined) {
    const { decided, ...rest } = escalations
    carry.escalations = { ...rest, ...(decided !== undefined && { decided: textsOf(decided) as string[] }) }
  }
  if (sums !== undefined) {
    // A copy, since a small buffer is a part of one that numbers may not begin in.
    const parts = new Float64Array(new Uint8Array(Buffer.from(sums.parts, 'base64')).buffer)
    carry.sums = (textsOf(sums.ids) as string[]).map((id, i) => [
      id,
      [parts[2 * i] as number, parts[2 * i + 1] as number],
    ])
  }
  return carry
}

/** Packs the states of a model that goes on, each whole or as what is new in it. */
export class Packer {
  /** What the inboxes were; only those whose recipient has one alone. */
  #before: Map<Inbox, Shape> | undefined

  /** Whether there is a state to which something can be new. */
  get hasBefore(): boolean {
    return this.#before !== undefined
  }

  whole(model: HiveModel): Packed {
    this.#before = undefined
    return this.news(model)
  }

  /** Without the messages that the state before it has, which was packed here too. */
  news(model: HiveModel): Packed {
    const shapes = new Map<Inbox, Shape>()
    const twins = twinsOf(model)
    const state = packed(model, (inbox) => {
      if (twins.has(inbox.recipient)) return { fresh: inbox.list() }
      const shape = shapeOf(inbox)
      shapes.set(inbox, shape)
      const before = this.#before?.get(inbox)
      return before === undefined ? { fresh: inbox.list() } : newsOf(inbox, before, shape)
    })
    this.#before = shapes
    return state
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
 * @param body asked for once, if at all
 * @param before makes the state before, for one of which that is left out; asked once, if at all
 * @throws when it is not what was packed
 */
export function unpackState(head: string, body: () => string, before?: () => StoredState): StoredState {
  const {
    newest: columns,
    inboxes,
    agents,
    ofAgents,
    pending,
    carry,
    ...state
  } = JSON.parse(head) as PackedHead
  const all = rowsOf<AgentState>(agents)
  for (const { agent, ...usage } of rowsOf<AgentUsage>(ofAgents)) (all[agent] as AgentState).usage = usage
  const newest = new StoredColumns(() => columns)
  const others = new StoredColumns(() => JSON.parse(body()) as Columns)
  let lists: Map<string, StoredMessages> | undefined
  const listBefore = (recipient: string): readonly Message[] => {
    lists ??= new Map(before?.().inboxes.map((inbox) => [inbox.recipient, inbox.messages as StoredMessages]))
    return lists.get(recipient)?.load() ?? []
  }
  let last = 0
  let from = 0
  const restored: StoredState['inboxes'] = []
  for (const { from: keptFrom, to: keptTo = 0, held, ...inbox } of rowsOf<PackedInbox>(inboxes)) {
    const kept = keptFrom === undefined ? undefined : { from: keptFrom, to: keptTo }
    const at = held > 0 ? last++ : undefined
    const start = from
    const end = start + Math.max(0, held - 1)
    from = end
    const ofLast = (): Message[] => (at === undefined ? [] : newest.slice(at, at + 1))
    const messages: StoredMessages = {
      count: held + (kept === undefined ? 0 : kept.to - kept.from),
      load: () => [
        ...(kept === undefined ? [] : listBefore(inbox.recipient).slice(kept.from, kept.to)),
        ...(end > start ? others.slice(start, end) : []),
        ...ofLast(),
      ],
      newest: () => ofLast()[0],
    }
    restored.push({ ...inbox, messages })
  }
  return {
    ...state,
    agents: all,
    pending: rowsOf<PendingEscalation>(pending),
    inboxes: restored,
    ...(carry !== undefined && { carry: carryOf(carry) }),
  }
}
