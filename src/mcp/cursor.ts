/**
 * Where an answer goes on. A cursor holds all that is needed, so that nothing is kept for whoever asks; and it fits only
 * the question that it was given for.
 */
import { createHash } from 'node:crypto'
import { AskError } from './arguments.js'

const DIGEST = 12
const CURSOR = /^[\w-]{12}\.([\w-]{12})?\.(\d{1,16})$/

/** A short hash of anything that can be written as text. */
export const digestOf = (text: string): string =>
  createHash('sha256').update(text).digest('base64url').slice(0, DIGEST)

export interface Place {
  /** What the tool goes on from. */
  from: number
  /** Of the list that was asked then; left out where what is asked only grows at its end. */
  stamp?: string
}

/** @param question of which tool what was asked, as a digest */
export const cursorOf = (question: string, { from, stamp = '' }: Place): string =>
  `${question}.${stamp}.${from}`

/** @throws {AskError} when it is none, or of another question */
export function placeIn(cursor: string, question: string): Place {
  const [, stamp, from] = CURSOR.exec(cursor) ?? []
  const place = Number(from)
  if (from === undefined || !Number.isSafeInteger(place))
    throw new AskError('cursor must be one that an answer of this tool gave')
  if (!cursor.startsWith(`${question}.`))
    throw new AskError(
      'the cursor is of another question: give it with the same arguments as before, or leave it out',
    )
  return { from: place, ...(stamp !== undefined && { stamp }) }
}
