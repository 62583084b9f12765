/** Compares two runs of the same task: where they part, agent by agent, and what only one of them has. */

import { LogReadError } from '../disk/errors.js'
import { checkOptions, OptionsError } from '../format/options.js'
import { matchAgents, type Renames } from './diff/agents.js'
import { type Analysis, analyse, type Parting } from './diff/analysis.js'
import { type Found, placesOf } from './diff/places.js'
import { type Readers, readBoth, type SideSource, type Sources } from './diff/read.js'
import type { DiffOptions, DiffSide, Divergence, EventPlace, FieldDiff, LogDiff } from './diff/report.js'
import { type PositionRows, rowsAround } from './diff/rows.js'
import type { DiffSides, SideName } from './diff/sides.js'
import { spooled } from './diff/spool.js'
import { DIFF_RULES } from './options.js'
import type { HiveSelection } from './reading.js'

const MAX_EVENTS = 500_000

/**
 * Compares two hives without what differs between any two runs. Read are all segments of the two logs, and the logs of
 * their child processes; one of the two may be `-`, standard input, which is kept in a temporary file meanwhile.
 * Housekeeping (`log.*`) and malformed lines are left out.
 *
 * Not compared: `ts`, `seq`, `session`, `checkpoint`, `trace`, `span`, `pid`, `ms`; of `usage` the token counts,
 * `costUsd` and `ttftMs`; of `tool` `argsBytes` and `resultBytes`; of `snapshot` `ref` and `bytes`; of `condense`
 * `oldBytes` and `newBytes`; of `app-start` `appPath` and `exePath`. The order of the elements of `ids` and `delivered` does not count.
 *
 * Generated ids are renamed. The id of an agent that events of both logs are about is kept; the agents left over are
 * paired by name, parent and order of spawn. A message or escalation id is named for its kind, sender, receiver, act and subject,
 * and its number among those that say the same. That name is what `inReplyTo`, `ids`, an approval's `id` and fields called
 * `…Id` are compared by; the `id` where it is brought is not compared. `conversation`, `sessionId` and the `id` of
 * other kinds are named for the agent's own first event that has them.
 *
 * The events belong to the agent in `agentId`, else `from`; approvals to whom the escalation went, `human` by
 * default. Memory: as long as the logs are the same, none that grows with them; from where they part about 60 bytes
 * for each event, up to `maxEvents` of each log.
 *
 * @throws {LogReadError} when a file cannot be read, or changes while it is compared
 * @throws {OptionsError} when both are `-`, or an option has a value that it cannot have
 */
export async function diffLogs(a: string, b: string, options: DiffOptions = {}): Promise<LogDiff> {
  checkOptions('diffLogs', options, DIFF_RULES)
  const { context = 3, maxEvents = MAX_EVENTS } = options
  if (a === '-' && b === '-') throw new OptionsError('only one of two logs can be standard input (-)')
  const inputs = [await spooled(a)]
  try {
    inputs.push(await spooled(b))
    const [{ file: fileA = a } = {}, { file: fileB = b } = {}] = inputs
    const files = { a: fileA, b: fileB }
    const { sides, readers, sources } = await readRenamed(files, options, maxEvents)
    const analysis = analyse(sides)
    const rows = rowsAround(sides, analysis, context)
    const found = {
      a: await placesOf(sources.a, shown('a', sides, analysis, rows)),
      b: await placesOf(sources.b, shown('b', sides, analysis, rows)),
    }
    return report({ a, b }, sides, readers, sources, analysis, rows, placer({ a, b }, found), found)
  } finally {
    for (const input of inputs) await input.remove()
  }
}

/** Reads both; once more if there are agents whose ids differ between the logs. */
async function readRenamed(
  files: Record<SideName, string>,
  { agent, ignoreFields = [], keepFields = [], thisFile, since, until, onProgress }: DiffOptions,
  maxEvents: number,
): Promise<{ sides: DiffSides; readers: Readers; sources: Sources }> {
  const sourcesOf = (renames: Record<SideName, Renames>): Sources => {
    const name = agent === undefined ? undefined : (renames.a.get(agent) ?? renames.b.get(agent) ?? agent)
    const selection: HiveSelection = {
      ...(thisFile !== undefined && { thisFile }),
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
    }
    const common = { agent: name, selection, options: { ignoreFields, keepFields } }
    const far = { a: [0, 0], b: [0, 0] }
    const progressOf = (side: SideName): Pick<HiveSelection, 'onProgress'> => {
      if (onProgress === undefined) return {}
      return {
        onProgress(...now) {
          far[side] = now
          onProgress((far.a[0] ?? 0) + (far.b[0] ?? 0), (far.a[1] ?? 0) + (far.b[1] ?? 0))
        },
      }
    }
    const sideOf = (side: SideName): SideSource => ({
      file: files[side],
      renames: renames[side],
      ...common,
      selection: { ...selection, ...progressOf(side) },
    })
    return { a: sideOf('a'), b: sideOf('b') }
  }
  let sources = sourcesOf({ a: new Map(), b: new Map() })
  const first = await readBoth(sources, maxEvents)
  const renames = matchAgents(first.readers.a.roster, first.readers.b.roster)
  if (renames.a.size === 0) return { ...first, sources }
  sources = sourcesOf(renames)
  return { ...(await readBoth(sources, maxEvents)), sources }
}

/** Positions of the events of a log that the report shows. */
function shown(side: SideName, sides: DiffSides, analysis: Analysis, { rows }: PositionRows): Set<number> {
  const positions = [
    ...rows.map((row) => row[side]),
    ...analysis.agents.map(({ parts }) => parts?.[side]),
    ...analysis.groups.flatMap((group) => (group.side === side ? group.first : [])),
  ]
  if (sides[side].length > 0) positions.push(sides.prefix)
  return new Set(positions.filter((position) => position !== undefined))
}

type Placer = (side: SideName, position: number) => EventPlace

function placer(files: Record<SideName, string>, found: Record<SideName, Map<number, Found>>): Placer {
  return (side, position) => {
    const place = found[side].get(position)?.place
    if (place === undefined)
      throw new LogReadError(`${files[side]} was cut short or replaced while it was compared; try again`)
    return files[side] === '-' ? { ...place, log: '-', file: '-' } : place
  }
}

function divergence({ index, a, b }: Parting, place: Placer): Divergence {
  const result: Divergence = { index }
  if (a !== undefined) result.a = place('a', a)
  if (b !== undefined) result.b = place('b', b)
  return result
}

function report(
  files: Record<SideName, string>,
  sides: DiffSides,
  readers: Readers,
  sources: Sources,
  analysis: Analysis,
  { of, rows }: PositionRows,
  place: Placer,
  found: Record<SideName, Map<number, Found>>,
): LogDiff {
  const sideOf = (side: SideName): DiffSide => ({
    file: files[side],
    events: analysis.events[side],
    only: analysis.only[side],
    malformed: readers[side].malformed,
    isCut: sides[side].isCut,
  })
  const ids = agentIds(sources)
  const result: LogDiff = {
    verdict: analysis.verdict,
    a: sideOf('a'),
    b: sideOf('b'),
    common: analysis.events.a - analysis.only.a,
    around: {
      of,
      rows: rows.map(({ mark, ...row }) => ({
        mark,
        ...withoutIndex(divergence({ index: 0, ...row }, place)),
      })),
    },
    agents: analysis.agents.map(({ agent, events, only, parts }) => ({
      agent,
      ...(agent !== null && ids.has(agent) ? { ids: ids.get(agent) as { a: string; b: string } } : {}),
      events,
      only,
      ...(parts === undefined ? {} : { parts: divergence(parts, place) }),
    })),
    only: analysis.groups.map((group) => ({
      ...group,
      first: group.first.map((position) => place(group.side, position)),
    })),
    notes: notesOf(sides, readers, analysis),
  }
  if (analysis.verdict === 'same') return result
  const parting: Parting = { index: sides.prefix }
  if (sides.a.length > 0) parting.a = sides.prefix
  if (sides.b.length > 0) parting.b = sides.prefix
  result.parts = divergence(parting, place)
  const [first] = analysis.agents
  if (first?.parts !== undefined && first.change !== undefined) {
    const { a, b } = first.parts
    const isChange = first.change === 'changed' && a !== undefined && b !== undefined
    const fields = isChange ? fieldsOf(found.a.get(a), found.b.get(b)) : []
    result.first = { agent: first.agent, change: first.change, ...divergence(first.parts, place), fields }
  }
  return result
}

const withoutIndex = ({ index: _, ...places }: Divergence): Omit<Divergence, 'index'> => places

/** Original ids of agents that were renamed. */
function agentIds({ a, b }: Sources): Map<string, { a: string; b: string }> {
  const ofB = new Map([...b.renames].map(([id, name]) => [name, id]))
  return new Map([...a.renames].map(([id, name]) => [name, { a: id, b: ofB.get(name) as string }]))
}

/** Fields in which two events of one kind differ. */
function fieldsOf(a: Found | undefined, b: Found | undefined): FieldDiff[] {
  if (a === undefined || b === undefined || a.place.event.kind !== b.place.event.kind) return []
  const ofA = new Map(a.fields)
  const ofB = new Map(b.fields)
  const differing = [...new Set([...ofA.keys(), ...ofB.keys()])].filter(
    (name) => ofA.get(name) !== ofB.get(name),
  )
  return differing.map((field) => {
    const diff: FieldDiff = { field }
    const [valueA, valueB] = [ofA.get(field), ofB.get(field)]
    if (valueA !== undefined) diff.a = valueA
    if (valueB !== undefined) diff.b = valueB
    return diff
  })
}

function notesOf(sides: DiffSides, readers: Readers, analysis: Analysis): string[] {
  const notes: string[] = []
  if (sides.a.isCut || sides.b.isCut) {
    notes.push(
      'the logs go on after the events that were compared; differences near the end may be due to the cut (maxEvents)',
    )
  }
  if (analysis.approximate > 0) {
    notes.push(
      `${analysis.approximate} events were aligned roughly, because the logs differ so much there; ` +
        'more of them may be in both logs',
    )
  }
  if (readers.a.hasMissedIds || readers.b.hasMissedIds) {
    notes.push(
      'only the last 20,000 ids are remembered; an event that names an older one counts as naming a new one',
    )
  }
  if (readers.a.roster.isFull || readers.b.roster.isFull) {
    notes.push('there are more than 100,000 agents; the ids of later ones are compared as they are')
  }
  if (sides.groups.isFull) {
    notes.push(
      'there are more than 10,000 agents or 100,000 pairs of agent and kind; later ones count as one, (others)',
    )
  }
  return notes
}
