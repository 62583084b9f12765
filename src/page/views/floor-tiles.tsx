/**
 * The floor of a big hive: a tile for each agent. All of them are in the page, for keys and screen readers; as the
 * position moves, those on the screen are brought up to date at once, and the others when there is time.
 */
import { batch, type Signal, signal } from '@preact/signals'
import type { RefObject } from 'preact'
import { useEffect, useLayoutEffect, useMemo } from 'preact/hooks'
import type { FloorAgent } from '../../serve/api/shapes.js'
import { isFollowing, showAgent } from '../data/store.js'
import { Calm } from '../parts/calm.js'
import { clean, Said } from '../parts/text.js'
import { about, describes, marksOf } from './floor-card.js'

/** Milliseconds of work on tiles that nobody sees, before others have their turn. */
const TURN_MS = 5
/** Ages in descriptions grow as time goes by. */
const AGES_MS = 10_000
/** Tiles so near the screen count as seen, in pixels. */
const NEAR = 120
/** A letter as people see it may be several characters. */
const LETTERS = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** All that a tile says. */
interface Face {
  name: string
  /** As much of the name as there is room for. */
  shown: string
  marks: string
  about: string
}

/**
 * Cuts names to the room of a tile. Style could cut them, but each of a thousand elements that cut what is in them is
 * looked at with every change of the page.
 */
class NameRoom {
  readonly #known = new Map<string, string>()
  #context: CanvasRenderingContext2D | undefined
  #font = ''
  #width = Number.POSITIVE_INFINITY

  /** Looks how much room a tile gives its name. @returns whether that is another one than before */
  look(tile: Element | null | undefined): boolean {
    if (!(tile instanceof HTMLElement)) return false
    const { fontFamily, fontSize, fontWeight } = getComputedStyle(tile)
    // The short form of it is empty where digits are set to be of one width
    const font = `${fontWeight} ${fontSize} ${fontFamily}`
    const { clientWidth } = tile
    if (clientWidth === 0 || (font === this.#font && clientWidth === this.#width)) return false
    this.#context ??= document.createElement('canvas').getContext('2d') ?? undefined
    if (this.#context !== undefined) this.#context.font = font
    this.#font = font
    this.#width = clientWidth
    this.#known.clear()
    return true
  }

  cut(name: string): string {
    let shown = this.#known.get(name)
    if (shown === undefined) {
      shown = this.#cut(clean(name).slice(0, 300))
      this.#known.set(name, shown)
    }
    return shown
  }

  #cut(line: string): string {
    if (this.#fits(line)) return line
    const letters = Array.from(LETTERS.segment(line), ({ segment }) => segment)
    let [least, most] = [0, letters.length]
    while (least < most) {
      const middle = (least + most + 1) >>> 1
      if (this.#fits(`${letters.slice(0, middle).join('')}…`)) least = middle
      else most = middle - 1
    }
    return `${letters.slice(0, least).join('')}…`
  }

  #fits(text: string): boolean {
    return (this.#context?.measureText(text).width ?? 0) <= this.#width
  }
}

/** What the tiles say, each by itself: a change of one draws no other. */
class Faces {
  readonly #faces = new Map<string, Signal<Face>>()
  readonly #room = new NameRoom()
  #seen = new Set<string>()
  #agents = new Map<string, FloorAgent>()
  /** Tiles that are to be looked at, from here on in a ring. */
  #queue: string[] = []
  #next = 0
  #left = 0
  readonly #calm = new Calm(() => this.#work())
  /** Told whether tiles out of sight are behind. */
  onBusy: (isBusy: boolean) => void = () => {}

  of(agent: FloorAgent): Signal<Face> {
    let face = this.#faces.get(agent.agentId)
    if (face === undefined) {
      face = signal(this.#faceOf(agent))
      this.#faces.set(agent.agentId, face)
    }
    return face
  }

  take(agents: readonly FloorAgent[]): void {
    this.#agents = new Map(agents.map((agent) => [agent.agentId, agent]))
    for (const id of this.#faces.keys()) if (!this.#agents.has(id)) this.#faces.delete(id)
    batch(() => {
      for (const id of this.#seen) this.#update(id)
    })
    this.again()
  }

  /** Looks at all of them again. */
  again(): void {
    if (this.#queue.length !== this.#agents.size) this.#next = 0
    this.#queue = [...this.#agents.keys()]
    this.#left = this.#queue.length
    this.onBusy(true)
    this.#calm.changed()
  }

  /** Those that are on the screen now: they are up to date at once. */
  see(ids: readonly string[]): void {
    const before = this.#seen
    this.#seen = new Set(ids)
    batch(() => {
      for (const id of ids) if (!before.has(id)) this.#update(id)
    })
  }

  /** Cuts all names anew where there is another room for them. */
  fit(tile: Element | null | undefined): void {
    if (!this.#room.look(tile)) return
    batch(() => {
      for (const id of this.#faces.keys()) this.#update(id)
    })
  }

  stop(): void {
    this.#calm.done()
  }

  #work(): void {
    const end = performance.now() + TURN_MS
    batch(() => {
      while (this.#left > 0 && performance.now() < end) {
        for (let i = 0; i < 8 && this.#left > 0; i++) {
          this.#update(this.#queue[this.#next % this.#queue.length] as string)
          this.#next++
          this.#left--
        }
      }
    })
    if (this.#left > 0) {
      this.#calm.more(TURN_MS)
      return
    }
    this.#calm.done()
    this.onBusy(false)
  }

  #update(id: string): void {
    const agent = this.#agents.get(id)
    const face = this.#faces.get(id)
    if (agent === undefined || face === undefined) return
    const before = face.peek()
    const next = this.#faceOf(agent)
    const isSame =
      next.marks === before.marks &&
      next.about === before.about &&
      next.name === before.name &&
      next.shown === before.shown
    if (!isSame) face.value = next
  }

  #faceOf(agent: FloorAgent): Face {
    const { name } = agent
    return { name, shown: this.#room.cut(name), marks: marksOf(agent, 'tile'), about: about(agent) }
  }
}

export function Tiles(props: {
  levels: readonly (readonly FloorAgent[])[]
  agents: readonly FloorAgent[]
  stage: RefObject<HTMLDivElement | null>
}) {
  const { levels, agents, stage } = props
  const faces = useMemo(() => new Faces(), [])
  useLayoutEffect(() => faces.take(agents), [agents])
  useEffect(() => {
    faces.onBusy = (isBusy) => stage.current?.setAttribute('aria-busy', String(isBusy))
    const timer = setInterval(() => {
      if (isFollowing.peek()) faces.again()
    }, AGES_MS)
    return () => {
      clearInterval(timer)
      faces.stop()
    }
  }, [])
  // Where they stand is looked up when that may have changed. To have the browser watch each of them takes it longer, at
  // each change of the page, than to draw those that changed.
  useLayoutEffect(() => {
    const scroller = stage.current?.parentElement
    if (stage.current === null || !scroller) return
    const rows = new Rows()
    const see = () => {
      const { top, bottom } = scroller.getBoundingClientRect()
      // In a low window the page scrolls around it.
      const above = top - scroller.scrollTop
      faces.see(rows.between(Math.max(top, 0) - above - NEAR, Math.min(bottom, innerHeight) - above + NEAR))
    }
    const look = () => {
      rows.look(scroller)
      see()
      faces.fit(scroller.querySelector('.tile .agent-name'))
    }
    look()
    const watch = new ResizeObserver(look)
    watch.observe(stage.current)
    watch.observe(scroller)
    // Of whatever scrolls
    addEventListener('scroll', see, { passive: true, capture: true })
    return () => {
      watch.disconnect()
      removeEventListener('scroll', see, { capture: true })
    }
  }, [levels])
  // The same as long as the same agents are there: nothing of it is looked at again.
  return useMemo(
    () => (
      <>
        {levels.map((level, depth) => (
          <ul class="level" key={depth} aria-label={depth === 0 ? 'Agents' : `Spawned, ${depth} deep`}>
            {level.map((agent) => (
              <li key={agent.agentId}>
                <Tile agentId={agent.agentId} face={faces.of(agent)} />
              </li>
            ))}
          </ul>
        ))}
      </>
    ),
    [levels],
  )
}

/** Which tiles stand at which height. */
class Rows {
  #ids: string[] = []
  #tops: number[] = []

  look(scroller: HTMLElement): void {
    const tiles = Array.from(scroller.querySelectorAll<HTMLElement>('[data-card]'))
    const above = scroller.getBoundingClientRect().top - scroller.scrollTop
    this.#ids = tiles.map((tile) => tile.dataset.card ?? '')
    this.#tops = tiles.map((tile) => tile.getBoundingClientRect().top - above)
  }

  /** Of those whose upper edge is between two heights, in pixels from the top of what is scrolled. */
  between(from: number, to: number): string[] {
    return this.#ids.filter((_, i) => {
      const top = this.#tops[i] as number
      return top >= from && top <= to
    })
  }
}

function Tile({ agentId, face }: { agentId: string; face: Signal<Face> }) {
  const { name, shown, marks, about: heard } = face.value
  const id = describes(agentId)
  const whole = shown === name ? undefined : clean(name).slice(0, 300)
  return (
    <div class={marks} data-card={agentId}>
      <span class="agent-top">
        <span class="dot" aria-hidden="true" />
        <button
          type="button"
          class="agent-name"
          data-agent={agentId}
          aria-describedby={id}
          {...(whole !== undefined && { 'aria-label': whole })}
          title={whole === undefined ? heard : `${whole}: ${heard}`}
          onClick={() => showAgent(agentId)}
        >
          <Said text={shown} />
        </button>
      </span>
      <span hidden id={id}>
        {heard}
      </span>
    </div>
  )
}
