/** Finds what the log itself says was lost (`log.gap`, `log.torn`), and lines that are no events. */

import { amountOf, idOf } from '../../format/bounded.js'
import type { HiveEntry } from '../../model/model.js'
import type { MalformedLine } from '../../read/items.js'
import type { AnyEvent, Check } from './checker.js'
import { type Findings, Group, placeOf, placeOfLine } from './findings.js'
import { Recent } from './recent.js'
import { counted, placed, quoted } from './words.js'

const MAX_REASONS = 200
/** Malformed lines that may be the torn one of a `log.torn` line that is yet to come. */
const MAX_HELD = 100

export class Losses implements Check {
  readonly #findings: Findings
  #held: MalformedLine[] = []
  readonly #gaps = new Recent<{ reason: string; group: Group }>(MAX_REASONS, (gap) => this.#reportGap(gap))
  readonly #malformed = new Recent<{ reason: string; group: Group }>(MAX_REASONS, (bad) =>
    this.#reportBad(bad),
  )
  #torn: Group | undefined
  #tornBytes = 0
  #seq = 0

  constructor(findings: Findings) {
    this.#findings = findings
  }

  add(event: AnyEvent, entry: HiveEntry): void {
    const { kind } = event
    this.#seq = entry.seq
    if (kind === 'log.torn') this.#tear(amountOf(event.bytes), entry)
    if (this.#held.length > 0) this.#release(0)
    if (kind === 'log.gap') this.#gap(event, entry)
  }

  malformed(line: MalformedLine): void {
    this.#held.push(line)
    if (this.#held.length > MAX_HELD) this.#release(1)
  }

  end(): void {
    this.#release(0)
    for (const gap of this.#gaps.values()) this.#reportGap(gap)
    for (const bad of this.#malformed.values()) this.#reportBad(bad)
    const group = this.#torn
    if (group === undefined) return
    const message =
      group.count === 1
        ? `a crash cut a line short before ${placed(group.first, group.first)}; ${counted(this.#tornBytes, 'byte')} of it are left`
        : `crashes cut ${counted(group.count, 'line')} short`
    this.#findings.report('log-torn', { message, group })
  }

  /** Malformed lines right before are what is left of the line, as far as the bytes say so. */
  #tear(bytes: number, entry: HiveEntry): void {
    let left = bytes
    for (let last = this.#held.at(-1); last !== undefined && last.bytes <= left; last = this.#held.at(-1)) {
      left -= last.bytes
      this.#held.pop()
    }
    const place = placeOf(entry)
    this.#tornBytes += bytes
    if (this.#torn === undefined) this.#torn = new Group(place)
    else this.#torn.add(place)
  }

  #gap(event: AnyEvent, entry: HiveEntry): void {
    const reason = idOf(event.reason) ?? ''
    const lost = amountOf(event.lost)
    const gap = this.#gaps.get(reason)
    if (gap === undefined) this.#gaps.set(reason, { reason, group: new Group(placeOf(entry), lost) })
    else gap.group.add(placeOf(entry), lost)
  }

  /** Takes held lines for malformed, all but the last `keep` at most. */
  #release(keep: number): void {
    const lines = keep === 0 ? this.#held : this.#held.slice(0, -keep)
    this.#held = keep === 0 ? [] : this.#held.slice(-keep)
    for (const line of lines) {
      const bad = this.#malformed.get(line.reason)
      if (bad === undefined)
        this.#malformed.set(line.reason, { reason: line.reason, group: this.#start(line) })
      else bad.group.add(placeOfLine(line))
    }
  }

  #start(line: MalformedLine): Group {
    return new Group(placeOfLine(line), 1, this.#seq + 0.5)
  }

  #reportGap({ reason, group }: { reason: string; group: Group }): void {
    const why = reason === '' ? '' : `: ${quoted(reason)}`
    const message = `${counted(group.count, 'event')} ${group.count === 1 ? 'was' : 'were'} lost, as the writer says${why}`
    this.#findings.report('log-gap', { message, group })
  }

  #reportBad({ reason, group }: { reason: string; group: Group }): void {
    const are = group.count === 1 ? 'is no event' : 'are no events'
    const message = `${counted(group.count, 'line')} ${are}: ${reason}`
    this.#findings.report('malformed-line', { message, group })
  }
}
