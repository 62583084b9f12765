/** The slider under all views: one position in the log, with how much happened where. */
import { useEffect, useRef } from 'preact/hooks'
import type { Density } from '../../serve/api/shapes.js'
import { floor } from '../data/floor.js'
import { isPlaying, SPEEDS, speed, togglePlay } from '../data/play.js'
import { first, follow, goTo, isFollowing, last, logPath, position, transport } from '../data/store.js'
import { useAnswer, useSlowly } from '../data/use-answer.js'
import { colours, sized } from './canvas.js'
import { Icon } from './icons.js'
import { Clock, clockOf, dayOf, grouped } from './text.js'
import { theme } from './theme.js'

export function Dock() {
  const ts = floor.value?.ts
  const said = ts === undefined ? '' : `, ${dayOf(ts)} ${clockOf(ts)}`
  const isReport = transport.value?.kind === 'report'
  return (
    <section class="dock" aria-label="Time">
      <div class="dock-buttons">
        <button
          type="button"
          class="round"
          aria-label="One event back"
          title="One event back (,)"
          onClick={() => goTo(position.value - 1)}
        >
          <Icon name="back" />
        </button>
        <button
          type="button"
          class="round main"
          aria-label={isPlaying.value ? 'Pause' : 'Play'}
          title="Play or pause (p)"
          onClick={togglePlay}
        >
          <Icon name={isPlaying.value ? 'pause' : 'play'} />
        </button>
        <button
          type="button"
          class="round"
          aria-label="One event on"
          title="One event on (.)"
          onClick={() => goTo(position.value + 1)}
        >
          <Icon name="on" />
        </button>
        <select
          aria-label="Speed"
          value={String(speed.value)}
          onChange={(event) => {
            speed.value = Number(event.currentTarget.value)
          }}
        >
          {SPEEDS.map((each) => (
            <option key={each} value={String(each)}>
              {each}×
            </option>
          ))}
        </select>
      </div>
      <div class="track">
        <Silhouette />
        <input
          type="range"
          aria-label="Position"
          aria-valuetext={`${grouped(position.value)} of ${grouped(last.value)}${said}`}
          min={first.value}
          max={last.value}
          step={1}
          value={position.value}
          onInput={(event) => goTo(Number(event.currentTarget.value))}
        />
      </div>
      <div class="dock-place">
        <span class="seq">
          {grouped(position.value)}
          <small> / {grouped(last.value)}</small>
        </span>
        {ts !== undefined && <Clock ts={ts} day />}
      </div>
      <button
        type="button"
        class={isFollowing.value ? 'live-button on' : 'live-button'}
        aria-label="Live"
        aria-pressed={isFollowing.value}
        title="Follow the newest event (l)"
        onClick={follow}
      >
        <span class="live-dot" aria-hidden="true" />
        {isReport ? 'End' : 'Live'}
      </button>
    </section>
  )
}

const BUCKETS = 240

/** How much happened along the log; escalations and errors stand out. */
function Silhouette() {
  const end = useSlowly(last.value, 3_000)
  const query = { from: first.value, to: end, buckets: BUCKETS }
  const { value } = useAnswer<Density>(end > 0 ? logPath('/density') : undefined, query)
  const canvas = useRef<HTMLCanvasElement>(null)
  const drawnIn = theme.value
  // Colours are others in another theme
  useEffect(() => {
    const element = canvas.current
    if (element === null || value === undefined) return
    const draw = () => drawSilhouette(element, value)
    draw()
    const watch = new ResizeObserver(draw)
    watch.observe(element)
    return () => watch.disconnect()
  }, [value, drawnIn])
  return <canvas ref={canvas} class="silhouette" aria-hidden="true" />
}

/** The slider goes by events, so the strip does too: each stretch is as wide as it has events, as high as it is dense. */
function drawSilhouette(element: HTMLCanvasElement, { buckets }: Density): void {
  const { context, width, height } = sized(element)
  const total = buckets.reduce((sum, { count }) => sum + count, 0)
  const most = Math.max(1, ...buckets.map(({ count }) => count))
  const tone = colours(element)
  let x = 0
  for (const { count, escalations, errors } of buckets) {
    if (count === 0) continue
    const wide = (count / total) * width
    const high = Math.max(2, Math.sqrt(count / most) * (height - 2))
    context.fillStyle = tone.line
    context.fillRect(x, height - high, Math.max(0.5, wide - 0.5), high)
    const mark = errors > 0 ? tone.bad : escalations > 0 ? tone.human : undefined
    if (mark !== undefined) {
      context.fillStyle = mark
      context.fillRect(x, height - 2, Math.max(1.5, wide - 0.5), 2)
    }
    x += wide
  }
}
