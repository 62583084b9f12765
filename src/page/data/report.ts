/** What `hivelog report` put into the file: the API's answers, by their addresses. */
import { signal } from '@preact/signals'
import type {
  Edge,
  EventPage,
  Floor,
  FloorAgent,
  PlacedEvent,
  PositionAnswer,
} from '../../serve/api/shapes.js'
import type { ReportData } from '../../serve/report-data.js'
import { type Answer, ApiError, address, type Query, type Transport } from './transport.js'

/** What is in the report at hand, to be said on the page; undefined where there is a server. */
export const report = signal<{ made: number; events: number; ofEvents: number; floors: number } | undefined>(
  undefined,
)

/** The transport of a report; undefined where the page came from a server. */
export function reportTransport(): Transport | undefined {
  const element = document.getElementById('report')
  if (element === null) return undefined
  const data = JSON.parse(element.textContent ?? '') as ReportData
  report.value = {
    made: data.made,
    events: data.events.length,
    ofEvents: data.ofEvents,
    floors: data.floors.length,
  }
  return new ReportTransport(data)
}

class ReportTransport implements Transport {
  readonly kind = 'report'
  readonly #data: ReportData

  constructor(data: ReportData) {
    this.#data = data
  }

  async get(url: string, query: Query = {}): Promise<unknown> {
    const asked = new URL(address(url, query), 'http://report')
    const path = asked.pathname
    const exact = this.#data.answers[path + asked.search] ?? this.#data.answers[path]
    if (path.endsWith('/floor')) return this.#floor(Number(asked.searchParams.get('at')))
    if (path.endsWith('/events')) return this.#events(asked.searchParams)
    const event = /\/event\/(\d+)$/.exec(path)?.[1]
    if (event !== undefined) return this.#event(Number(event))
    if (path.endsWith('/position')) return this.#position(asked.searchParams)
    if (exact !== undefined) return exact
    throw new ApiError(404, 'this is not in the report; ask hivelog serve for it')
  }

  async bytes(path: string): Promise<Uint8Array> {
    const content = this.#data.contents[nameOf(path)]
    if (content === undefined)
      throw new ApiError(404, 'this content is not in the report; ask hivelog serve for it')
    return Uint8Array.from(atob(content), (character) => character.charCodeAt(0))
  }

  async send(): Promise<Answer> {
    return { status: 405, value: { error: 'a report is not a server: nothing can be decided in it' } }
  }

  live(): () => void {
    return () => {}
  }

  /** As much of `hivelog show` as the event itself says. */
  #event(at: number): object {
    const placed = this.#data.events.find(({ position }) => position === at)
    if (placed === undefined) throw new ApiError(404, 'this event is not in the report')
    const { event, file, line, seq } = placed
    return { found: 'event', event, place: { file, line, seq } }
  }

  #position(asked: URLSearchParams): PositionAnswer {
    const named = (name: string): string | undefined => asked.get(name) ?? undefined
    const [seq, line, at] = ['seq', 'line', 'at'].map((name) => Number(named(name)))
    const [wanted, file] = [named('log'), named('file')]
    const found = this.#data.events.find(
      (each) =>
        (each.position === at || each.seq === seq || each.line === line) &&
        (file === undefined || each.file === file) &&
        (wanted === undefined || each.log === undefined || [each.log, nameOf(each.log)].includes(wanted)),
    )
    if (found === undefined) throw new ApiError(404, 'this event is not in the report')
    const { event, text: _, ...place } = found
    return { ...place, ts: event.ts }
  }

  #floor(at: number): Floor {
    const agents = new Map<string, FloorAgent>()
    let found = this.#data.floors[0]
    for (const step of this.#data.floors) {
      if (step.position > at && step !== this.#data.floors[0]) break
      for (const agent of step.agents) agents.set(agent.agentId, agent)
      found = step
    }
    if (found === undefined) throw new ApiError(404, 'the report has no floor')
    return { ...found, agents: [...agents.values()], edges: this.#edges(found.position) }
  }

  #edges(at: number): Edge[] {
    return this.#data.events
      .flatMap(({ position, event }) => {
        const { from, to, act } = event as { from?: unknown; to?: unknown; act?: unknown }
        if (position > at || event.kind !== 'message') return []
        if (typeof from !== 'string' || typeof to !== 'string') return []
        return [{ from, to, position, ts: event.ts, ...(typeof act === 'string' && { act }) }]
      })
      .slice(-50)
  }

  #events(asked: URLSearchParams): EventPage {
    const kinds = asked.getAll('kind')
    const agent = asked.get('agent')
    const text = asked.get('text')?.toLowerCase()
    const fitting = this.#data.events.filter(
      (each) =>
        (kinds.length === 0 || kinds.includes(each.event.kind)) &&
        (agent === null || isAbout(each, agent)) &&
        (text === undefined || JSON.stringify(each.event).toLowerCase().includes(text)),
    )
    const limit = Number(asked.get('limit') ?? 200)
    const before = asked.get('before')
    if (before !== null) {
      const all = fitting.filter(({ position }) => position < Number(before))
      const events = all.slice(-limit)
      const begin = events[0]
      return { events, ...(all.length > events.length && begin && { prev: begin.position }) }
    }
    const all = fitting.filter(({ position }) => position > Number(asked.get('after') ?? 0))
    const events = all.slice(0, limit)
    const end = events.at(-1)
    return { events, ...(all.length > events.length && end && { next: end.position }) }
  }
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** As docs/hive.md says whom an event is about. */
function isAbout({ event }: PlacedEvent, agent: string): boolean {
  const { agentId, from, to, delivered, id } = event as Record<string, unknown>
  if ([agentId, from, to].includes(agent)) return true
  return (
    (Array.isArray(delivered) && delivered.includes(agent)) || (event.kind === 'agent-hold' && id === agent)
  )
}
