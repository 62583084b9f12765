/**
 * Finds time that runs backwards. Lines of one span are compared with each other, and so are lines of none: a span
 * that is written when it ends tells of times before those of other spans, and nothing is wrong with that.
 */

import type { HiveEntry } from '../../model/model.js'
import type { AnyEvent, Check } from './checker.js'
import { type Findings, Group, placeOf } from './findings.js'
import { Hash, MAX_SIGHTINGS, Sightings } from './sightings.js'
import { counted, lasting, placed } from './words.js'

export class Clock implements Check {
  readonly #findings: Findings
  readonly #tolerance: number
  readonly #spans = new Sightings()
  readonly #hash = new Hash()
  /** Time of the last line of each span, and of each log's last line of none. */
  readonly #latest = new Float64Array(MAX_SIGHTINGS)
  readonly #noSpan = new Map<string | undefined, number>()
  #group: Group | undefined
  #most = 0

  constructor(findings: Findings) {
    this.#findings = findings
    this.#tolerance = findings.settings.number('clock-backwards', 'tolerance')
  }

  add({ span, ts }: AnyEvent, entry: HiveEntry): void {
    // The next line is measured by this one: one step back is found once.
    let latest: number
    if (typeof span !== 'string') {
      latest = this.#noSpan.get(entry.log) ?? Number.NEGATIVE_INFINITY
      this.#noSpan.set(entry.log, ts)
    } else {
      const hash = this.#hash.begin().add(span)
      let at = this.#spans.find(hash)
      if (at === -1) {
        at = this.#spans.add(hash)
        latest = Number.NEGATIVE_INFINITY
      } else latest = this.#latest[at] as number
      this.#latest[at] = ts
    }
    const back = latest - ts
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
}
