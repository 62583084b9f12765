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
  /** The writer itself noticed that somebody else changed, cut, removed or replaced the file (`log.changed`). */
  | 'changed-while-open'
  /** Bytes that a writer found at opening, and noted with their hash, are no longer these. */
  | 'adopted-changed'
  /** A public key was given, and a stretch that should carry signed seals carries none. */
  | 'unsealed'
  /** A segment belongs to another log, or the log is not the one that was asked for. */
  | 'other-log'
  /** A compressed copy beside a segment has another content. */
  | 'twin-differs'
  /** A file is called like a segment, and can be none; nobody reads it. */
  | 'no-segment'
  /** An artifact that a line names is not there. */
  | 'artifact-missing'
  /** An artifact's content is not the one that its name and the line say. */
  | 'artifact-changed'
  /** The log is not, or no longer, what a server acknowledged of it. */
  | 'receipt'

/** One damaged place. */
export interface VerifyFinding {
  /** What is wrong, for programs. */
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
export type SegmentFinding = Omit<VerifyFinding, 'file'> & Explainable

/** What a finding says of what is missing: a `log.gap` found later may explain it. */
export interface Explainable {
  /** Lines. */
  missing?: { from: number; to: number }
  /** SHA-256 of an artifact. */
  artifact?: string
  /** What is still wrong when they are explained. */
  otherwise?: Omit<VerifyFinding, 'file'>
}

/** A stretch that a writer found when it opened the log and that no good seal vouched for: after a crash, a few lines. */
export interface AdoptedStretch {
  /** Path of the segment that it is in. */
  file: string
  /** Its first and last line, from 1; left out when the file is not there. */
  line?: number
  /** Its last line, from 1. */
  toLine?: number
  /** Offset of its first byte in the (uncompressed) segment. */
  offset: number
  /** Its bytes. */
  bytes: number
  /** Whether the bytes are still those that the writer found, by the hash that it noted. */
  fits: boolean
  /** The `log.open` that says so. */
  byFile: string
  /** Number of that line in its segment, from 1. */
  byLine: number
}

/** What one segment holds. */
export interface VerifiedFile {
  /** Path of the segment. */
  file: string
  /** Lines that end in a newline (and a last one without, if it is a whole event). */
  lines: number
  /** Bytes of the segment, uncompressed. */
  bytes: number
  /** Seals, good or not. */
  seals: number
  /** Bytes for which good seals vouch. */
  sealedBytes: number
  /** `seq` of the first and last line; line numbers in a log without; absent when there is no event. */
  firstSeq?: number
  /** `seq` of the last line. */
  lastSeq?: number
  /** SHA-256 of all its bytes. */
  sha256: string
}

/** What `verifyLog` finds. */
export interface VerifyReport {
  /** No findings. Says nothing about lines that are not sealed or were adopted, beyond their form and order. */
  ok: boolean
  /** The segments, oldest first. */
  files: VerifiedFile[]
  /** Lines of all segments. */
  lines: number
  /** Well-formed lines that are not housekeeping (`log.*`). */
  events: number
  /** `seq` of the last line; 0 where there is none. */
  lastSeq: number
  /** Lines for which no good seal vouches (yet), and their bytes; `openTail`: bytes of an unfinished last line. */
  unsealed: {
    /** Lines after the last good seal. */
    lines: number
    /** Bytes of these lines. */
    bytes: number
    /** Bytes of an unfinished last line. */
    openTail: number
  }
  /** The log's id: the first 16 hex digits of the SHA-256 of its first line; left out where nothing tells it. */
  log?: string
  /** Stretches that writers found at opening: no seal vouches for what they were before. */
  adopted: AdoptedStretch[]
  /** Cut-off lines for which `log.torn` accounts. */
  torn: number
  /** `log.gap` lines, how many events the writer says it lost, and lines that are missing and explained by them. */
  gaps: {
    /** `log.gap` lines. */
    count: number
    /** Events that they say were lost. */
    lost: number
    /** Lines that are missing, and that they explain. */
    missing: number
  }
  /**
   * Artifacts that lines name, of which were checked; those of which the log says that they could not be stored; and
   * files among them that no line names.
   */
  artifacts: {
    /** Artifacts that lines name. */
    named: number
    /** Artifacts whose content was compared with their name. */
    checked: number
    /** Artifacts that could not be stored, as `log.gap` lines say. */
    lost: number
    /** Files among the artifacts that no line names. */
    unnamed: number
  }
  /** Seals that carry a signature. Whether the signatures are good is checked only with `publicKey`. */
  signed: number
  /** Receipts of this log that it was compared with; left out without any given. */
  receipts?: number
  /** The damaged places, in the log's order. */
  findings: VerifyFinding[]
  /** Remarks for people that are no damage. */
  notes: string[]
}
