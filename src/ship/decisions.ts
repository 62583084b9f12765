/** Decisions of people ride back on the server's answers; while one is waited for, the server is asked at once. */
import { setTimeout as pause } from 'node:timers/promises'
import { type Decision, faultOf, plainDecision } from '../decide/decision.js'
import { decodeLine } from '../format/decode.js'
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
  readonly #ids = new Set<string>()

  get size(): number {
    return this.#ids.size
  }

  /** Goes through whole lines. */
  read(lines: Buffer): void {
    if (!isUrgent(lines)) return
    for (const mark of [ESCALATE, APPROVAL]) {
      for (let at = lines.indexOf(mark); at !== -1; at = lines.indexOf(mark, at + 1)) {
        const from = lines.lastIndexOf(NEWLINE, at) + 1
        const decoded = decodeLine(lines.subarray(from, lines.indexOf(NEWLINE, at)))
        if (!('event' in decoded)) continue
        const { kind, id } = decoded.event as Record<string, unknown>
        if (typeof id !== 'string') continue
        if (kind === 'escalate') this.#add(id)
        else if (kind === 'approval') this.#ids.delete(id)
      }
    }
  }

  answered(id: string): void {
    this.#ids.delete(id)
  }

  #add(id: string): void {
    this.#ids.add(id)
    if (this.#ids.size > MAX_OPEN) this.#ids.delete(this.#ids.values().next().value as string)
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
      if (handed !== 'failed') open.answered(decision.id)
      // What was decided is offered until its line is in the copy.
      if (handed === 'new') isNew = true
    }
    if (open.size === 0 || isNew) continue
    await pause(status === 200 ? NOTHING_NEW_MS : UNKNOWN_MS, undefined, { signal, ref: false })
  }
}
