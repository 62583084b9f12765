/**
 * Reads a line's `seq` from its bytes, without parsing it. A raw `,"seq":` cannot stand inside a JSON string (its
 * quotes would be escaped), and the line's own comes after all its fields: it is the last one in the line.
 */
import { MAX_SEQ } from '../format/decode.js'

/** `{"ts":` and `,"kind":"` */
const HEAD = Buffer.from('{"ts":')
const KIND = Buffer.from(',"kind":"')

/**
 * `seq` of the line `buffer[start, end)`; -1 if the line is housekeeping or a snapshot, has none, or does not look
 * like a line of this format version. A number does not prove that the line is sound.
 */
export function quickSeq(buffer: Buffer, start: number, end: number): number {
  if (buffer[end - 1] !== 0x7d || end - start < HEAD.length + KIND.length + 4) return -1
  let at = start
  for (let i = 0; i < HEAD.length; i++) if (buffer[at++] !== HEAD[i]) return -1
  while (at < end && isDigit(buffer[at] as number)) at++
  for (let i = 0; i < KIND.length; i++) if (buffer[at++] !== KIND[i]) return -1
  if (buffer[at] === 0x6c && buffer[at + 1] === 0x6f && buffer[at + 2] === 0x67 && buffer[at + 3] === 0x2e)
    return -1
  if (buffer[at] === 0x73 && buffer[at + 1] === 0x6e) return -1
  for (let q = end - 4; q > at; q--) {
    if (
      buffer[q] === 0x71 &&
      buffer[q - 1] === 0x65 &&
      buffer[q - 2] === 0x73 &&
      buffer[q - 3] === 0x22 &&
      buffer[q - 4] === 0x2c &&
      buffer[q + 1] === 0x22 &&
      buffer[q + 2] === 0x3a
    ) {
      return numberAt(buffer, q + 3)
    }
  }
  return -1
}

function numberAt(buffer: Buffer, start: number): number {
  let at = start
  let value = 0
  for (; isDigit(buffer[at] as number); at++) value = value * 10 + (buffer[at] as number) - 48
  const isWhole = at > start && value <= MAX_SEQ && (buffer[at] === 0x2c || buffer[at] === 0x7d)
  return isWhole ? value : -1
}

const isDigit = (byte: number): boolean => byte >= 48 && byte <= 57
