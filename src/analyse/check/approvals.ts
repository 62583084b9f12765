/** Finds escalations without a decision, approvals of nothing, and approvals that contradict each other. */
import type { Answer, Decision, Escalation, Matter } from '../../model/escalations.js'
import type { HiveEntry, HiveModel } from '../../model/model.js'
import type { Check, LogEnd } from './checker.js'
import { type CheckPlace, type Findings, Group, placeOf } from './findings.js'
import { asked, counted, lasting, named, placed, quoted } from './words.js'

const MAX_UNASKED = 10_000

export class Approvals implements Check {
  readonly #findings: Findings
  readonly #model: HiveModel
  /** Approvals of nothing known; held until it is known whether it comes, and whether the log begins at its beginning. */
  readonly #unasked = new Map<string, Group>()
  #moreUnasked = 0

  constructor(findings: Findings, model: HiveModel) {
    this.#findings = findings
    this.#model = model
  }

  escalated({ id }: Escalation): void {
    this.#unasked.delete(id)
  }

  answered(id: string, answer: Answer, approve: unknown, { escalation, decision }: Matter): void {
    const place = placeOf(this.#model.entry as HiveEntry)
    if (answer === 'early' || (answer === 'unclear' && escalation === undefined && decision === undefined)) {
      // The answer that came first may be forgotten, and with it what it answered.
      if (this.#model.escalations.forgotten > 0) return
      const known = this.#unasked.get(id)
      if (known !== undefined) known.add(place)
      else if (this.#unasked.size < MAX_UNASKED) this.#unasked.set(id, new Group(place))
      else this.#moreUnasked++
    }
    if (answer !== 'again' || decision === undefined || approve === decision.approve) return
    const before = placeOfLine(decision)
    const group = new Group(before)
    group.add(place)
    const [first, second] = approve === true ? ['rejected', 'approved'] : ['approved', 'rejected']
    const message = `${asked(id)} was ${first} at ${placed(before, before)} and ${second} at ${placed(place, before)}`
    this.#findings.report('contradicting-approval', { message, group })
  }

  end({ now, closed, isWhole }: LogEnd): void {
    const after = this.#findings.settings.number('unanswered-escalation', 'after')
    const { escalations } = this.#model
    const byAgent = new Map<string, { oldest: Escalation; group: Group }>()
    for (const escalation of escalations.list()) {
      if (!closed && now - escalation.ts <= after) continue
      const from = escalation.from ?? ''
      const place = placeOfLine(escalation)
      const known = byAgent.get(from)
      if (known === undefined) byAgent.set(from, { oldest: escalation, group: new Group(place) })
      else known.group.add(place)
    }
    for (const [from, { oldest, group }] of byAgent) {
      const by = from === '' ? '' : ` of agent ${named(from)}`
      const age = lasting(Math.max(0, now - oldest.ts))
      const first = group.count === 1 ? '' : 'the first: '
      const has = group.count === 1 ? 'has' : 'have'
      const message = `${counted(group.count, 'escalation')}${by} ${has} had no answer for ${age}: ${first}${quoted(oldest.subject ?? '')} (${asked(oldest.id)})`
      this.#findings.report('unanswered-escalation', { message, group, agents: from === '' ? [] : [from] })
    }
    if (isWhole && escalations.unheld === 0) {
      for (const [id, group] of this.#unasked) {
        this.#findings.report('unasked-approval', {
          message: `an approval answers ${asked(id)}, which nobody escalated`,
          group,
        })
      }
      if (this.#moreUnasked > 0) {
        this.#findings.note(
          `${counted(this.#moreUnasked, 'more approval')} of what nobody escalated could not be held`,
        )
      }
    }
    if (escalations.unheld > 0) {
      this.#findings.note(
        `${counted(escalations.unheld, 'escalation')} without an answer could not be held, and are not judged`,
      )
    }
    this.#findings.forgot(escalations.forgotten, 'approval')
  }
}

function placeOfLine({ file = '', line, seq, ts, log }: Escalation | Decision): CheckPlace {
  const place: CheckPlace = { file }
  if (line !== undefined) place.line = line
  place.seq = seq
  place.ts = ts
  if (log !== undefined) place.log = log
  return place
}
