/**
 * What a person decided: its shape and its bounds, the same wherever it comes from: beside the log, over HTTP, on a
 * server's answer to a sender, from the page.
 */

/** The way by which a decision came. */
export type Via = 'page' | 'cli' | 'code' | 'hook'

export interface Decision {
  /** Id of the escalation. */
  id: string
  approve: boolean
  /** Who decided: a person's name, never an agent's id. */
  by: string
  via: Via
  /** Why, in words. */
  note?: string
  /** When, epoch milliseconds. */
  ts: number
  /** Which question under that id it is of (`markOf`). Older versions do not say. */
  question?: string
}

/** Decisions that wait beside one log. */
export const MAX_DECISIONS = 10_000
/** Characters (UTF-16 code units) of each text. */
const MAX_ID = 8_192
export const MAX_BY = 256
export const MAX_NOTE = 4_096
/** Bytes of a decision as JSON, in which a character takes six at most, and the rest a little. */
export const MAX_DECISION_BYTES = 6 * (MAX_ID + MAX_BY + MAX_NOTE) + 512

/** Names a question: when it was asked, epoch milliseconds, and a hash of who asked whom what (`markOf`). */
export const MARK = /^(-?\d[\d.e+-]{0,24})-([0-9a-f]{32})$/

const VIAS: readonly unknown[] = ['page', 'cli', 'code', 'hook']

/**
 * What is wrong with what should be a decision; `undefined` when nothing is.
 * @param isNamed whether it must say who decided: code need not
 */
export function faultOf(value: unknown, isNamed = true): string | undefined {
  if (typeof value !== 'object' || value === null) return 'it is no object'
  const { id, approve, by, via, note, ts, question } = value as Record<string, unknown>
  return (
    idFault(id) ??
    (typeof approve === 'boolean' ? undefined : '`approve` is neither true nor false') ??
    (isNamed || by !== undefined ? textFault('by', by, MAX_BY) : undefined) ??
    (VIAS.includes(via) ? undefined : '`via` is none of page, cli, code, hook') ??
    noteFault(note) ??
    (Number.isSafeInteger(ts) && (ts as number) >= 0 ? undefined : '`ts` is no time in milliseconds') ??
    (question === undefined || (typeof question === 'string' && MARK.test(question))
      ? undefined
      : '`question` names no question')
  )
}

/** What is wrong with a note; `undefined` when nothing is. None, and one without a word, are notes too. */
export const noteFault = (note: unknown): string | undefined =>
  note === undefined || (typeof note === 'string' && note.trim() === '')
    ? undefined
    : textFault('note', note, MAX_NOTE)

/** A program may ask under any text: of blanks too. */
const idFault = (id: unknown): string | undefined =>
  typeof id === 'string' && id !== '' && id.trim() === ''
    ? lengthFault('id', id, MAX_ID)
    : textFault('id', id, MAX_ID)

function textFault(name: string, value: unknown, max: number): string | undefined {
  if (typeof value !== 'string') return `\`${name}\` is no text`
  return value.trim() === '' ? `\`${name}\` is empty` : lengthFault(name, value, max)
}

function lengthFault(name: string, value: string, max: number): string | undefined {
  return value.length > max
    ? `\`${name}\` has ${value.length} characters, at most ${max} are taken`
    : undefined
}

/** The fields of a decision and no others, in their order; a note only where it says something. */
export function plainDecision({ id, approve, by, via, note, ts, question }: Decision): Decision {
  const said = note === undefined || note.trim() === '' ? {} : { note }
  return { id, approve, by, via, ...said, ts, ...(question !== undefined && { question }) }
}

/** Whether two are one and the same. */
export const isSame = (a: Decision, b: Decision): boolean =>
  a.id === b.id && a.approve === b.approve && a.by === b.by && a.ts === b.ts && a.question === b.question
