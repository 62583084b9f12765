/** Decisions of people ride back on the server's answers; while one is waited for, the server is asked at once. */
import { setTimeout as pause } from 'node:timers/promises'
import { type Decision, faultOf, plainDecision } from '../decide/decision.js'
import { type Asked, askedBy, isShownWith } from '../decide/question.js'
import { decodeLine } from '../format/decode.js'
import type { Fields } from '../format/fields.js'
import type { Answer, Transport } from './transport.js'

/** Of one answer. */
const MAX_DECISIONS = 1_000

/** Those in an answer's `decisions` that are some. */
export const decisionsIn = ({ decisions }: Answer['body']): Decision[] =>
  Array.isArray(decisions)
    ? decisions
        .slice(0, MAX_DECISIONS)
        .filter((each): each is Decision => faultOf(each) === undefined)
        .map(plainDecision)
    : []

const ESCALATE = Buffer.from('"kind":"escalate"')
const APPROVAL = Buffer.from('"kind":"approval"')
const NEWLINE = 10

/** Whether there is something in these bytes that somebody waits for. */
export const isUrgent = (bytes: Buffer): boolean => bytes.includes(ESCALATE) || bytes.includes(APPROVAL)

/** Escalations of one log that nobody has answered. */
export class OpenEscalations {
  readonly #asked = new Map<string, Asked>()

  get size(): number {
    return this.#asked.size
  }

  /** Goes through whole lines. */
  read(lines: Buffer): void {
    if (!isUrgent(lines)) return
    const places: number[] = []
    for (const mark of [ESCALATE, APPROVAL])
      for (let at = lines.indexOf(mark); at !== -1; at = lines.indexOf(mark, at + 1)) places.push(at)
    // An id can be asked again after it was answered.
    for (const at of places.sort((a, b) => a - b)) {
      const from = lines.lastIndexOf(NEWLINE, at) + 1
      const decoded = decodeLine(lines.subarray(from, lines.indexOf(NEWLINE, at)))
      if (!('event' in decoded)) continue
      const fields = decoded.event as unknown as Fields
      if (typeof fields.id !== 'string') continue
      if (fields.kind === 'escalate') this.#add(fields.id, fields, decoded.event.ts)
      else if (fields.kind === 'approval') this.#asked.delete(fields.id)
    }
  }

  /** A decision was handed over: what it is of is not open any more. */
  answered(decision: Decision): void {
    const asked = this.#asked.get(decision.id)
    if (asked !== undefined && isShownWith(decision, asked)) this.#asked.delete(decision.id)
  }

  #add(id: string, fields: Fields, ts: number): void {
    this.#asked.set(id, askedBy(fields, ts))
    if (this.#asked.size > MAX_OPEN) this.#asked.delete(this.#asked.keys().next().value as string)
  }
}

/** As many as a hive remembers itself. */
const MAX_OPEN = 10_000

/** Seconds for which the server is asked to wait for a decision. */
const WAIT_S = 25
/** Between two requests to a server that answers at once, though it has nothing new. */
const NOTHING_NEW_MS = 250
/** Until a server is asked again that knows nothing of decisions. */
const UNKNOWN_MS = 60_000

/** Whether a decision was handed over now, or before, or could not be. */
export type Handed = 'new' | 'known' | 'failed'

/**
 * Asks for decisions for as long as something is open that nobody has decided.
 * @param hand is given each, perhaps more than once
 */
export async function pollDecisions(
  transport: Transport,
  { session, log }: { session: string; log: string },
  open: OpenEscalations,
  hand: (decision: Decision) => Handed,
  signal: AbortSignal,
): Promise<void> {
  const query = new URLSearchParams({ session, log, wait: String(WAIT_S) })
  while (open.size > 0 && !signal.aborted) {
    const { status, body } = await transport.get(`v1/decisions?${query}`, { waitMs: WAIT_S * 1000, signal })
    let isNew = false
    for (const decision of decisionsIn(body)) {
      const handed = hand(decision)
      if (handed !== 'failed') open.answered(decision)
      // What was decided is offered until its line is in the copy.
      if (handed === 'new') isNew = true
    }
    if (open.size === 0 || isNew) continue
    await pause(status === 200 ? NOTHING_NEW_MS : UNKNOWN_MS, undefined, { signal, ref: false })
  }
}
