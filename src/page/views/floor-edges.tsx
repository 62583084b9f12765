/** Behind the cards: who spawned whom, the last messages as faint lines, and new ones as dots that move along. */
import type { RefObject } from 'preact'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import type { Edge, FloorAgent } from '../../serve/api/shapes.js'
import { floor, freshEdges } from '../data/floor.js'
import { Calm } from '../parts/calm.js'
import { colours, isStill, sized, type Tones } from '../parts/canvas.js'
import { theme } from '../parts/theme.js'

const MOVE_MS = 900
/** Of the last messages so many stay as lines. */
const FAINT = 14
const MAX_MOVING = 40

interface Point {
  x: number
  y: number
  half: number
}

interface Moving {
  edge: Edge
  begun: number
}

export function FloorEdges(props: {
  stage: RefObject<HTMLDivElement | null>
  agents: readonly FloorAgent[]
  isTree: boolean
}) {
  const { stage, agents, isTree } = props
  const canvas = useRef<HTMLCanvasElement>(null)
  const moving = useRef<Moving[]>([])
  const frame = useRef(0)
  const points = useRef(new Map<string, Point>())
  const drawnIn = theme.value
  const edges = floor.value?.edges

  const draw = () => {
    const element = canvas.current
    if (element === null) return
    const { context } = sized(element)
    const tone = colours(element)
    // It shows the part of the stage that is seen.
    context.translate(0, -element.offsetTop)
    if (isTree) drawTree(context, tone, agents, points.current)
    drawFaint(context, tone, floor.peek()?.edges ?? [], points.current)
    const now = performance.now()
    moving.current = moving.current.filter(({ begun }) => now - begun < MOVE_MS)
    for (const each of moving.current) drawMoving(context, tone, each, now, points.current)
    frame.current = moving.current.length > 0 ? requestAnimationFrame(draw) : 0
  }
  const again = () => {
    if (frame.current === 0) frame.current = requestAnimationFrame(draw)
  }
  const measure = () => {
    points.current = stage.current === null ? new Map() : placesOf(stage.current)
    if (canvas.current !== null && stage.current !== null)
      canvas.current.style.height = `${seenOf(stage.current)}px`
    again()
  }

  // Cards move when there are more of them
  useEffect(() => {
    measure()
    const watch = new ResizeObserver(measure)
    const scroller = stage.current?.parentElement
    if (stage.current !== null) watch.observe(stage.current)
    if (scroller) watch.observe(scroller)
    scroller?.addEventListener('scroll', again, { passive: true })
    return () => {
      watch.disconnect()
      scroller?.removeEventListener('scroll', again)
    }
  }, [agents, isTree])
  // Among many agents lines wait for a calm moment: they take a frame of their own, and the browser as long as all tiles.
  const calm = useMemo(() => {
    const when = new Calm(() => {
      when.done()
      again()
    })
    return when
  }, [])
  // Drawn anew for these
  useEffect(() => (isTree ? again() : calm.changed()), [edges, drawnIn])
  useEffect(
    () =>
      freshEdges.subscribe((fresh) => {
        if (fresh.length === 0 || isStill()) return
        const now = performance.now()
        const all = [...moving.current, ...fresh.map((edge, i) => ({ edge, begun: now + i * 18 }))]
        moving.current = all.slice(-MAX_MOVING)
        again()
      }),
    [],
  )
  useEffect(
    () => () => {
      cancelAnimationFrame(frame.current)
      calm.done()
    },
    [],
  )
  return (
    <div class="edges-space">
      <canvas ref={canvas} class="edges" aria-hidden="true" />
    </div>
  )
}

/** How much of the stage is seen at once; all of it where the page scrolls around it. */
function seenOf(stage: HTMLElement): number {
  const seen = stage.parentElement?.clientHeight ?? 0
  return Math.min(stage.clientHeight, seen)
}

function placesOf(stage: HTMLElement): Map<string, Point> {
  const origin = stage.getBoundingClientRect()
  const found = new Map<string, Point>()
  for (const card of stage.querySelectorAll<HTMLElement>('[data-card], [data-recipient]')) {
    const box = card.getBoundingClientRect()
    const name = card.dataset.card ?? card.dataset.recipient ?? ''
    found.set(name, {
      x: box.x - origin.x + box.width / 2,
      y: box.y - origin.y + box.height / 2,
      half: box.height / 2,
    })
  }
  return found
}

function drawTree(
  context: CanvasRenderingContext2D,
  tone: Tones,
  agents: readonly FloorAgent[],
  points: Map<string, Point>,
): void {
  context.strokeStyle = tone.line
  context.lineWidth = 1
  context.beginPath()
  for (const { agentId, parent } of agents) {
    const to = points.get(agentId)
    const from = parent === undefined ? undefined : points.get(parent)
    if (to === undefined || from === undefined || to.y <= from.y) continue
    const top = from.y + from.half
    const bend = to.y - to.half - 12
    context.moveTo(from.x, top)
    context.lineTo(from.x, bend)
    context.lineTo(to.x, bend)
    context.lineTo(to.x, to.y - to.half)
  }
  context.stroke()
}

function drawFaint(
  context: CanvasRenderingContext2D,
  tone: Tones,
  edges: readonly Edge[],
  points: Map<string, Point>,
): void {
  const shown = edges.slice(-FAINT)
  for (const [i, edge] of shown.entries()) {
    const path = curveOf(edge, points)
    if (path === undefined) continue
    context.globalAlpha = 0.08 + (0.4 * (i + 1)) / shown.length
    context.strokeStyle = edge.to === 'human' ? tone.human : tone.accent
    context.lineWidth = 1.25
    context.beginPath()
    context.moveTo(path.from.x, path.from.y)
    context.quadraticCurveTo(path.bend.x, path.bend.y, path.to.x, path.to.y)
    context.stroke()
  }
  context.globalAlpha = 1
}

function drawMoving(
  context: CanvasRenderingContext2D,
  tone: Tones,
  { edge, begun }: Moving,
  now: number,
  points: Map<string, Point>,
): void {
  const path = curveOf(edge, points)
  if (path === undefined || now < begun) return
  const done = (now - begun) / MOVE_MS
  const t = done * done * (3 - 2 * done)
  context.fillStyle = edge.to === 'human' ? tone.human : tone.accent
  for (let tail = 0; tail < 5; tail++) {
    const u = Math.max(0, t - tail * 0.025)
    context.globalAlpha = (1 - tail / 5) * Math.min(1, 4 * (1 - done))
    context.beginPath()
    const x = (1 - u) ** 2 * path.from.x + 2 * u * (1 - u) * path.bend.x + u * u * path.to.x
    const y = (1 - u) ** 2 * path.from.y + 2 * u * (1 - u) * path.bend.y + u * u * path.to.y
    context.arc(x, y, 4 - tail * 0.5, 0, 2 * Math.PI)
    context.fill()
  }
  context.globalAlpha = 1
}

/** From card to card, bent a little, so that question and answer are two lines. */
function curveOf({ from, to }: Edge, points: Map<string, Point>) {
  const begin = points.get(from)
  const end = points.get(to)
  if (begin === undefined || end === undefined || begin === end) return undefined
  const [dx, dy] = [end.x - begin.x, end.y - begin.y]
  const bend = { x: (begin.x + end.x) / 2 - dy * 0.14, y: (begin.y + end.y) / 2 + dx * 0.14 }
  return { from: begin, to: end, bend }
}
