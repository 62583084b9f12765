/** Finds escalations without a decision, approvals of nothing, and approvals that contradict each other. */
import type { Answer, EarlyApproval, Escalation } from '../../model/escalations.js'
import type { HiveEntry, HiveModel } from '../../model/model.js'
import type { Check, LogEnd } from './checker.js'
import { type CheckPlace, type Findings, Group, placeOf } from './findings.js'
import { Recent } from './recent.js'
import { counted, lasting, named, placed, quoted } from './words.js'

const MAX_ANSWERED = 20_000
const MAX_UNASKED = 10_000

interface Answered {
  approve: boolean
  place: CheckPlace
}

export class Approvals implements Check {
  readonly #findings: Findings
  readonly #model: HiveModel
  readonly #answers = new Recent<Answered>(MAX_ANSWERED)
  /** Approvals of nothing known; held until it is known whether it comes, and whether the log begins at its beginning. */
  readonly #unasked = new Map<string, Group>()
  #moreUnasked = 0

  constructor(findings: Findings, model: HiveModel) {
    this.#findings = findings
    this.#model = model
  }

  escalated({ id }: Escalation, early: EarlyApproval | undefined): void {
    this.#unasked.delete(id)
    if (early === undefined) this.#answers.delete(id)
  }

  answered(id: string, answer: Answer, approve: unknown, escalation: Escalation | undefined): void {
    const place = placeOf(this.#model.entry as HiveEntry)
    const before = this.#answers.get(id)
    if (answer !== 'decides' && escalation === undefined && before === undefined) {
      // The answer that came first may be forgotten, and with it what it answered.
      if (this.#answers.forgotten > 0) return
      const known = this.#unasked.get(id)
      if (known !== undefined) known.add(place)
      else if (this.#unasked.size < MAX_UNASKED) this.#unasked.set(id, new Group(place))
      else this.#moreUnasked++
    }
    if (typeof approve !== 'boolean') return
    if (answer === 'decides' || before === undefined) {
      this.#answers.set(id, { approve, place })
      return
    }
    if (approve === before.approve) return
    const group = new Group(before.place)
    group.add(place)
    const [first, second] = approve ? ['rejected', 'approved'] : ['approved', 'rejected']
    const message = `${named(id)} was ${first} at ${placed(before.place, before.place)} and ${second} at ${placed(place, before.place)}`
    this.#findings.report('contradicting-approval', { message, group })
    this.#answers.set(id, { approve, place })
  }

  end({ now, closed, isWhole }: LogEnd): void {
    const after = this.#findings.settings.number('unanswered-escalation', 'after')
    const { escalations } = this.#model
    const byAgent = new Map<string, { oldest: Escalation; group: Group }>()
    for (const escalation of escalations.list()) {
      if (!closed && now - escalation.ts <= after) continue
      const from = escalation.from ?? ''
      const place = placeOfEscalation(escalation)
      const known = byAgent.get(from)
      if (known === undefined) byAgent.set(from, { oldest: escalation, group: new Group(place) })
      else known.group.add(place)
    }
    for (const [from, { oldest, group }] of byAgent) {
      const by = from === '' ? '' : ` of agent ${named(from)}`
      const age = lasting(Math.max(0, now - oldest.ts))
      const first = group.count === 1 ? '' : 'the first: '
      const has = group.count === 1 ? 'has' : 'have'
      const message = `${counted(group.count, 'escalation')}${by} ${has} had no answer for ${age}: ${first}${quoted(oldest.subject ?? '')} (${named(oldest.id)})`
      this.#findings.report('unanswered-escalation', { message, group, agents: from === '' ? [] : [from] })
    }
    if (isWhole && escalations.unheld === 0) {
      for (const [id, group] of this.#unasked) {
        this.#findings.report('unasked-approval', {
          message: `an approval answers ${named(id)}, which nobody escalated`,
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
    this.#findings.forgot(this.#answers.forgotten, 'approval')
  }
}

function placeOfEscalation({ file = '', line, seq, ts, log }: Escalation): CheckPlace {
  const place: CheckPlace = { file }
  if (line !== undefined) place.line = line
  place.seq = seq
  place.ts = ts
  if (log !== undefined) place.log = log
  return place
}
