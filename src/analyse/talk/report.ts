/** What the reports on conversations tell. */
import type { LogTally } from '../reading.js'
import type { EventPlace, PlacedEvent } from '../show/places.js'
import type { Delivery } from '../show/report.js'

/** A message, hand-off, escalation or decision between the two. */
export interface TalkItem extends PlacedEvent {
  /** Which of the two it is from. */
  from: 'a' | 'b'
  /** Number of its thread, from 1: messages that answer each other, or are of one conversation. */
  thread: number
  /** 0 for what opens a thread, 1 for what answers that, and so on. */
  depth: number
  /** Inboxes of the other that it came into; of a broadcast only that one. */
  deliveries: Delivery[]
  /** It asks, and no answer has come. */
  unanswered?: true
  /** The id that it answers, where that is no message between these two, or one before what is listed. */
  repliesTo?: string
}

export interface TalkReport extends LogTally {
  files: string[]
  a: string
  b: string
  /** By thread, the one that began first first; in it each before its answers. */
  items: TalkItem[]
  /** Threads that are listed. */
  threads: number
  /** All that fits, listed or not. */
  counts: { fromA: number; fromB: number; unanswered: number }
  /** Older ones that are not listed. */
  notListed: number
  /** Those of the two names that no event of the hive has. */
  unknown: string[]
  /** Names that the hive knows: at most 1,000. */
  names: string[]
}

/** With whom somebody talks. */
export interface Partner {
  name: string
  /** Messages to it and from it. */
  sent: number
  received: number
  /** Epoch milliseconds of the first and the last message. */
  firstTs: number
  lastTs: number
  last: EventPlace
  /** What was asked of it, and what it asked, without an answer so far. */
  awaited: number
  owed: number
}

export interface PartnersReport extends LogTally {
  files: string[]
  a: string
  /** The one with whom it talked last first. */
  partners: Partner[]
  /** Names beyond those that are counted. */
  notListed: number
  unknown: string[]
  names: string[]
}

export interface TalkOptions {
  /** Read only the logs that are named, not those of their child processes. Default false. */
  thisFile?: boolean
  /** Only messages of that time, both ends included: epoch milliseconds. Default: all. */
  since?: number
  until?: number
  /** Messages that are listed: the newest. Default 10,000. */
  limit?: number
  /** Told how many bytes of the logs were read, of how many that may have to be. */
  onProgress?: (read: number, total: number) => void
}
