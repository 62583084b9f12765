/**
 * Judges at the end what still waits in the inboxes of the model: sent to nobody who exists, to an agent that had
 * exited or was archived, or simply never drained; and who went silent over requests.
 */

import { idOf } from '../../format/bounded.js'
import { RecentMap } from '../../format/recent-map.js'
import type { Agent } from '../../model/agents.js'
import type { Inbox, Message } from '../../model/inbox.js'
import type { HiveEntry, HiveModel } from '../../model/model.js'
import { isEnded } from '../../model/state.js'
import { hasNoInbox } from '../../model/who.js'
import { EarlyDrains } from '../early-drains.js'
import type { AnyEvent, Check, LogEnd } from './checker.js'
import { type CheckPlace, type Findings, Group } from './findings.js'
import type { Life, Lives } from './lives.js'
import { counted, grouped, lasting, listed, named, placed } from './words.js'

/** Acts that ask for something. */
const ASKING = new Set(['request', 'query', 'propose'])
/** Agents to whom one agent can owe an answer. */
const MAX_ASKERS = 64
/** Names of senders that are no agents. */
const MAX_SHOWN = 20_000

const NOT_ENDED: LogEnd = { now: Number.NEGATIVE_INFINITY, closed: false, isWhole: true, last: undefined }

/** A message that waits, as what it is judged. */
type Kind = 'early' | 'asked' | 'exited' | 'archived' | 'living'

export class Deliveries implements Check {
  readonly #findings: Findings
  readonly #model: HiveModel
  readonly #lives: Lives
  readonly #ignored: ReadonlySet<string>
  readonly #drainAfter: number
  readonly #silentAfter: number
  readonly #quietAfter: number
  /** Whether any message can owe an answer, so that senders have to be looked at. */
  #areAnswersOwed = false
  #hasDrains = false
  /** Senders, parents and those who took delivery, who are no agents: they exist. */
  readonly #shown = new Set<string>()
  /** Drains of messages that are still to come: what the model calls them. */
  readonly #early = new EarlyDrains<number>()

  constructor(findings: Findings, model: HiveModel, lives: Lives) {
    this.#findings = findings
    this.#model = model
    this.#lives = lives
    const { settings } = findings
    this.#ignored = new Set(settings.names('unknown-recipient', 'ignore'))
    this.#drainAfter = settings.number('never-drained', 'after')
    this.#silentAfter = settings.number('silent-agent', 'after')
    this.#quietAfter = settings.number('silent-agent', 'quiet')
  }

  add(event: AnyEvent): void {
    const { kind, from } = event
    if (kind === 'spawn') {
      this.#show(event.parent)
      return
    }
    const { sender } = this.#model
    if (sender === undefined) this.#show(from)
    if (kind !== 'message') return
    const { delivered } = event
    if (Array.isArray(delivered)) for (const each of delivered) this.#show(each)
    if (sender !== undefined && this.#areAnswersOwed) this.#answered(sender, event.to)
  }

  drained(agent: Agent, inbox: Inbox, taken: readonly Message[], before: number): void {
    this.#hasDrains = true
    for (const message of taken) this.#owes(agent, message)
    const { order, entry } = this.#model
    if (!this.#early.drained(order, entry as HiveEntry, inbox, taken, before)) return
    this.#lives.of(agent).told ??= new RecentMap(MAX_ASKERS)
    this.#areAnswersOwed = true
  }

  /** In a merged story the drain may come before its message, and so may the answer. */
  deliveredLate(inbox: Inbox, message: Message): void {
    const drain = this.#early.take(inbox, message)?.drain
    const agent = this.#model.agents.get(inbox.recipient)
    if (drain === undefined || agent === undefined) return
    const { told } = this.#lives.of(agent)
    const isAnswered = [message.from ?? '', 'broadcast'].some((to) => (told?.get(to) ?? 0) > drain)
    if (!isAnswered) this.#owes(agent, message)
  }

  #owes(agent: Agent, message: Message): void {
    const { from } = message
    if (from === undefined || hasNoInbox(from) || !needsAnswer(message)) return
    const life = this.#lives.of(agent)
    life.answers ??= new Set()
    this.#areAnswersOwed = true
    if (life.answers.size < MAX_ASKERS) life.answers.add(from)
  }

  /** There are too many agents: this one is judged now. */
  forgotten(agent: Agent): void {
    this.#judge(agent, NOT_ENDED)
  }

  end(end: LogEnd): void {
    for (const agent of this.#model.agents.all()) this.#judge(agent, end)
    for (const inbox of this.#model.strangers.values()) this.#judgeStranger(inbox, end)
    const { forgottenIds } = this.#model.room
    if (forgottenIds > 0) {
      this.#findings.note(
        `${counted(forgottenIds, 'id')} of drained messages that were not seen to be sent could not be held`,
      )
    }
    if (this.#model.unlistedMessages > 0) {
      this.#findings.note(
        `${counted(this.#model.unlistedMessages, 'message')} to recipients that had to be forgotten, or that the log did not show, are not judged`,
      )
    }
  }

  #show(name: unknown): void {
    if (typeof name !== 'string' || this.#model.agents.get(name) !== undefined) return
    const id = idOf(name) as string
    if (this.#shown.size < MAX_SHOWN) this.#shown.add(id)
    else if (!this.#shown.has(id))
      this.#findings.note(
        `there are more than ${grouped(MAX_SHOWN)} senders that are no agents; not all are taken for known`,
      )
  }

  #answered(sender: Agent, given: unknown): void {
    const to = idOf(given)
    const life = this.#lives.get(sender)
    if (to === undefined || life === undefined) return
    const { answers, told } = life
    const meant = to === 'god' || to === 'human' ? this.#model.resolve(to)?.id : undefined
    told?.set(to, this.#model.order)
    if (meant !== undefined) told?.set(meant, this.#model.order)
    if (answers === undefined || answers.size === 0) return
    if (to === 'broadcast') answers.clear()
    else if (!answers.delete(to) && meant !== undefined) answers.delete(meant)
  }

  #judge(agent: Agent, end: LogEnd): void {
    const { inbox } = agent
    const life = this.#lives.get(agent)
    const groups = new Map<Kind, Group>()
    let oldestAsked = Number.POSITIVE_INFINITY
    const isGone = isEnded(agent.status) && life?.exit !== undefined
    const sort = (kind: Kind, place: CheckPlace, count: number): void => {
      const group = groups.get(kind)
      if (group === undefined) groups.set(kind, new Group(place, count))
      else group.add(place, count)
    }
    if (inbox !== undefined && inbox.waiting > 0) {
      for (const { message, count } of waitingIn(inbox)) {
        const place = placeOfMessage(message)
        const kind = stateOf(message, agent, life)
        const { firstSpawn } = life ?? {}
        if (kind === 'living' && firstSpawn !== undefined && message.order < firstSpawn.order)
          sort('early', place, count)
        if (needsAnswer(message)) {
          sort('asked', place, count)
          oldestAsked = Math.min(oldestAsked, message.ts)
        }
        const isDue = isGone || end.closed || end.now - message.ts > this.#drainAfter
        if (kind !== 'living' || isDue) sort(kind, place, count)
      }
    }
    const early = groups.get('early')
    if (early !== undefined) {
      const message = `${counted(early.count, 'message')} to agent ${named(agent.id)} came before its spawn`
      this.#findings.report('early-message', { message, group: early, agents: [agent.id] })
    }
    const exited = groups.get('exited')
    if (exited !== undefined && life?.exit !== undefined) {
      const since = `had exited at ${placed(life.exit.place, exited.first)}`
      this.#late('exited-recipient', agent, exited, since)
    }
    const archived = groups.get('archived')
    if (archived !== undefined) this.#late('archived-recipient', agent, archived, 'was archived')
    const isSilent = this.#judgeSilence(agent, life, groups.get('asked'), oldestAsked, end)
    const living = groups.get('living')
    if (living !== undefined && !isSilent) this.#neverDrained(agent, living, isGone)
  }

  #late(rule: 'exited-recipient' | 'archived-recipient', agent: Agent, group: Group, state: string): void {
    const one = group.count === 1
    const took = this.#hasDrains ? `no drain took ${one ? 'it' : 'them'}` : 'the log has no drain at all'
    const message = `${this.#counted(agent, group)} went to agent ${named(agent.id)}, which ${state}; ${took}`
    this.#findings.report(rule, { message, group, agents: [agent.id] })
  }

  #neverDrained(agent: Agent, group: Group, isGone: boolean): void {
    const drains = agent.inbox?.drains ?? 0
    const times =
      drains === 0
        ? 'it never drained its inbox'
        : `its last of ${counted(drains, 'drain')} did not take ${group.count === 1 ? 'it' : 'them'}`
    const until = isGone ? 'by its exit' : 'by the end of the log'
    const why = this.#hasDrains ? times : 'the log has no drain at all'
    const message = `${this.#counted(agent, group)} to agent ${named(agent.id)} ${group.count === 1 ? 'was' : 'were'} not drained ${until}: ${why}`
    const severity = this.#hasDrains ? {} : { severity: 'info' as const }
    this.#findings.report('never-drained', { message, group, agents: [agent.id], ...severity })
  }

  /** `2 messages`; of an inbox that is an estimate, `about 2 messages`. */
  #counted({ inbox }: Agent, { count }: Group): string {
    return `${inbox?.isEstimated === true ? 'about ' : ''}${counted(count, 'message')}`
  }

  #judgeSilence(
    agent: Agent,
    life: Life | undefined,
    asked: Group | undefined,
    oldest: number,
    { now, closed }: LogEnd,
  ): boolean {
    if (!this.#findings.settings.isOn('silent-agent') || closed) return false
    if (isEnded(agent.status) || agent.status === 'archived') return false
    // It has asked a human itself, and waits.
    if (agent.lastKind === 'escalate') return false
    const silence = now - agent.lastTs
    // Where nobody ever drains, that a request waits tells less, and a longer silence is wanted.
    const after = this.#hasDrains ? this.#silentAfter : Math.max(this.#silentAfter, this.#quietAfter)
    const askers = life?.answers === undefined ? [] : [...life.answers]
    const isWaitedFor = asked !== undefined && now - oldest > after && silence > after
    const isOwing = askers.length > 0 && silence > this.#silentAfter
    if (!isWaitedFor && !isOwing) return false
    const work: string[] = []
    if (isWaitedFor) {
      const requests = counted(asked.count, 'request')
      work.push(
        this.#hasDrains ? `${requests} not drained` : `${requests} waiting (the log has no drain at all)`,
      )
    }
    if (askers.length > 0) work.push(`no answer to ${listed(askers)}`)
    const group = new Group(lastPlaceOf(agent))
    const message = `agent ${named(agent.id)} has done nothing for ${lasting(silence)}, with ${work.join(' and ')}`
    this.#findings.report('silent-agent', { message, group, agents: [agent.id, ...askers] })
    return true
  }

  #judgeStranger(inbox: Inbox, end: LogEnd): void {
    const { recipient } = inbox
    if (!end.isWhole || inbox.waiting === 0 || this.#ignored.has(recipient)) return
    if (this.#shown.has(recipient)) {
      this.#judgeShown(inbox, end)
      return
    }
    // Whoever is not there may have been forgotten.
    const { agents } = this.#model
    if (agents.forgottenLiving + agents.forgottenEnded > 0) {
      this.#findings.note(
        'some agents had to be forgotten, so that messages to agents that the log does not show are not judged',
      )
      return
    }
    if (![...agents.all()].some(({ lives }) => lives > 0)) {
      this.#findings.note('the log has no spawn, so it cannot be told which recipients exist')
      return
    }
    const group = groupOf(inbox)
    const who =
      recipient === 'god'
        ? 'god, and no agent was spawned as god before'
        : `${named(recipient)}, an agent that the log never shows`
    const message = `${counted(group.count, 'message')} went to ${who}`
    this.#findings.report('unknown-recipient', { message, group, agents: [recipient] })
  }

  /** One that sends, or is somebody's parent, and has no events of its own. */
  #judgeShown(inbox: Inbox, end: LogEnd): void {
    let group: Group | undefined
    for (const { message, count } of waitingIn(inbox)) {
      if (!end.closed && end.now - message.ts <= this.#drainAfter) continue
      if (group === undefined) group = new Group(placeOfMessage(message), count)
      else group.add(placeOfMessage(message), count)
    }
    if (group === undefined) return
    const was = group.count === 1 ? 'was' : 'were'
    const why = this.#hasDrains ? 'it never drained its inbox' : 'the log has no drain at all'
    const message = `${counted(group.count, 'message')} to agent ${named(inbox.recipient)} ${was} not drained by the end of the log: ${why}`
    const severity = this.#hasDrains ? {} : { severity: 'info' as const }
    this.#findings.report('never-drained', { message, group, agents: [inbox.recipient], ...severity })
  }
}

/** Whether the sender waits for an answer. */
const needsAnswer = ({ requiresReply, act }: Message): boolean =>
  requiresReply ?? (act !== undefined && ASKING.has(act))

/** What waits, oldest first. Messages that are not held are told by the oldest of them, or by the oldest that is. */
function* waitingIn(inbox: Inbox): Generator<{ message: Message; count: number }> {
  const held = inbox.list()
  const { unheld, firstUnheld = held[0] } = inbox
  if (unheld > 0 && firstUnheld !== undefined) yield { message: firstUnheld, count: unheld }
  for (const message of held) yield { message, count: 1 }
}

function groupOf(inbox: Inbox): Group {
  let group: Group | undefined
  for (const { message, count } of waitingIn(inbox)) {
    if (group === undefined) group = new Group(placeOfMessage(message), count)
    else group.add(placeOfMessage(message), count)
  }
  return group as Group
}

/** What the recipient of a message was, as is known now. */
function stateOf(message: Message, agent: Agent, life: Life | undefined): 'living' | 'exited' | 'archived' {
  if (life === undefined) return 'living'
  if (life.wasArchived(message.order)) return 'archived'
  // A later life of the agent may find what waits for it, without a drain that says so.
  const { exit } = life
  if (exit === undefined || !isEnded(agent.status)) return 'living'
  return message.order > exit.order && message.ts >= exit.ts ? 'exited' : 'living'
}

function placeOfMessage({ file = '', line, seq, ts, log }: Message): CheckPlace {
  const place: CheckPlace = { file }
  if (line !== undefined) place.line = line
  place.seq = seq
  place.ts = ts
  if (log !== undefined) place.log = log
  return place
}

function lastPlaceOf({ lastFile, lastLine, lastSeq, lastTs, lastLog }: Agent): CheckPlace {
  const place: CheckPlace = { file: lastFile ?? '' }
  if (lastLine !== undefined) place.line = lastLine
  place.seq = lastSeq
  place.ts = lastTs
  if (lastLog !== undefined) place.log = lastLog
  return place
}
