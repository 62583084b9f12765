/** What the reports on conversations tell. */
import type { LogTally } from '../reading.js'
import type { PlacedEvent, TimedPlace } from '../show/places.js'
import type { Delivery } from '../show/report.js'

/** A message, hand-off, escalation or decision between the two. */
export interface TalkItem extends PlacedEvent {
  /** Which of the two said it. */
  from: 'a' | 'b'
  /** Number of its thread, from 1: messages that answer each other, or are of one conversation. */
  thread: number
  /** Number of answers that lead to it: 0 for what opens a thread, 1 for what answers that, and so on. */
  depth: number
  /** Inboxes of the other that it came into; of a broadcast only that one. */
  deliveries: Delivery[]
  /** Whether it asks, and no answer has come. Left out where not. */
  unanswered?: true
  /** The id that it answers, where that is no message between these two, or one before what is listed. */
  repliesTo?: string
}

/** What `talkBetween` finds. */
export interface TalkReport extends LogTally {
  /** Paths of the logs, as they were named. */
  files: string[]
  /** The one who was named first. */
  a: string
  /** The other. */
  b: string
  /** By thread, the one that began first first; in it each before its answers. */
  items: TalkItem[]
  /** How many threads the items are of. */
  threads: number
  /** All that fits, listed or not. */
  counts: {
    /** Messages and the like from `a`. */
    fromA: number
    /** Messages and the like from `b`. */
    fromB: number
    /** How many of both ask, and have no answer. */
    unanswered: number
  }
  /** Older messages and the like that are not listed. */
  notListed: number
  /** Those of the two names that no event of the hive has. */
  unknown: string[]
  /** Names that the hive knows: at most 1,000. */
  names: string[]
}

/** With whom somebody talks. */
export interface Partner {
  /** Its id, or `human`, `scheduler`. */
  name: string
  /** Messages, hand-offs and escalations to it. */
  sent: number
  /** Messages, hand-offs and escalations from it. */
  received: number
  /** Epoch milliseconds of the first of them. */
  firstTs: number
  /** Epoch milliseconds of the last of them. */
  lastTs: number
  /** Where the last of them stands. */
  last: TimedPlace
  /** How many that were sent to it ask, and it has not answered: of the newest 500. */
  awaited: number
  /** How many from it ask, and it got no answer: of the newest 500. */
  owed: number
}

/** What `talkPartners` finds. */
export interface PartnersReport extends LogTally {
  /** Paths of the logs, as they were named. */
  files: string[]
  /** Who was asked for. */
  a: string
  /** The one with whom it talked last first. */
  partners: Partner[]
  /** How many others it talks with, beyond the first 10,000. */
  notListed: number
  /** `a`, where no event of the hive has that name. */
  unknown: string[]
  /** Names that the hive knows: at most 1,000. */
  names: string[]
}

/** What `talkBetween` and `talkPartners` take. */
export interface TalkOptions {
  /** Read only the logs that are named, not those of their child processes. Default false. */
  thisFile?: boolean
  /** Only messages from then on: epoch milliseconds, included. Default: all. */
  since?: number
  /** Only messages up to then: epoch milliseconds, included; answers count whenever they came. Default: all. */
  until?: number
  /** Messages of `talkBetween` that are listed: the newest. Default 10,000. */
  limit?: number
  /** Told now and then how many bytes of the logs were read, of how many that may have to be. Default: nobody is. */
  onProgress?: (read: number, total: number) => void
}
