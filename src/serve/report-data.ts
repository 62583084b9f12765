/**
 * What a report in one file holds: the API's own answers, by their addresses, so that the page shows the same with and
 * without a server. Asked of a server that runs for as long as it takes; but for what it would read the log for again
 * and again, which is made of its parts at once.
 */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { PartnersReport } from '../analyse/talk/report.js'
import { talkPartnersOf, talksBetween } from '../analyse/talk.js'
import { openFile } from '../disk/open.js'
import { VERSION } from '../version.js'
import { agentAnswer } from './api/agent-answer.js'
import type { Content } from './api/content.js'
import { readable } from './api/readable.js'
import type {
  AgentSnapshot,
  EventPage,
  Floor,
  FloorAgent,
  LogList,
  LogOverview,
  PlacedEvent,
} from './api/shapes.js'
import { HttpError } from './http.js'
import { type Parts, serve } from './server.js'
import { ServeError } from './tokens.js'

/** A floor as what changed since the one before; the first is whole. */
export type FloorStep = Omit<Floor, 'edges'>

export interface ReportData {
  /** Epoch milliseconds when it was made, and the version that made it. */
  made: number
  version: string
  /** All events of the log, housekeeping too; `events` may hold fewer. */
  ofEvents: number
  /** Address -> JSON. */
  answers: Record<string, unknown>
  /** The newest events, in order. */
  events: PlacedEvent[]
  /** Floors after some of them, in order. */
  floors: FloorStep[]
  /** Contents that snapshots name, by their SHA-256, in base64. */
  contents: Record<string, string>
  /** Contents that there was no room for. */
  leftOut: number
}

export interface ReportLimits {
  /** Newest events that are kept. */
  events: number
  /** Positions at which the floor is kept. */
  floors: number
  /** Bytes of all contents of snapshots that are kept. */
  contents: number
}

/** Agents whose own page is kept, and pairs whose talk is. */
const MAX_AGENTS = 200
const MAX_TALKS = 200
/** Bytes of a content that is kept. */
const MAX_CONTENT = 256 * 1024
const PAGE = 1_000
const BY = {
  cost: ['agent', 'model', 'task', 'hour'],
  calls: ['host', 'path', 'agent', 'status', 'tool'],
  waits: ['resource', 'agent', 'holder', 'pair'],
} as const

export interface ReportMore {
  /** A log that this one is compared with. */
  other?: string | undefined
  onProgress?: (done: number, total: number) => void
}

/** @throws {ServeError} when the log is not there, or cannot be read */
export async function collectReport(
  file: string,
  limits: ReportLimits,
  { other, onProgress = () => {} }: ReportMore = {},
): Promise<ReportData> {
  const files = other === undefined ? [file] : [file, other]
  for (const each of files) {
    if (!existsSync(each)) throw new ServeError(`there is no ${each}: name a log`)
    // A pipe, a device and the like are refused here, as by every command.
    await (await openFile(each)).close()
  }
  const doors: Parts[] = []
  const server = await serve({
    logs: files,
    port: 0,
    doors: [
      (parts) => {
        doors.push(parts)
        return []
      },
    ],
  })
  try {
    const [parts] = doors as [Parts]
    return await new Collector(file, parts, server.url, server.token ?? '', limits, onProgress).collect()
  } finally {
    await server.close()
  }
}

class Collector {
  readonly #file: string
  readonly #parts: Parts
  readonly #url: string
  readonly #token: string
  readonly #limits: ReportLimits
  readonly #tell: (done: number, total: number) => void
  readonly #answers: Record<string, unknown> = {}
  readonly #contents: Record<string, string> = {}
  readonly #leftOut = new Set<string>()
  #room: number

  constructor(
    file: string,
    parts: Parts,
    url: string,
    token: string,
    limits: ReportLimits,
    tell: (done: number, total: number) => void,
  ) {
    this.#file = file
    this.#parts = parts
    this.#url = url
    this.#token = token
    this.#limits = limits
    this.#room = limits.contents
    this.#tell = tell
  }

  async collect(): Promise<ReportData> {
    const list = (await this.#ask('/api/logs')) as LogList
    const wanted = resolve(this.#file)
    const entry = list.logs.find(({ file }) => resolve(file) === wanted)
    if (entry === undefined) throw new ServeError(`${this.#file} is no log`)
    if (entry.error !== undefined) throw new ServeError(entry.error)
    // The first one is what the report is of.
    const others = list.logs.filter((each) => each !== entry)
    this.#answers['/api/logs'] = { ...list, logs: [entry, ...others] }
    const path = `/api/logs/${entry.id}`
    const overview = (await this.#ask(path)) as LogOverview
    const events = await this.#events(path, overview)
    const first = events[0]?.position ?? overview.first
    // What is not in the report is not offered either; and nothing comes any more.
    this.#answers[path] = { ...overview, first, live: false }
    this.#answers['/api/me'] = { name: 'report', scopes: ['read'] }
    await this.#reports(path, overview, first)
    const { floors, ids } = await this.#floors(entry.file, first, overview.last)
    await this.#agents(entry.file, path, ids)
    for (const { id } of others)
      await this.#keep(`/api/compare?${new URLSearchParams({ a: entry.id, b: id })}`)
    return {
      made: Date.now(),
      version: VERSION,
      ofEvents: overview.kinds.reduce((sum, { count }) => sum + count, 0),
      answers: this.#answers,
      events,
      floors,
      contents: this.#contents,
      leftOut: this.#leftOut.size,
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

  /** At even distances; where there are no more events than that, after each. With all agents that are in them. */
  async #floors(file: string, first: number, last: number): Promise<{ floors: FloorStep[]; ids: string[] }> {
    const steps = Math.min(this.#limits.floors, last - first + 1)
    const known = new Map<string, string>()
    const floors: FloorStep[] = []
    await this.#read(file, async (content) => {
      const { positions } = content.rows
      const counts = Array.from({ length: steps }, (_, i) => {
        const at = steps === 1 ? last : Math.round(first + ((last - first) * i) / (steps - 1))
        return positions.rowUpTo(at) + 1
      })
      for await (const { edges: _, ...floor } of content.floors(counts)) {
        floors.push({ ...floor, agents: floor.agents.filter((agent) => hasChanged(known, agent)) })
        this.#tell(floors.length - 1, steps)
      }
    })
    return { floors, ids: [...known.keys()] }
  }

  async #agents(file: string, path: string, all: readonly string[]): Promise<void> {
    const ids = all.slice(0, MAX_AGENTS)
    await this.#read(file, async (content) => {
      const partnersOf = await talkPartnersOf([file], ids)
      const pages: { id: string; answer: Awaited<ReturnType<typeof agentAnswer>>; names: string[] }[] = []
      const pairs: { a: string; b: string }[] = []
      for (const [i, id] of ids.entries()) {
        const { partners } = partnersOf[i] as PartnersReport
        const answer = await agentAnswer(content, id, partnersOf[i] as PartnersReport)
        const names = partners.slice(0, MAX_TALKS - pairs.length).map(({ name }) => name)
        pairs.push(...names.map((b) => ({ a: id, b })))
        pages.push({ id, answer, names })
      }
      const talks = await talksBetween([file], pairs)
      for (const { id, answer, names } of pages) {
        this.#answers[`${path}/agent/${encodeURIComponent(id)}`] = answer
        // Newest first: those are what an incident is about.
        for (const snapshot of answer.snapshots) await this.#content(path, snapshot)
        for (const b of names)
          this.#answers[`${path}/talk?${new URLSearchParams({ a: id, b })}`] = talks.shift()
      }
    })
  }

  /** Does something with all that the server has read of a log. @throws {ServeError} when it cannot be read */
  async #read(file: string, act: (content: Content) => Promise<void>): Promise<void> {
    try {
      await readable(file, async () => act(await this.#parts.hives.open(file).content()))
    } catch (error) {
      throw error instanceof HttpError ? new ServeError(error.message) : error
    }
  }

  async #content(path: string, { ref, bytes }: AgentSnapshot): Promise<void> {
    if (this.#contents[ref] !== undefined) return
    if (bytes > MAX_CONTENT || bytes > this.#room) {
      this.#leftOut.add(ref)
      return
    }
    const response = await this.#fetch(`${path}/artifact/${ref}`)
    // One that is gone is told as such by the page.
    if (!response.ok) return
    const content = Buffer.from(await response.arrayBuffer())
    if (content.length > this.#room) return
    this.#room -= content.length
    this.#contents[ref] = content.toString('base64')
  }

  async #keep(path: string): Promise<unknown> {
    const answer = await this.#ask(path)
    this.#answers[path] = answer
    return answer
  }

  async #ask(path: string): Promise<unknown> {
    const response = await this.#fetch(path)
    const answer = (await response.json()) as { error?: string }
    if (!response.ok) throw new ServeError(answer.error ?? `${path}: ${response.status}`)
    return answer
  }

  #fetch(path: string): Promise<Response> {
    return fetch(this.#url + path, { headers: { authorization: `Bearer ${this.#token}` } })
  }
}

function hasChanged(known: Map<string, string>, agent: FloorAgent): boolean {
  const text = JSON.stringify(agent)
  if (known.get(agent.agentId) === text) return false
  known.set(agent.agentId, text)
  return true
}
