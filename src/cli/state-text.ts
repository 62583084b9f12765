/** A hive's state as lines for people. */
import { basename } from 'node:path'
import type { AgentState, HiveState, UsageTotals } from '../model/state.js'
import {
  byteSize,
  clean,
  clock,
  counted,
  dollars,
  duration,
  fit,
  grouped,
  paint,
  shownId,
} from '../text/terminal.js'
import { table } from './table.js'

export interface StateTextOptions {
  color: boolean
  width: number
  /** How many logs the hive is read from. */
  logs: number
}

/** Pending escalations and inboxes that are listed; --json has all. */
const MAX_LISTED = 10

export function stateLines(file: string, state: HiveState, options: StateTextOptions): string[] {
  if (state.ts === undefined) return [`${clean(file)}: no event yet`]
  return [
    ...head(file, state, options.logs),
    ...pendingLines(state, options),
    ...agentLines(state, options.width),
    ...inboxLines(state, options.width),
    ...unlistedLines(state),
    ...(state.estimated === true ? ESTIMATE_LINES : []),
  ]
}

function head(file: string, state: HiveState, logs: number): string[] {
  const { seq, ts = 0, firstTs = ts, events, messages, writer, snapshot } = state
  const others = logs > 1 ? ` and ${counted(logs - 1, 'other log')}` : ''
  const lines = [
    `state    after seq ${seq} of ${clean(file)}${others}, ${clock(ts, true)}`,
    `so far   ${counted(events, 'event')}, ${counted(messages, 'message')} in ${duration(Math.max(0, ts - firstTs))}`,
  ]
  if (writer !== undefined) {
    const { writer: name = '?', pid = '?', host = '?', since } = writer
    lines.push(`writer   ${clean(name)}, pid ${pid} on ${clean(host)}, since ${clock(since, true)}`)
  }
  if (state.usage.calls > 0) lines.push(`models   ${usageText(state.usage)}`)
  if (snapshot !== undefined) {
    const label = snapshot.label === undefined ? '' : ` "${clean(snapshot.label)}"`
    const what = `${byteSize(snapshot.bytes)}, ${clean(snapshot.ref).slice(0, 12)}`
    lines.push(`snapshot ${clean(snapshot.agentId)}${label}, seq ${snapshot.seq}, ${what}`)
  }
  for (const { file: at, reason } of (state.broken ?? []).slice(0, MAX_LISTED)) {
    lines.push(`BROKEN   ${clean(basename(at))}: ${clean(reason)}`)
  }
  if (state.lost > 0) lines.push(`lost     ${counted(state.lost, 'event')}, as the writer says`)
  if (state.malformed > 0) lines.push(`skipped  ${counted(state.malformed, 'malformed line')}`)
  return lines
}

function usageText({ calls, inputTokens, outputTokens, costUsd, unpriced }: UsageTotals): string {
  const tokens = `${counted(calls, 'call')}, ${grouped(inputTokens)} tokens in, ${grouped(outputTokens)} out`
  if (unpriced === calls) return `${tokens}; no price is known`
  return `${tokens}, ${dollars(costUsd)}${unpriced > 0 ? ` (${grouped(unpriced)} without a price)` : ''}`
}

function pendingLines(
  { pending, unlisted, ts = 0 }: HiveState,
  { color, width }: StateTextOptions,
): string[] {
  const count = pending.length + unlisted.pending
  if (count === 0) return ['pending  nothing with the human']
  const lines = ['', paint(`▲ ${counted(count, 'escalation')} pending with the human`, 'alarm', color)]
  for (const item of pending.slice(0, MAX_LISTED)) {
    const { id, from = '?', subject = '', ts: since } = item
    const waited = duration(Math.max(0, ts - since))
    const text = `  ${placeText(item)}  ${clean(from)}  ${shownId(id)}  for ${waited}  "${clean(subject)}"`
    lines.push(fit(text, width))
  }
  if (pending.length > MAX_LISTED)
    lines.push(`  … and ${grouped(count - MAX_LISTED)} more; see hivelog audit`)
  return lines
}

function agentLines(state: HiveState, width: number): string[] {
  const waiting = new Map(
    state.inboxes.map((inbox) => [inbox.recipient, waitingText(inbox.waiting, inbox.estimated)]),
  )
  // Who lives comes first.
  const rank = ({ status }: AgentState): number => ['alive', 'held', 'archived'].indexOf(status)
  const sorted = [...state.agents].sort((a, b) => ((rank(a) + 9) % 9) - ((rank(b) + 9) % 9))
  const rows = sorted.map((agent) => [
    agent.agentId,
    agent.name + (agent.isGod ? ' (god)' : ''),
    agent.status,
    agent.parent ?? '',
    sinceText(agent.since, state.ts ?? agent.since),
    grouped(agent.events),
    waiting.get(agent.agentId) ?? '0',
    agent.usage === undefined ? '' : grouped(agent.usage.inputTokens + agent.usage.outputTokens),
    agent.usage === undefined ? '' : dollars(agent.usage.costUsd),
  ])
  const names = ['agent', 'name', 'status', 'parent', 'since', 'events', 'inbox', 'tokens', 'cost']
  return table(names, rows, { textColumns: 5, width })
}

/** Where a line is: `seq 5`, or its file and line where there are several logs. */
function placeText({ seq, file, line }: { seq: number; file?: string; line?: number }): string {
  return file === undefined || line === undefined ? `seq ${seq}` : `${clean(basename(file))}:${line}`
}

/** Only the time, where it is of the same day as the state. */
function sinceText(since: number, at: number): string {
  const isSameDay = new Date(since).toDateString() === new Date(at).toDateString()
  return clock(since, !isSameDay).slice(0, -4)
}

function inboxLines(state: HiveState, width: number): string[] {
  const rows = [...state.inboxes]
    .sort((a, b) => b.waiting - a.waiting)
    .map((inbox) => {
      const { recipient, messages } = inbox
      const last = messages.at(-1)
      const newest = last === undefined ? '' : `${last.from ?? '?'} ${last.act ?? ''} "${last.subject ?? ''}"`
      return [recipient, newest, waitingText(inbox.waiting, inbox.estimated)]
    })
  return table(['inbox of', 'newest message', 'waiting'], rows, {
    textColumns: 2,
    width,
    maxRows: MAX_LISTED,
  })
}

/** How many wait, with the mark of an estimate. */
export const waitingText = (waiting: number, isEstimated = false): string =>
  `${isEstimated ? '≈' : ''}${grouped(waiting)}`

/** What the mark says. */
export const ESTIMATE_LINES: readonly string[] = [
  '≈ about so many: another program wrote the log, and it does not say which messages a drain took,',
  '  or who got what went to the human',
]

function unlistedLines({ unlisted }: HiveState): string[] {
  const { endedAgents, messages, livingAgents = 0 } = unlisted
  const lines: string[] = []
  if (endedAgents > 0) lines.push(`not listed: ${counted(endedAgents, 'agent')} that ended longest ago`)
  if (livingAgents > 0)
    lines.push(`not listed: ${counted(livingAgents, 'agent')} that live, spawned longest ago`)
  if (messages > 0) lines.push(`not listed: ${counted(messages, 'message')} to agents that are not listed`)
  return lines
}
