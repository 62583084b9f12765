/** Who stands where on the floor: a level for each generation, children in the order of their parents. */
import type { FloorAgent } from '../../serve/api/shapes.js'

/** A deeper tree goes on in its last level. */
const MAX_LEVELS = 12

export function levelsOf(agents: readonly FloorAgent[]): FloorAgent[][] {
  const known = new Set(agents.map(({ agentId }) => agentId))
  const children = new Map<string, FloorAgent[]>()
  const roots: FloorAgent[] = []
  for (const agent of agents) {
    const { parent } = agent
    // Who has no parent here, or is said to be its own, stands at the top.
    if (parent === undefined || parent === agent.agentId || !known.has(parent)) roots.push(agent)
    else childrenOf(children, parent).push(agent)
  }
  roots.sort((a, b) => Number(b.isGod) - Number(a.isGod))
  const placed = new Set<string>()
  const levels: FloorAgent[][] = []
  const place = (level: FloorAgent[]): void => {
    let current = level.filter(({ agentId }) => !placed.has(agentId))
    while (current.length > 0) {
      for (const { agentId } of current) placed.add(agentId)
      if (levels.length < MAX_LEVELS) levels.push(current)
      else levels.at(-1)?.push(...current)
      current = current
        .flatMap(({ agentId }) => children.get(agentId) ?? [])
        .filter(({ agentId }) => !placed.has(agentId))
    }
  }
  place(roots)
  // Agents that are said to have spawned each other are nobody's descendants.
  place(agents.filter(({ agentId }) => !placed.has(agentId)))
  return levels
}

function childrenOf(children: Map<string, FloorAgent[]>, parent: string): FloorAgent[] {
  let list = children.get(parent)
  if (list === undefined) {
    list = []
    children.set(parent, list)
  }
  return list
}
