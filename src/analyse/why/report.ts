/** What `whyEvent` tells. */
import type { LogTally } from '../reading.js'
import type { Match } from '../show/find.js'
import type { Listed } from '../show/report.js'
import type { Chain } from './chain.js'

export interface WhyReport extends LogTally {
  files: string[]
  query: string
  /** What the query turned out to mean. */
  found: 'event' | 'several' | 'nothing'
  /** The chain of causes: what was asked for first, its origin last. */
  chain?: Chain
  /** What fits, where that is several things. */
  matches?: Listed<Match>
}

export interface WhyOptions {
  /** Read only the logs that are named, not those of their child processes. Default false. */
  thisFile?: boolean
  /** The log that alone the event is looked for in: its path. Default: all; a position is meant in the first. */
  log?: string
  /** Links of the chain that are followed. Default 50. */
  depth?: number
  /** Told how much was read, of how much that may have to be: bytes. */
  onProgress?: (read: number, total: number) => void
}
