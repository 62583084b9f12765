/** Compares two logs that were read: agent by agent, then as a whole. Knows positions, not files. */
import { Aligner, type Sequence } from './align.js'
import type { DiffVerdict } from './report.js'
import type { DiffSides, SideName } from './sides.js'

/** Where two sequences part, as positions of events in their logs, from 0. */
export interface Parting {
  index: number
  a?: number
  b?: number
}

export interface AgentAnalysis {
  agent: string | null
  events: Record<SideName, number>
  only: Record<SideName, number>
  parts?: Parting
  /** Which of the two events at `parts` the other log lacks. */
  change?: 'changed' | SideName
}

export interface OnlyAnalysis {
  side: SideName
  kind: string
  agent: string | null
  events: number
  first: number[]
}

export interface Analysis {
  verdict: DiffVerdict
  /** Events that are compared, and how many only one side has. */
  events: Record<SideName, number>
  only: Record<SideName, number>
  agents: AgentAnalysis[]
  groups: OnlyAnalysis[]
  /** Events that might have partners that were not looked for. */
  approximate: number
}

/** Events of each group that are shown. */
const SAMPLES = 3
/** Groups of which events are shown. */
const SAMPLED_GROUPS = 100

/** What one agent did: how many events before the logs parted, and where the ones after that are. */
interface Own {
  before: number
  a: Int32Array
  b: Int32Array
}

export function analyse(sides: DiffSides): Analysis {
  const sequences: Record<SideName, Sequence> = {
    a: { tokens: sides.a.tokens, common: new Uint8Array(sides.a.length) },
    b: { tokens: sides.b.tokens, common: new Uint8Array(sides.b.length) },
  }
  const aligner = new Aligner(sides.interner.size)
  const isCut = sides.a.isCut || sides.b.isCut
  const events = { a: sides.prefix, b: sides.prefix }
  const only = { a: 0, b: 0 }
  const agents: AgentAnalysis[] = []
  // In an order that does not depend on which log is which, since all share the work that may be done.
  const byName = [...byAgent(sides)].sort(([x], [y]) => compareNames(x, y))
  for (const [agent, own] of byName) {
    const found = compareAgent(sides, sequences, aligner, own, isCut)
    agents.push({ agent, ...found })
    for (const side of ['a', 'b'] as const) {
      events[side] += found.events[side] - own.before
      only[side] += found.only[side]
    }
  }
  agents.sort((x, y) => startOf(x) - startOf(y) || total(y) - total(x) || compareNames(x.agent, y.agent))
  const isSame = sides.a.length === 0 && sides.b.length === 0
  const verdict = isSame ? 'same' : agents.some(({ parts }) => parts !== undefined) ? 'differ' : 'order'
  return {
    verdict,
    events,
    only,
    agents,
    groups: groupsOf(sides, sequences),
    approximate: aligner.approximate,
  }
}

const total = ({ events }: AgentAnalysis): number => events.a + events.b

function compareNames(x: string | null, y: string | null): number {
  if (x === y) return 0
  return (x ?? '') < (y ?? '') ? -1 : 1
}

/** The earliest place of a parting in either log. */
export function startOf({ parts }: { parts?: Parting }): number {
  if (parts === undefined) return Number.MAX_SAFE_INTEGER
  return Math.min(parts.a ?? Number.MAX_SAFE_INTEGER, parts.b ?? Number.MAX_SAFE_INTEGER)
}

/** Indexes of each agent's held events. */
function byAgent(sides: DiffSides): Map<string | null, Own> {
  const numbers = new Map<string | null, number>()
  const agentOf = Int32Array.from(sides.groups.list, ({ agent }) => {
    const number = numbers.get(agent) ?? numbers.size
    numbers.set(agent, number)
    return number
  })
  const before = new Array<number>(numbers.size).fill(0)
  for (const [group, agent] of agentOf.entries()) {
    before[agent] = (before[agent] as number) + (sides.prefixCounts[group] ?? 0)
  }
  const ofA = split(sides, sides.a.tokens, agentOf, numbers.size)
  const ofB = split(sides, sides.b.tokens, agentOf, numbers.size)
  return new Map(
    [...numbers].map(([agent, number]) => [
      agent,
      { before: before[number] as number, a: ofA[number] as Int32Array, b: ofB[number] as Int32Array },
    ]),
  )
}

/** Indexes of the events of each agent. */
function split(
  { interner }: DiffSides,
  tokens: Int32Array,
  agentOf: Int32Array,
  agents: number,
): Int32Array[] {
  const counts = new Int32Array(agents)
  const agentAt = (token: number): number => agentOf[interner.tagOf(token)] as number
  for (const token of tokens) (counts[agentAt(token)] as number)++
  const indexes = Array.from(counts, (count) => new Int32Array(count))
  counts.fill(0)
  for (const [index, token] of tokens.entries()) {
    const agent = agentAt(token)
    ;(indexes[agent] as Int32Array)[(counts[agent] as number)++] = index
  }
  return indexes
}

function compareAgent(
  sides: DiffSides,
  sequences: Record<SideName, Sequence>,
  aligner: Aligner,
  own: Own,
  isCut: boolean,
): Omit<AgentAnalysis, 'agent'> {
  const { a, b } = sequences
  const length = Math.min(own.a.length, own.b.length)
  let same = 0
  while (same < length && a.tokens[own.a[same] as number] === b.tokens[own.b[same] as number]) same++
  const isPrefix = same === length
  if (isPrefix && (isCut || own.a.length === own.b.length)) {
    // Where reading ended before the log, that one side has more says nothing: it is left out on both.
    for (const [sequence, indexes] of [[a, own.a] as const, [b, own.b] as const]) {
      for (const [i, index] of indexes.entries()) sequence.common[index] = i < length ? 1 : 2
    }
    const events = own.before + length
    return { events: { a: events, b: events }, only: { a: 0, b: 0 } }
  }
  const order =
    own.a.length - own.b.length ||
    (isPrefix
      ? 0
      : sides.interner.compare(
          a.tokens[own.a[same] as number] as number,
          b.tokens[own.b[same] as number] as number,
        ))
  if (order <= 0) aligner.align(a, b, own.a, own.b)
  else aligner.align(b, a, own.b, own.a)
  const lacking = (sequence: Sequence, indexes: Int32Array): number =>
    indexes.reduce((sum, index) => sum + (sequence.common[index] === 0 ? 1 : 0), 0)
  const parts: Parting = { index: own.before + same }
  const [nextA, nextB] = [own.a[same], own.b[same]]
  if (nextA !== undefined) parts.a = sides.prefix + nextA
  if (nextB !== undefined) parts.b = sides.prefix + nextB
  const onlyA = nextA !== undefined && a.common[nextA] === 0
  const onlyB = nextB !== undefined && b.common[nextB] === 0
  return {
    events: { a: own.before + own.a.length, b: own.before + own.b.length },
    only: { a: lacking(a, own.a), b: lacking(b, own.b) },
    parts,
    change: onlyA && onlyB ? 'changed' : onlyA ? 'a' : 'b',
  }
}

function groupsOf(sides: DiffSides, sequences: Record<SideName, Sequence>): OnlyAnalysis[] {
  const all: OnlyAnalysis[] = []
  for (const side of ['a', 'b'] as const) {
    const groups = new Map<number, OnlyAnalysis>()
    const { tokens, common } = sequences[side]
    for (const [index, token] of tokens.entries()) {
      if (common[index] !== 0) continue
      const number = sides.interner.tagOf(token)
      let group = groups.get(number)
      if (group === undefined) {
        group = { side, ...sides.groups.of(number), events: 0, first: [] }
        groups.set(number, group)
        all.push(group)
      }
      group.events++
      if (group.first.length < SAMPLES) group.first.push(sides.prefix + index)
    }
  }
  all.sort((x, y) => y.events - x.events || compareNames(x.kind, y.kind) || compareNames(x.agent, y.agent))
  for (const group of all.slice(SAMPLED_GROUPS)) group.first = []
  return all
}
