/**
 * What agents of this process asked people, and how it is decided: in code, or by a decision that somebody put beside
 * the log (`src/decide`), or by code of a process above. One a log: several hives may write it, and an escalation is
 * decided once.
 *
 * Nothing is watched until an agent asks, unless the folder of decisions is there from an earlier process: what that
 * asked may be decided now, or was decided while nobody ran. By what the log tells, that is decided here too, once,
 * whether people do it or code.
 */
import { existsSync } from 'node:fs'
import { diag } from '@opentelemetry/api'
import { adoptDecisions } from '../decide/adopt.js'
import type { Decision } from '../decide/decision.js'
import { decisionName } from '../decide/decision-name.js'
import { AlreadyDecidedError, approvalOf, type DecisionMade, madeOf } from '../decide/errors.js'
import { newestStandings } from '../decide/newest.js'
import { agentFault } from '../decide/only-people.js'
import { isWrittenOf, notOfIt } from '../decide/question.js'
import { Standings } from '../decide/standings.js'
import { tellBelow, watchAbove } from '../decide/told.js'
import { type DecisionWatch, type Taking, watchDecisions } from '../decide/watch.js'
import { agentsFolder, decisionsFolder } from '../format/beside.js'
import { BoundedMap } from '../format/bounded-map.js'
import type { Fields } from '../format/fields.js'
import { brief } from '../format/quote.js'
import type { Recorder } from '../record/recorder.js'
import { Asked } from './asked.js'

/** Escalations that are remembered at least while they wait, and as many that were decided. */
const MAX_PENDING = 10_000

/** Why nobody decides any more. */
const SHUT_DOWN = 'the hive was shut down; it stays pending'

/** Milliseconds between two looks for decisions that processes below left behind. */
const ADOPT_MS = 1_000

/** Who can write an approval: a hive on this log. */
export interface Clerk {
  /** Writes the line. @returns its ticket */
  approval(fields: Fields): number
  /** Whether this is the id of an agent, which cannot decide. */
  isAgent(name: string): boolean
}

export interface Question {
  id: unknown
  durable: Promise<void>
  timeoutMs: number | undefined
  /** Of whose hive the agent is. */
  clerk: Clerk
  /** Writes the approval where the agent is. @returns the line's ticket */
  approval(fields: Fields): number
}

interface Pending {
  asked: Asked
  question: Question
}

const desks = new WeakMap<Recorder, Desk>()

/** The desk of a log, or of a hive without one. */
export function deskOf(recorder: Recorder): Desk {
  let desk = desks.get(recorder)
  if (desk === undefined) {
    desk = new Desk(recorder)
    desks.set(recorder, desk)
  }
  return desk
}

export class Desk {
  readonly #recorder: Recorder
  readonly #clerks = new Set<Clerk>()
  #pending = new Map<unknown, Pending>()
  /** When the line of what was decided here is on the disk. */
  readonly #decided = new BoundedMap<Promise<void>>(MAX_PENDING)
  /** Where decisions are looked for: beside the log that is written now. */
  #watch: { log: string; watch: DecisionWatch; above: DecisionWatch } | undefined
  #waiting = 0
  /** Names of the files that would decide what is pending; `undefined` since that changed. */
  #names: Set<string> | undefined
  #adoption: NodeJS.Timeout | undefined
  readonly #warned = new Set<string>()
  /** Who waits to be told how what the log asks stands, by id. */
  #unknown: Map<string, ((standings: Standings | undefined) => void)[]> | undefined
  /** How stands what is asked and decided in this process, by whatever way: a span can ask too. */
  readonly #lines = new Standings()
  /** The same of what is in the log from before. Most processes never need it. */
  #past: Standings | undefined

  constructor(recorder: Recorder) {
    this.#recorder = recorder
    recorder.onDecision = (ts, kind, fields) => this.#lines.take(kind, fields, ts)
  }

  /** A hive begins to write this log: what was decided while nobody ran is taken. */
  join(clerk: Clerk): void {
    this.#clerks.add(clerk)
    this.lookAround()
  }

  /** A hive ends: who waits for a decision of it is told. */
  leave(clerk: Clerk): void {
    this.#clerks.delete(clerk)
    for (const { asked, question } of this.#pending.values()) {
      if (question.clerk !== clerk) continue
      this.#pending.delete(this.#key(question.id))
      asked.giveUp(SHUT_DOWN)
    }
    if (this.#clerks.size === 0) {
      clearInterval(this.#adoption)
      this.#adoption = undefined
      this.#close()
      this.#watch = undefined
    }
  }

  /** Looks whether somebody made the folder of decisions. To be called now and then. */
  lookAround(): void {
    const log = this.#recorder.journal?.path
    if (log === undefined) return
    if (this.#watch?.log !== log && existsSync(decisionsFolder(log))) this.#look(false)
    if (existsSync(agentsFolder(log))) this.#lookBelow()
  }

  /** Decisions may come, though nobody in this process asked. */
  lookFromNowOn(): void {
    if (this.#watch === undefined) this.#look(true)
    this.#lookBelow()
  }

  /** Processes below may end before they take what is decided for them. */
  #lookBelow(): void {
    if (this.#clerks.size === 0) return
    this.#adoption ??= setInterval(() => {
      const log = this.#recorder.journal?.path
      if (log !== undefined && adoptDecisions(log, (message) => this.#warn(message))) this.#look(true)
    }, ADOPT_MS).unref()
  }

  /** An agent asks. */
  ask(question: Question): Asked {
    const id = this.#key(question.id)
    const asked = new Asked({
      ...question,
      onWaited: () => this.#count(1),
      onOver: () => this.#count(-1),
    })
    if (typeof id === 'string') this.#decided.delete(id)
    this.#pending.delete(id)
    // After `shutdown` nobody is left to hear of a decision.
    if (!this.#clerks.has(question.clerk)) {
      asked.giveUp(SHUT_DOWN)
      return asked
    }
    this.#pending.set(id, { asked, question })
    if (this.#pending.size > 2 * MAX_PENDING) this.#forgetOldest()
    if (typeof id === 'string') {
      this.#look(true, id)
      this.#watch?.above.look(true, id)
    }
    this.#expect()
    return asked
  }

  isPending(id: unknown): boolean {
    return this.#pending.has(this.#key(id))
  }

  /**
   * Writes down a decision, once.
   * @param clerk writes it when no agent of this process asked
   * @returns resolves when the line is on disk; rejects with `AlreadyDecidedError` when it was decided before
   */
  decide(fields: Fields, clerk: Clerk): Promise<void> {
    const { id, approve } = fields
    // What neither approves nor rejects is recorded as it is, and decides nothing.
    const key = typeof approve === 'boolean' ? this.#key(id) : undefined
    const made = typeof key === 'string' ? this.#madeBefore(key) : undefined
    if (made !== undefined) {
      const error = new AlreadyDecidedError(id, made)
      diag.warn(`hivelog: ${error.message}`)
      return rejected(error)
    }
    return this.#write(fields, clerk)
  }

  /** Whether somebody asked this, as far as this process and the newest part of its log know. */
  isAsked(id: unknown): boolean {
    const key = this.#key(id)
    return (
      this.#pending.has(key) || (typeof key === 'string' && (this.#lines.isAsked(key) || this.#pastHas(key)))
    )
  }

  /** The decision that holds of what is not pending here. @param key id as the log has it */
  #madeBefore(key: string): DecisionMade | undefined {
    if (this.#pending.has(key)) return undefined
    this.#recorder.settle()
    if (this.#lines.isAsked(key)) return this.#lines.decisionOf(key)
    // Asked before this process began. It may have been decided then, or in this process.
    return this.#pastHas(key) ? (this.#past?.decisionOf(key) ?? this.#lines.decisionOf(key)) : undefined
  }

  #pastHas(key: string): boolean {
    const { journal } = this.#recorder
    if (journal?.isReopened !== true) return false
    this.#past ??= newestStandings(journal.path, (message) => this.#warn(message))
    return this.#past.isAsked(key)
  }

  #write(fields: Fields, clerk: Clerk): Promise<void> {
    const key = typeof fields.approve === 'boolean' ? this.#key(fields.id) : undefined
    const pending = this.#pending.get(key)
    const ticket = pending === undefined ? clerk.approval(fields) : pending.question.approval(fields)
    const durable = this.#recorder.durable(ticket)
    if (key === undefined) return durable
    this.#pending.delete(key)
    this.#expect()
    const made = madeOf(fields, Date.now())
    if (typeof key === 'string') this.#decided.set(key, durable)
    pending?.asked.decided(made, durable)
    const isOurs = pending !== undefined || typeof key !== 'string' || this.#lines.isAsked(key)
    if (isOurs) return durable
    const told = durable.then(() => this.#tellBelow(key, made))
    // That nobody need await either.
    told.catch(() => {})
    return told
  }

  /** An id as the log has it: a secret in it is not there. */
  #key(id: unknown): unknown {
    return typeof id === 'string' ? this.#recorder.scrubber.text(id) : id
  }

  #count(more: 1 | -1): void {
    this.#waiting += more
    this.#expect()
  }

  #expect(): void {
    this.#names = undefined
    const [isAsked, isHeld] = [this.#pending.size > 0, this.#waiting > 0]
    this.#watch?.watch.expect(isAsked, isHeld)
    this.#watch?.above.expect(isAsked, isHeld)
  }

  #close(): void {
    this.#watch?.watch.close()
    this.#watch?.above.close()
  }

  /** A process below may have asked. */
  #tellBelow(id: string, made: DecisionMade): void {
    try {
      const log = this.#recorder.journal?.path
      if (log !== undefined) tellBelow(log, id, made)
    } catch (error) {
      this.#warn(`a process below is not told of the decision of "${brief(id)}": ${(error as Error).message}`)
    }
  }

  /** Code of a process above decided, and wrote it down. */
  #takeTold(decision: Decision): Taking {
    const { id, by } = decision
    const pending = this.#pending.get(id)
    this.#recorder.settle()
    const asked = this.#lines.askedOf(id)
    // Of an id that is used again, the decision before.
    if (pending === undefined || asked === undefined || !isWrittenOf(decision, asked)) return 'done'
    const fault = by === undefined ? undefined : this.#agentFault(decision)
    if (fault !== undefined) {
      diag.error(`hivelog: ${fault}`)
      return 'done'
    }
    const fields = { ...decision } as Fields
    this.#lines.take('approval', fields, decision.ts)
    const durable = Promise.resolve()
    this.#decided.set(id, durable)
    this.#pending.delete(id)
    this.#expect()
    pending.asked.decided(madeOf(fields, decision.ts), durable)
    return 'done'
  }

  #agentFault(decision: Decision): string | undefined {
    return agentFault(decision, (by) => [...this.#clerks].some((clerk) => clerk.isAgent(by)))
  }

  /** Whether a file in the folder of a process above is of what agents of this one wait for. */
  #isPendingName(name: string): boolean {
    this.#names ??= new Set([...this.#pending.keys()].map((id) => decisionName(String(id))))
    return this.#names.has(name)
  }

  /** Those of the older half: one by one each would be looked for among those that went before. */
  #forgetOldest(): void {
    const pending = [...this.#pending]
    for (const [, { asked }] of pending.slice(0, MAX_PENDING))
      asked.giveUp(`over ${2 * MAX_PENDING} are pending; it stays so`)
    this.#pending = new Map(pending.slice(MAX_PENDING))
  }

  #look(make: boolean, again?: string): void {
    const log = this.#recorder.journal?.path
    if (log === undefined || this.#clerks.size === 0) return
    // After the log was taken over, it goes on in another, and what is decided lies beside that.
    if (this.#watch?.log !== log) {
      this.#close()
      const warn = (message: string): void => diag.warn(`hivelog: ${message}`)
      this.#watch = {
        log,
        watch: watchDecisions(decisionsFolder(log), { take: (decision) => this.#take(decision), warn }),
        above: watchAbove(log, {
          take: async (decision) => this.#takeTold(decision),
          isWanted: (name) => this.#isPendingName(name),
          warn,
        }),
      }
      this.#expect()
    }
    this.#watch.watch.look(make, again)
  }

  async #take(decision: Decision): Promise<Taking> {
    const { id } = decision
    try {
      const fault = this.#agentFault(decision)
      if (fault !== undefined) {
        diag.error(`hivelog: ${fault}`)
        return 'done'
      }
      const pending = this.#pending.get(id)
      if (pending === undefined && this.#decided.get(id) !== undefined)
        return await this.#writeTaken(decision)
      this.#recorder.settle()
      const asked = this.#lines.askedOf(id)
      // What this process asked it knows itself, but not whether the one before it asked the same.
      if (pending !== undefined && this.#lines.isOf(decision) === true)
        return await this.#writeTaken(decision)
      const standings = await this.#standingsOf(id)
      this.#recorder.settle()
      // Meanwhile it was asked anew, or decided.
      if (this.#pending.get(id) !== pending || this.#lines.askedOf(id) !== asked)
        return await this.#take(decision)
      if (pending === undefined) {
        const standing = standings?.of(id)
        if (standing === 'decided') return 'done'
        if (standing !== 'open') return this.#later(id, standings)
      }
      const isIts = standings?.isOf(decision)
      if (isIts === undefined) return 'later'
      if (isIts) return await this.#writeTaken(decision)
      this.#warn(notOfIt(decision))
      return 'done'
    } catch (error) {
      // It stays, and the next process looks in the log whether the line came to be.
      this.#warn(`the decision of "${brief(id)}" cannot be written down: ${(error as Error).message}`)
      return 'later'
    }
  }

  async #writeTaken(decision: Decision): Promise<Taking> {
    const { id } = decision
    // Meanwhile code may have decided it.
    const earlier = this.#decided.get(id)
    if (earlier !== undefined) {
      await earlier
      return 'done'
    }
    const [clerk] = this.#clerks
    if (clerk === undefined) return 'later'
    await this.#write(approvalOf(decision, Date.now()), clerk)
    return 'done'
  }

  #later(id: string, standings: Standings | undefined): Taking {
    if (standings !== undefined)
      this.#warn(`a decision waits for "${brief(id)}", which nobody escalated in this log; it is left there`)
    return 'later'
  }

  /** Of several that are asked for in one moment the log is read once. */
  #standingsOf(id: string): Promise<Standings | undefined> {
    return new Promise((resolve) => {
      if (this.#unknown === undefined) {
        this.#unknown = new Map()
        setImmediate(() => void this.#readStandings())
      }
      this.#unknown.set(id, [...(this.#unknown.get(id) ?? []), resolve])
    })
  }

  async #readStandings(): Promise<void> {
    const unknown = this.#unknown ?? new Map<string, ((standings: Standings | undefined) => void)[]>()
    this.#unknown = undefined
    let standings: Standings | undefined
    try {
      const { journal } = this.#recorder
      await journal?.flush()
      // Most processes never need what reads logs.
      const { standingsIn } = await import('../decide/whole-log.js')
      if (journal !== undefined) standings = await standingsIn(journal.path, [...unknown.keys()])
    } catch (error) {
      this.#warn(`decisions wait, since the log cannot be read: ${(error as Error).message}`)
    }
    for (const resolve of [...unknown.values()].flat()) resolve(standings)
  }

  #warn(message: string): void {
    if (this.#warned.has(message) || this.#warned.size >= 100) return
    this.#warned.add(message)
    diag.warn(`hivelog: ${message}`)
  }
}

/** That nobody need await. */
function rejected(error: Error): Promise<never> {
  const promise = Promise.reject(error)
  promise.catch(() => {})
  return promise
}
