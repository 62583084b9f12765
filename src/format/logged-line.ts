/**
 * A line of a log as a record of a log store: what its attributes are called, for who sends it and who puts the file
 * together again. The record's body is the line, byte for byte:
 *
 *     hive.log       the log's id, see `logIdOf`
 *     hive.file      its path in the hive: `hive.jsonl`, `hive.jsonl.agents/coder.jsonl`
 *     session.id     of the line; of one without, what the log as a whole is stored under
 *     hive.segment   `seq` of the first line of the segment that it is in
 *     hive.offset    of the line's first byte in that segment, uncompressed
 *     hive.bytes     length of the line without its newline
 *     hive.seq       position in the log; left out if the line is no event
 *     hive.kind      left out if the line is no event
 *     gen_ai.agent.id   whose event it is, where one agent's
 *     hive.part, hive.parts   of a line that is too long for one record: which piece, from 0, of how many
 *     hive.encoding  `base64` where the line is no text; `empty` where it is nothing, which no store keeps
 *     hive.artifact  SHA-256: the record is no line, but an artifact that lines of the log name
 */
import { isUtf8 } from 'node:buffer'

export const LOGGED = {
  log: 'hive.log',
  file: 'hive.file',
  session: 'session.id',
  segment: 'hive.segment',
  offset: 'hive.offset',
  bytes: 'hive.bytes',
  seq: 'hive.seq',
  kind: 'hive.kind',
  agent: 'gen_ai.agent.id',
  part: 'hive.part',
  parts: 'hive.parts',
  encoding: 'hive.encoding',
  artifact: 'hive.artifact',
} as const

/**
 * Bytes of content that one record holds at most. VictoriaLogs drops a record of 2 MiB without a word, and counts what
 * JSON would add to it.
 */
export const MAX_PART_BYTES = 512 * 1024

export type PartEncoding = 'base64' | 'empty'

/** What one record holds of a content. */
export interface Part {
  body: string
  encoding?: PartEncoding
}

/** Content as the bodies of records, in order. */
export function partsOf(bytes: Buffer): Part[] {
  // A store may take a record without a body for none.
  if (bytes.length === 0) return [{ body: '-', encoding: 'empty' }]
  if (!isUtf8(bytes)) {
    return piecesOf(bytes, (MAX_PART_BYTES / 4) * 3, (at) => at).map((piece) => ({
      body: piece.toString('base64'),
      encoding: 'base64',
    }))
  }
  const isWithin = (at: number): boolean => ((bytes[at] as number) & 0xc0) === 0x80
  const pieces = piecesOf(bytes, MAX_PART_BYTES, (at) => {
    while (isWithin(at)) at--
    return at
  })
  return pieces.map((piece) => ({ body: piece.toString('utf8') }))
}

function piecesOf(bytes: Buffer, size: number, endAt: (at: number) => number): Buffer[] {
  const pieces: Buffer[] = []
  for (let from = 0; from < bytes.length; ) {
    const to = from + size < bytes.length ? endAt(from + size) : bytes.length
    pieces.push(bytes.subarray(from, to))
    from = to
  }
  return pieces
}

/** The bytes that a record holds. */
export function bytesOfPart(body: string, encoding: string | undefined): Buffer {
  if (encoding === 'empty') return Buffer.alloc(0)
  return Buffer.from(body, encoding === 'base64' ? 'base64' : 'utf8')
}
