/**
 * The files that rows are in. A segment keeps its number when it is archived, and then compressed; where it lies now is
 * found when it is read.
 */
import { dirname, join } from 'node:path'
import { archiveName } from '../../format/beside.js'
import type { HiveItem } from '../../read/hive.js'
import type { LogEntry } from '../../read/items.js'

export interface SegmentPlace {
  /** Path of its log. */
  log: string
  /** Path under which it was read last. */
  file: string
  /** `seq` of its first event that was read. */
  firstSeq: number
}

export class Segments {
  readonly #list: SegmentPlace[] = []
  /** Of each log, the number of the segment that is read now, and how far it has been. */
  readonly #current = new Map<string, { number: number; file: string; offset: number }>()

  /** The number of the segment that an event is in, which comes next in its log. */
  of({ log, file, offset, seq }: LogEntry & Pick<HiveItem, 'log'>): number {
    const current = this.#current.get(log)
    if (current !== undefined && current.file === file && offset > current.offset) {
      current.offset = offset
      return current.number
    }
    // A live file that begins anew: the one before it was archived.
    const number = this.#list.length
    this.#list.push({ log, file, firstSeq: seq })
    this.#current.set(log, { number, file, offset })
    return number
  }

  get count(): number {
    return this.#list.length
  }

  get(number: number): SegmentPlace {
    return this.#list[number] as SegmentPlace
  }

  /** Logs in the order in which their first lines came. */
  logs(): string[] {
    return [...this.#current.keys()]
  }

  /** Paths at which a segment can lie, most likely first. */
  paths(number: number): string[] {
    const { log, file, firstSeq } = this.get(number)
    const archived = join(dirname(log), archiveName(log, firstSeq))
    const isCurrent = this.#current.get(log)?.number === number
    const plain = isCurrent ? [file, archived] : file === log ? [archived, file] : [file, archived]
    const all = new Set([...plain, ...plain.filter((path) => path !== log).map((path) => `${path}.gz`)])
    return [...all]
  }

  /** Notes where a segment was found. */
  foundAt(number: number, file: string): void {
    const segment = this.get(number)
    const current = this.#current.get(segment.log)
    // The live name is the next segment's as soon as this one is archived.
    if (current?.number !== number) segment.file = file
  }
}
