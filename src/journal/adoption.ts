/**
 * What a writer that comes back may vouch for. Everything before a good seal was checked by whoever wrote that seal;
 * what comes after it was merely found, and is said to be in the `adopted` field of the next `log.open`.
 */
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { existsSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { linesBackward } from '../disk/backward.js'
import { closeQuietly, openFileSync } from '../disk/open.js'
import { artifactsFolder } from '../format/beside.js'
import { decodeLine, ownSeq } from '../format/decode.js'
import { isKind } from '../format/kinds.js'
import { logIdOf, signedText } from '../format/seal.js'
import type { Expected } from './running-hash.js'

/** Bytes at the end of a segment that no good seal vouches for. */
export interface Adopted {
  /** Offset of the first of them. */
  from: number
  bytes: number
  /** Of exactly these bytes. */
  sha256: string
  /** Name of the archived segment that they lie in; left out when it is the segment that says so. */
  file?: string
}

/** Whose seals count. */
export interface Trust {
  /** Private key that signs; without one every seal counts whose hash fits. */
  key: KeyObject | undefined
  /** Name of the segment when it is archived. */
  archiveName: string
  logId: string | undefined
}

export interface Vouched {
  /** What the last good seal says of the bytes before it; still to be compared with them. */
  expected: Expected | undefined
  /** What comes after that seal. */
  adopted: Adopted | undefined
}

const SEAL_MARK = Buffer.from('"log.seal"')
const BLOCK = 1024 * 1024

/** Looks for the last seal of a segment that can be a good one, from its end. */
export function lastSeal(file: string, size: number, trust: Trust): Vouched {
  const fd = openFileSync(file)
  try {
    const isSigned = signatureCheck(trust)
    for (const line of linesBackward(fd, size)) {
      if (!line.terminated || !line.bytes.includes(SEAL_MARK)) continue
      const decoded = decodeLine(line.bytes)
      if (!('event' in decoded) || !isKind(decoded.event, 'log.seal')) continue
      const { sha256, bytes, sig } = decoded.event
      if (bytes !== line.offset || typeof sha256 !== 'string' || !isSigned(sha256, sig)) continue
      return { expected: { bytes, sha256 }, adopted: stretch(fd, line.offset + line.length + 1, size) }
    }
    return { expected: undefined, adopted: stretch(fd, 0, size) }
  } finally {
    closeQuietly(fd)
  }
}

function stretch(fd: number, from: number, to: number): Adopted | undefined {
  if (from >= to) return undefined
  const hash = createHash('sha256')
  const block = Buffer.allocUnsafe(Math.min(BLOCK, to - from))
  let at = from
  while (at < to) {
    const got = readSync(fd, block, 0, Math.min(block.length, to - at), at)
    if (got === 0) break
    hash.update(block.subarray(0, got))
    at += got
  }
  return { from, bytes: at - from, sha256: hash.digest('hex') }
}

function signatureCheck({ key, archiveName, logId }: Trust): (sha256: string, sig: unknown) => boolean {
  if (key === undefined) return () => true
  const publicKey = createPublicKey(key)
  return (sha256, sig) =>
    typeof sig === 'string' &&
    // Older versions signed without the log's id.
    [logId, undefined].some((id) =>
      verify(null, Buffer.from(signedText(sha256, archiveName, id)), publicKey, Buffer.from(sig, 'base64')),
    )
}

/**
 * What no good seal vouches for at the end of a whole segment, whose bytes are all read for that.
 * @param chunks the (uncompressed) bytes; each is valid until the next one is asked for
 */
export function looseEnd(chunks: Iterable<Buffer>, trust: Trust): Adopted | undefined {
  const isSigned = signatureCheck(trust)
  const prefix = createHash('sha256')
  let rest = createHash('sha256')
  let from = 0
  let at = 0
  let line: Buffer[] = []
  const endLine = (last: Buffer): void => {
    const bytes = Buffer.concat([...line, last])
    line = []
    const decoded = bytes.includes(SEAL_MARK) ? decodeLine(bytes.subarray(0, -1)) : undefined
    const seal = decoded !== undefined && 'event' in decoded ? decoded.event : undefined
    const isGood =
      seal !== undefined &&
      isKind(seal, 'log.seal') &&
      seal.bytes === at &&
      seal.sha256 === prefix.copy().digest('hex') &&
      isSigned(seal.sha256, seal.sig)
    prefix.update(bytes)
    at += bytes.length
    if (isGood) {
      from = at
      rest = createHash('sha256')
    } else rest.update(bytes)
  }
  for (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      endLine(chunk.subarray(start, end + 1))
      start = end + 1
    }
    if (start < chunk.length) line.push(Buffer.from(chunk.subarray(start)))
  }
  const open = Buffer.concat(line)
  rest.update(open)
  at += open.length
  return at === from ? undefined : { from, bytes: at - from, sha256: rest.digest('hex') }
}

/** An artifact that a line names and that is not there. */
export interface Unstored {
  seq: number
  ref: string
}

const REF = /"ref":"([0-9a-f]{64})","bytes":\d/g
/** How much before the end of a file is looked at: a writer that was killed had no more artifacts to store than that. */
const RECENT_BYTES = 8 * 1024 * 1024

/** The artifacts that the last lines of a log's live file name, and that a writer which was killed did not store. */
export function unstoredIn(file: string, size: number): Unstored[] {
  const found: Unstored[] = []
  const fd = openFileSync(file)
  try {
    for (const line of linesBackward(fd, size)) {
      if (size - line.offset > RECENT_BYTES) break
      if (!line.terminated || !line.bytes.includes('"ref":"')) continue
      const decoded = decodeLine(line.bytes)
      const seq = 'event' in decoded ? ownSeq(decoded.event) : undefined
      if (seq === undefined) continue
      for (const [, ref] of line.bytes.toString('latin1').matchAll(REF)) {
        if (!existsSync(join(artifactsFolder(file), (ref as string).slice(0, 2), ref as string))) {
          found.push({ seq, ref: ref as string })
        }
      }
    }
  } finally {
    closeQuietly(fd)
  }
  return found.reverse()
}

/** What a file's first line tells of the log that it belongs to. */
export interface FirstLine {
  /** The id that it names, as the first line of a later segment does. */
  named: string | undefined
  /** Its own, which is the log's if it is the log's first line. */
  own: string
}

/** @param line without its newline */
export function readFirstLine(line: Buffer): FirstLine {
  const decoded = decodeLine(line)
  const named = 'event' in decoded && decoded.event.kind === 'log.open' ? decoded.event.log : undefined
  return { named: typeof named === 'string' ? named : undefined, own: logIdOf(line) }
}
