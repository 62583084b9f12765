/**
 * States as the side index holds them. Most of a big state are the messages that wait, and hardly anybody asks for one
 * of them but the newest: the others are written apart, field by field, and taken apart when they are needed. A state
 * can leave out messages that states before it hold, too: it is a fraction of a whole one then, and can be had much
 * more often along the log. The list of an inbox begins in the last state that holds all its messages or, once what
 * that one had is gone, in a later one; each state since adds those that came.
 */
import type { Inbox, Message, StoredMessages } from '../../model/inbox.js'
import type { Carry, HiveModel, StoredState } from '../../model/model.js'
import type { AgentState, InboxState, PendingEscalation, UsageTotals } from '../../model/state.js'
import { type Columns, columnsOf, StoredColumns } from './columns.js'
import { type Texts, TextsQueue, textsOf } from './fields.js'
import { type Fields, rowsOf, type Table, TableWriter } from './table.js'

/** An inbox without its messages. */
interface PackedInbox extends Omit<InboxState, 'messages'> {
  /** Messages that are listed: the last ones of those that this state and others hold. */
  held: number
  /** How many states before this one its list begins. */
  back: number
}

/** The messages of an inbox that one state holds: the newest in its head, those before it in its body. */
interface PackedPart {
  recipient: string
  /** How many. */
  fresh: number
  /** How many of the states before hold them too, as the last ones: the newest is in each state. */
  over: number
}

interface PackedMessages {
  parts: Table
  newest: Columns
  others: Columns
  /** Length of the text of the newest, which is followed by that of the others. */
  newestText: number
  /** Both, where they do not stand apart. */
  text?: string
}

type PackedHead = Omit<StoredState, 'agents' | 'carry' | 'inboxes' | 'pending'> & {
  agents: Table
  /** What the agents used, of those that used anything. */
  ofAgents: Table
  /** Two parts of each sum of dollars, the hive's and then theirs: doubles, in Base64, as digits take long to find. */
  sums: string
  inboxes: Table
  pending: Table
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
  held: (inbox) => inbox.held,
  back: (inbox) => inbox.back,
}
const PART: Fields<PackedPart> = {
  recipient: (part) => part.recipient,
  fresh: (part) => part.fresh,
  over: (part) => part.over,
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

/** The state that a model of one log is in, as one text. */
export function pack(model: HiveModel): string {
  return new Packer().whole(model)
}

/** @throws when it is not what `pack` made */
export const unpack = (text: string): StoredState => unpackState(text)

/** Which messages of an inbox a state holds, and how they go on from those of states before. */
interface Split extends Pick<PackedInbox, 'held' | 'back'>, Pick<PackedPart, 'over'> {
  fresh: readonly Message[]
}

/** Writes states of one hive; what did not change since the one before is not made again. */
class StateWriter {
  readonly #agents = new TableWriter(AGENT)
  readonly #usages = new TableWriter(USAGE)
  readonly #inboxes = new TableWriter(INBOX)
  readonly #pending = new TableWriter(PENDING)
  readonly #parts = new TableWriter(PART)
  readonly #decided = new TextsQueue()

  packed(model: HiveModel, split: (inbox: Inbox) => Split): string {
    const { agents, inboxes: states, pending, carry, ...state } = model.view('none', false)
    const inboxes = model.filledInboxes()
    const rows: PackedInbox[] = []
    const parts: PackedPart[] = []
    const newest: Message[] = []
    const others: Message[] = []
    for (let i = 0; i < inboxes.length; i++) {
      const { held, back, over, fresh } = split(inboxes[i] as Inbox)
      const { recipient, waiting, estimated } = states[i] as InboxState
      for (let k = 0; k < fresh.length - 1; k++) others.push(fresh[k] as Message)
      if (fresh.length > 0) newest.push(fresh.at(-1) as Message)
      rows.push({ recipient, waiting, estimated, held, back } as PackedInbox)
      parts.push({ recipient, fresh: fresh.length, over })
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
      ...(carry !== undefined && { carry: this.#carry(carry) }),
    })
    const ofNewest = columnsOf(newest)
    const ofOthers = columnsOf(others)
    const text = ofNewest.text + ofOthers.text
    // Half a character would not outlive being made bytes; JSON has a way to write it.
    const isWhole = text.isWellFormed()
    const messages = withJson(isWhole ? {} : { text }, {
      parts: this.#parts.json(parts),
      newest: JSON.stringify(ofNewest.columns),
      others: JSON.stringify(ofOthers.columns),
      newestText: String(ofNewest.text.length),
    })
    return `${head}\n${messages}\n${isWhole ? text : ''}`
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

/** What a state without messages takes for them, about. */
const NO_MESSAGES = 3 * JSON.stringify(columnsOf([]).columns).length

/** Packs the states of a model that goes on, each whole or as what is new in it. */
export class Packer {
  /** Length of the last state, had it been whole, about; and of what is new in it. */
  wholeLength = 0
  newsLength = 0
  /** Whether the last state is mostly messages, so that news of it are a fraction of another one. */
  isNewsSmall = false
  readonly #writer = new StateWriter()
  /** The lists of inboxes as they were; only of those whose recipient has one alone. */
  #lists: Map<Inbox, List> | undefined
  /** States that were packed, the messages that they hold, and the length of these, about. */
  #count = 0
  #messages = 0
  #messagesLength = 0

  /** Whether there is a state to which something can be new. */
  get hasBefore(): boolean {
    return this.#lists !== undefined
  }

  /** How many states before the last one its lists begin. */
  back = 0

  whole(model: HiveModel): string {
    this.#lists = undefined
    return this.news(model, 0)
  }

  /**
   * Without messages that states before it hold, which were packed here too.
   * @param reach how many states before it lists may begin
   */
  news(model: HiveModel, reach: number): string {
    const number = ++this.#count
    const lists = new Map<Inbox, List>()
    const twins = twinsOf(model)
    let [held, newest, fresh, begun] = [0, 0, 0, 0]
    this.back = 0
    const state = this.#writer.packed(model, (inbox) => {
      const before = this.#lists?.get(inbox)
      const list = (before && goneOn(before, inbox, number, reach)) ?? begin(inbox, number)
      if (!twins.has(inbox.recipient)) lists.set(inbox, list)
      const split = splitOf(inbox, list, number)
      held += split.held
      if (split.held > 0) newest++
      fresh += split.fresh.length
      const came = before === undefined ? 0 : inbox.puts - before.puts
      begun += Math.max(0, split.fresh.length - came)
      this.back = Math.max(this.back, split.back)
      return split
    })
    this.#lists = lists
    const lengthOfState = state.indexOf('\n')
    this.#messages += fresh
    this.#messagesLength += Math.max(0, state.length - lengthOfState - NO_MESSAGES)
    const lengthOfOne = this.#messagesLength / Math.max(1, this.#messages)
    // The newest messages are in each state.
    this.isNewsSmall = lengthOfOne * (held - newest) > lengthOfState + lengthOfOne * newest
    this.wholeLength = Math.round(lengthOfState + lengthOfOne * held)
    this.newsLength = Math.round(lengthOfState + lengthOfOne * (fresh - begun))
    return state
  }
}

/** Where the messages of an inbox are. */
interface List {
  /** The states that hold them: the number of each, and what the inbox had been put before those that it holds. */
  parts: { number: number; puts: number }[]
  /** What tells whether it only lost its oldest since. */
  taken: number
  puts: number
  /** Messages that the last state holds, and how many of them came since the one before. */
  fresh: number
  came: number
}

const heldBy = (inbox: Inbox): number => inbox.waiting - inbox.unheld

/** A list that one state holds alone. */
function begin(inbox: Inbox, number: number): List {
  const { puts, takenFromWithin: taken } = inbox
  const fresh = heldBy(inbox)
  return { parts: [{ number, puts: puts - fresh }], taken, puts, fresh, came: fresh }
}

/** The list of an inbox that states before hold in part; `undefined` where none can be gone on with. */
function goneOn(before: List, inbox: Inbox, number: number, reach: number): List | undefined {
  const { puts, takenFromWithin: taken } = inbox
  const held = heldBy(inbox)
  const came = puts - before.puts
  // The newest message is always among the fresh: it is asked for.
  const fresh = Math.max(1, came)
  if (taken !== before.taken || fresh >= held) return undefined
  const { parts } = before
  parts.push({ number, puts: before.puts })
  // Whatever is gone was the oldest.
  let gone = 0
  while ((parts[gone + 1]?.puts ?? puts) <= puts - held) gone++
  parts.splice(0, gone)
  if (number - (parts[0] as { number: number }).number > reach) return undefined
  return { parts, taken, puts, fresh, came }
}

function splitOf(inbox: Inbox, { parts, fresh, came }: List, number: number): Split {
  const back = number - (parts[0] as { number: number }).number
  return {
    held: heldBy(inbox),
    back,
    over: fresh - came,
    fresh: back === 0 ? inbox.list() : inbox.latest(fresh),
  }
}

/** Recipients that more than one inbox has: an agent's, and that of a name before it was one. */
function twinsOf(model: HiveModel): Set<string> {
  const twins = new Set<string>()
  for (const name of model.strangers.keys()) if (model.agents.get(name)?.inbox !== undefined) twins.add(name)
  return twins
}

/** A part, and where its messages are: its newest, and the first of the others. */
interface PlacedPart extends PackedPart {
  newest: number
  others: number
}

/** The messages that a state holds, taken apart when they are asked for. */
class StoredParts {
  readonly #text: string
  #packed: PackedMessages | undefined
  readonly #newest = new StoredColumns(() => {
    const { newest: columns, newestText } = this.#load()
    return { columns, text: this.#texts().slice(0, newestText) }
  })
  readonly #others = new StoredColumns(() => {
    const { others: columns, newestText } = this.#load()
    return { columns, text: this.#texts().slice(newestText) }
  })
  #endOfJson = 0
  #parts: PlacedPart[] | undefined
  #numbers: Map<string, number> | undefined

  /** @param text the state's */
  constructor(text: string) {
    this.#text = text
  }

  #load(): PackedMessages {
    if (this.#packed !== undefined) return this.#packed
    const from = this.#text.indexOf('\n')
    this.#endOfJson = this.#text.indexOf('\n', from + 1)
    this.#packed = JSON.parse(this.#text.slice(from + 1, this.#endOfJson)) as PackedMessages
    return this.#packed
  }

  #texts(): string {
    return this.#load().text ?? this.#text.slice(this.#endOfJson + 1)
  }

  newest(number: number): Message | undefined {
    const part = this.#take()[number]
    if (part === undefined || part.fresh === 0) return undefined
    return this.#newest.slice(part.newest, part.newest + 1)[0]
  }

  /** Adds the messages of an inbox to those of states before. @throws when there is no such inbox */
  addTo(messages: Message[], number: number): void {
    const part = this.#take()[number]
    if (part === undefined) throw new Error('a state lacks an inbox that one behind it needs')
    const { fresh, over, others } = part
    messages.splice(Math.max(0, messages.length - over))
    if (fresh > 1) messages.push(...this.#others.slice(others, others + fresh - 1))
    if (fresh > 0) messages.push(this.newest(number) as Message)
  }

  /** Number of the inbox of a recipient that has one alone; -1 if there is none. */
  numberOf(recipient: string): number {
    this.#numbers ??= new Map(this.#take().map((part, number) => [part.recipient, number]))
    return this.#numbers.get(recipient) ?? -1
  }

  #take(): readonly PlacedPart[] {
    if (this.#parts !== undefined) return this.#parts
    let newest = 0
    let others = 0
    this.#parts = rowsOf<PlacedPart>(this.#load().parts)
    for (const part of this.#parts) {
      part.newest = newest
      part.others = others
      if (part.fresh === 0) continue
      newest++
      others += part.fresh - 1
    }
    return this.#parts
  }
}

/**
 * @param before gives a state so many states before this one, for one of which that is left out
 * @throws when it is not what was packed
 */
export function unpackState(text: string, before?: (back: number) => string): StoredState {
  const {
    inboxes,
    agents,
    ofAgents,
    pending,
    sums: parts,
    carry = {},
    ...state
  } = JSON.parse(text.slice(0, text.indexOf('\n'))) as PackedHead
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
  /** The messages of this state, and of those before it. */
  const stored = [new StoredParts(text)]
  const storedAt = (back: number): StoredParts => {
    stored[back] ??= new StoredParts((before as (back: number) => string)(back))
    return stored[back]
  }
  const own = storedAt(0)
  return {
    ...state,
    agents: all,
    pending: rowsOf<PendingEscalation>(pending),
    inboxes: rowsOf<PackedInbox>(inboxes).map(({ held, back, ...inbox }, number) => {
      const messages: StoredMessages = {
        count: held,
        load: () => {
          const list: Message[] = []
          for (let i = back; i > 0; i--) {
            const part = storedAt(i)
            part.addTo(list, part.numberOf(inbox.recipient))
          }
          own.addTo(list, number)
          return list.slice(Math.max(0, list.length - held))
        },
        newest: () => own.newest(number),
      }
      return { ...inbox, messages }
    }),
    carry: { ...carryOf(carry), sums },
  }
}
