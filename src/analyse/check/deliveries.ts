/**
 * Follows each message into the inbox of its recipient and out of it, and judges at the end what is still there:
 * sent to nobody who exists, to an agent that had exited or was archived, or simply never drained; and who went
 * silent over requests.
 */
import type { LogEntry } from '../../read/items.js'
import { amountOf, idOf } from '../bounded.js'
import type { AnyEvent, Check, LogEnd } from './checker.js'
import { type CheckPlace, type Findings, Group, placeOf } from './findings.js'
import type { Waiting } from './inbox.js'
import type { AgentState, Roster } from './roster.js'
import { counted, lasting, listed, named, placed } from './words.js'

/** Recipients that are no agents of their own, unless one is spawned under that id. */
const NO_AGENTS = new Set(['human', 'broadcast', 'scheduler'])
/** Acts that ask for something. */
const ASKING = new Set(['request', 'query', 'propose'])
/** Recipients of one message that are looked at. */
const MAX_TARGETS = 1000
/** Agents to whom one agent can owe an answer. */
const MAX_ASKERS = 64

const NOT_ENDED: LogEnd = { now: Number.NEGATIVE_INFINITY, closed: false, isWhole: true }

export class Deliveries implements Check {
  readonly #findings: Findings
  readonly #roster: Roster
  readonly #ignored: ReadonlySet<string>
  readonly #drainAfter: number
  readonly #silentAfter: number
  #hasDrains = false
  #forgottenUnknown = 0

  constructor(findings: Findings, roster: Roster) {
    this.#findings = findings
    this.#roster = roster
    const { settings } = findings
    this.#ignored = new Set(settings.names('unknown-recipient', 'ignore'))
    this.#drainAfter = settings.number('never-drained', 'after')
    this.#silentAfter = settings.number('silent-agent', 'after')
    roster.onForget = (agent) => {
      // It may still come to exist.
      if (agent.exists) this.#judge(agent, NOT_ENDED)
      else if (agent.inbox.size > 0) this.#forgottenUnknown++
    }
  }

  add(event: AnyEvent, entry: LogEntry): void {
    switch (event.kind) {
      case 'message':
        this.#message(event, entry)
        break
      case 'drain':
        this.#drain(event)
        break
      case 'drop':
        this.#dropped(event)
        break
    }
  }

  end(end: LogEnd): void {
    for (const agent of this.#roster.agents()) this.#judge(agent, end)
    if (this.#forgottenUnknown > 0) {
      this.#findings.note(
        `${counted(this.#forgottenUnknown, 'recipient')} that the log did not show had to be forgotten, and are not judged`,
      )
    }
  }

  #message(event: AnyEvent, entry: LogEntry): void {
    const from = idOf(event.from) ?? ''
    const { delivered } = event
    if (from !== '') this.#answered(from, idOf(event.to))
    if (Array.isArray(delivered) && delivered.length > 0) {
      for (const id of new Set(delivered.slice(0, MAX_TARGETS))) {
        const target = idOf(id)
        if (target === undefined) continue
        if (NO_AGENTS.has(target) && this.#roster.get(target)?.spawn === undefined) continue
        const agent = this.#roster.agent(target)
        agent.exists = true
        this.#route(agent, event, from, entry)
      }
      return
    }
    // Delivered to nobody: no inbox has it.
    if (Array.isArray(delivered) || delivered === false) return
    const to = idOf(event.to)
    const agent = to === undefined ? undefined : this.#recipient(to)
    if (agent !== undefined) this.#route(agent, event, from, entry)
  }

  #recipient(to: string): AgentState | undefined {
    const agent = this.#roster.get(to)
    if (agent?.spawn !== undefined) return agent
    if (NO_AGENTS.has(to) || this.#ignored.has(to)) return undefined
    return this.#roster.agent(this.#roster.resolve(to))
  }

  #route(agent: AgentState, event: AnyEvent, from: string, entry: LogEntry): void {
    const { ts } = event
    let when: Waiting['when'] = 'living'
    if (agent.archive !== undefined) when = 'archived'
    else if (agent.exit !== undefined && ts >= agent.exit.ts) when = 'exited'
    else if (agent.spawns === 0) when = 'unknown'
    agent.inbox.add({
      id: idOf(event.id),
      from,
      ts,
      place: placeOf(entry),
      needsAnswer:
        event.requiresReply === true || (event.requiresReply !== false && ASKING.has(event.act as string)),
      when,
      spawns: agent.spawns,
      returns: agent.returns,
      taken: false,
    })
  }

  #drain(event: AnyEvent): void {
    const id = idOf(event.agentId)
    if (id === undefined) return
    this.#hasDrains = true
    const agent = this.#roster.agent(id)
    const { ids } = event
    const taken = Array.isArray(ids)
      ? agent.inbox.drainIds(ids, event.ts)
      : agent.inbox.drain(Math.floor(amountOf(event.count)), event.ts)
    for (const message of taken) {
      if (!message.needsAnswer || NO_AGENTS.has(message.from)) continue
      agent.answers ??= new Map()
      const owed = agent.answers.get(message.from)
      if (owed !== undefined) owed.add(message.place)
      else if (agent.answers.size < MAX_ASKERS) agent.answers.set(message.from, new Group(message.place))
    }
  }

  #answered(from: string, to: string | undefined): void {
    const answers = this.#roster.get(from)?.answers
    if (answers === undefined || to === undefined) return
    if (to === 'broadcast') answers.clear()
    else answers.delete(this.#roster.resolve(to))
  }

  #dropped(event: AnyEvent): void {
    const to = idOf(event.to)
    const id = idOf(event.id)
    if (to !== undefined && id !== undefined) this.#recipient(to)?.inbox.take(id)
  }

  #judge(agent: AgentState, end: LogEnd): void {
    if (!agent.exists) {
      this.#judgeUnknown(agent, end)
      return
    }
    const groups = new Map<string, Group>()
    const sort = (kind: string, place: CheckPlace, count = 1): void => {
      const group = groups.get(kind)
      if (group === undefined) groups.set(kind, new Group(place, count))
      else group.add(place, count)
    }
    const { inbox } = agent
    const { firstForgotten } = inbox
    const isGone = agent.lives.size === 0 && agent.exit !== undefined
    const isDue = ({ ts }: Waiting): boolean => isGone || end.closed || end.now - ts > this.#drainAfter
    let oldestAsked = Number.POSITIVE_INFINITY
    const judge = (message: Waiting, count: number): void => {
      const state = stateOf(message, agent)
      if (state === 'living' && message.when === 'unknown' && agent.spawn !== undefined)
        sort('early', message.place, count)
      if (message.needsAnswer) {
        sort('asked', message.place, count)
        oldestAsked = Math.min(oldestAsked, message.ts)
      }
      if (state !== 'living' || isDue(message)) sort(state, message.place, count)
    }
    if (firstForgotten !== undefined && inbox.forgotten > 0) judge(firstForgotten, inbox.forgotten)
    for (const message of inbox.waiting()) judge(message, 1)
    const early = groups.get('early')
    if (early !== undefined && agent.spawn !== undefined) {
      const message = `${counted(early.count, 'message')} to agent ${named(agent.id)} came before its spawn`
      this.#findings.report('early-message', { message, group: early, agents: [agent.id] })
    }
    const exited = groups.get('exited')
    if (exited !== undefined && agent.exit !== undefined) {
      const since = `had exited at ${placed(agent.exit.place, exited.first)}`
      this.#late('exited-recipient', agent, exited, since)
    }
    const archived = groups.get('archived')
    if (archived !== undefined) this.#late('archived-recipient', agent, archived, 'was archived')
    const isSilent = this.#judgeSilence(agent, groups.get('asked'), oldestAsked, end)
    const living = groups.get('living')
    if (living !== undefined && !isSilent) this.#neverDrained(agent, living, isGone)
  }

  #late(
    rule: 'exited-recipient' | 'archived-recipient',
    agent: AgentState,
    group: Group,
    state: string,
  ): void {
    const one = group.count === 1
    const took = this.#hasDrains ? `no drain took ${one ? 'it' : 'them'}` : 'the log has no drain at all'
    const message = `${counted(group.count, 'message')} went to agent ${named(agent.id)}, which ${state}; ${took}`
    this.#findings.report(rule, { message, group, agents: [agent.id] })
  }

  #neverDrained(agent: AgentState, group: Group, isGone: boolean): void {
    const times =
      agent.inbox.drains === 0
        ? 'it never drained its inbox'
        : `its last of ${counted(agent.inbox.drains, 'drain')} did not take ${group.count === 1 ? 'it' : 'them'}`
    const until = isGone ? 'by its exit' : 'by the end of the log'
    const why = this.#hasDrains ? times : 'the log has no drain at all'
    const message = `${counted(group.count, 'message')} to agent ${named(agent.id)} ${group.count === 1 ? 'was' : 'were'} not drained ${until}: ${why}`
    const severity = this.#hasDrains ? {} : { severity: 'info' as const }
    this.#findings.report('never-drained', { message, group, agents: [agent.id], ...severity })
  }

  #judgeSilence(
    agent: AgentState,
    asked: Group | undefined,
    oldest: number,
    { now, closed }: LogEnd,
  ): boolean {
    if (!this.#findings.settings.isOn('silent-agent') || closed) return false
    if (agent.lives.size === 0 || agent.archive !== undefined) return false
    // It has asked a human itself, and waits.
    if (agent.lastKind === 'escalate') return false
    const askers = agent.answers === undefined ? [] : [...agent.answers.keys()]
    const isWaitedFor = asked !== undefined && this.#hasDrains && now - oldest > this.#silentAfter
    if (now - agent.lastTs <= this.#silentAfter || (!isWaitedFor && askers.length === 0)) return false
    const work: string[] = []
    if (isWaitedFor) work.push(`${counted(asked.count, 'request')} not drained`)
    if (askers.length > 0) work.push(`no answer to ${listed(askers)}`)
    const place: CheckPlace = { file: agent.lastFile, seq: agent.lastSeq }
    if (agent.lastLine !== undefined) place.line = agent.lastLine
    const group = new Group(place)
    const message = `agent ${named(agent.id)} has done nothing for ${lasting(now - agent.lastTs)}, with ${work.join(' and ')}`
    this.#findings.report('silent-agent', { message, group, agents: [agent.id, ...askers] })
    return true
  }

  #judgeUnknown(agent: AgentState, end: LogEnd): void {
    if (!end.isWhole || agent.inbox.size === 0) return
    // Whoever is not there may have been forgotten.
    if (this.#roster.hasForgotten) {
      this.#forgottenUnknown++
      return
    }
    if (!this.#roster.hasSpawns) {
      this.#findings.note('the log has no spawn, so it cannot be told which recipients exist')
      return
    }
    const { firstForgotten, forgotten } = agent.inbox
    let group =
      firstForgotten === undefined || forgotten === 0 ? undefined : new Group(firstForgotten.place, forgotten)
    for (const { place } of agent.inbox.waiting()) {
      if (group === undefined) group = new Group(place)
      else group.add(place)
    }
    if (group === undefined) return
    const who =
      agent.id === 'god'
        ? 'god, and no agent was spawned as god before'
        : `${named(agent.id)}, an agent that the log never shows`
    const message = `${counted(group.count, 'message')} went to ${who}`
    this.#findings.report('unknown-recipient', { message, group, agents: [agent.id] })
  }
}

/** What the recipient of a message was, as is known at the end. */
function stateOf({ when, spawns, returns }: Waiting, agent: AgentState): 'living' | 'exited' | 'archived' {
  // A later life of the agent may find what waits for it, without a drain that says so.
  if (when === 'exited') return spawns === agent.spawns ? 'exited' : 'living'
  if (when === 'archived') return returns === agent.returns ? 'archived' : 'living'
  return 'living'
}
