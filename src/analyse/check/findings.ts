/** What checks find: places, groups of repeats that are one finding, and the bounded list of findings. */
import type { HiveEntry } from '../../model/model.js'
import type { MalformedLine } from '../../read/items.js'
import { type CheckRule, SEVERITIES, type Severity } from './rules.js'
import type { Settings } from './settings.js'
import { counted } from './words.js'

/** Where a line is. */
export interface CheckPlace {
  /** Path of the segment. */
  file: string
  /** Number of the line in its segment, from 1; left out where reading began in the middle of the file. */
  line?: number
  /**
   * Position in the log; in a log without `seq`, the number of the line over all segments. Left out for a line that
   * is no event.
   */
  seq?: number
  /** Time of the event, epoch milliseconds. */
  ts?: number
  /** Path of the log, where several are checked as one hive. */
  log?: string
}

/** Something that went wrong, however often it did. */
export interface CheckFinding {
  /** The rule that found it. */
  rule: CheckRule
  /** How bad it is. */
  severity: Severity
  /** One sentence. Names and texts in it come from the log, and may hold any characters. */
  message: string
  /** How many events (lines, losses) are meant. */
  count: number
  /** Ids of the agents that are concerned, at most 10. */
  agents: string[]
  /** The first place. */
  first: CheckPlace
  /** The last place. */
  last: CheckPlace
  /** The first few places, in order, and the last: at most 10. */
  places: CheckPlace[]
}

export const MAX_PLACES = 10
export const MAX_AGENTS = 10

/** The place of an event. */
export function placeOf({ file = '', line, seq, event, log }: HiveEntry): CheckPlace {
  const place: CheckPlace = { file }
  if (line !== undefined) place.line = line
  place.seq = seq
  place.ts = event.ts
  if (log !== undefined) place.log = log
  return place
}

/** The place of a line that is no event. */
export function placeOfLine({ file, line, log }: MalformedLine & { log?: string }): CheckPlace {
  const place: CheckPlace = { file }
  if (line !== undefined) place.line = line
  if (log !== undefined) place.log = log
  return place
}

/** Repeats of one cause. */
export class Group {
  count = 0
  readonly first: CheckPlace
  last: CheckPlace
  /** Where the first place stands among all; a line that is no event follows on a `seq`. */
  readonly order: number
  readonly #places: CheckPlace[] = []

  constructor(place: CheckPlace, count = 1, order = place.seq ?? 0) {
    this.first = place
    this.last = place
    this.order = order
    this.add(place, count)
  }

  add(place: CheckPlace, count = 1): void {
    this.count += count
    this.last = place
    if (this.#places.length < MAX_PLACES - 1) this.#places.push(place)
  }

  get places(): CheckPlace[] {
    return this.#places.at(-1) === this.last ? this.#places : [...this.#places, this.last]
  }
}

export interface Report {
  message: string
  group: Group
  agents?: readonly string[]
  /** Severity of this finding where the rule's own was not asked for. */
  severity?: Severity
}

/** Time of which findings are wanted, both ends included; epoch milliseconds. */
export interface Within {
  since: number
  until: number
}

/** Collects findings, at most so many a rule. */
export class Findings {
  readonly settings: Settings
  readonly #max: number
  readonly #within: Within | undefined
  readonly #forgotten: string[] = []
  readonly #list: { finding: CheckFinding; order: number }[] = []
  readonly #counts = new Map<CheckRule, number>()
  readonly #bySeverity: Record<Severity, number> = { error: 0, warning: 0, info: 0 }
  readonly #notes = new Set<string>()

  /** @param within findings without a place in this time are left out. Default: none is */
  constructor(settings: Settings, max: number, within?: Within) {
    this.settings = settings
    this.#max = max
    this.#within = within
  }

  report(rule: CheckRule, { message, group, agents = [], severity }: Report): void {
    const usual = this.settings.severity(rule)
    if (usual === 'off' || (this.#within !== undefined && !isWithin(group, this.#within))) return
    const own = this.settings.isFixed(rule) ? usual : (severity ?? usual)
    const count = (this.#counts.get(rule) ?? 0) + 1
    this.#counts.set(rule, count)
    this.#bySeverity[own]++
    if (count > this.#max) return
    const { first, last, places } = group
    const ids = [...new Set(agents)].slice(0, MAX_AGENTS)
    const { count: repeats, order } = group
    const finding = { rule, severity: own, message, count: repeats, agents: ids, first, last, places }
    this.#list.push({ finding, order })
  }

  /** Says something about the checks themselves, once. */
  note(text: string): void {
    this.#notes.add(text)
  }

  /** Says that a bound on memory made checks forget so many of something, so that they may miss what is far apart. */
  forgot(count: number, noun: string): void {
    if (count > 0) this.#forgotten.push(counted(count, noun))
  }

  /** The worst first, then in the order of the log. */
  get list(): CheckFinding[] {
    const rank = ({ severity }: CheckFinding): number => SEVERITIES.indexOf(severity)
    return this.#list
      .sort((a, b) => rank(a.finding) - rank(b.finding) || a.order - b.order)
      .map(({ finding }) => finding)
  }

  /** How many there are, with those that are not listed. */
  get counts(): Record<Severity, number> {
    return { ...this.#bySeverity }
  }

  get omitted(): number {
    let sum = 0
    for (const count of this.#counts.values()) sum += Math.max(0, count - this.#max)
    return sum
  }

  get notes(): string[] {
    const more = [...this.#counts]
      .filter(([, count]) => count > this.#max)
      .map(
        ([rule, count]) =>
          `${rule}: ${(count - this.#max).toLocaleString('en-US')} more findings are not listed`,
      )
    const forgotten =
      this.#forgotten.length === 0
        ? []
        : [
            `to bound the memory, what was not met again for long was forgotten: ${this.#forgotten.join(', ')}; what lies that far apart is not compared`,
          ]
    return [...this.#notes, ...forgotten, ...more]
  }
}

/** Whether a place is in the time; where not all places are known, whether the first and the last lie around it. */
function isWithin({ places, count, first, last }: Group, { since, until }: Within): boolean {
  const isIn = ({ ts }: CheckPlace): boolean => ts === undefined || (ts >= since && ts <= until)
  if (places.some(isIn)) return true
  return count > places.length && (first.ts ?? since) <= until && (last.ts ?? until) >= since
}
