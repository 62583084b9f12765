/** What `whyEvent` tells. */
import type { LogTally } from '../reading.js'
import type { Match } from '../show/find.js'
import type { Listed } from '../show/report.js'
import type { Chain } from './chain.js'

/** What `whyEvent` finds. */
export interface WhyReport extends LogTally {
  /** Paths of the logs, as they were named. */
  files: string[]
  /** What was looked for. */
  query: string
  /** What the query turned out to mean. */
  found: 'event' | 'several' | 'nothing'
  /** The chain of causes: what was asked for first, its origin last. */
  chain?: Chain
  /** What fits, where that is several things. */
  matches?: Listed<Match>
}

/** What `whyEvent` takes. */
export interface WhyOptions {
  /** Read only the logs that are named, not those of their child processes. Default false. */
  thisFile?: boolean
  /** The log that alone the event is looked for in: its path, as `logsOfHive` has it. Default: all; a position is meant in the first. */
  log?: string
  /** How many links of the chain are followed, from 0. Default 50. */
  depth?: number
  /** Told now and then how many bytes of the logs were read, of how many that may have to be. Default: nobody is. */
  onProgress?: (read: number, total: number) => void
}
