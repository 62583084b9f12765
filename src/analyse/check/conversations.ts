/** Finds messages that go in circles: one subject between two agents in turns, one request again and again. */

import { idOf } from '../../format/bounded.js'
import type { HiveEntry, HiveModel } from '../../model/model.js'
import type { AnyEvent, Check } from './checker.js'
import { type CheckPlace, type Findings, Group, placeOf } from './findings.js'
import { Recent } from './recent.js'
import { ReplyChains } from './reply-chains.js'
import { type Passed, Storm, type StormLimits } from './storm.js'
import { between, counted, grouped, lasting, named, quoted } from './words.js'

/** Two agents and a subject. */
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
  readonly #threads = new Recent<Thread>(MAX_THREADS, (thread) => this.#end(thread))
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
    this.#findings.forgot(this.#threads.forgotten, 'subject')
    this.#chains.end()
  }

  /** Returns whether the two go in circles. */
  #sent(from: string, to: string, text: string, event: AnyEvent, entry: HiveEntry): boolean {
    const { ts, act } = event
    const subject = REPLY.test(text) ? text.replace(REPLY, '') : text
    const key = from < to ? `${from}\n${to}\n${subject}` : `${to}\n${from}\n${subject}`
    const thread = this.#threads.get(key)
    const isAsking =
      event.requiresReply === true || (event.requiresReply !== false && ASKING.has(act as string))
    const place = placeOf(entry)
    if (thread === undefined) {
      const [a, b] = from < to ? [from, to] : [to, from]
      const start = { from, ts, place, isAsking, turns: 0, messages: 1, firstTs: ts, first: place }
      this.#threads.set(key, { a, b, subject, ...start, storm: undefined })
      return false
    }
    const isTurn = thread.from !== from
    if (isTurn) this.#endStorm(thread)
    else this.#again(thread, ts, place, isAsking)
    if (ts - thread.ts > this.#within) {
      this.#endTurns(thread)
      Object.assign(thread, { turns: 0, messages: 0, firstTs: ts, first: place })
    } else if (isTurn) {
      thread.turns++
    }
    thread.messages++
    Object.assign(thread, { from, ts, place, isAsking })
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
