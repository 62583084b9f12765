/** Which agent of one run is which of the other, where their ids were generated. */
import { idOf } from '../../format/bounded.js'
import type { Fields } from '../../format/fields.js'
import type { Agent } from '../../model/agents.js'
import type { Matter } from '../../model/escalations.js'
import { HiveModel } from '../../model/model.js'
import { addAgentsOf } from '../../model/who.js'
import type { HiveEntry } from '../../read/hive.js'

interface Spawned {
  name: string
  parent: string | undefined
}

/** Agents of one log that are remembered; ids of later ones are compared as they are. */
const MAX_AGENTS = 100_000
const MAX_NAME = 80
/** Escalations that are remembered, pending ones and decided ones. */
const MAX_ASKED = 20_000
/** What the model is told, as nothing else of it is asked. */
const KINDS: ReadonlySet<string> = new Set(['spawn', 'escalate', 'approval'])

/** Who is spawned and named in one hive, as the model tells it while the hive is read. */
export class Roster {
  /** By their ids as they stand in the log, in order of their first spawn. */
  readonly spawned = new Map<string, Spawned>()
  /** Whom its events are about; long ids are shortened. */
  readonly seen = new Set<string>()
  isFull = false
  /** To whom the escalation went that the present approval is about. */
  asked: string | undefined
  readonly #model: HiveModel
  readonly #askedOf = new WeakMap<Matter, string>()

  constructor(firstLog: string) {
    this.#model = new HiveModel({
      firstLog,
      maxPending: MAX_ASKED,
      maxDecided: MAX_ASKED,
      listener: {
        spawned: (agent) => this.#spawned(agent),
        escalated: (_, __, ___, matter) => {
          const { to } = this.#fields()
          if (typeof to === 'string') this.#askedOf.set(matter, to)
        },
        answered: (_, __, ___, ____, matter) => {
          this.asked = this.#askedOf.get(matter)
        },
      },
    })
  }

  add(entry: HiveEntry): void {
    if (this.seen.size < MAX_AGENTS) addAgentsOf(entry.event, this.seen)
    this.asked = undefined
    if (KINDS.has(entry.event.kind)) this.#model.add(entry)
  }

  /** Of the present event: the model shortens long ids, and the events are compared as they are. */
  #fields(): Fields {
    return (this.#model.entry as HiveEntry).event as Fields
  }

  #spawned({ name, parent }: Agent): void {
    const { agentId, name: told } = this.#fields()
    const id = agentId as string
    if (this.spawned.has(id)) return
    if (this.spawned.size >= MAX_AGENTS) {
      this.isFull = true
      return
    }
    // One without a name has its id for one, which says nothing where ids are generated.
    this.spawned.set(id, { name: typeof told === 'string' ? name.slice(0, MAX_NAME) : 'agent', parent })
  }
}

/** New names of agents, by their ids in the log. */
export type Renames = ReadonlyMap<string, string>

/**
 * An id that is in both logs is kept. The agents that are left are the same where they have the same name, the same
 * parent, and the same place among those of their name and parent in order of spawn; both get one new name.
 */
export function matchAgents(a: Roster, b: Roster): { a: Renames; b: Renames } {
  const ofA = roles(a, b)
  const ofB = roles(b, a)
  const inB = new Set(ofB.values())
  const common = new Set([...ofA.values()].filter((role) => inB.has(role)))
  const only = (renames: Map<string, string>): Renames =>
    new Map([...renames].filter(([, role]) => common.has(role)))
  return { a: only(ofA), b: only(ofB) }
}

function roles(own: Roster, other: Roster): Map<string, string> {
  const names = new Map<string, string>()
  const counts = new Map<string, number>()
  for (const [id, { name, parent }] of own.spawned) {
    if (other.seen.has(idOf(id) as string)) continue
    const of = parent === undefined ? undefined : (names.get(parent) ?? parent)
    // A chain of parents must not make names that grow with its length.
    const role = of === undefined ? name : `${name} of ${of.slice(0, MAX_NAME)}`
    const count = (counts.get(role) ?? 0) + 1
    counts.set(role, count)
    let unique = `${role}#${count}`
    while (own.seen.has(unique) || other.seen.has(unique)) unique += '#'
    names.set(id, unique)
  }
  return names
}
