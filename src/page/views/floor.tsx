/** The floor: every agent by spawn tree, what it is at, and messages that move between them. */
import { useMemo, useRef } from 'preact/hooks'
import type { FloorAgent } from '../../serve/api/shapes.js'
import { floor, MAX_CARDS } from '../data/floor.js'
import { filter } from '../data/store.js'
import { counted } from '../parts/text.js'
import { AgentCard, type CardSize } from './floor-card.js'
import { FloorEdges } from './floor-edges.js'
import { Tiles } from './floor-tiles.js'
import { levelsOf } from './floor-tree.js'
import { Outside } from './outside.js'

/** Up to so many agents have whole cards, and up to `MAX_CARDS` short ones; more are tiles. */
const CARDS = 24
/** Beyond, agents that ended are not drawn: nobody can look at more. */
const MAX_DRAWN = 2_000

export function FloorView() {
  const now = floor.value
  const stage = useRef<HTMLDivElement>(null)
  const wanted = filter.value.text.toLowerCase()
  const agents = now?.agents
  const { drawn, hidden } = useMemo(() => choose(agents ?? [], wanted), [agents, wanted])
  const areTiles = drawn.length > MAX_CARDS
  // Where all stand hangs on who is there alone.
  const kept = useRef(drawn)
  if (!areSamePlaces(kept.current, drawn)) kept.current = drawn
  const placed = areTiles ? kept.current : drawn
  const levels = useMemo(() => levelsOf(placed), [placed])
  if (now === undefined) {
    return (
      <section class="floor" aria-label="Floor" aria-busy="true">
        <h1 class="visually-hidden">Floor</h1>
      </section>
    )
  }
  const size: CardSize = drawn.length <= CARDS ? 'card' : 'short'
  return (
    <section class="floor" aria-label="Floor">
      <h1 class="visually-hidden">Floor</h1>
      <div
        class={`stage ${areTiles ? 'tile' : size}s`}
        ref={stage}
        role="group"
        data-at={now.position}
        aria-label="Agents by who spawned them"
        onKeyDown={(event) => move(event, stage.current)}
      >
        <FloorEdges stage={stage} agents={kept.current} isTree={!areTiles} />
        <Outside floor={now} />
        {areTiles ? (
          <Tiles levels={levels} agents={drawn} stage={stage} />
        ) : (
          levels.map((level, depth) => (
            // A level is its depth
            <ul class="level" key={depth} aria-label={depth === 0 ? 'Agents' : `Spawned, ${depth} deep`}>
              {level.map((agent) => (
                <li key={agent.agentId}>
                  <AgentCard agent={agent} size={size} />
                </li>
              ))}
            </ul>
          ))
        )}
        {drawn.length === 0 && <p class="nothing">No agent was spawned yet.</p>}
      </div>
      {hidden > 0 && (
        <p class="nothing">{counted(hidden, 'agent')} that ended are not drawn; search finds them by name.</p>
      )}
    </section>
  )
}

function choose(agents: readonly FloorAgent[], wanted: string): { drawn: FloorAgent[]; hidden: number } {
  const named =
    wanted === ''
      ? []
      : agents.filter(({ agentId, name }) => `${agentId} ${name}`.toLowerCase().includes(wanted))
  // What is searched for may be in events, and no agent's name.
  const fitting = named.length > 0 ? named : [...agents]
  if (fitting.length <= MAX_DRAWN) return { drawn: fitting, hidden: 0 }
  const living = fitting.filter(({ status }) => status === 'alive' || status === 'held')
  const drawn = (living.length > 0 ? living : fitting).slice(0, MAX_DRAWN)
  return { drawn, hidden: fitting.length - drawn.length }
}

function areSamePlaces(before: readonly FloorAgent[], next: readonly FloorAgent[]): boolean {
  return (
    before.length === next.length &&
    before.every(({ agentId, parent, isGod }, i) => {
      const other = next[i] as FloorAgent
      return agentId === other.agentId && parent === other.parent && isGod === other.isGod
    })
  )
}

/** Arrows go to the card that lies that way. */
function move(event: KeyboardEvent, stage: HTMLElement | null): void {
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key]
  const here = document.activeElement
  if (way === undefined || stage === null || !(here instanceof HTMLElement) || !here.dataset.agent) return
  const from = here.getBoundingClientRect()
  let best: HTMLElement | undefined
  let least = Number.POSITIVE_INFINITY
  for (const card of stage.querySelectorAll<HTMLElement>('[data-agent]')) {
    const to = card.getBoundingClientRect()
    const along =
      (centre(to).x - centre(from).x) * (way[0] ?? 0) + (centre(to).y - centre(from).y) * (way[1] ?? 0)
    const aside =
      Math.abs((centre(to).x - centre(from).x) * (way[1] ?? 0)) +
      Math.abs((centre(to).y - centre(from).y) * (way[0] ?? 0))
    if (along < 2) continue
    const far = along + 2 * aside
    if (far < least) {
      least = far
      best = card
    }
  }
  event.preventDefault()
  best?.focus()
}

const centre = (box: DOMRect): { x: number; y: number } => ({
  x: box.x + box.width / 2,
  y: box.y + box.height / 2,
})
