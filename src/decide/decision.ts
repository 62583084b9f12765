/** What a person decided, as it lies beside the log: its shape, its bounds, and how it is read from a file. */
import { createHash } from 'node:crypto'

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
}

/** Decisions that wait beside one log. */
export const MAX_DECISIONS = 10_000
/** Bytes of one decision's file. */
export const MAX_FILE_BYTES = 64 * 1024
const MAX_ID = 8_192
const MAX_BY = 256
/** Characters of a note. */
export const MAX_NOTE = 4_096

const VIAS: readonly unknown[] = ['page', 'cli', 'code', 'hook']
const NAME = /^[0-9a-f]{32}\.json$/

/** Name of the file in which the decision of this escalation lies: whatever the id is, it is no path. */
export const decisionName = (id: string): string =>
  `${createHash('sha256').update(id).digest('hex').slice(0, 32)}.json`

export const isDecisionName = (name: string): boolean => NAME.test(name)

/** What is wrong with what should be a decision; `undefined` when nothing is. */
export function faultOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return 'it is no object'
  const { id, approve, by, via, note, ts } = value as Record<string, unknown>
  return (
    textFault('id', id, MAX_ID) ??
    (typeof approve === 'boolean' ? undefined : '`approve` is neither true nor false') ??
    textFault('by', by, MAX_BY) ??
    (VIAS.includes(via) ? undefined : '`via` is none of page, cli, code, hook') ??
    (note === undefined || note === '' ? undefined : textFault('note', note, MAX_NOTE)) ??
    (Number.isSafeInteger(ts) && (ts as number) >= 0 ? undefined : '`ts` is no time in milliseconds')
  )
}

function textFault(name: string, value: unknown, max: number): string | undefined {
  if (typeof value !== 'string') return `\`${name}\` is no text`
  if (value.trim() === '') return `\`${name}\` is empty`
  return value.length > max
    ? `\`${name}\` has ${value.length} characters, at most ${max} are taken`
    : undefined
}

/** The fields of a decision and no others, in their order. */
export function plainDecision({ id, approve, by, via, note, ts }: Decision): Decision {
  return { id, approve, by, via, ...(note === undefined || note === '' ? {} : { note }), ts }
}
