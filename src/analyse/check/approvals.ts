/** Finds escalations without an answer, answers to nothing, and answers that contradict each other. */
import type { LogEntry } from '../../read/items.js'
import { idOf } from '../bounded.js'
import type { AnyEvent, Check, LogEnd } from './checker.js'
import { type CheckPlace, type Findings, Group, placeOf } from './findings.js'
import { Recent } from './recent.js'
import { counted, lasting, named, placed, quoted } from './words.js'

const MAX_OPEN = 50_000
const MAX_ANSWERED = 20_000

interface Escalated {
  id: string
  from: string
  subject: string
  ts: number
  place: CheckPlace
}

interface Answer {
  approve: unknown
  place: CheckPlace
}

export class Approvals implements Check {
  readonly #findings: Findings
  #forgotten = 0
  readonly #open = new Map<string, Escalated>()
  readonly #answers = new Recent<Answer>(MAX_ANSWERED, () => {
    this.#hasForgottenAnswers = true
  })
  #hasForgottenAnswers = false
  /** Approvals of nothing known; held until it is known whether the log begins at its beginning. */
  readonly #unasked: { id: string; group: Group }[] = []
  #moreUnasked = 0

  constructor(findings: Findings) {
    this.#findings = findings
  }

  add(event: AnyEvent, entry: LogEntry): void {
    const id = idOf(event.id)
    if (id === undefined) return
    if (event.kind === 'escalate') this.#escalated(id, event, entry)
    else this.#answered(id, event.approve, placeOf(entry))
  }

  end({ now, closed, isWhole }: LogEnd): void {
    const after = this.#findings.settings.number('unanswered-escalation', 'after')
    const byAgent = new Map<string, { oldest: Escalated; group: Group }>()
    for (const escalated of this.#open.values()) {
      if (!closed && now - escalated.ts <= after) continue
      const known = byAgent.get(escalated.from)
      if (known === undefined)
        byAgent.set(escalated.from, { oldest: escalated, group: new Group(escalated.place) })
      else known.group.add(escalated.place)
    }
    for (const [from, { oldest, group }] of byAgent) {
      const by = from === '' ? '' : ` of agent ${named(from)}`
      const age = lasting(Math.max(0, now - oldest.ts))
      const first = group.count === 1 ? '' : 'the first: '
      const has = group.count === 1 ? 'has' : 'have'
      const message = `${counted(group.count, 'escalation')}${by} ${has} had no answer for ${age}: ${first}${quoted(oldest.subject)} (${named(oldest.id)})`
      this.#findings.report('unanswered-escalation', { message, group, agents: from === '' ? [] : [from] })
    }
    if (isWhole && this.#forgotten === 0) {
      for (const { id, group } of this.#unasked) {
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
    if (this.#forgotten > 0) {
      this.#findings.note(
        `${counted(this.#forgotten, 'escalation')} without an answer could not be held, and are not judged`,
      )
    }
  }

  #escalated(id: string, event: AnyEvent, entry: LogEntry): void {
    if (this.#open.has(id)) return
    this.#answers.delete(id)
    const subject = idOf(event.subject) ?? ''
    this.#open.set(id, { id, from: idOf(event.from) ?? '', subject, ts: event.ts, place: placeOf(entry) })
    if (this.#open.size <= MAX_OPEN) return
    const [oldest] = this.#open.keys()
    this.#open.delete(oldest as string)
    this.#forgotten++
  }

  #answered(id: string, approve: unknown, place: CheckPlace): void {
    const isAsked = this.#open.delete(id)
    const before = this.#answers.get(id)
    if (isAsked || before === undefined) this.#answers.set(id, { approve, place })
    if (isAsked) return
    if (before === undefined) {
      // The answer that came first may be forgotten, and with it what it answered.
      if (this.#hasForgottenAnswers) return
      if (this.#unasked.length < 10_000) this.#unasked.push({ id, group: new Group(place) })
      else this.#moreUnasked++
      return
    }
    if (typeof approve !== 'boolean' || typeof before.approve !== 'boolean' || approve === before.approve)
      return
    const group = new Group(before.place)
    group.add(place)
    const [first, second] = approve ? ['rejected', 'approved'] : ['approved', 'rejected']
    const message = `${named(id)} was ${first} at ${placed(before.place, before.place)} and ${second} at ${placed(place, before.place)}`
    this.#findings.report('contradicting-approval', { message, group })
    this.#answers.set(id, { approve, place })
  }
}
