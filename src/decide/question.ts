/**
 * Which question a decision is of. An agent chooses its ids, and may ask something else under one that it used before:
 * what a person said of the first question is no word on the second. So a decision names its question by when it was
 * asked and a hash of who asked whom what; every process that takes decisions asks here whether one is of what waits.
 *
 * A process that starts again may ask the same anew under the same id. As long as nobody answered, that is the question
 * that the person read, so what was decided meanwhile reaches it, once.
 */
import { createHash } from 'node:crypto'
import type { Fields } from '../format/fields.js'
import { brief } from '../format/quote.js'
import { clean } from '../text/clean.js'
import { type Decision, MARK } from './decision.js'

/** What waits under an id: one question, that may have been asked several times in the same words without an answer. */
export interface Asked {
  /** Of who asks whom what. */
  readonly hash: string
  /** The least and the greatest time at which it was asked, epoch milliseconds: clocks are set back. */
  readonly first: number
  readonly last: number
  /** When it was asked the last time: the greatest, where no clock was set back. */
  readonly now: number
}

/**
 * @param fields of the line `escalate`, as the log has them
 * @param before what waited under that id until then, if anything did
 */
export function askedBy({ from, to, subject }: Fields, ts: number, before?: Asked): Asked {
  const words = JSON.stringify([from ?? null, to ?? null, subject ?? null])
  const hash = createHash('sha256').update(words).digest('hex').slice(0, 32)
  if (before?.hash !== hash) return { hash, first: ts, last: ts, now: ts }
  return { hash, first: Math.min(before.first, ts), last: Math.max(before.last, ts), now: ts }
}

/** As a decision names it. */
export const markOf = ({ now, hash }: Asked): string => `${now}-${hash}`

/** When that was asked which a mark names, and the hash of what. */
function partsOf(mark: string): { ts: number; hash: string } {
  const [, ts, hash = ''] = MARK.exec(mark) ?? []
  return { ts: Number(ts), hash }
}

/**
 * Whether a decision is of what waits. One that names no question, as older versions put them, is of what waited when
 * it was given: never of what was asked later.
 */
export function isOf({ question, ts }: Pick<Decision, 'question' | 'ts'>, asked: Asked): boolean {
  if (question === undefined) return ts >= asked.first
  const of = partsOf(question)
  return of.hash === asked.hash && of.ts >= asked.first && of.ts <= asked.last
}

/** As `isOf`, for who shows it and knows only when it was asked the last time. */
export function isShownWith({ question, ts }: Pick<Decision, 'question' | 'ts'>, asked: Asked): boolean {
  return question === undefined ? ts >= asked.now : partsOf(question).hash === asked.hash
}

/** Whether two marks are of the same words, and a person who read one read the other. */
export const isSameWords = (a: string, b: string): boolean => partsOf(a).hash === partsOf(b).hash

/**
 * Whether what is written down already, by a process above, is of what waits: by the story it is of what was asked
 * before its line, and of nothing that was asked after.
 */
export const isWrittenOf = ({ ts }: Pick<Decision, 'ts'>, asked: Asked): boolean => ts >= asked.last

/**
 * Whether a decision that lies beside a log must not keep another from being given: it is of a question of the same id
 * that was asked before.
 */
export function isOvertaken(earlier: Decision, { question }: Decision): boolean {
  if (question === undefined) return false
  const { ts, hash } = partsOf(question)
  if (earlier.question === undefined) return earlier.ts < ts
  const before = partsOf(earlier.question)
  return before.hash !== hash && before.ts < ts
}

/** Why a decision is not taken, for people, a line. */
export function notOfIt({ id, approve, by, ts }: Decision): string {
  const made = `${approve ? 'approved' : 'rejected'} by "${clean(brief(by))}" at ${new Date(ts).toISOString()}`
  return `the decision of "${clean(brief(id))}" (${made}) is of another question than the one that was asked since under that id; it is removed, and decides nothing: look what is asked now, and decide that`
}
