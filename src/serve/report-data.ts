/**
 * What a report in one file holds: the API's own answers, by their addresses, so that the page shows the same with and
 * without a server. Asked of a server that runs for as long as it takes.
 */
import { existsSync } from 'node:fs'
import { openFile } from '../disk/open.js'
import { VERSION } from '../version.js'
import type { AgentAnswer, EventPage, Floor, FloorAgent, LogOverview, PlacedEvent } from './api/shapes.js'
import { serve } from './server.js'
import { ServeError } from './tokens.js'

/** A floor as what changed since the one before; the first is whole. */
export type FloorStep = Omit<Floor, 'edges'>

export interface ReportData {
  /** Epoch milliseconds when it was made, and the version that made it. */
  made: number
  version: string
  /** All events of the log; `events` may hold fewer. */
  ofEvents: number
  /** Address -> JSON. */
  answers: Record<string, unknown>
  /** The newest events, in order. */
  events: PlacedEvent[]
  /** Floors after some of them, in order. */
  floors: FloorStep[]
}

export interface ReportLimits {
  /** Newest events that are kept. */
  events: number
  /** Positions at which the floor is kept. */
  floors: number
}

/** Agents whose own page is kept, and pairs whose talk is. */
const MAX_AGENTS = 200
const MAX_TALKS = 200
const PAGE = 1_000
const BY = {
  cost: ['agent', 'model', 'task', 'hour'],
  calls: ['host', 'path', 'agent', 'status', 'tool'],
  waits: ['resource', 'agent', 'holder', 'pair'],
} as const

/** @throws {ServeError} when the log is not there, or cannot be read */
export async function collectReport(
  file: string,
  limits: ReportLimits,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<ReportData> {
  if (!existsSync(file)) throw new ServeError(`there is no ${file}: name a log`)
  // A pipe, a device and the like are refused here, as by every command.
  await (await openFile(file)).close()
  const server = await serve({ logs: [file], port: 0 })
  try {
    return await new Collector(file, server.url, server.token ?? '', limits, onProgress).collect()
  } finally {
    await server.close()
  }
}

class Collector {
  readonly #file: string
  readonly #url: string
  readonly #token: string
  readonly #limits: ReportLimits
  readonly #tell: (done: number, total: number) => void
  readonly #answers: Record<string, unknown> = {}

  constructor(
    file: string,
    url: string,
    token: string,
    limits: ReportLimits,
    tell: (done: number, total: number) => void,
  ) {
    this.#file = file
    this.#url = url
    this.#token = token
    this.#limits = limits
    this.#tell = tell
  }

  async collect(): Promise<ReportData> {
    const { logs } = (await this.#keep('/api/logs')) as { logs: { id: string; error?: string }[] }
    const entry = logs[0]
    if (entry === undefined) throw new ServeError(`${this.#file} is no log`)
    if (entry.error !== undefined) throw new ServeError(entry.error)
    const path = `/api/logs/${entry.id}`
    const overview = (await this.#ask(path)) as LogOverview
    const events = await this.#events(path, overview)
    const first = events[0]?.position ?? overview.first
    // What is not in the report is not offered either; and nothing comes any more.
    this.#answers[path] = { ...overview, first, live: false }
    this.#answers['/api/me'] = { name: 'report', scopes: ['read'] }
    await this.#reports(path, overview, first)
    const floors = await this.#floors(path, first, overview.last)
    await this.#agents(path, floors)
    return {
      made: Date.now(),
      version: VERSION,
      ofEvents: overview.events,
      answers: this.#answers,
      events,
      floors,
    }
  }

  async #events(path: string, { last }: LogOverview): Promise<PlacedEvent[]> {
    const pages: PlacedEvent[][] = []
    let count = 0
    for (let before: number | undefined = last + 1; before !== undefined && count < this.#limits.events; ) {
      const limit = Math.min(PAGE, this.#limits.events - count)
      const page = (await this.#ask(`${path}/events?before=${before}&limit=${limit}`)) as EventPage
      pages.unshift(page.events)
      count += page.events.length
      before = page.events.length === 0 ? undefined : page.prev
    }
    return pages.flat()
  }

  async #reports(path: string, { last, firstTs = 0, lastTs = 0 }: LogOverview, first: number): Promise<void> {
    const density = await this.#ask(`${path}/density?from=${first}&to=${last}&buckets=240`)
    this.#answers[`${path}/density`] = density
    const lanes = `${path}/lanes?from=${Math.floor(firstTs)}&to=${Math.ceil(lastTs)}&limit=5000`
    this.#answers[`${path}/lanes`] = await this.#ask(lanes)
    for (const name of ['check', 'verify', 'desk']) await this.#keep(`${path}/${name}`)
    for (const [name, keys] of Object.entries(BY)) {
      for (const key of keys) await this.#keep(`${path}/${name}?by=${key}`)
    }
  }

  /** At even distances; where there are no more events than that, after each. */
  async #floors(path: string, first: number, last: number): Promise<FloorStep[]> {
    const steps = Math.min(this.#limits.floors, last - first + 1)
    const known = new Map<string, string>()
    const floors: FloorStep[] = []
    for (let i = 0; i < steps; i++) {
      const at = steps === 1 ? last : Math.round(first + ((last - first) * i) / (steps - 1))
      const { edges: _, ...floor } = (await this.#ask(`${path}/floor?at=${at}`)) as Floor
      floors.push({ ...floor, agents: floor.agents.filter((agent) => hasChanged(known, agent)) })
      this.#tell(i, steps)
    }
    return floors
  }

  async #agents(path: string, floors: readonly FloorStep[]): Promise<void> {
    const ids = new Set(floors.flatMap(({ agents }) => agents.map(({ agentId }) => agentId)))
    let talks = 0
    for (const id of [...ids].slice(0, MAX_AGENTS)) {
      const answer = (await this.#keep(`${path}/agent/${encodeURIComponent(id)}`)) as AgentAnswer
      const { partners } = answer.partners as { partners: { name: string }[] }
      for (const { name } of partners) {
        if (talks++ >= MAX_TALKS) break
        await this.#keep(`${path}/talk?${new URLSearchParams({ a: id, b: name })}`)
      }
    }
  }

  async #keep(path: string): Promise<unknown> {
    const answer = await this.#ask(path)
    this.#answers[path] = answer
    return answer
  }

  async #ask(path: string): Promise<unknown> {
    const response = await fetch(this.#url + path, { headers: { authorization: `Bearer ${this.#token}` } })
    const answer = (await response.json()) as { error?: string }
    if (!response.ok) throw new ServeError(answer.error ?? `${path}: ${response.status}`)
    return answer
  }
}

function hasChanged(known: Map<string, string>, agent: FloorAgent): boolean {
  const text = JSON.stringify(agent)
  if (known.get(agent.agentId) === text) return false
  known.set(agent.agentId, text)
  return true
}
