/** Two logs side by side around the place where they part, as rows of positions. */

import type { Analysis } from './analysis.js'
import type { DiffRow } from './report.js'
import { diffSequences } from './sequences.js'
import type { DiffSides, SideName } from './sides.js'

export interface PositionRow {
  mark: DiffRow['mark']
  a?: number
  b?: number
}

export interface PositionRows {
  of: 'hive' | 'agent'
  rows: PositionRow[]
}

/**
 * All events around the place, as long as both logs agree on everything before it; where only the order between
 * agents was another before, the events of the agent that parts.
 */
export function rowsAround(sides: DiffSides, analysis: Analysis, context: number): PositionRows {
  if (analysis.verdict === 'same') return { of: 'hive', rows: [] }
  const [first] = analysis.agents
  const isOrdered = first?.parts === undefined || [first.parts.a, first.parts.b].includes(sides.prefix)
  // Events further on, in which those that are shown may have their partners.
  const reach = 4 * (context + 1) + 64
  const held = (side: SideName, from: number): number[] => {
    const indexes: number[] = []
    for (let i = from; i < sides[side].length && indexes.length < reach; i++) {
      if (isOrdered || agentAt(sides, side, i) === first?.agent) indexes.push(i)
    }
    return indexes
  }
  const before: PositionRow[] = []
  const start = { a: 0, b: 0 }
  if (isOrdered) {
    for (let i = Math.max(0, sides.prefix - context); i < sides.prefix; i++)
      before.push({ mark: 'same', a: i, b: i })
  } else {
    const common = (first?.parts?.index ?? 0) - prefixOf(sides, first?.agent ?? null)
    const [a, b] = (['a', 'b'] as const).map((side) =>
      lastOwn(sides, side, first?.agent ?? null, common, context),
    )
    for (const [i, index] of (a?.shown ?? []).entries()) {
      before.push({ mark: 'same', a: sides.prefix + index, b: sides.prefix + (b?.shown[i] as number) })
    }
    start.a = a?.next ?? 0
    start.b = b?.next ?? 0
  }
  const after = sideBySide(sides, held('a', start.a), held('b', start.b)).slice(0, context + 1)
  return { of: isOrdered ? 'hive' : 'agent', rows: [...before, ...after] }
}

function agentAt(sides: DiffSides, side: SideName, index: number): string | null {
  return sides.groups.of(sides.interner.tagOf(sides[side].tokens[index] as number)).agent
}

function prefixOf(sides: DiffSides, agent: string | null): number {
  return sides.groups.list.reduce(
    (sum, group, number) => sum + (group.agent === agent ? (sides.prefixCounts[number] ?? 0) : 0),
    0,
  )
}

/** The last few of the agent's first `count` held events, and where what follows them begins. */
function lastOwn(
  sides: DiffSides,
  side: SideName,
  agent: string | null,
  count: number,
  context: number,
): { shown: number[]; next: number } {
  const shown: number[] = []
  let index = 0
  for (let seen = 0; seen < count; index++) {
    if (agentAt(sides, side, index) !== agent) continue
    if (++seen > count - context) shown.push(index)
  }
  return { shown, next: index }
}

function sideBySide(sides: DiffSides, ofA: number[], ofB: number[]): PositionRow[] {
  const rows: PositionRow[] = []
  let nextA = 0
  let nextB = 0
  const apart = (endA: number, endB: number): void => {
    while (nextA < endA || nextB < endB) {
      const row: PositionRow = { mark: nextA >= endA ? 'b' : nextB >= endB ? 'a' : 'changed' }
      if (nextA < endA) row.a = sides.prefix + (ofA[nextA++] as number)
      if (nextB < endB) row.b = sides.prefix + (ofB[nextB++] as number)
      rows.push(row)
    }
  }
  const isCommon = (i: number, j: number): boolean =>
    sides.a.tokens[ofA[i] as number] === sides.b.tokens[ofB[j] as number]
  diffSequences(ofA.length, ofB.length, isCommon, (count, a, b) => {
    apart(a, b)
    for (let k = 0; k < count; k++) {
      const [i, j] = [ofA[nextA++] as number, ofB[nextB++] as number]
      rows.push({ mark: 'same', a: sides.prefix + i, b: sides.prefix + j })
    }
  })
  apart(ofA.length, ofB.length)
  return rows
}
