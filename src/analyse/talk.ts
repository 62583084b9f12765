/** Who said what to whom: the conversation of two agents, and with whom one talks. */
import { idOf, keyOf } from '../format/bounded.js'
import type { Fields } from '../format/fields.js'
import type { HiveEvent } from '../format/kinds.js'
import { checkOptions } from '../format/options.js'
import { RecentMap } from '../format/recent-map.js'
import type { Answer, EarlyApproval } from '../model/escalations.js'
import type { Inbox, Message } from '../model/inbox.js'
import type { HiveListener } from '../model/listener.js'
import { HiveModel } from '../model/model.js'
import { agentsOf } from '../model/who.js'
import type { HiveEntry } from '../read/hive.js'
import { EarlyDrains } from './early-drains.js'
import { TALK_RULES } from './options.js'
import type { LogTally } from './reading.js'
import { placed, placeOf, type TimedPlace } from './show/places.js'
import type { Delivery } from './show/report.js'
import { Story } from './show/story.js'
import { isAsking, Questions } from './talk/asks.js'
import type { Partner, PartnersReport, TalkItem, TalkOptions, TalkReport } from './talk/report.js'
import { threaded } from './talk/threads.js'

/** Items that are listed. */
const LIMIT = 10_000
/** With so many others somebody's talk is counted. */
const MAX_PARTNERS = 10_000
/** Questions of each of them that are kept while they have no answer. */
const MAX_OPEN = 500
/** Names that are told, to find what a mistyped one was meant to be. */
const MAX_NAMES = 1000
/** Messages of an inbox of which it is known which they are: more than a drain by number alone will leave. */
const INBOX_CAPACITY = 10_000

/**
 * The messages between two agents, both ways, with hand-offs, escalations and decisions: by thread, with what became
 * of each, and which ask for an answer and have none. A broadcast counts where it came into the other's inbox. What
 * comes after `until` is read too: an answer is one whenever it came.
 * @param files path of a log, or several: one hive; `-` is standard input
 * @param a id of an agent, or `human`, `god`, `scheduler`
 * @param b the other, in the same way
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when a file is missing, a directory, or must not be read; never because of a line
 */
export async function talkBetween(
  files: string | readonly string[],
  a: string,
  b: string,
  options: TalkOptions = {},
): Promise<TalkReport> {
  checkOptions('talkBetween', options, TALK_RULES)
  const [report] = await talksBetween(files, [{ a, b }], options)
  return report as TalkReport
}

/** As `talkBetween`, of several pairs, in their order: the hive is read once. @throws {LogReadError} as that */
export async function talksBetween(
  files: string | readonly string[],
  pairs: readonly { a: string; b: string }[],
  options: TalkOptions = {},
): Promise<TalkReport[]> {
  const list = typeof files === 'string' ? [files] : [...files]
  const hearing = new Hearing(list[0] as string, options)
  const talks = pairs.map(({ a, b }) => new Talk(hearing, idOf(a) as string, idOf(b) as string, options))
  const tally = await hearing.read(list, options)
  return talks.map((talk) => ({ files: list, ...tally, ...talk.report() }))
}

/**
 * With whom somebody talks: how many messages each way, when last, and how many questions have no answer.
 * @param files path of a log, or several: one hive; `-` is standard input
 * @param a id of an agent, or `human`, `god`, `scheduler`
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when a file is missing, a directory, or must not be read; never because of a line
 */
export async function talkPartners(
  files: string | readonly string[],
  a: string,
  options: TalkOptions = {},
): Promise<PartnersReport> {
  checkOptions('talkPartners', options, TALK_RULES)
  const [report] = await talkPartnersOf(files, [a], options)
  return report as PartnersReport
}

/** As `talkPartners`, of several, in their order: the hive is read once. @throws {LogReadError} as that */
export async function talkPartnersOf(
  files: string | readonly string[],
  agents: readonly string[],
  options: TalkOptions = {},
): Promise<PartnersReport[]> {
  const list = typeof files === 'string' ? [files] : [...files]
  const hearing = new Hearing(list[0] as string, options)
  const partners = agents.map((a) => new Partners(hearing, idOf(a) as string))
  const tally = await hearing.read(list, options)
  return partners.map((each) => ({ files: list, ...tally, ...each.report() }))
}

/** What the model says of the present message: who got it. */
interface Got {
  inbox: Inbox
  /** Whether a drain took it that came before it. */
  isLate: boolean
}

/** Reads a story with the model beside it, once for all who want to hear of it. */
class Hearing implements HiveListener {
  readonly model: HiveModel
  /** Who got the present message. */
  got: Got[] = []
  /** Whose inboxes it came into; nobody's, where it came into none. */
  recipients: string[] = []
  /** Whether the present event decides an escalation, or is one that was decided before it came. */
  isDecided = false
  /** Drains before the present message that took it, by its inbox. */
  readonly tookEarly = new Map<Inbox, TimedPlace>()
  readonly names = new Set<string>()
  readonly #early = new EarlyDrains<TimedPlace>()
  readonly #readers: Reader[] = []
  /** Those that have not met all whom they are about. */
  readonly #seeking = new Set<Reader>()
  readonly #since: number
  readonly #until: number

  constructor(firstLog: string, { since, until }: TalkOptions) {
    this.model = new HiveModel({ listener: this, inboxCapacity: INBOX_CAPACITY, firstLog })
    this.#since = since ?? Number.NEGATIVE_INFINITY
    this.#until = until ?? Number.POSITIVE_INFINITY
  }

  join(reader: Reader): void {
    this.#readers.push(reader)
    this.#seeking.add(reader)
  }

  read(files: readonly string[], options: TalkOptions): Promise<LogTally> {
    return new Story(files, 1, options).read((entry) => this.#add(entry))
  }

  delivered(inbox: Inbox): void {
    this.got.push({ inbox, isLate: false })
  }

  deliveredLate(inbox: Inbox, message: Message): void {
    this.got.push({ inbox, isLate: true })
    const early = this.#early.take(inbox, message)
    if (early !== undefined) this.tookEarly.set(inbox, early.drain)
  }

  drained(_agent: unknown, inbox: Inbox, taken: readonly Message[], before: number): void {
    const entry = this.model.entry as HiveEntry
    const drain = placeOf(entry)
    for (const reader of this.#readers) reader.drained?.(entry, drain, inbox, taken)
    this.#early.drained(drain, entry, inbox, taken, before)
  }

  bounced(inbox: Inbox, message: Message): void {
    for (const reader of this.#readers) reader.bounced?.(inbox, message)
  }

  answered(_id: string, answer: Answer): void {
    this.isDecided = answer === 'decides'
  }

  escalated(_escalation: unknown, early: EarlyApproval | undefined): void {
    this.isDecided = early !== undefined
  }

  #add(entry: HiveEntry): void {
    const { event } = entry
    if (this.got.length > 0) this.got = []
    this.tookEarly.clear()
    this.isDecided = false
    this.model.add(entry)
    this.#note(event)
    if (!HEARD.has(event.kind)) return
    this.recipients = this.got.map(({ inbox }) => inbox.recipient)
    const isWanted = event.ts >= this.#since && event.ts <= this.#until
    for (const reader of this.#readers) reader.take(entry, isWanted)
  }

  #note(event: HiveEvent): void {
    if (this.names.size >= MAX_NAMES && this.#seeking.size === 0) return
    for (const name of agentsOf(event)) {
      if (this.names.size < MAX_NAMES) this.names.add(name)
      for (const reader of this.#seeking) if (reader.hasSeen(name)) this.#seeking.delete(reader)
    }
  }
}

/** Hears what is said, and knows whom names mean. */
abstract class Reader {
  protected readonly hearing: Hearing
  readonly #unseen: Set<string>

  constructor(hearing: Hearing, wanted: readonly string[]) {
    this.hearing = hearing
    this.#unseen = new Set(wanted)
    hearing.join(this)
  }

  /** Hears an event of the kinds `HEARD`. @param isWanted whether it is of the time that is asked for */
  abstract take(entry: HiveEntry, isWanted: boolean): void

  /** An inbox was drained. */
  drained?(entry: HiveEntry, drain: TimedPlace, inbox: Inbox, taken: readonly Message[]): void

  /** A message of an inbox was dropped. */
  bounced?(inbox: Inbox, message: Message): void

  /** Meets a name. Returns whether everybody that it is about has been met. */
  hasSeen(name: string): boolean {
    for (const wanted of this.#unseen) if (this.isMeant(wanted, name)) this.#unseen.delete(wanted)
    return this.#unseen.size === 0
  }

  protected get model(): HiveModel {
    return this.hearing.model
  }

  protected get known(): { unknown: string[]; names: string[] } {
    return { unknown: [...this.#unseen], names: [...this.hearing.names] }
  }

  /** Whether a name of an event means this one: by itself, or as another name of it. */
  protected isMeant(wanted: string, name: string | undefined): boolean {
    if (name === undefined) return false
    if (name === wanted) return true
    return (wanted === 'god' || name === 'god') && this.#agentOf(name) === this.#agentOf(wanted)
  }

  /** The agent that is called `god` there, or the name itself. */
  protected nameOf(name: string): string {
    return name === 'god' ? this.#agentOf(name) : name
  }

  #agentOf(name: string): string {
    return name === 'god' ? (this.model.resolve(name)?.id ?? name) : name
  }
}

/** Whether an event is said by somebody to somebody. */
const isSaid = (kind: string): boolean =>
  kind === 'message' || kind === 'terminal-handoff' || kind === 'escalate'

/** Kinds that may belong to a talk. */
const HEARD: ReadonlySet<string> = new Set(['message', 'terminal-handoff', 'escalate', 'drop', 'approval'])

class Talk extends Reader {
  readonly #a: string
  readonly #b: string
  /** By the number of their event in the story. */
  readonly #items: RecentMap<number, TalkItem>
  /** Of the messages, by their id: the last of each. */
  readonly #byId = new Map<string, TalkItem>()
  /** What each asked the other. */
  readonly #asked = { a: new Questions<TalkItem>(), b: new Questions<TalkItem>() }
  readonly #counts = { fromA: 0, fromB: 0 }
  #notListed = 0

  constructor(hearing: Hearing, a: string, b: string, options: TalkOptions) {
    super(hearing, [a, b])
    this.#a = a
    this.#b = b
    this.#items = new RecentMap(options.limit ?? LIMIT)
  }

  override drained(entry: HiveEntry, drain: TimedPlace, inbox: Inbox, taken: readonly Message[]): void {
    const { ids } = entry.event as Fields
    for (const { order, ts } of taken) {
      const delivery = this.#deliveryTo(this.#items.get(order), inbox.recipient)
      if (delivery === undefined || delivery.taken !== undefined) continue
      setTaken(delivery, drain, ts)
      if (inbox.isEstimated && !Array.isArray(ids)) delivery.estimated = true
    }
  }

  override bounced(inbox: Inbox, message: Message): void {
    const delivery = this.#deliveryTo(this.#items.get(message.order), inbox.recipient)
    if (delivery !== undefined) delivery.dropped = reasonOf(this.model.entry as HiveEntry)
  }

  #deliveryTo(item: TalkItem | undefined, agentId: string): Delivery | undefined {
    return item?.deliveries.find((each) => each.agentId === agentId)
  }

  take(entry: HiveEntry, isWanted: boolean): void {
    const { event } = entry
    const fields = event as Fields
    if (event.kind === 'drop') this.#dropped(entry)
    else if (event.kind === 'approval') this.#decided(entry, isWanted)
    else if (event.kind === 'escalate') this.#supersede(keyOf(fields.id) ?? '')
    if (!isSaid(event.kind)) return
    const from = this.#speaker(fields)
    if (from === undefined) return
    if (event.kind !== 'escalate') this.#asked[from === 'a' ? 'b' : 'a'].answered(fields)
    if (!isWanted) return
    const item = this.#item(entry, from)
    const asks = event.kind === 'escalate' ? !this.hearing.isDecided : isAsking(fields)
    if (asks) this.#asked[from].asked(item, fields)
  }

  /** Which of the two says it to the other. */
  #speaker(fields: Fields): 'a' | 'b' | undefined {
    const from = idOf(fields.from)
    for (const [speaker, wanted, other] of [
      ['a', this.#a, this.#b],
      ['b', this.#b, this.#a],
    ] as const) {
      if (this.isMeant(wanted, from) && this.#isTo(other, fields)) return speaker
    }
    return undefined
  }

  #isTo(name: string, { to }: Fields): boolean {
    return this.isMeant(name, idOf(to)) || this.hearing.recipients.some((each) => this.isMeant(name, each))
  }

  #item(entry: HiveEntry, from: 'a' | 'b'): TalkItem {
    const other = from === 'a' ? this.#b : this.#a
    const deliveries: Delivery[] = []
    for (const { inbox, isLate } of this.hearing.got) {
      if (!this.isMeant(other, inbox.recipient) && !this.#isAlias(other, entry.event as Fields)) continue
      const delivery: Delivery = { agentId: inbox.recipient }
      const drain = this.hearing.tookEarly.get(inbox)
      if (drain !== undefined) setTaken(delivery, drain, entry.event.ts)
      if (inbox.isEstimated && !isLate) delivery.estimated = true
      deliveries.push(delivery)
    }
    const item: TalkItem = { ...placed(entry), from, thread: 0, depth: 0, deliveries }
    const oldest = this.#items.set(this.model.order, item)
    if (oldest !== undefined) this.#forget(oldest[1])
    const id = keyOf((entry.event as Fields).id)
    if (id !== undefined && entry.event.kind !== 'approval') this.#byId.set(id, item)
    this.#counts[from === 'a' ? 'fromA' : 'fromB']++
    return item
  }

  /** Whether the other is the one that is named, and somebody else's inbox got it for that: `human`, in a foreign log. */
  #isAlias(other: string, { to }: Fields): boolean {
    return to === other && to !== 'broadcast'
  }

  #forget(item: TalkItem): void {
    const id = keyOf((item.event as Fields).id)
    if (id !== undefined && this.#byId.get(id) === item) this.#byId.delete(id)
    this.#notListed++
  }

  #dropped(entry: HiveEntry): void {
    const { id, to } = entry.event as Fields
    const item = this.#byId.get(keyOf(id) ?? '')
    if (item === undefined || item.deliveries.some(({ dropped }) => dropped !== undefined)) return
    // It was in nobody's inbox, or that one has drained it.
    const agentId = this.nameOf(keyOf(to) ?? '?')
    const delivery = this.#deliveryTo(item, agentId)
    if (delivery === undefined) item.deliveries.push({ agentId, dropped: reasonOf(entry) })
    else if (delivery.taken === undefined) delivery.dropped = reasonOf(entry)
  }

  /** The one of an id that is escalated again is decided no more, whoever asks now. */
  #supersede(id: string): void {
    const item = this.#byId.get(id)
    if (item === undefined || item.event.kind !== 'escalate') return
    this.#asked[item.from].withdrawn(id)
    this.#byId.delete(id)
  }

  /** A decision belongs to the talk if what it answers does. */
  #decided(entry: HiveEntry, isWanted: boolean): void {
    const id = keyOf((entry.event as Fields).id) ?? ''
    const item = this.#byId.get(id)
    if (item === undefined || item.event.kind !== 'escalate') return
    if (this.hearing.isDecided) this.#asked[item.from].answered({ inReplyTo: id })
    if (isWanted) this.#item(entry, item.from === 'a' ? 'b' : 'a')
  }

  report(): Omit<TalkReport, 'files' | 'lines' | 'events' | 'malformed' | 'lost' | 'broken'> {
    const questions = [this.#asked.a, this.#asked.b]
    for (const each of questions) for (const item of each.unanswered()) item.unanswered = true
    for (const { deliveries } of this.#items.values()) {
      for (const each of deliveries) {
        if (each.taken !== undefined || each.dropped !== undefined) delete each.estimated
        else if (this.model.inbox(each.agentId)?.isEstimated === true) each.estimated = true
      }
    }
    const unanswered = questions.reduce((sum, { size }) => sum + size, 0)
    return {
      a: this.#a,
      b: this.#b,
      ...threaded([...this.#items.values()]),
      counts: { ...this.#counts, unanswered },
      notListed: this.#notListed,
      ...this.known,
    }
  }
}

/** @param ts of the message */
function setTaken(delivery: Delivery, drain: TimedPlace, ts: number): void {
  delivery.taken = drain
  if (drain.ts >= ts) delivery.tookMs = drain.ts - ts
}

function reasonOf({ event }: HiveEntry): string {
  return keyOf((event as Fields).reason) ?? 'the log says no reason'
}

/** One of those with whom somebody talks, and what is open between the two. */
interface Known {
  partner: Partner
  /** What was asked of it, and what it asked. */
  asked: Questions<null>
  asks: Questions<null>
}

class Partners extends Reader {
  readonly #a: string
  readonly #partners = new Map<string, Known>()
  /** Escalations that wait, by their id: where they are open. */
  readonly #escalations = new RecentMap<string, Questions<null>>(MAX_PARTNERS)
  readonly #notListed = new Set<string>()
  #more = 0

  constructor(hearing: Hearing, a: string) {
    super(hearing, [a])
    this.#a = a
  }

  take(entry: HiveEntry, isWanted: boolean): void {
    const { event } = entry
    const fields = event as Fields
    if (event.kind === 'approval' && this.hearing.isDecided) this.#decided(keyOf(fields.id) ?? '')
    if (event.kind === 'escalate') this.#supersede(keyOf(fields.id) ?? '')
    if (!isSaid(event.kind)) return
    const from = idOf(fields.from)
    const to = idOf(fields.to)
    if (from === undefined) return
    const recipients = this.hearing.recipients
    if (this.isMeant(this.#a, from)) {
      for (const name of this.#others(recipients, to))
        this.#said(this.#known(name, entry, isWanted), 'sent', entry, isWanted)
    }
    const isToThem = this.isMeant(this.#a, to) || recipients.some((each) => this.isMeant(this.#a, each))
    if (isToThem) this.#said(this.#known(this.nameOf(from), entry, isWanted), 'received', entry, isWanted)
  }

  /** Whom it is to: the agents that got it; where none did, whom it names. */
  #others(recipients: readonly string[], to: string | undefined): Iterable<string> {
    if (recipients.length > 0) return recipients
    return to === undefined || to === 'broadcast' ? [] : [this.nameOf(to)]
  }

  #said(known: Known | undefined, way: 'sent' | 'received', { event }: HiveEntry, isWanted: boolean): void {
    if (known === undefined) return
    const fields = event as Fields
    const [questions, answers] = way === 'sent' ? [known.asked, known.asks] : [known.asks, known.asked]
    if (event.kind !== 'escalate') answers.answered(fields)
    if (!isWanted) return
    known.partner[way]++
    if (event.kind !== 'escalate') {
      if (isAsking(fields)) questions.asked(null, fields)
    } else if (!this.hearing.isDecided) {
      questions.asked(null, fields)
      this.#escalations.set(keyOf(fields.id) ?? '', questions)
    }
  }

  /** The one of an id that is escalated again is pending no more. */
  #supersede(id: string): void {
    this.#escalations.get(id)?.withdrawn(id)
    this.#escalations.delete(id)
  }

  #decided(id: string): void {
    this.#escalations.get(id)?.answered({ inReplyTo: id })
    this.#escalations.delete(id)
  }

  #known(name: string, entry: HiveEntry, isWanted: boolean): Known | undefined {
    const { ts } = entry.event
    let known = this.#partners.get(name)
    if (known === undefined) {
      if (!isWanted) return undefined
      if (this.#partners.size >= MAX_PARTNERS) {
        if (this.#notListed.size >= MAX_PARTNERS) this.#more++
        else this.#notListed.add(name)
        return undefined
      }
      const last = placeOf(entry)
      const partner = { name, sent: 0, received: 0, firstTs: ts, lastTs: ts, last, awaited: 0, owed: 0 }
      known = { partner, asked: new Questions<null>(MAX_OPEN), asks: new Questions<null>(MAX_OPEN) }
      this.#partners.set(name, known)
    }
    if (isWanted) {
      known.partner.lastTs = ts
      known.partner.last = placeOf(entry)
    }
    return known
  }

  report(): Omit<PartnersReport, 'files' | 'lines' | 'events' | 'malformed' | 'lost' | 'broken'> {
    const partners = Array.from(this.#partners.values(), ({ partner, asked, asks }) => {
      partner.awaited = asked.size
      partner.owed = asks.size
      return partner
    })
    return {
      a: this.#a,
      partners: partners.sort((x, y) => y.lastTs - x.lastTs),
      notListed: this.#notListed.size + this.#more,
      ...this.known,
    }
  }
}
