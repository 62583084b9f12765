/** Finds lines that are missing or come again, by their `seq`. Logs that carry none are left alone. */
import { ownSeq } from '../../format/decode.js'
import type { HiveEntry } from '../../model/model.js'
import type { AnyEvent, Check } from './checker.js'
import { type Findings, Group, placeOf } from './findings.js'
import { between, counted, grouped, placed } from './words.js'

/** Gaps that are found one by one. */
const MAX_GAPS = 10_000

export class Sequence implements Check {
  readonly #findings: Findings
  #last: number | undefined
  /** Lines since then that are no events: each may be one that is missing. */
  #malformed = 0
  #repeats: Group | undefined
  #gaps = 0
  #more: Group | undefined

  constructor(findings: Findings) {
    this.#findings = findings
  }

  add(event: AnyEvent, entry: HiveEntry): void {
    const seq = ownSeq(event)
    if (seq === undefined) return
    const last = this.#last
    const malformed = this.#malformed
    this.#malformed = 0
    if (last === undefined) {
      this.#last = seq
      return
    }
    if (seq <= last) {
      if (this.#repeats === undefined) this.#repeats = new Group(placeOf(entry))
      else this.#repeats.add(placeOf(entry))
      return
    }
    this.#last = seq
    const missing = seq - last - 1
    if (missing <= malformed) return
    if (++this.#gaps > MAX_GAPS) {
      if (this.#more === undefined) this.#more = new Group(placeOf(entry), missing)
      else this.#more.add(placeOf(entry), missing)
      return
    }
    const group = new Group(placeOf(entry), missing)
    const which =
      missing === 1 ? `seq ${grouped(seq - 1)} is` : `seq ${grouped(last + 1)} to ${grouped(seq - 1)} are`
    this.#findings.report('seq-gap', {
      message: `${which} missing before ${placed(group.first, group.first)}`,
      group,
    })
  }

  malformed(): void {
    this.#malformed++
  }

  end(): void {
    if (this.#more !== undefined) {
      const { count, first, last } = this.#more
      const message = `${counted(count, 'more line')} are missing (${between(first, last)})`
      this.#findings.report('seq-gap', { message, group: this.#more })
    }
    const group = this.#repeats
    if (group === undefined) return
    const message =
      group.count === 1
        ? `${placed(group.first, group.first)} has a seq that came before`
        : `${counted(group.count, 'line')} have a seq that came before (${between(group.first, group.last)})`
    this.#findings.report('seq-repeat', { message, group })
  }
}
