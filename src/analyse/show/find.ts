/**
 * Finds what somebody names by a few characters: the position of an event, where it stands, or an id of any sort. An
 * exact name is meant before one that merely begins so; what fits several things is told as several, never guessed.
 */

import { basename } from 'node:path'
import { idOf, keyOf } from '../../format/bounded.js'
import type { Fields } from '../../format/fields.js'
import { HiveModel } from '../../model/model.js'
import type { HiveEntry } from '../../read/hive.js'
import { artifactsIn } from '../../verify/refs.js'
import { briefOf, identityOf, type PlacedEvent, placeOf } from './places.js'

/**
 * By what an event was found: its position (`seq`), where its line is (`place`: file and number), the `id` of a message
 * or escalation, the agent that a spawn is of, its span or trace, or an artifact that it names.
 */
export type FoundBy = 'seq' | 'place' | 'id' | 'agent' | 'span' | 'trace' | 'artifact'

/** An event that fits what is looked for. */
export interface Match extends PlacedEvent {
  /** What of it fits. */
  by: FoundBy
  /** The whole id that fits; left out for a position. */
  id?: string
}

/** What a name turned out to mean. */
export type Found =
  /** `lives`: of an agent, its other spawns. */
  | { type: 'event'; match: Match; identity: string; lives?: PlacedEvent[] }
  | { type: 'artifact'; ref: string; namedBy: PlacedEvent[]; more: number }
  | { type: 'several'; matches: Match[]; more: number }
  | { type: 'nothing' }

/** Events that are listed of each sort, and different ids that begin alike. */
export const MAX_MATCHES = 50
/** Fewer characters of a hash, a span or a trace fit by chance. */
const MIN_HEX = 8

const DIGITS = /^\d{1,15}$/
const PLACE = /^(.+):([1-9]\d{0,14})$/s
const HEX = /^[0-9a-f]+$/i

/** One sort of thing that an event can be found by. */
interface Candidate {
  match: Match
  identity: string
}

/** Candidates of one id: the first of them, and how many there are. */
class Group {
  readonly by: FoundBy
  readonly id: string | undefined
  readonly list: Candidate[] = []
  /** Of an agent, the last spawn that is beyond what is listed. */
  last: Candidate | undefined
  count = 0

  constructor(by: FoundBy, id?: string) {
    this.by = by
    this.id = id
  }

  add(entry: HiveEntry): void {
    this.count++
    const match: Match = { by: this.by, place: placeOf(entry), event: briefOf(entry) }
    if (this.id !== undefined) match.id = this.id
    const candidate = { match, identity: identityOf(entry) }
    if (this.list.length < MAX_MATCHES) this.list.push(candidate)
    this.last = candidate
  }
}

/** Kinds that say when a life begins and ends. */
const OF_LIVES: ReadonlySet<string> = new Set(['spawn', 'exit', 'archive', 'app-start', 'log.open'])

/** Takes the events of a hive, then tells what was meant. */
export class Finder {
  readonly #query: string
  readonly #hex: string | undefined
  readonly #place: { file: string; line: number } | undefined
  readonly #seq: number | undefined
  readonly #first: string
  readonly #only: string | undefined
  /** Of the first log, and of the others. */
  readonly #bySeq = { first: new Group('seq'), others: new Group('seq') }
  readonly #byPlace = new Group('place')
  /** By sort and id: those that have the name, and those that begin so. */
  readonly #exact = new Map<string, Group>()
  readonly #begin = new Map<string, Group>()
  #moreBegin = 0
  /** What only speaks of the id: approvals and drops. */
  readonly #naming = new Map<string, Group>()
  /** Who lives: not every spawn begins a life. */
  readonly #lives: HiveModel

  /**
   * @param first the log that a position is meant in
   * @param only the log that alone is looked in; default: all
   */
  constructor(query: string, first: string, only?: string) {
    this.#query = keyOf(query) ?? ''
    this.#first = only ?? first
    this.#lives = new HiveModel({ firstLog: first, inboxCapacity: 1 })
    this.#only = only
    if (DIGITS.test(query)) this.#seq = Number(query)
    if (HEX.test(query) && query.length >= MIN_HEX) this.#hex = query.toLowerCase()
    const place = PLACE.exec(query)
    if (place !== null) this.#place = { file: place[1] as string, line: Number(place[2]) }
  }

  add(entry: HiveEntry): void {
    const { log, file, line, seq, event } = entry
    if (this.#only !== undefined && log !== this.#only) return
    if (seq === this.#seq) (log === this.#first ? this.#bySeq.first : this.#bySeq.others).add(entry)
    if (line !== undefined && line === this.#place?.line && isFile(file, this.#place.file)) {
      this.#byPlace.add(entry)
    }
    const fields = event as Fields
    const { kind } = event
    if (!this.#lives.goesOn(entry)) this.#agent(kind, fields, entry)
    if (OF_LIVES.has(kind)) this.#lives.add(entry)
    if (fields.id !== undefined && kind !== 'agent-hold') {
      const isAnswer = kind === 'approval' || kind === 'drop'
      this.#try('id', keyOf(fields.id), entry, isAnswer)
    }
    if (this.#hex === undefined) return
    this.#tryHex('span', fields.span, entry)
    this.#tryHex('trace', fields.trace, entry)
    for (const { ref } of artifactsIn(event)) this.#tryHex('artifact', ref, entry)
  }

  /** An agent is found by its spawns; one that never spawned by its first event. */
  #agent(kind: string, { agentId }: Fields, entry: HiveEntry): void {
    if (typeof agentId !== 'string' || !agentId.startsWith(this.#query.slice(0, 8))) return
    const id = idOf(agentId) as string
    if (kind !== 'spawn' && (this.#exact.has(`agent ${id}`) || this.#begin.has(`agent ${id}`))) return
    this.#try('agent', id, entry, false)
  }

  #tryHex(by: FoundBy, id: unknown, entry: HiveEntry): void {
    if (typeof id === 'string' && id.length <= 64) this.#try(by, id.toLowerCase(), entry, false, this.#hex)
  }

  #try(by: FoundBy, id: string | undefined, entry: HiveEntry, isAnswer: boolean, query = this.#query): void {
    if (id === undefined || !id.startsWith(query) || (isAnswer && id !== query)) return
    const groups = isAnswer ? this.#naming : id === query ? this.#exact : this.#begin
    const key = `${by} ${id}`
    let group = groups.get(key)
    if (group === undefined) {
      if (groups.size >= MAX_MATCHES) {
        this.#moreBegin++
        return
      }
      group = new Group(by, id)
      groups.set(key, group)
    }
    group.add(entry)
  }

  found(): Found {
    const { first, others } = this.#bySeq
    for (const group of [this.#byPlace, first, others])
      if (group.count > 0) return meant([group, ...this.#calledSo(group)])
    for (const groups of [this.#exact, this.#begin, this.#naming]) {
      // An id that two sorts of things have, an agent and its message say, is not for us to choose.
      if (groups.size > 0) return meant([...groups.values()], this.#moreBegin)
    }
    return { type: 'nothing' }
  }

  /** What has for an id what was taken for a position: of two questions the other one might be decided. */
  #calledSo({ list: [found] }: Group): Group[] {
    return [...this.#exact.values()].filter(({ by, list: [one], count }) => {
      if (by !== 'id' && by !== 'agent') return false
      const [a, b] = [one?.match.place, found?.match.place]
      return count > 1 || a?.log !== b?.log || a?.file !== b?.file || a?.line !== b?.line
    })
  }
}

function meant(groups: readonly Group[], more = 0): Found {
  const [group] = groups as [Group, ...Group[]]
  if (groups.length === 1 && more === 0) {
    const [candidate] = group.list as [Candidate, ...Candidate[]]
    if (group.by === 'artifact') {
      const namedBy = group.list.map(({ match: { place, event } }) => ({ place, event }))
      return { type: 'artifact', ref: group.id as string, namedBy, more: group.count - namedBy.length }
    }
    if (group.by === 'agent') return { type: 'event', ...lifeOf(group) }
    if (group.count === 1) return { type: 'event', ...candidate }
  }
  const matches = groups.flatMap(({ list }) => list.map(({ match }) => match)).slice(0, MAX_MATCHES)
  const count = groups.reduce((sum, each) => sum + each.count, 0) + more
  return { type: 'several', matches, more: count - matches.length }
}

/** The last life is meant; the others are told. */
function lifeOf(group: Group): Candidate & { lives: PlacedEvent[] } {
  const last = group.last as Candidate
  const lives = group.list
    .filter((each) => each !== last && each.match.event.kind === 'spawn')
    .map(({ match: { place, event } }) => ({ place, event }))
  return { ...last, lives }
}

/** Whether a segment is meant by this name: its path, or the end of it. */
const isFile = (file: string, name: string): boolean =>
  file === name || basename(file) === name || file.endsWith(`/${name}`)

/** The log that somebody names with `--log`: its path, or the name of its file, with or without `.jsonl`. */
export function logNamed(logs: readonly string[], name: string): string | undefined {
  const exact = logs.find((log) => log === name)
  if (exact !== undefined) return exact
  const fitting = logs.filter((log) => isFile(log, name) || isFile(log, `${name}.jsonl`))
  return fitting.length === 1 ? fitting[0] : undefined
}
