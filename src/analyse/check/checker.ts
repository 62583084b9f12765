/** Feeds each line of a log to the checks that want it, in one pass, and makes the report. */
import type { HiveEvent } from '../../format/kinds.js'
import { isMalformed, type LogEntry, type LogItem, type MalformedLine } from '../../read/items.js'
import { Approvals } from './approvals.js'
import { Checkpoints } from './checkpoints.js'
import { Clock } from './clock.js'
import { Conversations } from './conversations.js'
import { CostSpikes } from './cost-spikes.js'
import { Deliveries } from './deliveries.js'
import { type CheckFinding, Findings } from './findings.js'
import { Losses } from './losses.js'
import { Retries } from './retries.js'
import { Roster } from './roster.js'
import type { CheckRule, Severity } from './rules.js'
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
  /** The log was read from its very first line. */
  isWhole: boolean
}

/** One family of rules: takes the lines that concern it, and reports at the end what it has not reported before. */
export interface Check {
  add?(event: AnyEvent, entry: LogEntry): void
  malformed?(line: MalformedLine): void
  end(end: LogEnd): void
}

/** What `checkLog` finds. */
export interface CheckReport {
  /** Path that was asked for; `-` is standard input. */
  file: string
  /** Lines that were read. */
  lines: number
  /** Without housekeeping (`log.*`) and malformed lines. */
  events: number
  /** Lines that are no event. */
  malformed: number
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
}

const EVERY = ''

export class Checker {
  readonly #options: CheckerOptions
  readonly #findings: Findings
  readonly #checks: Check[] = []
  /** Who takes events of a kind; those of no kind in it go to `EVERY` alone. */
  readonly #byKind = new Map<string, Check[]>()
  readonly #every: Check[]
  readonly #report: Pick<CheckReport, 'lines' | 'events' | 'malformed'> = {
    lines: 0,
    events: 0,
    malformed: 0,
  }
  #firstTs = Number.POSITIVE_INFINITY
  #lastTs = Number.NEGATIVE_INFINITY
  #isWhole: boolean | undefined

  constructor(settings: Settings, options: CheckerOptions) {
    this.#options = options
    const findings = new Findings(settings, options.maxFindings)
    this.#findings = findings
    const roster = new Roster(findings)
    const on = (rules: CheckRule[], make: () => Check, kinds: string[]): void => {
      if (settings.isOn(...rules)) this.#use(make(), kinds)
    }
    on(['log-gap', 'log-torn', 'malformed-line'], () => new Losses(findings), ['log.gap', 'log.torn', EVERY])
    on(['seq-gap', 'seq-repeat'], () => new Sequence(findings), [EVERY])
    on(['checkpoint-gap'], () => new Checkpoints(findings), [EVERY])
    on(['clock-backwards'], () => new Clock(findings), [EVERY])
    // Keeps track of who lives; the deliveries rely on it.
    this.#use(roster, [EVERY])
    this.#use(new Deliveries(findings, roster), ['message', 'terminal-handoff', 'drop', 'drain'])
    on(['undelivered'], () => new Undelivered(findings), ['message', 'terminal-handoff', 'drop'])
    on(
      ['unanswered-escalation', 'unasked-approval', 'contradicting-approval'],
      () => new Approvals(findings),
      ['escalate', 'approval'],
    )
    on(['ping-pong', 'reply-chain', 'retry-storm'], () => new Conversations(findings, roster), ['message'])
    on(['retry-storm'], () => new Retries(findings), ['call', 'tool'])
    on(['cost-spike'], () => new CostSpikes(findings), ['usage'])
    this.#every = this.#byKind.get(EVERY) ?? []
  }

  /** Takes the lines in the order of the log. */
  add(item: LogItem): void {
    this.#report.lines++
    if (isMalformed(item)) {
      this.#report.malformed++
      for (const check of this.#checks) check.malformed?.(item)
      return
    }
    const event = item.event as AnyEvent
    const { kind, ts, seq } = event
    this.#isWhole ??= typeof seq !== 'number' || seq === 1
    if (!kind.startsWith('log.')) {
      this.#report.events++
      if (ts < this.#firstTs) this.#firstTs = ts
      if (ts > this.#lastTs) this.#lastTs = ts
    }
    for (const check of this.#byKind.get(kind) ?? this.#every) check.add?.(event, item)
  }

  /** Ends the checks; nothing may be added after it. */
  report(file: string): CheckReport {
    const hasEvents = this.#report.events > 0
    const isWhole = this.#isWhole ?? true
    if (!isWhole) {
      this.#findings.note('the log does not begin with seq 1: what came before is not known, and not judged')
    }
    const last = hasEvents ? this.#lastTs : 0
    const end = { now: Math.max(last, this.#options.now ?? last), closed: this.#options.closed, isWhole }
    for (const check of this.#checks) check.end(end)
    const { list, counts, omitted, notes } = this.#findings
    const times = hasEvents ? { firstTs: this.#firstTs, lastTs: this.#lastTs } : {}
    return { file, ...this.#report, ...times, counts, findings: list, omitted, notes }
  }

  #use(check: Check, kinds: string[]): void {
    this.#checks.push(check)
    if (kinds.includes(EVERY)) {
      // Whoever takes every event comes into each list, in the order of the checks.
      for (const list of this.#byKind.values()) list.push(check)
      if (!this.#byKind.has(EVERY)) this.#byKind.set(EVERY, [check])
      return
    }
    for (const kind of kinds) {
      const list = this.#byKind.get(kind) ?? [...(this.#byKind.get(EVERY) ?? [])]
      list.push(check)
      this.#byKind.set(kind, list)
    }
  }
}
