/** Parts of the model as the plain data of a state, and back. */
import { Agent, Totals } from './agents.js'
import type { Escalation } from './escalations.js'
import { type Inbox, type Message, placeIn, type StoredMessages } from './inbox.js'
import type { AgentState, InboxState, PendingEscalation, UsageTotals, WaitingMessage } from './state.js'

/** @param isSummed whether it says what the agent used */
export function agentState(agent: Agent, isSummed = true): AgentState {
  const { log } = agent
  const state: AgentState = {
    agentId: agent.id,
    name: agent.name,
    isGod: agent.isGod,
    status: agent.status,
    since: agent.since,
    sinceSeq: agent.sinceSeq,
    lives: agent.lives,
    events: agent.events,
    lastSeq: agent.lastSeq,
    lastTs: agent.lastTs,
  }
  const { parent, role, model, pid, session, error, spawnSeq, spawnTs } = agent
  if (parent !== undefined) state.parent = parent
  if (role !== undefined) state.role = role
  if (model !== undefined) state.model = model
  if (pid !== undefined) state.pid = pid
  if (session !== undefined) state.session = session
  if (error !== undefined) state.error = error
  if (spawnSeq !== undefined) state.spawnSeq = spawnSeq
  if (spawnTs !== undefined) state.spawnTs = spawnTs
  if (isSummed && agent.usage !== undefined) state.usage = totalsState(agent.usage)
  if (agent.snapshot !== undefined) state.snapshot = agent.snapshot
  placeIn(state, { log, file: agent.lastFile, line: agent.lastLine })
  return state
}

/** @param sum parts of the sum of its cost, where that is not a number alone */
export function agentFrom(state: AgentState, number: number, sum: [number, number] | undefined): Agent {
  const agent = new Agent(state.agentId, number, state.since, state.sinceSeq, state.log)
  agent.name = state.name
  agent.isGod = state.isGod
  agent.parent = state.parent
  agent.role = state.role
  agent.model = state.model
  agent.pid = state.pid
  agent.session = state.session
  agent.status = state.status
  agent.error = state.error
  agent.lives = state.lives
  agent.spawnSeq = state.spawnSeq
  agent.spawnTs = state.spawnTs
  agent.events = state.events
  agent.lastSeq = state.lastSeq
  agent.lastTs = state.lastTs
  agent.lastFile = state.file
  agent.lastLine = state.line
  agent.snapshot = state.snapshot
  if (state.usage !== undefined) {
    agent.usage = totalsFrom(state.usage)
    if (sum !== undefined) agent.usage.cost.go(sum)
  }
  return agent
}

export function totalsState(totals: Totals): UsageTotals {
  const { calls, inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, unpriced, cost } = totals
  return {
    calls,
    inputTokens,
    outputTokens,
    cacheReadTokens,
    cacheWriteTokens,
    costUsd: cost.value,
    unpriced,
  }
}

export function totalsFrom(state: UsageTotals): Totals {
  const totals = new Totals()
  totals.calls = state.calls
  totals.inputTokens = state.inputTokens
  totals.outputTokens = state.outputTokens
  totals.cacheReadTokens = state.cacheReadTokens
  totals.cacheWriteTokens = state.cacheWriteTokens
  totals.unpriced = state.unpriced
  totals.cost.go([state.costUsd, 0])
  return totals
}

/** Which of the messages that wait are listed. */
export type Listed = 'all' | 'newest' | 'none'

export function inboxState(inbox: Inbox, which: Listed): InboxState {
  const { recipient, waiting, isEstimated } = inbox
  const listed = listedOf(inbox, which).map(messageState)
  const state: InboxState = { recipient, waiting, messages: listed }
  if (isEstimated) state.estimated = true
  return state
}

function listedOf(inbox: Inbox, which: Listed): readonly Message[] {
  if (which === 'all') return inbox.list()
  const newest = which === 'newest' ? inbox.newest() : undefined
  return newest === undefined ? [] : [newest]
}

function messageState(message: Message): WaitingMessage {
  const { seq, ts, id, from, act, subject } = message
  const state: WaitingMessage = { seq, ts }
  if (id !== undefined) state.id = id
  if (from !== undefined) state.from = from
  if (act !== undefined) state.act = act
  if (subject !== undefined) state.subject = subject
  if (message.requiresReply === true) state.requiresReply = true
  placeIn(state, message)
  return state
}

/** The messages of a state that is plain data. */
export const storedFrom = (messages: readonly WaitingMessage[]): StoredMessages => ({
  count: messages.length,
  load: () => messages.map(messageFrom),
  newest: () => messages.slice(-1).map(messageFrom)[0],
})

function messageFrom(state: WaitingMessage): Message {
  const { seq, ts, id, from, act, subject, requiresReply, log, file, line } = state
  return { order: 0, seq, ts, id, from, act, subject, requiresReply, log, file, line }
}

export function escalationState(escalation: Escalation): PendingEscalation {
  const { id, seq, ts, from, to, subject } = escalation
  const state: PendingEscalation = { id, seq, ts }
  if (from !== undefined) state.from = from
  if (to !== undefined) state.to = to
  if (subject !== undefined) state.subject = subject
  placeIn(state, escalation)
  return state
}

export function escalationFrom(state: PendingEscalation): Escalation {
  const { id, seq, ts, from, to, subject, log, file, line } = state
  return { id, seq, ts, from, to, subject, log, file, line }
}
