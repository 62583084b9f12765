/** What an event of a hive came about through, back to its origin. */
import { idOf } from '../format/bounded.js'
import type { Fields } from '../format/fields.js'
import { checkOptions } from '../format/options.js'
import type { Answer, Escalation } from '../model/escalations.js'
import type { Inbox, Message } from '../model/inbox.js'
import type { HiveListener } from '../model/listener.js'
import { HiveModel } from '../model/model.js'
import type { HiveEntry } from '../read/hive.js'
import { type EarlyDrain, EarlyDrains } from './early-drains.js'
import { WHY_RULES } from './options.js'
import { Finder } from './show/find.js'
import { changedMeanwhile, identityOf } from './show/places.js'
import { Story } from './show/story.js'
import { type CauseNode, Causes } from './why/causes.js'
import { chainFrom } from './why/chain.js'
import type { WhyOptions, WhyReport } from './why/report.js'

const DEPTH = 50
/** Messages of an inbox of which it is known which they are: more than a drain by number alone will leave. */
const INBOX_CAPACITY = 10_000

/**
 * Finds an event as `showEvent` does, and follows what it came about through: which message it answers, what its agent
 * had drained last and who had sent that, who started the agent and why, which escalation an approval decides. What
 * ids name is certain; the rest is what the agent had done last, and is said to be a guess. Of several causes one is
 * followed, and the others are told. The logs are read twice, the second time as far as anything can change the answer:
 * up to the event, unless clocks differ. The last 100,000 messages, drains, spawns, escalations and approvals before the
 * event are remembered.
 * @param files path of a log, or several: one hive
 * @param query as that of `showEvent`; not an artifact
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when a file is missing, a directory, or must not be read, or was changed between the two
 * readings; never because of a line
 */
export async function whyEvent(
  files: string | readonly string[],
  query: string,
  options: WhyOptions = {},
): Promise<WhyReport> {
  checkOptions('whyEvent', options, WHY_RULES)
  const list = typeof files === 'string' ? [files] : [...files]
  const story = new Story(list, 2, options)
  const finder = new Finder(query, list[0] as string, options.log)
  const tally = await story.read((entry) => finder.add(entry))
  const found = finder.found()
  const report: WhyReport = { files: list, query, ...tally, found: 'nothing' }
  if (found.type === 'several') {
    return { ...report, found: 'several', matches: { list: found.matches, more: found.more } }
  }
  if (found.type !== 'event') return report
  const watch = new CauseWatch(list[0] as string, found.identity)
  await story.read(
    (entry) => watch.add(entry),
    () => watch.isDone,
  )
  if (watch.target === undefined) throw changedMeanwhile(found.match.place)
  return { ...report, found: 'event', chain: chainFrom(watch.target, options.depth ?? DEPTH) }
}

/** Takes the events of a hive, and notes what leads to one of them. */
export class CauseWatch implements HiveListener {
  /** The event that was asked for, once it has come. */
  target: CauseNode | undefined
  /** Whether it has come, and nothing that comes later changes what leads to it. */
  isDone = false
  readonly #identity: string
  readonly #model: HiveModel
  readonly #causes = new Causes()
  readonly #early = new EarlyDrains<CauseNode>()
  /** What the model said of the present event. */
  #drain: { inbox: Inbox; taken: readonly Message[]; before: number } | undefined
  #late: (EarlyDrain<CauseNode> & { agent: string })[] = []
  #asker: string | undefined

  constructor(firstLog: string, identity: string) {
    this.#identity = identity
    this.#model = new HiveModel({ listener: this, inboxCapacity: INBOX_CAPACITY, firstLog })
  }

  drained(_agent: unknown, inbox: Inbox, taken: readonly Message[], before: number): void {
    this.#drain = { inbox, taken, before }
  }

  deliveredLate(inbox: Inbox, message: Message): void {
    const early = this.#early.take(inbox, message)
    if (early !== undefined) this.#late.push({ ...early, agent: inbox.recipient })
  }

  answered(_id: string, answer: Answer, _approve: unknown, escalation: Escalation | undefined): void {
    if (answer === 'decides') this.#asker = escalation?.from
  }

  add(entry: HiveEntry): void {
    this.#drain = undefined
    this.#late = []
    this.#asker = undefined
    const goesOn = this.#model.goesOn(entry)
    this.#model.add(entry)
    const isTarget = this.target === undefined && identityOf(entry) === this.#identity
    const node = this.#node(entry, isTarget, goesOn)
    if (!isTarget || node === undefined) return
    this.target = node
    this.#causes.keep(node)
    this.isDone = this.#causes.isSettled(this.#early.all())
  }

  #node(entry: HiveEntry, isTarget: boolean, goesOn: boolean): CauseNode | undefined {
    const { event } = entry
    const { agentId, from, parent } = event as Fields
    const causes = this.#causes
    switch (event.kind) {
      case 'message':
      case 'terminal-handoff': {
        const node = causes.message(entry, this.#agent(from), this.#model.order)
        for (const { drain, agent, isNamed } of this.#late) causes.tookLater(drain, agent, node, isNamed)
        return node
      }
      case 'escalate':
        return causes.escalation(entry, this.#agent(from))
      case 'approval':
        return causes.approval(entry, this.#asker)
      case 'drop':
        return causes.drop(entry)
    }
    const agent = this.#agent(agentId)
    if (agent !== undefined && event.kind === 'spawn') {
      const by = this.#agent(parent)
      return goesOn
        ? causes.goesOn(entry, agent, by, isTarget)
        : causes.spawn(entry, agent, by, parent !== undefined)
    }
    if (agent !== undefined && event.kind === 'drain' && this.#drain !== undefined) {
      const { inbox, taken, before } = this.#drain
      const node = causes.drain(entry, agent, taken)
      this.#early.drained(node, entry, inbox, taken, before)
      return node
    }
    return causes.other(entry, agent, isTarget)
  }

  /** The agent that a name means, if it is one. */
  #agent(name: unknown): string | undefined {
    const id = idOf(name)
    if (id === undefined) return undefined
    const agent = id === 'god' ? this.#model.resolve(id) : this.#model.agents.get(id)
    return agent?.id
  }
}
