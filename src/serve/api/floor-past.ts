/**
 * The floor at any row, without folding: of each agent what the floor shows of it, each time that this became another.
 * Rows only come at the end, so of every agent the last version up to a row is found by halving. It leaves out what
 * agents did last, which is in their lines.
 */
import { idOf, textOf } from '../../format/bounded.js'
import type { Fields } from '../../format/fields.js'
import type { HiveEvent } from '../../format/kinds.js'
import type { Escalation } from '../../model/escalations.js'
import type { HiveListener } from '../../model/listener.js'
import { totalsState } from '../../model/plain.js'
import type { UsageTotals } from '../../model/state.js'
import { Column, lastUpTo, Names } from './columns.js'
import { EDGES, type FloorTracker, pendingBy, pendingOf } from './floor-tracker.js'
import type { Edge, Floor, FloorAgent, Pending, Recipient } from './shapes.js'

/** Versions of all agents that are kept, some 40 bytes each; of rows after those another way is slower. */
const MAX_VERSIONS = 2_000_000
const MAX_QUESTIONS = 200_000
const MAX_NAMES = 200_000

/** What seldom changes. `gone`: it is no agent and no recipient any more. */
type Rest =
  | { is: 'agent'; agent: Omit<FloorAgent, 'agentId' | 'inbox' | 'usage' | 'pending'>; estimated: boolean }
  | { is: 'recipient'; estimated: boolean }
  | { is: 'gone' }

interface Subject {
  id: string
  /** Its versions, in the order of their rows. */
  versions: number[]
}

/** A question that waited, from one row to before another. */
interface Question {
  from: number
  to: number
  pending: Pending
}

const GONE: Rest = { is: 'gone' }

export class FloorPast {
  readonly #max: number
  /** In the order in which they came to be. */
  readonly #all: Subject[] = []
  /** Of each id the last one. */
  readonly #subjects = new Map<string, Subject>()
  #count = 0
  readonly #row = new Column(Uint32Array)
  readonly #waiting = new Column(Uint32Array)
  /** When the oldest message in the inbox was sent; NaN where that is not known. */
  readonly #oldest = new Column(Float64Array)
  readonly #undelivered = new Column(Uint32Array)
  readonly #rest: Rest[] = []
  readonly #restOf = new Column(Uint32Array)
  readonly #uses = new Uses()
  readonly #useOf = new Column(Uint32Array)
  readonly #totals = new Uses()
  readonly #totalRows: number[] = []
  readonly #messages = new Messages()
  readonly #questions: Question[] = []
  readonly #open = new Map<string, Question>()
  #unheld = 0
  /** Whom the present event changes. */
  readonly #touched = new Set<string>()
  #asked: { opened: Escalation[]; closed: string[] } = { opened: [], closed: [] }
  /** Rows that are known; no more once there was too much. */
  #rows = 0
  #isFull = false

  /** @param max versions that are kept */
  constructor(max = MAX_VERSIONS) {
    this.#max = max
  }

  readonly onTouched = (id: string): void => {
    if (!this.#isFull) this.#touched.add(id)
  }

  readonly listener: HiveListener = {
    escalated: (escalation, early) => {
      if (early === undefined && !this.#isFull) this.#asked.opened.push(escalation)
    },
    answered: (id, answer, _, escalation) => {
      if (answer === 'decides' && escalation !== undefined && !this.#isFull) this.#asked.closed.push(id)
    },
  }

  /** Takes in what the event of a row has changed. Rows come one after the other, from 0. */
  add(row: number, event: HiveEvent, tracker: FloorTracker): void {
    if (this.#isFull) return
    for (const id of this.#touched) this.#version(row, id, tracker)
    this.#touched.clear()
    if (this.#asked.opened.length + this.#asked.closed.length > 0) this.#ask(row, tracker)
    if (event.kind === 'usage') {
      this.#totals.add(totalsState(tracker.model.usage))
      this.#totalRows.push(row)
    } else if (event.kind === 'message') this.#messages.add(row, event as Fields, tracker.position)
    this.#rows = row + 1
    if (this.#count < this.#max && this.#questions.length < MAX_QUESTIONS && !this.#messages.isFull) return
    this.#isFull = true
    this.#touched.clear()
  }

  /** The floor after a row, with its position and time; `undefined` where too much came before it. */
  floor(row: number, at: { position: number; ts: number }): Floor | undefined {
    if (row < 0 || row >= this.#rows) return undefined
    const pending = this.#pending(row)
    const counts = pendingBy(pending)
    const agents: FloorAgent[] = []
    const recipients: Recipient[] = []
    for (const { id, versions } of this.#all) {
      const version = this.#lastUpTo(versions, row)
      if (version === undefined) continue
      const rest = this.#restAt(version)
      if (rest.is === 'gone') continue
      const waiting = this.#waiting.get(version)
      const oldestTs = this.#oldest.get(version)
      const { estimated } = rest
      const oldest = Number.isNaN(oldestTs) ? {} : { oldestTs }
      if (rest.is === 'recipient') {
        if (waiting > 0) recipients.push({ name: id, waiting, ...oldest, estimated })
        continue
      }
      const { calls, inputTokens, outputTokens, costUsd } = this.#uses.get(this.#useOf.get(version))
      agents.push({
        agentId: id,
        ...rest.agent,
        inbox: { waiting, undelivered: this.#undelivered.get(version), estimated, ...oldest },
        usage: { calls, inputTokens, outputTokens, costUsd },
        pending: counts.get(id) ?? 0,
      })
    }
    const total = lastUpTo(this.#totalRows, row)
    const usage = this.#totals.get(total + 1)
    return { ...at, agents, recipients, pending, usage, edges: this.#messages.edges(row) }
  }

  #version(row: number, id: string, tracker: FloorTracker): void {
    const shown = tracker.brief(id)
    const recipient = shown === undefined ? tracker.recipient(id) : undefined
    const rest = restOf(shown, recipient)
    let subject = this.#subjects.get(id)
    const is = subject === undefined ? 'gone' : this.#restAt(subject.versions.at(-1) as number).is
    if (is !== rest.is) {
      // A recipient that becomes an agent, or one that is back, stands where new ones do.
      if (subject !== undefined && is !== 'gone') this.#add(row, subject, GONE, {})
      subject = undefined
    }
    if (rest.is === 'gone') return
    if (subject === undefined) {
      subject = { id, versions: [] }
      this.#all.push(subject)
      this.#subjects.set(id, subject)
    }
    this.#add(row, subject, rest, { shown, inbox: shown?.inbox ?? recipient })
  }

  #add(
    row: number,
    { versions }: Subject,
    rest: Rest,
    {
      shown,
      inbox,
    }: {
      shown?: FloorAgent | undefined
      inbox?: { waiting: number; oldestTs?: number; undelivered?: number } | undefined
    },
  ): void {
    const before = versions.at(-1)
    const { waiting = 0, oldestTs = Number.NaN, undelivered = 0 } = inbox ?? {}
    const restOf = this.#restFor(before, rest)
    const useOf = this.#useFor(before, shown)
    if (
      before !== undefined &&
      waiting === this.#waiting.get(before) &&
      Object.is(oldestTs, this.#oldest.get(before)) &&
      undelivered === this.#undelivered.get(before) &&
      restOf === this.#restOf.get(before) &&
      useOf === this.#useOf.get(before)
    )
      return
    const version = this.#count++
    this.#row.set(version, row)
    this.#waiting.set(version, waiting)
    this.#oldest.set(version, oldestTs)
    this.#undelivered.set(version, undelivered)
    this.#restOf.set(version, restOf)
    this.#useOf.set(version, useOf)
    versions.push(version)
  }

  #restAt(version: number): Rest {
    return this.#rest[this.#restOf.get(version)] as Rest
  }

  #restFor(before: number | undefined, rest: Rest): number {
    const at = before === undefined ? undefined : this.#restOf.get(before)
    if (at !== undefined && isSame(this.#rest[at] as Rest, rest)) return at
    return this.#rest.push(rest) - 1
  }

  #useFor(before: number | undefined, shown: FloorAgent | undefined): number {
    if (shown === undefined || shown.usage.calls === 0) return 0
    const at = before === undefined ? 0 : this.#useOf.get(before)
    const { calls, costUsd, inputTokens, outputTokens } = this.#uses.get(at)
    const { usage } = shown
    const isKnown =
      calls === usage.calls &&
      costUsd === usage.costUsd &&
      inputTokens === usage.inputTokens &&
      outputTokens === usage.outputTokens
    return isKnown ? at : this.#uses.add(usage)
  }

  #lastUpTo(versions: readonly number[], row: number): number | undefined {
    let low = 0
    let high = versions.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#row.get(versions[middle] as number) <= row) low = middle + 1
      else high = middle
    }
    return versions[low - 1]
  }

  #ask(row: number, tracker: FloorTracker): void {
    const { opened, closed } = this.#asked
    this.#asked = { opened: [], closed: [] }
    for (const id of closed) this.#close(id, row)
    for (const escalation of opened) {
      this.#close(escalation.id, row)
      const question = {
        from: row,
        to: Number.POSITIVE_INFINITY,
        pending: pendingOf(escalation, tracker.position),
      }
      this.#questions.push(question)
      this.#open.set(escalation.id, question)
      // Of too many, the oldest is not held any more.
      const { unheld } = tracker.model.escalations
      if (unheld > this.#unheld) {
        const [oldest] = this.#open.keys()
        if (oldest !== undefined) this.#close(oldest, row)
      }
    }
    this.#unheld = tracker.model.escalations.unheld
  }

  #close(id: string, row: number): void {
    const question = this.#open.get(id)
    if (question === undefined) return
    question.to = row
    this.#open.delete(id)
  }

  #pending(row: number): Pending[] {
    const pending: Pending[] = []
    for (const { from, to, pending: asked } of this.#questions) {
      if (from > row) break
      if (row < to) pending.push(asked)
    }
    return pending
  }
}

function restOf(shown: FloorAgent | undefined, recipient: Recipient | undefined): Rest {
  if (shown !== undefined) {
    const { agentId: _, inbox, usage: __, pending: ___, ...agent } = shown
    return { is: 'agent', agent, estimated: inbox.estimated }
  }
  return recipient === undefined ? GONE : { is: 'recipient', estimated: recipient.estimated }
}

function isSame(a: Rest, b: Rest): boolean {
  if (a.is === 'gone' || b.is === 'gone') return a.is === b.is
  if (a.estimated !== b.estimated) return false
  if (a.is === 'recipient' || b.is === 'recipient') return a.is === b.is
  const [one, other] = [a.agent, b.agent]
  return (
    one.status === other.status &&
    one.since === other.since &&
    one.name === other.name &&
    one.isGod === other.isGod &&
    one.parent === other.parent &&
    one.log === other.log &&
    one.role === other.role &&
    one.model === other.model
  )
}

/** What was used, by numbers from 1; 0 is nothing. */
class Uses {
  #count = 0
  readonly #calls = new Column(Uint32Array)
  readonly #unpriced = new Column(Uint32Array)
  readonly #amounts = [1, 2, 3, 4, 5].map(() => new Column(Float64Array))

  add(usage: Partial<UsageTotals>): number {
    const at = ++this.#count
    this.#calls.set(at, usage.calls ?? 0)
    this.#unpriced.set(at, usage.unpriced ?? 0)
    const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, costUsd } = usage
    const amounts = [inputTokens, outputTokens, costUsd, cacheReadTokens, cacheWriteTokens]
    for (const [i, amount] of amounts.entries()) if (amount !== undefined) this.#amounts[i]?.set(at, amount)
    return at
  }

  get(at: number): UsageTotals {
    const [inputTokens, outputTokens, costUsd, cacheReadTokens, cacheWriteTokens] = this.#amounts.map(
      (column) => column.get(at),
    ) as [number, number, number, number, number]
    return {
      calls: this.#calls.get(at),
      inputTokens,
      outputTokens,
      cacheReadTokens,
      cacheWriteTokens,
      costUsd,
      unpriced: this.#unpriced.get(at),
    }
  }
}

/** Messages, for the last ones before a row. */
class Messages {
  isFull = false
  readonly #rows: number[] = []
  readonly #names = new Names(MAX_NAMES)
  readonly #from = new Column(Uint32Array)
  readonly #to = new Column(Uint32Array)
  readonly #act = new Column(Uint32Array)
  readonly #position = new Column(Float64Array)
  readonly #ts = new Column(Float64Array)

  add(row: number, event: Fields, position: number): void {
    const at = this.#rows.push(row) - 1
    this.#from.set(at, this.#number(idOf(event.from) ?? ''))
    this.#to.set(at, this.#number(idOf(event.to) ?? ''))
    const act = textOf(event.act)
    if (act !== undefined) this.#act.set(at, this.#number(act))
    this.#position.set(at, position)
    this.#ts.set(at, event.ts as number)
  }

  /** The last `EDGES` up to a row, oldest first. */
  edges(row: number): Edge[] {
    const end = lastUpTo(this.#rows, row) + 1
    return Array.from({ length: Math.min(end, EDGES) }, (_, i) => {
      const at = Math.max(0, end - EDGES) + i
      const act = this.#act.get(at)
      return {
        from: this.#names.name(this.#from.get(at)),
        to: this.#names.name(this.#to.get(at)),
        position: this.#position.get(at),
        ts: this.#ts.get(at),
        ...(act !== 0 && { act: this.#names.name(act) }),
      }
    })
  }

  #number(name: string): number {
    const number = this.#names.add(name)
    if (number === Names.MANY) this.isFull = true
    return number
  }
}
