/** Draws the lanes, and says what is under the pointer. */
import type { Bar, Lanes } from '../../serve/api/shapes.js'
import type { Sheet, Tones } from '../parts/canvas.js'
import { clean, clockOf, dayOf, duration } from '../parts/text.js'
import type { Span } from './lanes.js'

/** Height of a lane, width of the names before it, height of the clock above. CSS pixels. */
export const LANE = 34
export const GUTTER = 150
export const TOP = 26

const BAR = 9
const MIN_WIDTH = 2
/** Bars of a kind have their own row in the lane, so that they do not hide each other. */
const ROWS: Record<Bar['type'], number> = { usage: 5, tool: 14, call: 14, wait: 23, held: 23, escalation: 23 }

export interface Hit {
  position: number
  text: string
}

export function drawLanes(
  { context, width, height }: Sheet,
  tone: Tones,
  lanes: Lanes,
  span: Span,
  at: number | undefined,
  hit: Hit | undefined,
): void {
  const x = scaleOf(span, width)
  const rows = new Map(lanes.agents.map(({ agentId }, i) => [agentId, TOP + i * LANE]))
  drawClock(context, tone, span, width, height)
  for (const [i, { lives }] of lanes.agents.entries()) {
    const y = TOP + i * LANE
    context.fillStyle = tone.line
    context.globalAlpha = 0.5
    context.fillRect(GUTTER, y + LANE - 1, width - GUTTER, 1)
    context.globalAlpha = 1
    for (const { from, to, status } of lives) {
      const begin = Math.max(GUTTER, x(from))
      const end = Math.min(width, to === undefined ? x(lanes.to) : x(to))
      if (end < GUTTER || begin > width) continue
      context.fillStyle =
        status === 'error' || status === 'killed' || status === 'lost' ? tone.bad : tone.good
      context.globalAlpha = 0.13
      context.fillRect(begin, y + 3, Math.max(1, end - begin), LANE - 7)
      context.globalAlpha = 1
    }
  }
  if (lanes.dense !== undefined) drawDense(context, tone, lanes, rows, x)
  for (const bar of lanes.bars) {
    const y = rows.get(bar.agentId)
    if (y === undefined) continue
    const begin = Math.max(GUTTER, x(bar.from))
    const end = bar.to === undefined ? x(lanes.to) : x(bar.to)
    if (end < GUTTER || begin > width) continue
    const isHit = hit?.position === bar.position
    context.fillStyle = toneOf(bar, tone)
    context.globalAlpha = isHit ? 1 : 0.82
    const wide = Math.max(MIN_WIDTH, Math.min(width, end) - begin)
    box(context, begin, y + ROWS[bar.type] - 1, wide, BAR - 2)
    context.globalAlpha = 1
  }
  drawMessages(context, tone, lanes, rows, x, width, hit)
  if (at !== undefined && x(at) >= GUTTER && x(at) <= width) {
    context.fillStyle = tone.accent
    context.fillRect(x(at) - 0.5, 0, 1.5, height)
  }
}

function box(context: CanvasRenderingContext2D, x: number, y: number, width: number, height: number): void {
  context.beginPath()
  context.roundRect(x, y, width, height, Math.min(2.5, width / 2))
  context.fill()
}

function toneOf({ type, ok }: Bar, tone: Tones): string {
  if (ok === false) return tone.bad
  if (type === 'usage') return tone.accent
  if (type === 'tool') return tone.soft
  if (type === 'call') return tone.call
  return type === 'escalation' ? tone.human : tone.warn
}

function drawDense(
  context: CanvasRenderingContext2D,
  tone: Tones,
  lanes: Lanes,
  rows: ReadonlyMap<string, number>,
  x: (ts: number) => number,
): void {
  const most = Math.max(1, ...(lanes.dense ?? []).flatMap(({ buckets }) => buckets.map(({ count }) => count)))
  for (const { agentId, buckets } of lanes.dense ?? []) {
    const y = rows.get(agentId)
    if (y === undefined) continue
    for (const [i, { ts, count, escalations, errors }] of buckets.entries()) {
      if (count === 0) continue
      const begin = Math.max(GUTTER, x(ts))
      const end = x(buckets[i + 1]?.ts ?? lanes.to)
      const high = Math.max(2, Math.sqrt(count / most) * (LANE - 8))
      context.fillStyle = errors > 0 ? tone.bad : escalations > 0 ? tone.human : tone.accent
      context.globalAlpha = 0.45
      context.fillRect(begin, y + LANE - 4 - high, Math.max(1, end - begin - 0.5), high)
    }
  }
  context.globalAlpha = 1
}

function drawMessages(
  context: CanvasRenderingContext2D,
  tone: Tones,
  lanes: Lanes,
  rows: ReadonlyMap<string, number>,
  x: (ts: number) => number,
  width: number,
  hit: Hit | undefined,
): void {
  context.strokeStyle = tone.ink
  context.fillStyle = tone.ink
  const many = lanes.messages.length > 400
  for (const { from, to, ts, takenTs, position } of lanes.messages) {
    const [y1, y2] = [rows.get(from), rows.get(to)]
    if (y1 === undefined || y2 === undefined || y1 === y2) continue
    const [x1, x2] = [x(ts), x(takenTs ?? ts)]
    if (x2 < GUTTER || x1 > width) continue
    const isHit = hit?.position === position
    context.globalAlpha = isHit ? 1 : many ? 0.16 : 0.4
    context.lineWidth = isHit ? 2 : 1
    const [begin, end] = [y1 + LANE / 2, y2 + LANE / 2]
    const clipped = Math.max(GUTTER, x1)
    context.beginPath()
    context.moveTo(clipped, begin)
    context.lineTo(Math.max(GUTTER, x2), end)
    context.stroke()
    const way = end > begin ? -1 : 1
    context.beginPath()
    context.moveTo(Math.max(GUTTER, x2), end)
    context.lineTo(Math.max(GUTTER, x2) - 3, end + way * 6)
    context.lineTo(Math.max(GUTTER, x2) + 3, end + way * 6)
    context.fill()
  }
  context.globalAlpha = 1
}

const STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5,
  72e5, 216e5, 432e5, 864e5,
]

function drawClock(
  context: CanvasRenderingContext2D,
  tone: Tones,
  span: Span,
  width: number,
  height: number,
): void {
  const x = scaleOf(span, width)
  const wanted = ((span.to - span.from) / Math.max(1, width - GUTTER)) * 110
  const step = STEPS.find((each) => each >= wanted) ?? 864e5 * Math.ceil(wanted / 864e5)
  context.font = '11px system-ui, sans-serif'
  context.textBaseline = 'middle'
  for (let ts = Math.ceil(span.from / step) * step; ts <= span.to; ts += step) {
    if (x(ts) < GUTTER) continue
    context.fillStyle = tone.line
    context.fillRect(x(ts), TOP - 6, 1, height - TOP + 6)
    context.fillStyle = tone.soft
    context.fillText(labelOf(ts, step), x(ts) + 3, 10)
  }
}

function labelOf(ts: number, step: number): string {
  if (step >= 864e5) return dayOf(ts)
  const clock = clockOf(ts)
  return step >= 60_000 ? clock.slice(0, 5) : step >= 1_000 ? clock.slice(0, 8) : clock
}

const scaleOf =
  (span: Span, width: number) =>
  (ts: number): number =>
    GUTTER + ((ts - span.from) / (span.to - span.from)) * (width - GUTTER)

/** What lies under the pointer: a bar, else the end of a message. */
export function hitOf(lanes: Lanes, span: Span, px: number, py: number, width: number): Hit | undefined {
  const x = scaleOf(span, width)
  const lane = lanes.agents[Math.floor((py - TOP) / LANE)]
  if (lane === undefined || px < GUTTER) return undefined
  const inLane = (py - TOP) % LANE
  for (const bar of lanes.bars) {
    if (bar.agentId !== lane.agentId || Math.abs(inLane - ROWS[bar.type] - BAR / 2) > BAR / 2 + 1) continue
    const end = Math.max(x(bar.to ?? lanes.to), x(bar.from) + MIN_WIDTH)
    if (px < x(bar.from) - 2 || px > end + 2) continue
    return { position: bar.position, text: wordsOf(bar) }
  }
  for (const message of lanes.messages) {
    const isFrom = message.from === lane.agentId && Math.abs(px - x(message.ts)) < 5
    const isTo = message.to === lane.agentId && Math.abs(px - x(message.takenTs ?? message.ts)) < 5
    if (!isFrom && !isTo) continue
    const taken =
      message.takenTs === undefined ? 'not taken' : `taken after ${duration(message.takenTs - message.ts)}`
    const text = `${clean(message.from)} → ${clean(message.to)}  ${clean(message.act ?? '')}  ${clockOf(message.ts)}, ${taken}`
    return { position: message.position, text }
  }
  return undefined
}

export function wordsOf({ type, name, from, to, ok }: Bar): string {
  const long = to === undefined ? 'goes on' : duration(to - from)
  return `${type}  ${clean(name)}  ${clockOf(from)}, ${long}${ok === false ? ', failed' : ''}`
}
