/**
 * The floor of a big hive: a tile for each agent. All of them are in the page, for keys and screen readers; as the
 * position moves, those on the screen are brought up to date at once, and the others when there is time.
 */
import { batch, type Signal, signal } from '@preact/signals'
import type { RefObject } from 'preact'
import { useEffect, useLayoutEffect, useMemo } from 'preact/hooks'
import type { FloorAgent } from '../../serve/api/shapes.js'
import { isFollowing, showAgent } from '../data/store.js'
import { Said } from '../parts/text.js'
import { about, describes, marksOf } from './floor-card.js'

/** Milliseconds of work on tiles that nobody sees, before others have their turn. */
const TURN_MS = 5
/** Ages in descriptions grow as time goes by. */
const AGES_MS = 10_000
/** Tiles so near the screen count as seen. */
const NEAR = '120px'
/** The others wait until the position has stood so long; when it moves on and on, no longer than the second. */
const CALM_MS = 150
const MOST_MS = 1_000

/** All that a tile says. */
interface Face {
  name: string
  marks: string
  about: string
}

const faceOf = (agent: FloorAgent): Face => ({
  name: agent.name,
  marks: marksOf(agent, 'tile'),
  about: about(agent),
})

/** What the tiles say, each by itself: a change of one draws no other. */
class Faces {
  readonly #faces = new Map<string, Signal<Face>>()
  readonly #seen = new Set<string>()
  #agents = new Map<string, FloorAgent>()
  /** Tiles that are to be looked at, from here on in a ring. */
  #queue: string[] = []
  #next = 0
  #left = 0
  /** Since when some are behind. */
  #since: number | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Told whether tiles out of sight are behind. */
  onBusy: (isBusy: boolean) => void = () => {}

  of(agent: FloorAgent): Signal<Face> {
    let face = this.#faces.get(agent.agentId)
    if (face === undefined) {
      face = signal(faceOf(agent))
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
    const now = performance.now()
    this.#since ??= now
    if (now - this.#since > MOST_MS && this.#timer !== undefined) return
    clearTimeout(this.#timer)
    this.onBusy(true)
    this.#timer = setTimeout(() => this.#work(), CALM_MS)
  }

  seen(id: string, isSeen: boolean): void {
    if (!isSeen) this.#seen.delete(id)
    else {
      this.#seen.add(id)
      this.#update(id)
    }
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
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
    this.#timer = this.#left > 0 ? setTimeout(() => this.#work(), TURN_MS) : undefined
    if (this.#left > 0) return
    this.#since = undefined
    this.onBusy(false)
  }

  #update(id: string): void {
    const agent = this.#agents.get(id)
    const face = this.#faces.get(id)
    if (agent === undefined || face === undefined) return
    const before = face.peek()
    const next = faceOf(agent)
    if (next.marks !== before.marks || next.about !== before.about || next.name !== before.name)
      face.value = next
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
  useEffect(() => {
    const watch = new IntersectionObserver(
      (changes) => {
        batch(() => {
          for (const { target, isIntersecting } of changes) {
            const tile = target as HTMLElement
            tile.toggleAttribute('data-near', isIntersecting)
            faces.seen(tile.dataset.card ?? '', isIntersecting)
          }
        })
      },
      { rootMargin: NEAR },
    )
    for (const tile of stage.current?.querySelectorAll('[data-card]') ?? []) watch.observe(tile)
    return () => watch.disconnect()
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

function Tile({ agentId, face }: { agentId: string; face: Signal<Face> }) {
  const { name, marks, about: heard } = face.value
  const id = describes(agentId)
  return (
    <div class={marks} data-card={agentId}>
      <span class="agent-top">
        <span class="dot" aria-hidden="true" />
        <button
          type="button"
          class="agent-name"
          data-agent={agentId}
          aria-describedby={id}
          title={heard}
          onClick={() => showAgent(agentId)}
        >
          <Said text={name} most={300} />
        </button>
      </span>
      <span hidden id={id}>
        {heard}
      </span>
    </div>
  )
}
