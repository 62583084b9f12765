/** Playing: the position goes on by the events' own times, so many times as fast; long silences are cut short. */
import { signal } from '@preact/signals'
import type { EventPage } from '../../serve/api/shapes.js'
import { api, goTo, isFollowing, last, logPath, position, take } from './store.js'

export const SPEEDS = [1, 2, 5, 10, 25, 50, 100] as const
export const isPlaying = signal(false)
export const speed = signal<number>(10)

/** Nobody wants to watch a longer silence than that, in milliseconds. */
const MAX_PAUSE_MS = 1_500
const FRAME_MS = 33
const AHEAD = 500

interface Step {
  position: number
  ts: number
}

let steps: Step[] = []

export function togglePlay(): void {
  if (isPlaying.value) isPlaying.value = false
  else play()
}

async function play(): Promise<void> {
  if (isFollowing.peek() || position.peek() >= last.peek()) goTo(1)
  isPlaying.value = true
  steps = []
  let clock: number | undefined
  let at = performance.now()
  while (isPlaying.peek()) {
    const next = await nextStep()
    if (next === undefined) break
    await pause(FRAME_MS)
    if (!isPlaying.peek() || isFollowing.peek()) break
    const passed = (performance.now() - at) * speed.peek()
    at = performance.now()
    clock = Math.max((clock ?? next.ts) + passed, next.ts - MAX_PAUSE_MS * speed.peek())
    let to: number | undefined
    for (let step: Step | undefined = next; step !== undefined && step.ts <= clock; step = steps[0]) {
      to = step.position
      steps.shift()
    }
    if (to !== undefined) goTo(to)
  }
  isPlaying.value = false
}

/** The event after the position; the viewer may have moved meanwhile. */
async function nextStep(): Promise<Step | undefined> {
  const from = position.peek()
  if (steps[0] !== undefined && steps[0].position - from > AHEAD) steps = []
  while (steps[0] !== undefined && steps[0].position <= from) steps.shift()
  if (steps.length === 0) {
    try {
      const page = (await api().get(logPath('/events'), { after: from, limit: AHEAD })) as EventPage
      steps = page.events.map((each) => ({ position: each.position, ts: each.event.ts }))
    } catch (error) {
      take(error)
    }
  }
  return steps[0]
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))
