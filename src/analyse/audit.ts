/** Who asked for what, who decided, and what in that is wrong: the audit of a hive, in one pass over its logs. */

import { dirname, join } from 'node:path'
import { idOf, jsonOf, keyOf, MAX_TEXT, textOf } from '../format/bounded.js'
import type { Fields } from '../format/fields.js'
import type { ArtifactRef } from '../format/kinds.js'
import { checkOptions } from '../format/options.js'
import { storedAside, subjectText } from '../format/subject.js'
import { AgentNames } from '../model/agent-names.js'
import { type Answer, type Matter, saidBy } from '../model/escalations.js'
import { HiveModel } from '../model/model.js'
import type { HiveEntry } from '../read/hive.js'
import { logsOfHive } from '../read/hive.js'
import { AsideSubjects } from './audit/aside.js'
import { OpenCase } from './audit/case.js'
import { RecentEvents } from './audit/context.js'
import type {
  AuditAsker,
  AuditCase,
  AuditCounts,
  AuditDecision,
  AuditOptions,
  AuditOutcome,
  AuditPlace,
  AuditTrail,
  Unsealed,
} from './audit/report.js'
import { AUDIT_RULES } from './options.js'
import { tallyLogs } from './reading.js'

/** The kinds that tell who the agents are: also where their lives end, since the next spawn is another one then. */
const LIVES: ReadonlySet<string> = new Set([
  'spawn',
  'rename',
  'role',
  'session',
  'exit',
  'archive',
  'app-start',
])
const KINDS = ['escalate', 'approval', ...LIVES]
const LIMIT = 30_000
const MAX_CONTEXT = 100
/** Past so many escalations and orphans, texts are kept shorter. */
const LONG_TEXTS = 5000
const SHORT_TEXT = 120

/**
 * Every escalation of a hive with who asked, what, when, who decided, what, and how long that took; what is pending;
 * and what is wrong: see `AuditProblemKind`. Each part names the line that it came from. The first approval that says
 * yes or no decides, be it of another process; only `approve: true` approves, only `false` rejects.
 * @param files path of a log, or several, of one hive: the logs of their child processes are read too, all as one
 *   story; `-` is standard input
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when a file is missing, a directory, or must not be read; never because of a line
 */
export async function auditTrail(
  files: string | readonly string[],
  options: AuditOptions = {},
): Promise<AuditTrail> {
  checkOptions('auditTrail', options, AUDIT_RULES)
  const list = typeof files === 'string' ? [files] : [...files]
  const audit = new Audit(options, list[0])
  const { thisFile = false, onProgress } = options
  const reading = { thisFile, ...(onProgress !== undefined && { onProgress }) }
  const tally = await tallyLogs(list, audit, reading)
  await audit.readAside()
  const isWhole = !thisFile || logsOfHive(list).length === logsOfHive(list, true).length
  const report = audit.report(isWhole)
  return { files: list, ...tally, ...report, ok: report.ok && tally.broken === undefined }
}

/** An approval of what nobody has escalated yet, and what the model said of it. */
interface Early {
  decision: AuditDecision
  answer: Answer
  by: string | undefined
}

/** The reducer: takes the entries of a log in order, housekeeping too. */
export class Audit {
  readonly kinds: readonly string[] | undefined
  readonly #options: AuditOptions
  readonly #id: string | undefined
  readonly #match: string | undefined
  readonly #limit: number
  readonly #budget: { left: number }
  /** Says which approval decides what. It holds all that is listed, so that what it says is of what is listed. */
  readonly #model: HiveModel
  readonly #recent: RecentEvents | undefined
  readonly #cases: OpenCase[] = []
  /** What was noted of what the model tells of: the escalation, and approvals of what nobody has escalated yet. */
  readonly #caseOf = new Map<Matter, OpenCase>()
  readonly #earlyOf = new Map<Matter, Early[]>()
  readonly #orphans = new Set<AuditDecision>()
  /** What the present event is, until the model has told of it. */
  #asked: OpenCase | undefined
  #decision: AuditDecision | undefined
  #by: string | undefined
  readonly #names: AgentNames
  /** Of each segment, where its last seal stands: what comes before is sealed. */
  readonly #seals = new Map<string, number>()
  /** Of each segment, what its writers found at opening: from offset to offset. */
  readonly #adopted = new Map<string, { from: number; to: number }[]>()
  /** Segments on either side of a break in the chain. */
  readonly #broken = new Set<string>()
  /** Of each log, the segment of its last line. */
  readonly #current = new Map<string, string>()
  readonly #notListed = { escalations: 0, approvals: 0 }
  #escalations = 0
  #approvals = 0
  #lastTs: number | undefined

  /** @param firstLog path of the first log, where there may be several. Default: there is one */
  constructor(options: AuditOptions = {}, firstLog?: string) {
    const { id, match, context = 0, limit = LIMIT } = options
    this.#options = options
    this.#id = idOf(id)
    this.#match = match?.toLowerCase()
    this.#limit = limit
    this.#budget = { left: limit }
    this.#model = new HiveModel({
      ...(firstLog !== undefined && { firstLog }),
      maxPending: limit,
      maxDecided: limit,
      maxEarly: limit,
      listener: {
        spawned: (agent) => this.#names.called(agent),
        renamed: (agent) => this.#names.called(agent),
        escalated: (_, __, again, matter, earlier) => this.#escalated(matter, earlier, again),
        answered: (_, answer, __, ___, matter) => this.#answered(matter, answer),
      },
    })
    this.#names = new AgentNames(this.#model.agents)
    if (id !== undefined && context > 0) this.#recent = new RecentEvents(Math.min(context, MAX_CONTEXT))
    else this.kinds = KINDS
  }

  add(entry: HiveEntry): void {
    const { event } = entry
    this.#lastTs = event.ts
    this.#current.set(entry.log, entry.file)
    switch (event.kind) {
      case 'escalate':
        this.#escalate(entry)
        break
      case 'approval':
        this.#approval(entry)
        break
      case 'log.seal':
        this.#seal(entry)
        break
      case 'log.open':
        this.#opened(entry)
        this.#model.add(entry)
        break
      case 'log.changed':
        // Only the segment before was changed by somebody else; this one's writer tells of it.
        this.#broken.delete(entry.file)
        break
      default:
        if (LIVES.has(event.kind)) this.#model.add(entry)
    }
    this.#recent?.add(entry)
  }

  broken(file: string, log: string): void {
    const before = this.#current.get(log)
    if (before !== undefined) this.#broken.add(before)
    this.#broken.add(file)
  }

  /**
   * Reads the subjects of what is wanted that are stored aside: of what waits first, then the newest, as only so much is
   * read. One that cannot be read stays as it is, and may have the text that is looked for.
   */
  async readAside(): Promise<void> {
    const wanted = this.#cases.filter((each) => each.aside !== undefined && this.#isWanted(each)).reverse()
    const subjects = new AsideSubjects()
    const most = this.#mostText()
    for (const each of [...wanted.filter(isOpen), ...wanted.filter((one) => !isOpen(one))]) {
      const { record, aside } = each
      const { text, aside: read } = await subjects.whole(record.place.log, aside as ArtifactRef)
      record.aside = read
      if (text === undefined) continue
      record.subject = textOf(text, most) as string
      each.matches = this.#hasMatch(text)
    }
  }

  /** @param isWhole whether all logs of the hive were read: else an approval may answer what stands in another */
  report(isWhole = true): Omit<AuditTrail, 'files' | 'lines' | 'events' | 'malformed' | 'lost'> {
    const asOf = this.#options.asOf ?? this.#lastTs
    const cases = this.#cases.filter((each) => this.#isWanted(each)).map(({ record }) => record)
    const orphans = this.#wantedOrphans()
    const counts: AuditCounts = {
      pending: 0,
      approved: 0,
      rejected: 0,
      contradicted: 0,
      unclear: 0,
      superseded: 0,
      unanswerable: 0,
    }
    for (const each of cases) {
      counts[each.status]++
      if (each.status === 'unclear') counts.pending++
      if (isWaiting(each) && asOf !== undefined) each.waitingMs = Math.max(0, asOf - each.ts)
      this.#markSealed(each)
      for (const decision of each.decisions) this.#markSealed(decision)
      for (const before of each.before ?? []) this.#markSealed(before)
    }
    for (const orphan of orphans) this.#markSealed(orphan)
    const wrong = orphans.filter(({ id }) => isWhole || id === undefined)
    const problems = [...cases.flatMap((each) => each.problems), ...wrong.map(orphanProblem)]
    return {
      ok: problems.length === 0,
      escalations: this.#escalations,
      approvals: this.#approvals,
      ...(asOf !== undefined && { asOf }),
      counts,
      cases,
      orphans,
      problems,
      notListed: { ...this.#notListed },
    }
  }

  #escalate(entry: HiveEntry): void {
    const { from, to, subject, id } = entry.event as Fields
    this.#escalations++
    const key = idOf(id)
    if (this.#id !== undefined && key !== this.#id) return
    if (this.#cases.length >= this.#limit) {
      this.#notListed.escalations++
      return
    }
    // A big hive has tens of thousands of these; to spread what may be left out takes longer than to read the line.
    const record = (key === undefined ? {} : { id: key }) as AuditCase
    record.status = 'pending'
    record.ts = entry.event.ts
    record.asker = this.#asker(from)
    const recipient = keyOf(to)
    if (recipient !== undefined) record.to = recipient
    const text = subjectText(subject, this.#mostText())
    if (text !== undefined) record.subject = text
    record.place = auditPlace(entry)
    record.decisions = []
    record.problems = []
    const asker = record.asker.agentId
    if (this.#recent !== undefined && asker !== undefined) {
      record.before = this.#recent.of(asker).map((each) => ({ event: each.event, place: auditPlace(each) }))
    }
    const opened = new OpenCase(record, this.#hasMatch(subject), storedAside(subject))
    this.#cases.push(opened)
    this.#asked = opened
    this.#model.add(entry)
    if (this.#asked === undefined) return
    this.#asked = undefined
    opened.nameless()
  }

  #escalated(matter: Matter, earlier: Matter | undefined, again: boolean): void {
    const opened = this.#asked as OpenCase
    this.#asked = undefined
    this.#names.asked(matter.escalation?.from)
    const before = earlier === undefined ? undefined : this.#caseOf.get(earlier)
    if (before !== undefined) {
      before.shares(opened.record, false)
      if (again) before.supersede()
      opened.shares(before.record, true)
      this.#caseOf.delete(earlier as Matter)
    }
    this.#caseOf.set(matter, opened)
    for (const { decision, answer, by } of this.#earlyOf.get(matter) ?? []) {
      opened.early(decision, answer, this.#budget)
      if (answer === 'early') this.#judge(opened, decision, by, matter)
      this.#orphans.delete(decision)
    }
    this.#earlyOf.delete(matter)
  }

  /** Who an agent is, as far as the logs have told at this point. */
  #asker(from: unknown): AuditAsker {
    const agentId = idOf(from) ?? keyOf(from)
    if (agentId === undefined) return {}
    const agent = this.#model.agents.get(agentId)
    if (agent === undefined) return { agentId }
    const { name, parent, role } = agent
    const asker: AuditAsker = { agentId }
    if (agent.lives > 0 || name !== agentId) asker.name = name
    if (parent !== undefined) asker.parent = parent
    if (role !== undefined) asker.role = role
    return asker
  }

  #approval(entry: HiveEntry): void {
    const { id, approve, by, via, note, decidedAt } = entry.event as Fields
    this.#approvals++
    const key = idOf(id)
    if (this.#id !== undefined && key !== this.#id) return
    if (this.#isFull() && !this.#isKept(key)) {
      this.#notListed.approvals++
      return
    }
    const outcome = outcomeOf(approve)
    const decision = (key === undefined ? {} : { id: key }) as AuditDecision
    decision.ts = entry.event.ts
    decision.outcome = outcome
    if (outcome === 'unclear') decision.value = jsonOf(approve)
    const who = keyOf(by)
    if (who !== undefined) decision.by = who
    const way = keyOf(via)
    if (way !== undefined) decision.via = way
    const text = this.#text(note)
    if (text !== undefined) decision.note = text
    if (Number.isSafeInteger(decidedAt)) decision.decidedAt = decidedAt as number
    decision.place = auditPlace(entry)
    this.#decision = decision
    this.#by = idOf(by)
    this.#model.add(entry)
    if (this.#decision === undefined) return
    this.#decision = undefined
    this.#orphans.add(decision)
  }

  #answered(matter: Matter, answer: Answer): void {
    const decision = this.#decision as AuditDecision
    this.#decision = undefined
    const opened = this.#caseOf.get(matter)
    if (opened !== undefined) {
      opened.decide(decision, answer, this.#budget)
      if (answer === 'decides') this.#judge(opened, decision, this.#by, matter)
      return
    }
    this.#orphans.add(decision)
    const others = this.#earlyOf.get(matter)
    const early = { decision, answer, by: this.#by }
    if (others === undefined) this.#earlyOf.set(matter, [early])
    else others.push(early)
  }

  /** Whether an agent gave the decision that holds. */
  #judge(opened: OpenCase, decision: AuditDecision, by: string | undefined, { escalation }: Matter): void {
    const from = escalation?.from
    const judged = by === undefined || from === undefined ? undefined : this.#names.judge(by, from)
    if (judged !== undefined) opened.decidedByAgent(decision, judged)
  }

  /** Whether approvals of what is not kept are only counted. Once escalations are not kept, it may be theirs. */
  #isFull(): boolean {
    return this.#orphans.size >= this.#limit || this.#notListed.escalations > 0
  }

  #isKept(id: string | undefined): boolean {
    return id !== undefined && this.#model.escalations.get(id)?.escalation !== undefined
  }

  /** A seal that says it covers another number of bytes than stand before it vouches for nothing here. */
  #seal({ event, file, offset }: HiveEntry): void {
    const { sha256, bytes } = event as Fields
    if (typeof sha256 === 'string' && bytes === offset) this.#seals.set(file, offset)
  }

  #opened({ event, file }: HiveEntry): void {
    const { adopted } = event as Fields
    if (typeof adopted !== 'object' || adopted === null) return
    const { from, bytes, file: archived } = adopted as Fields
    if (typeof from !== 'number' || typeof bytes !== 'number') return
    const plain = typeof archived === 'string' ? join(dirname(file), archived) : file
    const range = { from, to: from + bytes }
    for (const path of plain === file ? [file] : [plain, `${plain}.gz`]) {
      const ranges = this.#adopted.get(path)
      if (ranges === undefined) this.#adopted.set(path, [range])
      else ranges.push(range)
    }
  }

  #markSealed({ place }: { place: AuditPlace }): void {
    const why = this.#whyUnsealed(place)
    place.sealed = why === undefined
    if (why !== undefined) place.unsealed = why
  }

  #whyUnsealed({ file, offset }: AuditPlace): Unsealed | undefined {
    if (this.#broken.has(file)) return 'broken'
    if (offset >= (this.#seals.get(file) ?? 0)) return 'no-seal'
    const isAdopted = this.#adopted.get(file)?.some(({ from, to }) => offset >= from && offset < to)
    return isAdopted === true ? 'adopted' : undefined
  }

  #text(value: unknown): string | undefined {
    return textOf(value, this.#mostText())
  }

  #mostText(): number {
    return this.#cases.length + this.#orphans.size > LONG_TEXTS ? SHORT_TEXT : MAX_TEXT
  }

  /** What is stored aside may have it, as long as it is not read. */
  #hasMatch(subject: unknown): boolean {
    if (this.#match === undefined || storedAside(subject) !== undefined) return true
    const text = typeof subject === 'object' && subject !== null ? jsonText(subject) : subject
    return typeof text === 'string' && text.toLowerCase().includes(this.#match)
  }

  #isWanted({ record, matches, decided }: OpenCase): boolean {
    const { agent, pending } = this.#options
    const { agentId, name } = record.asker
    const wanted = keyOf(agent)
    if (!matches || (pending === true && !isWaiting(record))) return false
    if (agent !== undefined && wanted !== agentId && wanted !== name) return false
    if (!this.#isInTime(record.ts) && !record.decisions.some(({ ts }) => this.#isInTime(ts))) return false
    return this.#options.by === undefined || (decided !== undefined && this.#isBy(decided))
  }

  #isInTime(ts: number): boolean {
    const { since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY } = this.#options
    return ts >= since && ts <= until
  }

  #wantedOrphans(): AuditDecision[] {
    const { agent, pending } = this.#options
    if (agent !== undefined || pending === true || this.#match !== undefined) return []
    return [...this.#orphans].filter((decision) => this.#isBy(decision) && this.#isInTime(decision.ts))
  }

  #isBy(decision: AuditDecision): boolean {
    const { by } = this.#options
    return by === undefined || decision.by === keyOf(by)
  }
}

const isOpen = ({ record }: OpenCase): boolean => isWaiting(record)

/** As long as a line can be. */
function jsonText(value: object): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

/** An answer that is neither yes nor no decides nothing. */
const isWaiting = ({ status }: AuditCase): boolean => status === 'pending' || status === 'unclear'

function outcomeOf(approve: unknown): AuditOutcome {
  const said = saidBy(approve)
  return said === undefined ? 'unclear' : said ? 'approved' : 'rejected'
}

function auditPlace({ log, file, line, seq, offset }: HiveEntry): AuditPlace {
  return line === undefined
    ? { log, file, seq, offset, sealed: false }
    : { log, file, line, seq, offset, sealed: false }
}

function orphanProblem({ id, outcome, place }: AuditDecision): AuditTrail['problems'][number] {
  if (id === undefined) {
    return {
      kind: 'no-id',
      message: `${outcome} at seq ${place.seq}, without an id: nothing is decided`,
      place,
    }
  }
  return {
    kind: 'answers-nothing',
    message: `${outcome} at seq ${place.seq}, but nobody has escalated that id`,
    place,
  }
}
