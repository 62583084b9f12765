/** The floor: every agent by spawn tree, what it is at, and messages that move between them. */
import { useMemo, useRef } from 'preact/hooks'
import type { FloorAgent } from '../../serve/api/shapes.js'
import { floor } from '../data/floor.js'
import { filter } from '../data/store.js'
import { counted } from '../parts/text.js'
import { AgentCard, type CardSize } from './floor-card.js'
import { FloorEdges } from './floor-edges.js'
import { levelsOf } from './floor-tree.js'
import { Outside } from './outside.js'

/** Up to so many agents have whole cards, and up to so many short ones; more are tiles. */
const CARDS = 24
const SHORT_CARDS = 120
/** Beyond, agents that ended are not drawn: nobody can look at more. */
const MAX_DRAWN = 2_000

export function FloorView() {
  const now = floor.value
  const stage = useRef<HTMLDivElement>(null)
  const wanted = filter.value.text.toLowerCase()
  const agents = now?.agents
  const { drawn, hidden } = useMemo(() => choose(agents ?? [], wanted), [agents, wanted])
  const levels = useMemo(() => levelsOf(drawn), [drawn])
  if (now === undefined) return <section class="floor" aria-label="Floor" aria-busy="true" />
  const size: CardSize = drawn.length <= CARDS ? 'card' : drawn.length <= SHORT_CARDS ? 'short' : 'tile'
  return (
    <section class="floor" aria-label="Floor">
      <h1 class="visually-hidden">Floor</h1>
      <div
        class={`stage ${size}s`}
        ref={stage}
        role="group"
        data-at={now.position}
        aria-label="Agents by who spawned them"
        onKeyDown={(event) => move(event, stage.current)}
      >
        <FloorEdges stage={stage} agents={drawn} isTree={size !== 'tile'} />
        <Outside floor={now} />
        {levels.map((level, depth) => (
          // A level is its depth
          <ul class="level" key={depth} aria-label={depth === 0 ? 'Agents' : `Spawned, ${depth} deep`}>
            {level.map((agent) => (
              <li key={agent.agentId}>
                <AgentCard agent={agent} size={size} />
              </li>
            ))}
          </ul>
        ))}
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
