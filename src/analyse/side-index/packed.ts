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
import { type Texts, TextsQueue, textsOf } from './fields.js'
import { type Fields, rowsOf, type Table, TableWriter } from './table.js'

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
  /** Two parts of each sum of dollars, the hive's and then theirs: doubles, in Base64, as digits take long to find. */
  sums: string
  inboxes: Table
  pending: Table
  newest: Columns
  carry?: PackedCarry
}

type PackedCarry = Omit<Carry, 'escalations' | 'sums'> & {
  /** As in `Carry`; ids that were decided are many. */
  escalations?: Omit<NonNullable<Carry['escalations']>, 'decided'> & { decided?: Texts }
}

const AGENT: Fields<Omit<AgentState, 'usage'>> = {
  agentId: (agent) => agent.agentId,
  name: (agent) => agent.name,
  isGod: (agent) => agent.isGod,
  parent: (agent) => agent.parent,
  role: (agent) => agent.role,
  model: (agent) => agent.model,
  pid: (agent) => agent.pid,
  session: (agent) => agent.session,
  status: (agent) => agent.status,
  since: (agent) => agent.since,
  sinceSeq: (agent) => agent.sinceSeq,
  error: (agent) => agent.error,
  lives: (agent) => agent.lives,
  spawnSeq: (agent) => agent.spawnSeq,
  spawnTs: (agent) => agent.spawnTs,
  events: (agent) => agent.events,
  lastSeq: (agent) => agent.lastSeq,
  lastTs: (agent) => agent.lastTs,
  snapshot: (agent) => agent.snapshot,
  log: (agent) => agent.log,
  file: (agent) => agent.file,
  line: (agent) => agent.line,
}
/** Sums but for dollars, and the number of the agent. */
type AgentUsage = Omit<UsageTotals, 'costUsd'> & { agent: number }
const USAGE: Fields<AgentUsage> = {
  agent: (usage) => usage.agent,
  calls: (usage) => usage.calls,
  inputTokens: (usage) => usage.inputTokens,
  outputTokens: (usage) => usage.outputTokens,
  cacheReadTokens: (usage) => usage.cacheReadTokens,
  cacheWriteTokens: (usage) => usage.cacheWriteTokens,
  unpriced: (usage) => usage.unpriced,
}
const INBOX: Fields<PackedInbox> = {
  recipient: (inbox) => inbox.recipient,
  waiting: (inbox) => inbox.waiting,
  estimated: (inbox) => inbox.estimated,
  from: (inbox) => inbox.from,
  to: (inbox) => inbox.to,
  held: (inbox) => inbox.held,
}
const PENDING: Fields<PendingEscalation> = {
  id: (pending) => pending.id,
  seq: (pending) => pending.seq,
  ts: (pending) => pending.ts,
  from: (pending) => pending.from,
  to: (pending) => pending.to,
  subject: (pending) => pending.subject,
  log: (pending) => pending.log,
  file: (pending) => pending.file,
  line: (pending) => pending.line,
}

/** Which messages of an inbox are still there: a part of its list as it was. */
interface Kept {
  from: number
  /** Behind the last one. */
  to: number
}

/** The state that a model of one log is in, as one text. */
export function pack(model: HiveModel): string {
  return textOf(new StateWriter().packed(model, (inbox) => ({ fresh: inbox.list() })))
}

export const textOf = ({ head, body }: Packed): string => `${head}\n${body}`

/** @throws when it is not what `pack` made */
export function unpack(text: string): StoredState {
  const end = text.indexOf('\n')
  return unpackState(text.slice(0, end), () => text.slice(end + 1))
}

/** Which of an inbox's messages a state holds. */
type Split = (inbox: Inbox) => { kept?: Kept; fresh: readonly Message[] }

/** Writes states of one hive; what did not change since the one before is not made again. */
class StateWriter {
  readonly #agents = new TableWriter(AGENT)
  readonly #usages = new TableWriter(USAGE)
  readonly #inboxes = new TableWriter(INBOX)
  readonly #pending = new TableWriter(PENDING)
  readonly #decided = new TextsQueue()

  packed(model: HiveModel, split: Split): Packed {
    const { agents, inboxes: states, pending, carry, ...state } = model.view('none', false)
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
      rows.push({ recipient, waiting, estimated, from: kept?.from, to: kept?.to, held } as PackedInbox)
    }
    const usages: AgentUsage[] = []
    const sums = [...model.usage.cost.parts]
    let agent = 0
    for (const { usage } of model.agents.all()) {
      if (usage !== undefined) {
        const { calls, inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, unpriced, cost } = usage
        usages.push({
          agent,
          calls,
          inputTokens,
          outputTokens,
          cacheReadTokens,
          cacheWriteTokens,
          unpriced,
        })
        const [sum, rest] = cost.parts
        sums.push(sum, rest)
      }
      agent++
    }
    const head = withJson(state, {
      agents: this.#agents.json(agents),
      ofAgents: this.#usages.json(usages),
      sums: `"${base64Of(sums)}"`,
      inboxes: this.#inboxes.json(rows),
      pending: this.#pending.json(pending),
      newest: JSON.stringify(columnsOf(newest)),
      ...(carry !== undefined && { carry: this.#carry(carry) }),
    })
    return { head, body: JSON.stringify(columnsOf(others)) }
  }

  /** The JSON of a `PackedCarry`. */
  #carry({ escalations, ...others }: Carry): string {
    if (escalations === undefined) return JSON.stringify(others)
    const { decided, ...rest } = escalations
    return withJson(others, {
      escalations: withJson(rest, decided === undefined ? {} : { decided: this.#decided.json(decided) }),
    })
  }
}

const base64Of = (numbers: readonly number[]): string =>
  Buffer.from(Float64Array.from(numbers).buffer).toString('base64')

/** A copy of the bytes, since a small buffer is a part of one that numbers may not begin in. */
const numbersIn = (base64: string): Float64Array =>
  new Float64Array(new Uint8Array(Buffer.from(base64, 'base64')).buffer)

/** The JSON of an object that has these fields too. @param fields JSON of each */
function withJson(object: object, fields: { [name: string]: string }): string {
  const own = JSON.stringify(object).slice(1, -1)
  const parts = own === '' ? [] : [own]
  for (const name of Object.keys(fields)) parts.push(`"${name}":${fields[name]}`)
  return `{${parts.join(',')}}`
}

function carryOf({ escalations, ...others }: PackedCarry): Carry {
  if (escalations === undefined) return others
  const { decided, ...rest } = escalations
  return {
    ...others,
    escalations: { ...rest, ...(decided !== undefined && { decided: textsOf(decided) as string[] }) },
  }
}

/** Packs the states of a model that goes on, each whole or as what is new in it. */
export class Packer {
  readonly #writer = new StateWriter()
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
    const state = this.#writer.packed(model, (inbox) => {
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
  const twins = new Set<string>()
  for (const name of model.strangers.keys()) if (model.agents.get(name)?.inbox !== undefined) twins.add(name)
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
    sums: parts,
    carry = {},
    ...state
  } = JSON.parse(head) as PackedHead
  const all = rowsOf<AgentState>(agents)
  const numbers = numbersIn(parts)
  const partsAt = (i: number): [number, number] => [numbers[2 * i] as number, numbers[2 * i + 1] as number]
  const sums: NonNullable<Carry['sums']> = [['', partsAt(0)]]
  for (const [i, { agent: at, ...usage }] of rowsOf<AgentUsage>(ofAgents).entries()) {
    const agent = all[at] as AgentState
    const sum = partsAt(i + 1)
    // Whoever goes on with it goes on with the parts.
    agent.usage = { ...usage, costUsd: sum[0] }
    sums.push([agent.agentId, sum])
  }
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
    carry: { ...carryOf(carry), sums },
  }
}
