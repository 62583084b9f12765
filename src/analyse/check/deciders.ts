/** Finds decisions that an agent of the hive gave, and that are not as they should be (`model/agent-names.ts`). */
import { idOf } from '../../format/bounded.js'
import { AgentNames } from '../../model/agent-names.js'
import type { Agent } from '../../model/agents.js'
import type { Answer, Matter } from '../../model/escalations.js'
import type { HiveEntry, HiveModel } from '../../model/model.js'
import type { AnyEvent, Check } from './checker.js'
import { type CheckPlace, type Findings, Group, placeOf } from './findings.js'
import { asked, counted, named, placed } from './words.js'

const MAX_PAIRS = 10_000

/** A decision by somebody. */
interface Decided {
  by: string
  approve: boolean
  place: CheckPlace
}

/** Decisions of one agent on what one agent asked. */
interface Pair {
  decider: string
  /** The name that stands in the line, where it is not the agent's id. */
  alias: string | undefined
  asker: string
  first: Decided
  id: string
  group: Group
}

export class Deciders implements Check {
  readonly #findings: Findings
  readonly #model: HiveModel
  readonly #names: AgentNames
  /** Decisions that came before what they decide. */
  readonly #early = new WeakMap<Matter, Decided>()
  readonly #pairs = new Map<string, Pair>()
  #more = 0

  constructor(findings: Findings, model: HiveModel) {
    this.#findings = findings
    this.#model = model
    this.#names = new AgentNames(model.agents)
  }

  /** An agent was spawned, or has another name from now on. */
  called(agent: Agent): void {
    this.#names.called(agent)
  }

  escalated(matter: Matter): void {
    this.#names.asked(matter.escalation?.from)
    const decided = this.#early.get(matter)
    if (decided !== undefined) this.#judge(matter, decided)
  }

  answered(answer: Answer, matter: Matter): void {
    if (answer !== 'decides' && answer !== 'early') return
    const entry = this.#model.entry as HiveEntry
    const by = idOf((entry.event as AnyEvent).by)
    if (by === undefined) return
    const decided = { by, approve: matter.decision?.approve === true, place: placeOf(entry) }
    if (answer === 'early') this.#early.set(matter, decided)
    else this.#judge(matter, decided)
  }

  end(): void {
    for (const { decider, alias, asker, first, id, group } of this.#pairs.values()) {
      const who = alias === undefined ? named(decider) : `${named(decider)} (as ${named(alias)})`
      const isOwn = decider === asker
      const whose = isOwn ? 'it had asked itself' : `${named(asker)} had asked, and is not its parent`
      const what =
        group.count === 1
          ? `${first.approve ? 'approved' : 'rejected'} at ${placed(first.place, first.place)} what ${whose} (${asked(id)})`
          : `decided ${counted(group.count, 'escalation')} that ${whose}: the first at ${placed(first.place, first.place)} (${asked(id)})`
      this.#findings.report('agent-approval', {
        message: `agent ${who} ${what}`,
        group,
        agents: [decider, asker],
        ...(!isOwn && { severity: 'warning' as const }),
      })
    }
    if (this.#more > 0) {
      this.#findings.note(`${counted(this.#more, 'more decision')} by agents could not be held`)
    }
  }

  #judge({ id, escalation }: Matter, decided: Decided): void {
    const from = escalation?.from
    if (from === undefined) return
    const { by, place } = decided
    const judged = this.#names.judge(by, from)
    if (judged === undefined) return
    const { decider, alias, asker } = judged
    const key = `${decider}\n${asker}`
    const known = this.#pairs.get(key)
    if (known !== undefined) known.group.add(place)
    else if (this.#pairs.size >= MAX_PAIRS) this.#more++
    else {
      const pair = { decider, alias, asker, first: decided, id, group: new Group(place) }
      this.#pairs.set(key, pair)
    }
  }
}
