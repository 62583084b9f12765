/** Feeds each line of a log to the checks that want it, in one pass, and makes the report. */
import type { HiveEvent } from '../../format/kinds.js'
import type { HiveListener } from '../../model/listener.js'
import { type HiveEntry, HiveModel, type Price } from '../../model/model.js'
import { isMalformed, type LogItem, type MalformedLine } from '../../read/items.js'
import { Approvals } from './approvals.js'
import { Checkpoints } from './checkpoints.js'
import { Clock } from './clock.js'
import { Conversations } from './conversations.js'
import { CostSpikes } from './cost-spikes.js'
import { Deciders } from './deciders.js'
import { Deliveries } from './deliveries.js'
import { type CheckFinding, type CheckPlace, Findings, placeOf, type Within } from './findings.js'
import { Lives } from './lives.js'
import { Losses } from './losses.js'
import { Retries } from './retries.js'
import type { Severity } from './rules.js'
import { Sequence } from './sequence.js'
import type { Settings } from './settings.js'
import { Undelivered } from './undelivered.js'

/** An event whose fields may be missing or of any type. */
export type AnyEvent = HiveEvent & Record<string, unknown>

/** What is known of the log as a whole when it ends. */
export interface LogEnd {
  /** To when waiting is measured: the latest event, or the time that was given. Epoch milliseconds. */
  now: number
  /** Nothing comes after the last line. */
  closed: boolean
  /** Each log was read from its very first line. */
  isWhole: boolean
  /** Place of the last event; `undefined` where there is none. */
  last: CheckPlace | undefined
}

/** One family of rules: takes the lines that concern it, and reports at the end what it has not reported before. */
export interface Check {
  add?(event: AnyEvent, entry: HiveEntry): void
  malformed?(line: MalformedLine): void
  end(end: LogEnd): void
}

/** What `checkLog` finds. */
export interface CheckReport {
  /** Path that was asked for, the first one if there were several; `-` is standard input. */
  file: string
  /** Where the hive is more than one log: the paths of all. */
  logs?: string[]
  /** Lines that were read. */
  lines: number
  /** Without housekeeping (`log.*`) and malformed lines. */
  events: number
  /** Lines that are no event. */
  malformed: number
  /** Agents that were looked at: spawned, or with events of their own. */
  agents: number
  /** Time of the earliest and of the latest event, epoch milliseconds; left out where there is none. */
  firstTs?: number
  /** Time of the latest event, epoch milliseconds. */
  lastTs?: number
  /** How many findings there are, with those that are not listed. */
  counts: Record<Severity, number>
  /** The worst first, then in the order of the log. */
  findings: CheckFinding[]
  /** Findings beyond `maxFindings` of their rule. */
  omitted: number
  /** What could not be checked, and where a bound on memory was hit. */
  notes: string[]
}

export interface CheckerOptions {
  now?: number
  closed: boolean
  maxFindings: number
  /** Findings without a place in this time are left out. Default: none is. */
  within?: Within
  /** Paths of all logs, where they are more than one. */
  logs?: readonly string[]
  /** What calls cost. Default: what their events say. */
  price?: Price
}

/** Messages of one inbox, pending escalations, and decisions, that are judged one by one. */
const INBOX_CAPACITY = 2_000
const MAX_OPEN = 50_000
const MAX_ANSWERED = 20_000

/** A check, and the kinds that it takes; `undefined` for all. */
interface Wanted {
  check: Check
  kinds: readonly string[] | undefined
}

type Taker = NonNullable<Check['add']>

/** Who takes events of a kind. */
class Dispatch {
  /** Whether an event was seen. */
  isBegun = false
  readonly checks: Check[]
  readonly #every: Taker[]
  readonly #byKind = new Map<string, Taker[]>()

  constructor(wanted: readonly Wanted[]) {
    this.checks = wanted.map(({ check }) => check)
    // Bound once: the method of one of many classes is looked up anew for each event.
    const takers = (kind?: string): Taker[] =>
      wanted
        .filter(({ kinds }) => kinds === undefined || (kind !== undefined && kinds.includes(kind)))
        .flatMap(({ check }) => check.add?.bind(check) ?? [])
    this.#every = takers()
    for (const kind of wanted.flatMap(({ kinds = [] }) => kinds)) this.#byKind.set(kind, takers(kind))
  }

  add(event: AnyEvent, entry: HiveEntry): void {
    const takers = this.#byKind.get(event.kind) ?? this.#every
    for (let i = 0; i < takers.length; i++) (takers[i] as Taker)(event, entry)
  }
}

export class Checker {
  readonly #options: CheckerOptions
  readonly #findings: Findings
  readonly #model: HiveModel
  readonly #lives: Lives
  readonly #deliveries: Deliveries
  readonly #checks: Dispatch
  /** Checks of what is in the lines of one log, of each log its own. */
  readonly #ofLogs = new Map<string | undefined, Dispatch>()
  /** The log of the line before. */
  #log: { name: string | undefined; checks: Dispatch | undefined } = { name: undefined, checks: undefined }
  readonly #settings: Settings
  readonly #report: Pick<CheckReport, 'lines' | 'events' | 'malformed'> = {
    lines: 0,
    events: 0,
    malformed: 0,
  }
  #firstTs = Number.POSITIVE_INFINITY
  #lastTs = Number.NEGATIVE_INFINITY
  #isWhole = true
  #last: HiveEntry | undefined

  constructor(settings: Settings, options: CheckerOptions) {
    this.#settings = settings
    this.#options = options
    const findings = new Findings(settings, options.maxFindings, options.within)
    this.#findings = findings
    const [firstLog] = options.logs ?? []
    const listener: HiveListener = {
      spawned: (agent, before) => this.#lives.spawned(agent, before),
      ended: (agent, before) => this.#lives.ended(agent, before),
      lost: (agent, before) => this.#lives.lost(agent, before),
      aside: (agent, before) => this.#lives.aside(agent, before),
      forgotten: (agent) => {
        this.#deliveries.forgotten(agent)
        this.#lives.forgotten(agent)
      },
      deliveredLate: (inbox, message) => this.#deliveries.deliveredLate(inbox, message),
      drained: (agent, inbox, taken, before) => this.#deliveries.drained(agent, inbox, taken, before),
    }
    const model = new HiveModel({
      listener,
      inboxCapacity: INBOX_CAPACITY,
      maxPending: MAX_OPEN,
      maxDecided: MAX_ANSWERED,
      maxEarly: MAX_ANSWERED,
      ...(firstLog !== undefined && { firstLog }),
      ...(options.price !== undefined && { price: options.price }),
    })
    this.#model = model
    this.#lives = new Lives(findings, model)
    this.#deliveries = new Deliveries(findings, model, this.#lives)
    const wanted: Wanted[] = [
      { check: this.#lives, kinds: [] },
      { check: this.#deliveries, kinds: ['spawn', 'message', 'terminal-handoff', 'drop', 'escalate'] },
    ]
    if (settings.isOn('clock-backwards')) wanted.push({ check: new Clock(findings), kinds: undefined })
    if (settings.isOn('undelivered')) {
      wanted.push({ check: new Undelivered(findings), kinds: ['message', 'terminal-handoff', 'drop'] })
    }
    if (settings.isOn('unanswered-escalation', 'unasked-approval', 'contradicting-approval')) {
      const approvals = new Approvals(findings, model)
      listener.escalated = (escalation) => approvals.escalated(escalation)
      listener.answered = (id, answer, approve, _, matter) => approvals.answered(id, answer, approve, matter)
      wanted.push({ check: approvals, kinds: [] })
    }
    if (settings.isOn('agent-approval')) {
      const deciders = new Deciders(findings, model)
      const { spawned, escalated, answered } = listener
      listener.spawned = (agent, before) => {
        spawned?.(agent, before)
        deciders.called(agent)
      }
      listener.renamed = (agent) => deciders.called(agent)
      listener.escalated = (escalation, early, again, matter, earlier) => {
        escalated?.(escalation, early, again, matter, earlier)
        deciders.escalated(matter)
      }
      listener.answered = (id, answer, approve, escalation, matter) => {
        answered?.(id, answer, approve, escalation, matter)
        deciders.answered(answer, matter)
      }
      wanted.push({ check: deciders, kinds: [] })
    }
    if (settings.isOn('ping-pong', 'reply-chain', 'retry-storm'))
      wanted.push({ check: new Conversations(findings, model), kinds: ['message'] })
    if (settings.isOn('retry-storm')) wanted.push({ check: new Retries(findings), kinds: ['call', 'tool'] })
    if (settings.isOn('cost-spike')) {
      const spikes = new CostSpikes(findings)
      listener.used = (_, costUsd) => {
        spikes.costUsd = costUsd
      }
      wanted.push({ check: spikes, kinds: ['usage'] })
    }
    this.#checks = new Dispatch(wanted)
  }

  /** Takes the lines in the order of the hive's story. */
  add(item: LogItem & { log?: string }): void {
    this.#report.lines++
    const ofLog =
      item.log === this.#log.name && this.#log.checks !== undefined ? this.#log.checks : this.#turnTo(item)
    if (isMalformed(item)) {
      this.#report.malformed++
      for (const check of ofLog.checks) check.malformed?.(item)
      return
    }
    const event = item.event as AnyEvent
    const { kind, ts, seq } = event
    if (!ofLog.isBegun) {
      ofLog.isBegun = true
      if (typeof seq === 'number' && seq !== 1) this.#isWhole = false
    }
    if (kind.startsWith('log.')) {
      if (kind === 'log.open') this.#lives.isOurs = true
    } else {
      this.#report.events++
      if (ts < this.#firstTs) this.#firstTs = ts
      if (ts > this.#lastTs) this.#lastTs = ts
      this.#last = item
    }
    ofLog.add(event, item)
    this.#model.add(item)
    this.#checks.add(event, item)
  }

  /** Ends the checks; nothing may be added after it. */
  report(file: string): CheckReport {
    const hasEvents = this.#report.events > 0
    const { now, closed, logs } = this.#options
    const isWhole = this.#isWhole
    if (!isWhole) {
      const what = logs === undefined ? 'the log does not begin' : 'not all of the logs begin'
      this.#findings.note(`${what} with seq 1: what came before is not known, and not judged`)
    }
    const latest = hasEvents ? this.#lastTs : 0
    const last = this.#last === undefined ? undefined : placeOf(this.#last)
    const end = { now: Math.max(latest, now ?? latest), closed, isWhole, last }
    for (const { checks } of this.#ofLogs.values()) for (const check of checks) check.end(end)
    for (const check of this.#checks.checks) check.end(end)
    const { list, counts, omitted, notes } = this.#findings
    const times = hasEvents ? { firstTs: this.#firstTs, lastTs: this.#lastTs } : {}
    const { size, forgottenEnded, forgottenLiving } = this.#model.agents
    const agents = size + forgottenEnded + forgottenLiving
    const of = logs === undefined ? {} : { logs: [...logs] }
    return { file, ...of, ...this.#report, agents, ...times, counts, findings: list, omitted, notes }
  }

  /** Another log's turn than of the line before. */
  #turnTo(item: LogItem & { log?: string }): Dispatch {
    const checks = this.#ofLogs.get(item.log) ?? this.#begin(item)
    this.#log = { name: item.log, checks }
    return checks
  }

  /** The first line of a log. */
  #begin(item: LogItem & { log?: string }): Dispatch {
    const findings = this.#findings
    const settings = this.#settings
    const wanted: Wanted[] = []
    if (settings.isOn('log-gap', 'log-torn', 'malformed-line'))
      wanted.push({ check: new Losses(findings), kinds: undefined })
    if (settings.isOn('seq-gap', 'seq-repeat'))
      wanted.push({ check: new Sequence(findings), kinds: undefined })
    if (settings.isOn('checkpoint-gap')) wanted.push({ check: new Checkpoints(findings), kinds: undefined })
    const made = new Dispatch(wanted)
    this.#ofLogs.set(item.log, made)
    return made
  }
}
