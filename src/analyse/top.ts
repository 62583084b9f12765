/** What a hive is doing now: its agents, what waits for them and for the human, and what they cost. */
import { idOf, textOf } from '../format/bounded.js'
import type { Fields } from '../format/fields.js'
import { checkOptions, pickOptions } from '../format/options.js'
import type { Agent, Totals } from '../model/agents.js'
import { HiveModel } from '../model/model.js'
import { isEnded } from '../model/state.js'
import { type HiveEntry, logsOfHive } from '../read/hive.js'
import { pricer } from './cost/call-cost.js'
import { PICTURE_RULES, TOP_RULES } from './options.js'
import { Story } from './show/story.js'
import { LastMinute } from './top/minute.js'
import type { PictureOptions, TopAgent, TopOptions, TopReport, TopSort, TopUsage } from './top/report.js'

/**
 * A picture of a hive as it is at the end of its logs.
 * @param files path of a log, or several: one hive; `-` is standard input
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when a file is missing, a directory, or must not be read; never because of a line
 */
export async function topReport(
  files: string | readonly string[],
  options: TopOptions = {},
): Promise<TopReport> {
  checkOptions('topReport', options, TOP_RULES)
  const list = typeof files === 'string' ? [files] : [...files]
  const watch = new TopWatch(list[0] as string)
  const { malformed } = await new Story(list, 1, options).read((entry) => watch.add(entry))
  watch.malformed += malformed
  return watch.report(list, logsOfHive(list, options.thisFile).length, pickOptions(options, PICTURE_RULES))
}

/** The present event of an agent, and what it spent of late. */
interface Doing {
  kind: string
  cost: LastMinute | undefined
}

/**
 * Takes the events of a hive as they come, those that `followHive` gives for one, and tells at any time what it is
 * doing. Bounded in memory, however long it watches.
 */
export class TopWatch {
  /** Lines that are no event: whoever reads the logs adds them. */
  malformed = 0
  readonly #model: HiveModel
  readonly #doing = new Map<Agent, Doing>()
  readonly #events = new LastMinute()
  readonly #cost = new LastMinute()

  /** @param firstLog path of the log of the hive that is named first */
  constructor(firstLog: string) {
    const listener = {
      used: (agent: Agent | undefined, costUsd: number | undefined) => this.#used(agent, costUsd),
      forgotten: (agent: Agent) => this.#doing.delete(agent),
    }
    this.#model = new HiveModel({ listener, price: pricer(), firstLog })
  }

  /** Counts an event in, a writer's own (`log.*`) too. Throws nothing, whatever the event holds. */
  add(entry: HiveEntry): void {
    const { event } = entry
    this.#model.add(entry)
    if (event.kind.startsWith('log.')) return
    this.#events.add(event.ts, 1)
    const { agentId, from, id } = event as Fields
    const actor = idOf(event.kind === 'agent-hold' ? id : (agentId ?? from))
    const agent = actor === undefined ? undefined : this.#model.agents.get(actor)
    if (agent === undefined) return
    const kind = textOf(event.kind, MAX_KIND) as string
    const doing = this.#doing.get(agent)
    if (doing === undefined) this.#doing.set(agent, { kind, cost: undefined })
    else doing.kind = kind
  }

  #used(agent: Agent | undefined, costUsd: number | undefined): void {
    const ts = this.#model.entry?.event.ts
    if (costUsd === undefined || ts === undefined) return
    this.#cost.add(ts, costUsd)
    if (agent === undefined) return
    let doing = this.#doing.get(agent)
    if (doing === undefined) {
      doing = { kind: '', cost: undefined }
      this.#doing.set(agent, doing)
    }
    doing.cost ??= new LastMinute()
    doing.cost.add(ts, costUsd)
  }

  /**
   * What the hive is doing, as far as its events were counted in.
   * @param files paths of the logs, as they were named: the report says them again
   * @param logs how many logs are read, those of child processes too
   * @throws {OptionsError} when an option is none, or has a value that it cannot have
   */
  report(files: readonly string[], logs: number, options: PictureOptions = {}): TopReport {
    checkOptions('TopWatch.report', options, PICTURE_RULES)
    const { sort = 'action', limit = Number.POSITIVE_INFINITY, asOf = Date.now() } = options
    const model = this.#model
    const pending = new Map<string, number>()
    for (const { from = '' } of model.escalations.list()) pending.set(from, (pending.get(from) ?? 0) + 1)
    const counts = { alive: 0, held: 0, archived: 0, ended: model.agents.forgottenEnded }
    const agents: TopAgent[] = []
    let inbox = model.unlistedMessages
    let isGuessed = false
    for (const agent of model.agents.all()) {
      const { status } = agent
      if (isEnded(status)) counts.ended++
      else counts[status as 'alive' | 'held' | 'archived']++
      inbox += agent.inbox?.waiting ?? 0
      isGuessed ||= agent.inbox?.isEstimated === true
      agents.push(this.#agent(agent, pending.get(agent.id) ?? 0, asOf))
    }
    for (const { waiting, isEstimated } of model.strangers.values()) {
      inbox += waiting
      isGuessed ||= isEstimated
    }
    const sorted = agents.sort(ORDERS[sort]).slice(0, limit)
    const { forgottenEnded, forgottenLiving } = model.agents
    return {
      files: [...files],
      asOf,
      logs,
      lines: model.order + this.malformed,
      events: model.events,
      lastMinuteEvents: this.#events.sum(asOf),
      messages: model.messages,
      malformed: this.malformed,
      lost: model.lostEvents,
      counts,
      inbox,
      ...(isGuessed && { inboxEstimated: true as const }),
      pending: model.escalations.size,
      usage: usageOf(model.usage, this.#cost.sum(asOf)),
      agents: sorted,
      notListed: agents.length - sorted.length + forgottenEnded + forgottenLiving,
    }
  }

  #agent(agent: Agent, pending: number, asOf: number): TopAgent {
    const { id, name, isGod, status, since, events, lastTs, inbox, usage } = agent
    const doing = this.#doing.get(agent)
    return {
      agentId: id,
      name,
      isGod,
      status,
      since,
      events,
      lastKind: doing?.kind ?? '',
      lastTs,
      idleMs: Math.max(0, asOf - lastTs),
      inbox: inbox?.waiting ?? 0,
      ...(inbox?.isEstimated === true && { inboxEstimated: true as const }),
      pending,
      ...usageOf(usage, doing?.cost?.sum(asOf) ?? 0),
    }
  }
}

/** Characters of a kind that are shown. */
const MAX_KIND = 40

function usageOf(totals: Totals | undefined, lastMinuteUsd: number): TopUsage {
  const { calls = 0, inputTokens = 0, outputTokens = 0, unpriced = 0, cost } = totals ?? {}
  return { calls, inputTokens, outputTokens, costUsd: cost?.value ?? 0, lastMinuteUsd, unpriced }
}

const byAction = (a: TopAgent, b: TopAgent): number =>
  Number(isEnded(a.status)) - Number(isEnded(b.status)) || b.lastTs - a.lastTs

const ORDERS: Record<TopSort, (a: TopAgent, b: TopAgent) => number> = {
  action: byAction,
  inbox: (a, b) => b.inbox - a.inbox || byAction(a, b),
  pending: (a, b) => b.pending - a.pending || byAction(a, b),
  cost: (a, b) => b.lastMinuteUsd - a.lastMinuteUsd || b.costUsd - a.costUsd || byAction(a, b),
}
