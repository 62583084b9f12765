/** What comes live: taken together once a frame, so that thousands of events a second are one change of the page. */
import { batch } from '@preact/signals'
import type { FloorChange, LogOverview, PlacedEvent, Resync } from '../../serve/api/shapes.js'
import { askFloor, changeFloor, takeLive } from './floor.js'
import { rows } from './rows.js'
import { api, connection, epoch, grown, last, logId, logPath, overview, take } from './store.js'

/** Events kept for one frame; of more only the newest are drawn, the rest is asked for when it is looked at. */
const MAX_QUEUE = 2_000
/** Figures of the whole log (bytes, seals, counts) are asked for again so often while it grows, in milliseconds. */
const OVERVIEW_MS = 5_000

let queue: PlacedEvent[] = []
let change: FloorChange | undefined
let isScheduled = false
let stop: (() => void) | undefined
let overviewAt = 0

/** Follows the log that is open. */
export function startLive(): void {
  stopLive()
  if (api().kind === 'report' || logId.peek() === '') return
  stop = api().live(logPath(`/live?batch=1&from=${last.peek()}`), {
    open: () => {
      if (connection.peek() === 'lost') catchUp()
      connection.value = 'open'
    },
    lost: () => {
      connection.value = 'lost'
    },
    event: (name, data) => {
      if (name === 'events') {
        for (const event of data as PlacedEvent[]) queue.push(event)
        if (queue.length > MAX_QUEUE) queue = queue.slice(-MAX_QUEUE / 2)
      } else if (name === 'floor') {
        const next = data as FloorChange
        // Two changes in one frame are one: the later agent wins.
        change = change === undefined ? next : { ...next, agents: merged(change, next) }
      } else if (name === 'resync') resynchronise((data as Resync).position)
      schedule()
    },
  })
}

export function stopLive(): void {
  stop?.()
  stop = undefined
  queue = []
  change = undefined
}

function merged(before: FloorChange, next: FloorChange): FloorChange['agents'] {
  const agents = new Map(before.agents.map((agent) => [agent.agentId, agent]))
  for (const agent of next.agents) agents.set(agent.agentId, agent)
  return [...agents.values()]
}

function schedule(): void {
  if (isScheduled) return
  isScheduled = true
  requestAnimationFrame(() => {
    isScheduled = false
    flush()
  })
}

function flush(): void {
  const events = queue
  const floorChange = change
  queue = []
  change = undefined
  batch(() => {
    const newest = events.at(-1)
    if (newest !== undefined) {
      rows.add(events)
      grown(newest.position)
      takeLive(events)
    }
    if (floorChange !== undefined) {
      grown(floorChange.position)
      changeFloor(floorChange)
    }
  })
  if (events.length > 0 && Date.now() - overviewAt > OVERVIEW_MS) {
    overviewAt = Date.now()
    askOverview()
  }
}

function resynchronise(to: number): void {
  queue = []
  change = undefined
  rows.clear()
  grown(to)
  askFloor()
  epoch.value++
}

/** After a lost connection: what happened meanwhile. */
async function catchUp(): Promise<void> {
  await askOverview()
  askFloor()
  epoch.value++
}

export async function askOverview(): Promise<void> {
  const id = logId.peek()
  try {
    const answer = (await api().get(logPath(''))) as LogOverview
    if (id !== logId.peek()) return
    overview.value = answer
    grown(answer.last)
  } catch (error) {
    take(error)
  }
}
