/**
 * What the spans of a hive must be, worked out from its files alone: which lives there are, in which parts, under
 * whom, and what is on each. Written from docs and format, not with the code that is tested.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { eventsOf, type Line } from '../../kit/hive-support.js'

/** One life of an agent, or what a process recorded that was no agent's. */
export interface WantedLife {
  /** Left out for a session's. */
  spawn: Line | undefined
  session: string
  /** Span ids of its parts, in their order. */
  parts: string[]
  /** Spans of which one is the parent; none for a root. */
  parents: string[]
  exit: Line | undefined
}

/** A tool or a call, with the span of the agent that it was in. */
export interface WantedWork {
  line: Line
  parent: string
}

export interface WantedHive {
  lines: Line[]
  traces: string[]
  lives: WantedLife[]
  work: WantedWork[]
  /** Lines that are an event on a span. */
  events: Line[]
  /** Span ids of the senders of what was drained, by the span of the drain; each once. */
  senders: Map<string, Set<string>>
}

/** The files of a hive: its own, and those of the processes that its agents went on in. */
export function filesOf(file: string): string[] {
  const folder = `${file}.agents`
  const others = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.jsonl')) : []
  return [file, ...others.sort().map((name) => join(folder, name))]
}

export function wantedOf(file: string): WantedHive {
  const hive: WantedHive = { lines: [], traces: [], lives: [], work: [], events: [], senders: new Map() }
  for (const each of filesOf(file)) addFile(hive, eventsOf(each))
  hive.traces = [...new Set(hive.lines.map((line) => String(line.trace)))]
  const sentFrom = new Map(
    hive.events.filter(({ kind }) => kind === 'message').map(({ id, span }) => [id, String(span)]),
  )
  for (const { kind, ids, span } of hive.events) {
    if (kind !== 'drain' || !Array.isArray(ids)) continue
    const senders = hive.senders.get(String(span)) ?? new Set()
    for (const id of ids) senders.add(sentFrom.get(id) ?? `no sender of ${id}`)
    hive.senders.set(String(span), senders)
  }
  return hive
}

/** The lines of one process. */
function addFile(hive: WantedHive, lines: Line[]): void {
  const living = new Map<unknown, WantedLife>()
  const escalated = new Map<unknown, WantedLife>()
  let session: WantedLife | undefined
  for (const line of lines) {
    const span = String(line.span)
    hive.lines.push(line)
    if (line.kind === 'spawn') {
      const above = living.get(line.parent)
      const parents = above === undefined ? partsOf(hive, line.agentId) : [last(above.parts)]
      const life = { spawn: line, session: line.session, parts: [span], parents, exit: undefined }
      living.set(line.agentId, life)
      hive.lives.push(life)
      continue
    }
    const agent = living.get(line.from ?? line.agentId)
    if (line.kind === 'tool' || line.kind === 'call' || line.kind === 'usage') {
      hive.work.push({ line, parent: last(agent?.parts ?? []) })
      continue
    }
    let life = line.checkpoint === undefined ? undefined : agent
    if (line.kind === 'approval' && escalated.get(line.id)?.exit === undefined) life = escalated.get(line.id)
    if (life === undefined) {
      if (session === undefined) {
        const parents = hive.lives.find(({ spawn }) => spawn === lines[0])?.parents ?? []
        session = { spawn: undefined, session: line.session, parts: [], parents, exit: undefined }
        hive.lives.push(session)
      }
      life = session
    }
    if (last(life.parts) !== span) life.parts.push(span)
    if (line.kind === 'exit') life.exit = line
    else hive.events.push(line)
    if (line.kind === 'escalate') escalated.set(line.id, life)
  }
}

/** An agent that goes on in a process of its own is under the span that it had before. */
function partsOf(hive: WantedHive, agentId: unknown): string[] {
  return hive.lives.filter(({ spawn }) => spawn?.agentId === agentId).flatMap(({ parts }) => parts)
}

const last = (parts: readonly string[]): string => parts.at(-1) ?? ''
