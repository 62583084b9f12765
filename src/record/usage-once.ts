/**
 * Each model call is one `usage` line, however many tell of it: instrumentations of two vocabularies, a framework's
 * adapter beside spans, a client's span within that of the framework which called the client. Two tellings are of one
 * call by the id of the response; else when one's span lies under the other's, with no agent's and no tool's between
 * them; else by agent, model, tokens and time. The first one is recorded, which is the inner one, since it ends first.
 *
 * Sums (of an agent's run, a step, a turn) are no calls; whoever reads spans knows them and does not tell them here.
 */

import { BoundedMap } from '../format/bounded-map.js'
import type { Fields } from '../format/fields.js'
import { onExit } from '../format/on-exit.js'
import { Happening, keep, nearest, Recent, type Told } from './told-once.js'

/** One model call, as one source tells it. */
export interface ModelCall extends Told {
  /** Whose call it is. */
  agentId: string
  /** Session of that agent. */
  session: string
  /** Whether that agent only stands in, since the source does not know whose call it is. Default false. */
  isImplicit?: boolean | undefined
  /** Id that the provider gave the answer. */
  responseId?: string | undefined
  /** Name of the model. */
  model?: string | undefined
  /** Tokens of all the input; `undefined` when they are not known. */
  inputTokens?: number | undefined
  /** Tokens of the output; `undefined` when they are not known. */
  outputTokens?: number | undefined
  /** Whether it failed, or was aborted. Default false. */
  isFailed?: boolean | undefined
  /** Whether somebody may tell of it in a moment who knows more, whose it is above all: then that is written. */
  mayWait?: boolean | undefined
  /** What is known of it, by the names of a `usage` line's fields: for another's line where that lacks it. */
  known?: Fields | undefined
  /** Trace of its span; ids of spans can be unique within a trace alone. */
  traceId?: string | undefined
  /** Id of the span that is this call. */
  spanId?: string | undefined
  /** Id of the span above that one. */
  parentSpanId?: string | undefined
}

type Call = Happening<ModelCall>

/** Spans, and response ids, that are remembered at least. */
const MAX_REMEMBERED = 5_000
/** Calls of one session that are looked through for one at the same time. */
const MAX_RECENT = 250
const MAX_SESSIONS = 100
/** Calls with one response id: more have it only where a server gives the same id to all. */
const MAX_OF_ONE_ID = 16
/** Spans between an outer call and an inner one. */
const MAX_LEVELS = 16
/** Milliseconds between two tellings of one response. */
const SAME_RESPONSE_MS = 1_000
/** Milliseconds between the end of a call that was left, as one source tells it, and its failure, as another does. */
const LEFT_MS = 100
/** Milliseconds for which a call without tokens waits for somebody who knows them. */
const HOLD_MS = 15
/** Milliseconds after its end by which a call's line is to be on its way: it may be told late. */
const LATEST_MS = 45
/** So many milliseconds after its end a call is one of former times, for which nobody waits. */
const FORMER_MS = 1_000
/** Calls that wait at once. */
const MAX_HELD = 1_000

/** What a line may lack and another source tell: of one call it is the same, whoever tells it. */
const SEEN = [
  'model',
  'inputTokens',
  'outputTokens',
  'cacheReadTokens',
  'cacheWriteTokens',
  'ttftMs',
  'responseId',
]

interface HeldCall {
  readonly call: ModelCall
  readonly write: (seen?: Fields) => void
  readonly until: number
}

export class UsageOnce {
  /** Of spans that are calls. */
  #bySpan = new BoundedMap<Call>(MAX_REMEMBERED)
  /** Of spans that lie above calls: the call that ended last under them. */
  #above = new BoundedMap<Call>(MAX_REMEMBERED)
  #byResponse = new BoundedMap<Call[]>(MAX_REMEMBERED)
  #recent = new BoundedMap<Recent<ModelCall>>(MAX_SESSIONS)
  #held = new Map<Call, HeldCall>()
  #timer: NodeJS.Timeout | undefined
  /** When it comes. */
  #due = 0
  #removeExit: (() => void) | undefined
  readonly #parentOf: (spanId: string) => string | undefined
  readonly #before: () => void

  /**
   * @param parentOf the span above one, if both are the same call's when both are calls; `undefined` at an agent's
   * span and at a tool's
   * @param before has told what was seen before and is told at the end of the turn. Default: nothing is
   */
  constructor(parentOf: (spanId: string) => string | undefined, before = (): void => {}) {
    this.#parentOf = parentOf
    this.#before = before
  }

  /** Whether some call waits for its tokens. */
  get isHolding(): boolean {
    return this.#held.size > 0
  }

  /**
   * Has a call written that nobody told before. One of which neither output nor failure is known waits for up to 15 ms, as
   * one that may: if another source tells of it by then, one line says what both know. That is the line of who knows whose
   * the call is, else of who knows more.
   * @param write records the call's line, with what the other source knows (`addSeen`); it must not throw
   */
  tell(call: ModelCall, write: (seen?: Fields) => void): void {
    this.#before()
    const known = this.#find(call)
    if (known === undefined) {
      const added = this.#add(call)
      if (!isUnfinished(call) && call.mayWait !== true) write()
      else this.#hold(added, { call, write, until: performance.now() + holdMs(call) })
      return
    }
    this.#merge(known, call)
    const held = this.#held.get(known)
    if (held === undefined) return
    const told = { call, write, until: held.until }
    const knowsOneWhose = (held.call.isImplicit === true) !== (call.isImplicit === true)
    const isHelds = knowsOneWhose ? call.isImplicit === true : isVague(call)
    const [by, other] = isHelds ? [held, told] : [told, held]
    const seen = seenOf(by.call, other.call)
    const joined = joinedCall(by.call, other.call, seen)
    // The call is what both tell, from now on too.
    known.told = joined
    if (isVague(call) && (isVague(held.call) || !knowsOneWhose)) {
      this.#held.set(known, {
        call: joined,
        write: (more) => by.write({ ...seen, ...more }),
        until: held.until,
      })
      return
    }
    this.#held.delete(known)
    by.write(seen)
  }

  /** Whether nobody told this call before; it counts as told from now on. */
  isNew(call: ModelCall): boolean {
    this.#before()
    const known = this.#find(call)
    if (known === undefined) this.#add(call)
    else this.#merge(known, call)
    return known === undefined
  }

  /** Has what waits written now: an agent ends, or the log does. */
  readonly flush = (): void => {
    this.#before()
    if (this.#held.size === 0) return
    const held = [...this.#held.values()]
    this.#held.clear()
    this.#stopWaiting()
    for (const { write } of held) write()
  }

  #find(call: ModelCall): Call | undefined {
    return this.#findBySpan(call) ?? this.#findByResponse(call) ?? this.#findByTime(call)
  }

  #findBySpan(call: ModelCall): Call | undefined {
    const { spanId } = call
    if (spanId === undefined) return undefined
    const same = inTrace(this.#bySpan.get(spanId), call)
    if (same !== undefined) return same
    const under = inTrace(this.#above.get(spanId), call)
    if (under !== undefined && !areOthers(under.told, call)) return under
    let above = call.parentSpanId
    for (let level = 0; above !== undefined && level < MAX_LEVELS; level++) {
      const outer = inTrace(this.#bySpan.get(above), call)
      if (outer !== undefined) return areOthers(outer.told, call) ? undefined : outer
      above = this.#parentOf(above)
    }
    return undefined
  }

  #findByResponse(call: ModelCall): Call | undefined {
    const { responseId } = call
    const same = responseId === undefined ? undefined : this.#byResponse.get(responseId)
    if (same === undefined) return undefined
    // A source tells one response twice only by two spans, one above the other. Servers give one id to several at once.
    const isAlike = (other: ModelCall): boolean => !haveOtherTokens(other, call)
    return nearest(same, call, isAlike, responseDistance) ?? nearest(same, call, () => true, responseDistance)
  }

  #findByTime(call: ModelCall): Call | undefined {
    return this.#recent.get(call.session)?.nearest(call, (other) => isAlike(other, call))
  }

  #add(call: ModelCall): Call {
    const added: Call = new Happening(call)
    this.#index(added, call)
    const { session } = call
    const recent = this.#recent.get(session) ?? new Recent(MAX_RECENT)
    recent.add(added)
    this.#recent.set(session, recent)
    return added
  }

  #merge(known: Call, call: ModelCall): void {
    known.tellBy(call.source)
    this.#index(known, call)
  }

  /** By what it can be found, as this telling says. */
  #index(known: Call, { spanId, parentSpanId, responseId }: ModelCall): void {
    if (responseId !== undefined) {
      const same = this.#byResponse.get(responseId) ?? []
      if (!same.includes(known)) keep(same, known, MAX_OF_ONE_ID)
      this.#byResponse.set(responseId, same)
    }
    if (spanId === undefined) return
    this.#bySpan.set(spanId, known)
    let above = parentSpanId
    for (let level = 0; above !== undefined && level < MAX_LEVELS; level++) {
      this.#above.set(above, known)
      above = this.#parentOf(above)
    }
  }

  #hold(added: Call, held: HeldCall): void {
    this.#held.set(added, held)
    if (this.#held.size > MAX_HELD) {
      const [oldest] = this.#held
      if (oldest !== undefined) this.#letGo(...oldest)
    }
    this.#waitFor(held.until)
    this.#removeExit ??= onExit(this.flush)
  }

  readonly #writeDue = (): void => {
    this.#timer = undefined
    const now = performance.now()
    let next = Number.POSITIVE_INFINITY
    for (const [call, held] of this.#held) {
      if (held.until <= now) this.#letGo(call, held)
      else if (held.until < next) next = held.until
    }
    if (this.#held.size === 0) this.#stopWaiting()
    else this.#waitFor(next)
  }

  #waitFor(until: number): void {
    if (this.#timer !== undefined && this.#due <= until) return
    clearTimeout(this.#timer)
    this.#due = until
    this.#timer = setTimeout(this.#writeDue, Math.max(0, Math.ceil(until - performance.now()))).unref()
  }

  #letGo(call: Call, { write }: HeldCall): void {
    this.#held.delete(call)
    write()
  }

  #stopWaiting(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#removeExit?.()
    this.#removeExit = undefined
  }
}

/** Nothing is known of what came of it. */
const isVague = ({ inputTokens, outputTokens, isFailed }: ModelCall): boolean =>
  inputTokens === undefined && outputTokens === undefined && isFailed !== true

/** What one tells of a call adds to the line that another writes of it. */
function seenOf(written: ModelCall, other: ModelCall): Fields {
  const seen: Fields = {}
  for (const name of SEEN) if (other.known?.[name] !== undefined) seen[name] = other.known[name]
  // Who saw the end of it knows better whether it failed than who only went away.
  if (other.isFailed === true && isUnfinished(written)) {
    seen.error = other.known?.error
    seen.ms = other.known?.ms
  }
  return seen
}

/** Puts what another source knows of a call into the fields of its line, where those lack it. */
export function addSeen(fields: Fields, seen: Fields = {}): void {
  for (const name of SEEN) if (seen[name] !== undefined) fields[name] ??= seen[name]
  if (seen.error === undefined) return
  // Its times go with it, for two clocks may begin at two times.
  for (const name of ['error', 'ms', 'ttftMs']) if (seen[name] !== undefined) fields[name] = seen[name]
}

/** The call of which one writes what another tells too. */
function joinedCall(written: ModelCall, other: ModelCall, seen: Fields): ModelCall {
  const joined: Record<string, unknown> = { ...other, isImplicit: false, isFailed: false }
  for (const name in written) {
    const value = written[name as keyof ModelCall]
    if (value !== undefined) joined[name] = value
  }
  if (seen.error !== undefined) joined.isFailed = true
  joined.known = { ...other.known, ...written.known }
  return joined as unknown as ModelCall
}

/** For how long a call waits, in milliseconds. */
function holdMs({ endTs }: ModelCall): number {
  const since = Date.now() - endTs
  return since >= FORMER_MS ? HOLD_MS : Math.max(0, Math.min(HOLD_MS, LATEST_MS - since))
}

/** It did not fail, as far as is known, and did not come to an end either: a stream that was left, say. */
const isUnfinished = ({ outputTokens, isFailed }: ModelCall): boolean =>
  outputTokens === undefined && isFailed !== true

/** Both are known, and differ. */
const differ = (one: unknown, other: unknown): boolean =>
  one !== undefined && other !== undefined && one !== other

/** What a span's id finds, unless that is of another trace. */
const inTrace = (found: Call | undefined, { traceId }: ModelCall): Call | undefined =>
  found === undefined || differ(found.told.traceId, traceId) ? undefined : found

const haveOtherTokens = (one: ModelCall, other: ModelCall): boolean =>
  differ(one.inputTokens, other.inputTokens) || differ(one.outputTokens, other.outputTokens)

/** Whether two calls, one within the other, are two: a call within a call's span that runs on, say. */
const areOthers = (one: ModelCall, other: ModelCall): boolean =>
  differ(one.responseId, other.responseId) && haveOtherTokens(one, other)

function responseDistance(one: Told, other: Told): number | undefined {
  const gap =
    Math.max(one.startTs ?? one.endTs, other.startTs ?? other.endTs) - Math.min(one.endTs, other.endTs)
  return gap <= SAME_RESPONSE_MS ? Math.abs(one.endTs - other.endTs) : undefined
}

/** Whether two tellings at the same time can be of one call. */
function isAlike(one: ModelCall, other: ModelCall): boolean {
  if (one.agentId !== other.agentId && one.isImplicit !== true && other.isImplicit !== true) return false
  if (differ(one.responseId, other.responseId) || haveOtherTokens(one, other)) return false
  // One that failed and one that did not are one call where both know its tokens, or where the other saw no end of it.
  if (
    (one.isFailed === true) !== (other.isFailed === true) &&
    !(hasTokens(one) && hasTokens(other)) &&
    !isLeftWith(one, other)
  )
    return false
  return one.model === undefined || other.model === undefined || isSameModel(one.model, other.model)
}

/** Whether of one the end is not known, and the other failed just then: not as the first attempt of several. */
const isLeftWith = (one: ModelCall, other: ModelCall): boolean =>
  (isUnfinished(one) || isUnfinished(other)) && Math.abs(one.endTs - other.endTs) <= LEFT_MS

const hasTokens = ({ inputTokens, outputTokens }: ModelCall): boolean =>
  inputTokens !== undefined && outputTokens !== undefined

/** `openai/gpt-4o` and `gpt-4o-2024-08-06` are asked for and answer as the same. */
function isSameModel(one: string, other: string): boolean {
  return one === other || plainModel(one) === plainModel(other)
}

const VERSION = /[-@:](?:\d{4}-\d{2}-\d{2}|\d{6,8}|\d{3,4}|latest|v\d+(?::\d+)?)$/

function plainModel(name: string): string {
  const short = name.slice(-200).toLowerCase()
  return short.slice(short.lastIndexOf('/') + 1).replace(VERSION, '')
}
