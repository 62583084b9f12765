/** Lanes: time across, an agent a lane. Zoom by wheel and keys, from the whole log to a millisecond. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Lanes } from '../../serve/api/shapes.js'
import { floor } from '../data/floor.js'
import { filter, isFollowing, last, logPath, overview, showAgent, showEvent } from '../data/store.js'
import { useAnswer, useSlowly } from '../data/use-answer.js'
import { colours, sized } from '../parts/canvas.js'
import { Clock, clockOf, duration, Said } from '../parts/text.js'
import { theme } from '../parts/theme.js'
import { levelsOf } from './floor-tree.js'
import { drawLanes, GUTTER, type Hit, hitOf, LANE, TOP } from './lanes-draw.js'
import { LanesTable } from './lanes-table.js'

/** What is seen, epoch milliseconds. */
export interface Span {
  from: number
  to: number
}

const MIN_MS = 1
const ASK_MS = 120
/** Lanes that are drawn: a canvas cannot be higher. */
const MAX_LANES = 400

export function LanesView() {
  const whole = useWhole()
  const [chosen, setChosen] = useState<Span | undefined>(undefined)
  const span = chosen ?? whole
  const asked = useDelayed(span, ASK_MS)
  const wanted = filter.value.text.toLowerCase()
  const query = { from: Math.floor(asked.from), to: Math.ceil(asked.to), limit: 5_000 }
  const { value, error } = useAnswer<Lanes>(logPath('/lanes'), query)
  const agents = useMemo(() => {
    const all = inFloorOrder(value?.agents ?? [])
    const fitting = all.filter((each) => `${each.agentId} ${each.name}`.toLowerCase().includes(wanted))
    // What is searched for may be in events, and no agent's name.
    return (fitting.length > 0 ? fitting : all).slice(0, MAX_LANES)
  }, [value, wanted])
  const lanes = useMemo(() => (value === undefined ? undefined : { ...value, agents }), [value, agents])
  const [isTable, setTable] = useState(false)
  const [hit, setHit] = useState<Hit | undefined>(undefined)
  const canvas = useRef<HTMLCanvasElement>(null)
  const drawnIn = theme.value
  const at = floor.value?.ts

  // Colours are others in another theme
  useEffect(() => {
    const element = canvas.current
    if (element === null || lanes === undefined) return
    const draw = () => drawLanes(sized(element), colours(element), lanes, span, at, hit)
    draw()
    const watch = new ResizeObserver(draw)
    watch.observe(element)
    return () => watch.disconnect()
  }, [lanes, span.from, span.to, at, hit, drawnIn])

  const set = (next: Span) => setChosen(within(next, whole))
  const zoom = (factor: number, around = 0.5) => {
    const size = Math.max(MIN_MS, (span.to - span.from) * factor)
    const centre = span.from + (span.to - span.from) * around
    set({ from: centre - size * around, to: centre + size * (1 - around) })
  }
  const shift = (by: number) =>
    set({ from: span.from + (span.to - span.from) * by, to: span.to + (span.to - span.from) * by })
  useWheel(canvas, (event, part) => {
    if (event.deltaX !== 0 && Math.abs(event.deltaX) > Math.abs(event.deltaY)) shift(event.deltaX / 1_000)
    else zoom(Math.exp(event.deltaY / 400), part)
  })
  const drag = useRef<{ x: number; span: Span; isMoved: boolean } | undefined>(undefined)
  const pointed = (event: PointerEvent) => {
    const element = canvas.current
    if (element === null) return
    const box = element.getBoundingClientRect()
    const from = drag.current
    if (from !== undefined) {
      const moved = event.clientX - from.x
      if (Math.abs(moved) > 3) from.isMoved = true
      const by = (-moved / (box.width - GUTTER)) * (from.span.to - from.span.from)
      if (from.isMoved) set({ from: from.span.from + by, to: from.span.to + by })
    } else if (lanes !== undefined) {
      setHit(hitOf(lanes, span, event.clientX - box.left, event.clientY - box.top, box.width))
    }
  }
  const released = () => {
    const wasMoved = drag.current?.isMoved === true
    drag.current = undefined
    if (!wasMoved && hit !== undefined) showEvent(hit.position)
  }
  const pressed = (event: KeyboardEvent) => {
    const acts: Record<string, () => void> = {
      '+': () => zoom(0.6),
      '=': () => zoom(0.6),
      '-': () => zoom(1 / 0.6),
      ArrowLeft: () => shift(-0.15),
      ArrowRight: () => shift(0.15),
      f: () => setChosen(undefined),
    }
    const act = acts[event.key]
    if (act === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    act()
    event.preventDefault()
    event.stopPropagation()
  }
  const height = TOP + Math.max(1, agents.length) * LANE + 8
  return (
    <section class="report lanes-view" aria-label="Lanes">
      <div class="report-head">
        <h1>Lanes</h1>
        <span class="soft">
          <Clock ts={span.from} day /> · {duration(Math.max(1, span.to - span.from))}
        </span>
        <span class="spring" />
        <div class="choices" role="group" aria-label="Zoom">
          <button type="button" aria-label="Zoom in" onClick={() => zoom(0.6)}>
            +
          </button>
          <button type="button" aria-label="Zoom out" onClick={() => zoom(1 / 0.6)}>
            −
          </button>
          <button type="button" onClick={() => setChosen(undefined)}>
            All
          </button>
          <button type="button" aria-pressed={isTable} onClick={() => setTable(!isTable)}>
            As a table
          </button>
        </div>
      </div>
      {error !== undefined && <p class="nothing">{error.message}</p>}
      <Legend />
      {isTable && lanes !== undefined ? (
        <LanesTable lanes={lanes} />
      ) : (
        <div
          class="lanes"
          tabIndex={0}
          role="group"
          aria-label={`Lanes of ${agents.length} agents, ${clockOf(span.from)} to ${clockOf(span.to)}. Plus and minus zoom, arrows move; the same is there as a table.`}
          onKeyDown={pressed}
        >
          <div class="lanes-sheet" style={{ height: `${height}px` }}>
            <canvas
              ref={canvas}
              class="lanes-canvas"
              aria-hidden="true"
              onPointerMove={pointed}
              onPointerLeave={() => setHit(undefined)}
              onPointerDown={(event) => {
                drag.current = { x: event.clientX, span, isMoved: false }
                event.currentTarget.setPointerCapture(event.pointerId)
              }}
              onPointerUp={released}
            />
            <div class="lane-names">
              {agents.map(({ agentId, name }, i) => (
                <button
                  key={agentId}
                  type="button"
                  class="lane-name"
                  style={{ top: `${TOP + i * LANE}px`, height: `${LANE}px` }}
                  onClick={() => showAgent(agentId)}
                >
                  <Said text={name} most={100} />
                </button>
              ))}
            </div>
          </div>
        </div>
      )}
      <p class="hit" aria-hidden="true">
        {hit === undefined ? (
          value?.more === true ? (
            'More is here than can be drawn one by one: the lanes show how much. Zoom in.'
          ) : (
            ' '
          )
        ) : (
          <Said text={hit.text} most={300} />
        )}
      </p>
    </section>
  )
}

/** As they stand on the floor: who was spawned first stands first. */
function inFloorOrder(agents: Lanes['agents']): Lanes['agents'] {
  const order = new Map(
    levelsOf(floor.peek()?.agents ?? [])
      .flat()
      .map(({ agentId }, i) => [agentId, i]),
  )
  const placeOf = (agentId: string): number => order.get(agentId) ?? Number.MAX_SAFE_INTEGER
  return [...agents].sort((a, b) => placeOf(a.agentId) - placeOf(b.agentId))
}

function Legend() {
  return (
    <ul class="legend" aria-label="Colours">
      <li class="is-life">alive</li>
      <li class="is-tool">tool</li>
      <li class="is-usage">model call</li>
      <li class="is-call">API call</li>
      <li class="is-wait">wait, hold</li>
      <li class="is-human">waits for a person</li>
      <li class="is-bad">failed</li>
      <li class="is-message">message</li>
    </ul>
  )
}

/** All of the log; it grows while it is followed. */
function useWhole(): Span {
  const { firstTs = 0, lastTs = firstTs + 1_000 } = overview.value ?? {}
  // Asked for again as the log grows.
  useSlowly(last.value)
  const end = isFollowing.value ? Math.max(lastTs, floor.value?.ts ?? 0) : lastTs
  const slow = useSlowly(end, 1_000)
  const margin = Math.max(5, (slow - firstTs) * 0.01)
  return useMemo(() => ({ from: firstTs - margin, to: slow + margin }), [firstTs, slow, margin])
}

function within({ from, to }: Span, whole: Span): Span {
  const size = Math.min(Math.max(MIN_MS, to - from), whole.to - whole.from)
  const begin = Math.min(Math.max(from, whole.from), whole.to - size)
  return { from: begin, to: begin + size }
}

function useDelayed(span: Span, ms: number): Span {
  const [slow, set] = useState(span)
  // The span is its two ends
  useEffect(() => {
    const timer = setTimeout(() => set(span), ms)
    return () => clearTimeout(timer)
  }, [span.from, span.to, ms])
  return slow
}

/** The wheel over the canvas zooms; the page must not scroll then, which only a listener of one's own can say. */
function useWheel(
  canvas: { current: HTMLCanvasElement | null },
  turned: (event: WheelEvent, part: number) => void,
): void {
  const act = useRef(turned)
  act.current = turned
  useEffect(() => {
    const element = canvas.current
    if (element === null) return
    const wheel = (event: WheelEvent) => {
      // With Shift the list of lanes is scrolled.
      if (event.shiftKey) return
      event.preventDefault()
      const box = element.getBoundingClientRect()
      const part = (event.clientX - box.left - GUTTER) / (box.width - GUTTER)
      act.current(event, Math.min(1, Math.max(0, part)))
    }
    element.addEventListener('wheel', wheel, { passive: false })
    return () => element.removeEventListener('wheel', wheel)
  })
}
