/**
 * The side index of a log as it stands, for who reads the log: what is not in it is read as if there were none. It is
 * believed only of a file that is the same as when it was indexed (see `fit.ts`).
 */
import { indexFolder } from '../../format/beside.js'
import { firstSeqOf, type Source } from '../sources.js'
import { IndexFile, indexPath } from './file.js'
import { isSame } from './fit.js'
import { indexKey, isOwnFolder } from './key.js'
import type { Range } from './ranges.js'

/** A segment from its start on. */
export interface KnownRanges {
  ranges: readonly Range[]
  /** Whether they end where the segment does. */
  isWhole: boolean
}

export class StandingIndex {
  readonly #folder: string
  readonly #key: Buffer

  private constructor(folder: string, key: Buffer) {
    this.#folder = folder
    this.#key = key
  }

  /** `undefined` where none can be. @param log path of its live file */
  static of(log: string): StandingIndex | undefined {
    const folder = indexFolder(log)
    // Most logs have none.
    const key = isOwnFolder(folder) ? indexKey(false) : undefined
    return key === undefined ? undefined : new StandingIndex(folder, key)
  }

  /** `undefined` where nothing is known of the segment. @param isFirst whether it is the log's first one */
  async rangesOf(source: Source, isFirst: boolean): Promise<KnownRanges | undefined> {
    if (!source.stats.isFile()) return undefined
    const firstSeq = (await firstSeqOf(source)) ?? (isFirst ? 1 : undefined)
    if (firstSeq === undefined) return undefined
    const index = IndexFile.open(indexPath(this.#folder, firstSeq), this.#key)
    if (index === undefined) return undefined
    try {
      const { directory } = index
      const ranges = isSame(source, directory) ? index.ranges() : undefined
      if (ranges?.length !== directory.blocks.length - 1) return undefined
      return { ranges, isWhole: directory.final }
    } finally {
      index.close()
    }
  }
}
