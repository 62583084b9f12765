/**
 * Finds decisions that an agent of the hive gave: only people decide. That a parent decides what its child asked is as
 * it should be (docs/hive.md, Escalations); that an agent decides what it asked itself never is.
 */
import { idOf } from '../../format/bounded.js'
import { BoundedMap } from '../../format/bounded-map.js'
import type { Agent } from '../../model/agents.js'
import type { Answer, Matter } from '../../model/escalations.js'
import type { HiveEntry, HiveModel } from '../../model/model.js'
import { hasNoInbox } from '../../model/who.js'
import type { AnyEvent, Check } from './checker.js'
import { type CheckPlace, type Findings, Group, placeOf } from './findings.js'
import { asked, counted, named, placed } from './words.js'

const MAX_NAMES = 20_000
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
  readonly #byName = new BoundedMap<Agent>(MAX_NAMES)
  /** Decisions that came before what they decide. */
  readonly #early = new WeakMap<Matter, Decided>()
  readonly #pairs = new Map<string, Pair>()
  #more = 0

  constructor(findings: Findings, model: HiveModel) {
    this.#findings = findings
    this.#model = model
  }

  /** An agent was spawned, or has another name from now on. */
  called(agent: Agent): void {
    if (agent.name !== agent.id) this.#byName.set(agent.name, agent)
  }

  escalated(matter: Matter): void {
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
    const asker = this.#agentOf(from)
    const decider = by === from ? asker : this.#agentOf(by)
    const askerId = asker?.id ?? from
    // Who asks is an agent, also where nothing else is told of it.
    const deciderId = decider?.id ?? (by === from ? from : undefined)
    if (deciderId === undefined || (deciderId !== askerId && asker?.parent === deciderId)) return
    const key = `${deciderId}\n${askerId}`
    const known = this.#pairs.get(key)
    if (known !== undefined) known.group.add(place)
    else if (this.#pairs.size >= MAX_PAIRS) this.#more++
    else {
      const alias = by === deciderId ? undefined : by
      const pair = { decider: deciderId, alias, asker: askerId, first: decided, id, group: new Group(place) }
      this.#pairs.set(key, pair)
    }
  }

  /** The agent of that id or name. Names of those who are no agents, such as `human`, mean one only where it was spawned. */
  #agentOf(name: string): Agent | undefined {
    const { agents } = this.#model
    const agent = agents.get(name) ?? this.#byName.get(name) ?? (name === 'god' ? agents.god : undefined)
    return agent !== undefined && (agent.lives > 0 || !hasNoInbox(name)) ? agent : undefined
  }
}
