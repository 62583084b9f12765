/** What `verifyLog` tells. */

export type VerifyKind =
  /** Bytes under a seal are not the ones that were sealed. */
  | 'changed'
  /** A line is no event, where no seal speaks for or against it. */
  | 'malformed'
  /** `seq` jumps forward: lines were taken out. */
  | 'missing-lines'
  /** Two lines stand in each other's place. */
  | 'swapped'
  /** Lines stand where they do not belong. */
  | 'out-of-order'
  /** A line is there again. */
  | 'duplicate'
  /** A segment file is not there. */
  | 'missing-segment'
  /** A whole segment is not the one that the next one names. */
  | 'segment-changed'
  /** The end of an archived segment is missing. */
  | 'truncated'
  /** A seal line itself was changed. */
  | 'bad-seal'
  /** A seal's signature does not fit the key, the segment's name, or its hash. */
  | 'bad-signature'
  /** A public key was given, and a seal has no signature. */
  | 'unsigned'
  /** A cut-off line under a good seal for which no `log.torn` line accounts, or the other way round. */
  | 'unaccounted-torn'
  /** Compressed data of an archived segment is damaged. */
  | 'unreadable'

/** One damaged place. */
export interface VerifyFinding {
  kind: VerifyKind
  /** Path of the segment; of a missing one, the path it should have. */
  file: string
  /** First line of the place, from 1. */
  line?: number
  /** Last line of the place, if it is more than one. */
  toLine?: number
  /** Offset of the line's first byte in the (uncompressed) segment. */
  offset?: number
  /** What is wrong, in words. */
  message: string
}

/** A damaged place in the segment at hand. */
export type SegmentFinding = Omit<VerifyFinding, 'file'>

/** What one segment holds. */
export interface VerifiedFile {
  file: string
  /** Lines that end in a newline (and a last one without, if it is a whole event). */
  lines: number
  /** Uncompressed. */
  bytes: number
  /** Seals, good or not. */
  seals: number
  /** Bytes for which good seals vouch. */
  sealedBytes: number
  /** `seq` of the first and last line; line numbers in a log without; absent when there is no event. */
  firstSeq?: number
  lastSeq?: number
  /** SHA-256 of all its bytes. */
  sha256: string
}

export interface VerifyReport {
  /** No findings. Says nothing about lines that are not sealed, beyond their form and order. */
  ok: boolean
  files: VerifiedFile[]
  lines: number
  /** Well-formed lines that are not housekeeping (`log.*`). */
  events: number
  lastSeq: number
  /** Lines for which no good seal vouches (yet), and their bytes; `openTail`: bytes of an unfinished last line. */
  unsealed: { lines: number; bytes: number; openTail: number }
  /** Cut-off lines for which `log.torn` accounts. */
  torn: number
  /** `log.gap` lines, and how many events the writer says it lost. */
  gaps: { count: number; lost: number }
  /** Seals that carry a signature. Whether the signatures are good is checked only with `publicKey`. */
  signed: number
  findings: VerifyFinding[]
  /** Remarks for people that are no damage. */
  notes: string[]
}
