/** Reads two hives for their comparison, side by side. */
import { type HiveEntry, type HiveItem, hiveBatches } from '../../read/hive.js'
import { isMalformed } from '../../read/items.js'
import type { HiveSelection } from '../reading.js'
import { type Renames, Roster } from './agents.js'
import {
  type CanonicalEvent,
  type CanonicalFields,
  Canonicalizer,
  type CanonicalOptions,
} from './canonical.js'
import { DiffSides, type SideName } from './sides.js'

/** What is read of a hive, and how. */
export interface SideSource {
  /** Path of its log. */
  file: string
  selection: HiveSelection
  renames: Renames
  /** Only this agent's events, by its name that is the same in both logs. */
  agent: string | undefined
  options: CanonicalOptions
}

/** Is told of each event that is compared. */
export type OnCompared = (entry: HiveEntry, event: CanonicalEvent, fields: CanonicalFields) => void

/** Reads one hive: its events that are compared, a chunk of the file at a time. */
export class SideReader {
  readonly roster: Roster
  malformed = 0
  readonly #agent: string | undefined
  readonly #canonicalizer: Canonicalizer
  readonly #batches: AsyncGenerator<HiveItem[]>

  constructor({ file, selection, renames, agent, options }: SideSource) {
    this.#agent = agent
    this.roster = new Roster(file)
    this.#canonicalizer = new Canonicalizer(renames, this.roster, options)
    this.#batches = hiveBatches([file], selection)
  }

  get hasMissedIds(): boolean {
    return this.#canonicalizer.ids.hasMissed
  }

  /** The next events, for their comparison; `undefined` at the end. @throws when the file cannot be read */
  async next(onCompared?: OnCompared): Promise<CanonicalEvent[] | undefined> {
    const { done, value } = await this.#batches.next()
    if (done === true) return undefined
    const compared: CanonicalEvent[] = []
    for (const item of value) {
      if (isMalformed(item)) {
        this.malformed++
      } else if (!item.event.kind.startsWith('log.')) {
        this.roster.add(item)
        const fields: CanonicalFields | undefined = onCompared === undefined ? undefined : []
        const event = this.#canonicalizer.take(item.event, fields)
        if (this.#agent !== undefined && event.agent !== this.#agent) continue
        compared.push(event)
        if (fields !== undefined) onCompared?.(item, event, fields)
      }
    }
    return compared
  }

  async close(): Promise<void> {
    await this.#batches.return(undefined)
  }
}

export type Sources = Record<SideName, SideSource>
export type Readers = Record<SideName, SideReader>

/** @throws when a file cannot be read */
export async function readBoth(
  sources: Sources,
  maxEvents: number,
): Promise<{ sides: DiffSides; readers: Readers }> {
  const readers = { a: new SideReader(sources.a), b: new SideReader(sources.b) }
  const sides = new DiffSides(maxEvents)
  try {
    for (let side = sides.next; side !== undefined; side = sides.next) {
      const events = await readers[side].next()
      if (events === undefined) sides.end(side)
      else sides.take(side, events)
    }
  } finally {
    await readers.a.close()
    await readers.b.close()
  }
  return { sides, readers }
}
