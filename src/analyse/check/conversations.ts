/** Finds messages that go in circles: one subject between two agents in turns, one request again and again. */

import { idOf } from '../../format/bounded.js'
import type { HiveEntry, HiveModel } from '../../model/model.js'
import type { AnyEvent, Check } from './checker.js'
import { type CheckPlace, type Findings, Group, placeOf } from './findings.js'
import { Recent } from './recent.js'
import { ReplyChains } from './reply-chains.js'
import { Hash, MAX_SIGHTINGS, Sightings } from './sightings.js'
import { type Passed, Storm, type StormLimits } from './storm.js'
import { between, counted, grouped, lasting, named, quoted } from './words.js'

/** Two agents and a subject that were seen at least twice. */
const MAX_THREADS = 10_000
const REPLY = /^(?:\s*(?:re|fwd?|aw)(?:\[\d+\])?\s*:)+\s*/i
const NOT_IN_TURNS = new Set(['human', 'broadcast', 'scheduler'])
const ASKING = new Set(['request', 'query', 'propose'])

interface Thread {
  readonly a: string
  readonly b: string
  readonly subject: string
  from: string
  ts: number
  place: CheckPlace
  isAsking: boolean
  /** Present turns: how many, of how many messages, since when. */
  turns: number
  messages: number
  firstTs: number
  first: CheckPlace
  /** Of the agent that sent last; made when it sends a second time. */
  storm: Storm | undefined
}

export class Conversations implements Check {
  readonly #findings: Findings
  readonly #model: HiveModel
  readonly #max: number
  readonly #within: number
  readonly #limits: StormLimits
  /** By a part of their hash. */
  readonly #threads = new Recent<Thread, number>(MAX_THREADS, (thread) => this.#end(thread))
  /** Messages that were the first of theirs: most never get a second one. */
  readonly #firsts = new Firsts()
  readonly #hash = new Hash()
  readonly #chains: ReplyChains

  constructor(findings: Findings, model: HiveModel) {
    this.#findings = findings
    this.#model = model
    const { settings } = findings
    this.#max = settings.number('ping-pong', 'max')
    this.#within = settings.number('ping-pong', 'within')
    this.#limits = {
      max: settings.number('retry-storm', 'max'),
      successes: settings.number('retry-storm', 'successes'),
      within: settings.number('retry-storm', 'within'),
    }
    this.#chains = new ReplyChains(findings)
  }

  add(event: AnyEvent, entry: HiveEntry): void {
    const from = idOf(event.from)
    const sentTo = idOf(event.to)
    if (from === undefined || sentTo === undefined) return
    const to = sentTo === 'god' ? (this.#model.resolve(sentTo)?.id ?? sentTo) : sentTo
    const subject = idOf(event.subject)
    const isLooping = subject !== undefined && subject !== '' && this.#sent(from, to, subject, event, entry)
    this.#chains.add(event, entry, from, to, isLooping)
  }

  end(): void {
    for (const thread of this.#threads.values()) this.#end(thread)
    this.#findings.forgot(this.#threads.forgotten + this.#firsts.forgotten, 'subject')
    this.#chains.end()
  }

  /** Returns whether the two go in circles. */
  #sent(from: string, to: string, text: string, event: AnyEvent, entry: HiveEntry): boolean {
    const { ts, act } = event
    const subject = mayBeReply(text) && REPLY.test(text) ? text.replace(REPLY, '') : text
    const isForward = from < to
    const [a, b] = isForward ? [from, to] : [to, from]
    const hash = this.#hash.begin().add(a).add(b).add(subject)
    const key = hash.second & KEY_BITS
    const isAsking =
      event.requiresReply === true || (event.requiresReply !== false && ASKING.has(act as string))
    let thread = this.#threads.get(key)
    if (thread !== undefined && (thread.subject !== subject || thread.a !== a || thread.b !== b)) {
      // Another one with the same key.
      this.#end(thread)
      this.#threads.delete(key)
      thread = undefined
    }
    if (thread === undefined) {
      const first = this.#firsts.take(hash)
      if (first === undefined) {
        this.#firsts.add(hash, entry, isForward, isAsking)
        return false
      }
      const start = { ts: first.ts, place: first.place, isAsking: first.isAsking }
      const turns = { turns: 0, messages: 1, firstTs: first.ts, first: first.place }
      thread = { a, b, subject, from: first.isForward ? a : b, ...start, ...turns, storm: undefined }
      this.#threads.set(key, thread)
    }
    const place = placeOf(entry)
    const isTurn = thread.from !== from
    if (isTurn) this.#endStorm(thread)
    else this.#again(thread, ts, place, isAsking)
    if (ts - thread.ts > this.#within) {
      this.#endTurns(thread)
      thread.turns = thread.messages = 0
      thread.firstTs = ts
      thread.first = place
    } else if (isTurn) {
      thread.turns++
    }
    thread.messages++
    thread.from = from
    thread.ts = ts
    thread.place = place
    thread.isAsking = isAsking
    return thread.turns >= this.#max
  }

  #again(thread: Thread, ts: number, place: CheckPlace, isAsking: boolean): void {
    if (thread.from === 'human') return
    if (thread.storm === undefined) {
      thread.storm = new Storm(this.#limits)
      thread.storm.add(thread.ts, thread.place, thread.isAsking)
    }
    this.#reportStorm(thread, thread.storm.add(ts, place, isAsking))
  }

  #end(thread: Thread): void {
    this.#endTurns(thread)
    this.#endStorm(thread)
  }

  #endStorm(thread: Thread): void {
    this.#reportStorm(thread, thread.storm?.end())
    thread.storm = undefined
  }

  #reportStorm({ from, a, b, subject }: Thread, passed: Passed | undefined): void {
    if (passed === undefined) return
    const { group, ms } = passed
    const to = from === a ? b : a
    const who = NOT_IN_TURNS.has(from) ? from : `agent ${named(from)}`
    const times = `${grouped(group.count)} times in ${lasting(ms)} (${between(group.first, group.last)})`
    const message = `${who} sent ${quoted(subject)} to ${named(to)} ${times}, without an answer in between`
    this.#findings.report('retry-storm', { message, group, agents: [from, to] })
  }

  #endTurns(thread: Thread): void {
    const { a, b, subject, turns, messages, first, firstTs, place, ts } = thread
    if (turns < this.#max || NOT_IN_TURNS.has(a) || NOT_IN_TURNS.has(b)) return
    const group = new Group(first, messages - 1)
    group.add(place)
    const where = `in ${lasting(Math.max(0, ts - firstTs))} (${between(first, place)})`
    const what = `${counted(messages, 'message')} with the subject ${quoted(subject)}`
    const message = `${named(a)} and ${named(b)} sent each other ${what} ${where}, taking turns ${grouped(turns)} times`
    this.#findings.report('ping-pong', { message, group, agents: [a, b] })
    thread.turns = 0
  }
}

/** Keys are small integers, which cost nothing to hold. */
const KEY_BITS = 0x3fffffff

/** Whether the regular expression has to be asked: its first character is one of these, or a space. */
function mayBeReply(text: string): boolean {
  const code = text.charCodeAt(0) | 0x20
  return code === 0x72 || code === 0x66 || code === 0x61 || !(code > 0x20 && code < 0x7f)
}

interface First {
  ts: number
  place: CheckPlace
  /** Whether the agent whose id comes first sent it. */
  isForward: boolean
  isAsking: boolean
}

/** First messages of two agents and a subject, held in columns. */
class Firsts {
  readonly #seen = new Sightings()
  /**
   * Of each its time, `seq`, line (0: unknown), and four times the number of the file with what is asked and by whom,
   * side by side: a line of the processor's cache has them all.
   */
  readonly #rows = new Float64Array(4 * MAX_SIGHTINGS)
  /** Segments, each with its log. */
  readonly #files: { file: string | undefined; log: string | undefined }[] = []
  readonly #fileAt = new Map<string | undefined, number>()
  #lastFile: string | undefined
  #lastAt = -1

  get forgotten(): number {
    return this.#seen.forgotten
  }

  add(hash: Hash, entry: HiveEntry, isForward: boolean, isAsking: boolean): void {
    const at = this.#seen.add(hash)
    const rows = this.#rows
    rows[4 * at] = entry.event.ts
    rows[4 * at + 1] = entry.seq
    rows[4 * at + 2] = entry.line ?? 0
    rows[4 * at + 3] = 4 * this.#numberOf(entry) + (isForward ? 1 : 0) + (isAsking ? 2 : 0)
  }

  /** The first message of that hash, which is not remembered any more then. */
  take(hash: Hash): First | undefined {
    const at = this.#seen.find(hash)
    if (at === -1) return undefined
    this.#seen.delete(at)
    const rows = this.#rows
    const ts = rows[4 * at] as number
    const seq = rows[4 * at + 1] as number
    const line = rows[4 * at + 2] as number
    const rest = rows[4 * at + 3] as number
    const { file = '', log } = this.#files[Math.floor(rest / 4)] ?? {}
    const place: CheckPlace = { file, ...(line > 0 && { line }), seq, ts }
    if (log !== undefined) place.log = log
    const flags = rest % 4
    return { ts, place, isForward: (flags & 1) === 1, isAsking: (flags & 2) === 2 }
  }

  #numberOf({ file, log }: HiveEntry): number {
    if (this.#lastAt !== -1 && file === this.#lastFile) return this.#lastAt
    let at = this.#fileAt.get(file)
    if (at === undefined) {
      at = this.#files.length
      this.#files.push({ file, log })
      this.#fileAt.set(file, at)
    }
    this.#lastFile = file
    this.#lastAt = at
    return at
  }
}
