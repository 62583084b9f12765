/**
 * Finds time that runs backwards. Lines of one span are compared with each other, and so are lines of none: a span
 * that is written when it ends tells of times before those of other spans, and nothing is wrong with that.
 */

import { idOf } from '../../format/bounded.js'
import type { HiveEntry } from '../../model/model.js'
import type { AnyEvent, Check } from './checker.js'
import { type Findings, Group, placeOf } from './findings.js'
import { Recent } from './recent.js'
import { counted, lasting, placed } from './words.js'

const MAX_SPANS = 10_000

interface Latest {
  ts: number
}

export class Clock implements Check {
  readonly #findings: Findings
  readonly #tolerance: number
  readonly #spans = new Recent<Latest>(MAX_SPANS)
  readonly #noSpan: Latest = { ts: Number.NEGATIVE_INFINITY }
  #group: Group | undefined
  #most = 0

  constructor(findings: Findings) {
    this.#findings = findings
    this.#tolerance = findings.settings.number('clock-backwards', 'tolerance')
  }

  add(event: AnyEvent, entry: HiveEntry): void {
    const { ts } = event
    const latest = this.#latest(idOf(event.span))
    const back = latest.ts - ts
    // The next line is measured by this one: one step back is found once.
    latest.ts = ts
    if (!(back > this.#tolerance)) return
    this.#most = Math.max(this.#most, back)
    if (this.#group === undefined) this.#group = new Group(placeOf(entry))
    else this.#group.add(placeOf(entry))
  }

  end(): void {
    this.#findings.forgot(this.#spans.forgotten, 'span')
    const group = this.#group
    if (group === undefined) return
    const message =
      group.count === 1
        ? `${placed(group.first, group.first)} is ${lasting(this.#most)} earlier than the line before it of the same span or log`
        : `time steps back ${counted(group.count, 'time')}, by up to ${lasting(this.#most)}`
    this.#findings.report('clock-backwards', { message, group })
  }

  #latest(span: string | undefined): Latest {
    if (span === undefined) return this.#noSpan
    let latest = this.#spans.get(span)
    if (latest === undefined) {
      latest = { ts: Number.NEGATIVE_INFINITY }
      this.#spans.set(span, latest)
    }
    return latest
  }
}
