/**
 * The desk over HTTP: what waits for people, what they decided, and the way of a decision to the process that writes the
 * log. Of a log that lies here the decision is put beside it; of a copy too, from where it rides on the answers to its
 * sender until the sender's line says that it was taken.
 */

import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { auditTrail } from '../analyse/audit.js'
import { MARK, MAX_DECISION_BYTES, noteFault, plainDecision } from '../decide/decision.js'
import {
  type Decision,
  DecisionError,
  listDecisions,
  putDecision,
  removeDecision,
  removeSame,
} from '../decide/decisions.js'
import { decidedMeanwhile } from '../decide/meanwhile.js'
import { askedBy, isSameWords, markOf, notOfIt, type Asked as Question } from '../decide/question.js'
import { sentDecision, takerOf } from '../decide/taker.js'
import { standingsIn } from '../decide/whole-log.js'
import { logsOfHive } from '../disk/hive-logs.js'
import { decisionsFolder, logsAbove } from '../format/beside.js'
import { decodeLine } from '../format/decode.js'
import type { Fields } from '../format/fields.js'
import { brief } from '../format/quote.js'
import { AgentNames } from '../model/agent-names.js'
import type { HiveModel } from '../model/model.js'
import { clean } from '../text/clean.js'
import type { Content } from './api/content.js'
import { deskAt } from './api/desk.js'
import { type HiveParts, hiveRoute, noSuchLog, pattern } from './api/hive-routes.js'
import { numberIn } from './api/query.js'
import type { CopyStore } from './copies.js'
import { answer, HttpError, readBody } from './http.js'
import { logName } from './ingest.js'
import type { Asked, Route } from './router.js'
import type { Token, Tokens } from './tokens.js'

const BODY = { sent: MAX_DECISION_BYTES, unpacked: MAX_DECISION_BYTES, ms: 10_000 }
const MAX_WAIT_S = 30
/** Another process, such as `hivelog approve` on a copy, may put a decision too. */
const LOOK_MS = 250
const NEWLINE = 10
const APPROVAL = Buffer.from('"kind":"approval"')
const ESCALATE = Buffer.from('"kind":"escalate"')

/** Decisions that wait in the store for the senders of copies. */
export class CopyDecisions {
  readonly #onError: (message: string) => void
  /** Copies whose lines were looked at since the server began: a server that was killed may have missed one. */
  readonly #checked = new Set<string>()
  readonly #told = new Set<string>()

  /** @param onError is told of what cannot be read or removed, a line each */
  constructor(onError: (message: string) => void = () => {}) {
    this.#onError = (message) => {
      if (this.#told.size > 100 || this.#told.has(message)) return
      this.#told.add(message)
      onError(message)
    }
  }

  /** What waits for the sender of a copy. @param copy path of its log */
  async waiting(copy: string): Promise<Decision[]> {
    const decisions = listDecisions(copy, this.#onError)
    if (decisions.length === 0 || this.#checked.has(copy)) return decisions
    // What a child process asked may be answered in a log above its own.
    const standings = await standingsIn(
      logsAbove(copy).at(-1) ?? copy,
      decisions.map(({ id }) => id),
    )
    this.#checked.add(copy)
    return decisions.filter((each) => {
      const isDecided = standings.of(each.id) === 'decided'
      if (!isDecided && standings.isOf(each) !== false) return true
      if (!isDecided) this.#onError(`${copy}: ${notOfIt(each)}`)
      return !this.#remove(copy, each.id)
    })
  }

  /** Lines of a copy are on the disk: what is decided in them waits no more, beside it and those of its children. */
  received(copy: string, lines: Buffer): void {
    // Under the id of what was decided something else may be asked now.
    if (lines.includes(ESCALATE))
      for (const log of [...logsOfHive([copy]), ...logsAbove(copy)]) this.#checked.delete(log)
    const decided: string[] = []
    for (let at = lines.indexOf(APPROVAL); at !== -1; at = lines.indexOf(APPROVAL, at + 1)) {
      const from = lines.lastIndexOf(NEWLINE, at) + 1
      const decoded = decodeLine(lines.subarray(from, lines.indexOf(NEWLINE, at)))
      if (!('event' in decoded)) continue
      const { kind, id, approve } = decoded.event as Record<string, unknown>
      if (kind === 'approval' && typeof id === 'string' && typeof approve === 'boolean') decided.push(id)
    }
    if (decided.length === 0) return
    for (const log of logsOfHive([copy]).filter((each) => existsSync(decisionsFolder(each))))
      for (const id of decided) this.#remove(log, id)
  }

  #remove(copy: string, id: string): boolean {
    try {
      removeDecision(copy, id)
      return true
    } catch (error) {
      this.#onError(`a decision that was taken cannot be removed: ${(error as Error).message}`)
      return false
    }
  }
}

export interface DecisionParts extends HiveParts {
  tokens: Tokens
  /** Where there is no store, nobody asks for decisions. */
  received: { copies: CopyStore } | undefined
  decisions: CopyDecisions
}

export function decisionRoutes(parts: DecisionParts): Route[] {
  const { received } = parts
  return [
    hiveRoute(parts, '/desk', async ({ view, query }) => {
      const at = numberIn(query, 'at')
      const { pending } = await view.floor(at)
      return deskAt(await view.content(), pending, at)
    }),
    {
      method: 'POST',
      path: pattern('/api/logs/{id}/decisions'),
      scope: 'decide',
      run: (asked) => decide(parts, asked),
    },
    ...(received === undefined
      ? []
      : [
          {
            method: 'GET' as const,
            path: '/v1/decisions',
            scope: 'ingest' as const,
            run: (asked: Asked) => waitFor(parts.decisions, received.copies, asked),
          },
        ]),
  ]
}

async function decide({ catalogue, hives, tokens }: DecisionParts, asked: Asked): Promise<undefined> {
  const { params, request, response, token } = asked
  const known = await catalogue.find(params[0] ?? '')
  if (known === undefined) throw noSuchLog()
  const { id, approve, note, question } = givenIn(await readBody(request, BODY))
  const content = await hives.open(known.file).content()
  const { model } = content.now
  const by = nameOf(token as Token, tokens)
  if (isAgent(model, by))
    throw new HttpError(403, `"${clean(by)}" is an agent of this hive, and only people decide`)
  const open = model.escalations.pending(id)
  if (open === undefined) await refuse(known.file, id)
  const log = open?.log ?? known.file
  const now = await askedNow(content, id)
  if (now === undefined) return refuse(known.file, id)
  // Who decides saw what was asked before under that id.
  if (question !== undefined && !isSameWords(question, markOf(now))) throw askedAnew(id)
  const given = { id, approve, by, via: 'page' as const, ...note, ts: Date.now() }
  const decision = plainDecision({ ...given, question: markOf(now) })
  const taker = takerOf(log).log
  const earlier = sentDecision(log, id, now) ?? putOrEarlier(taker, decision)
  if (earlier !== undefined)
    throw new HttpError(409, 'somebody decided before; that waits for the hive', { earlier })
  // What the hive wrote just now was not read from the log yet, when it was looked whether it is open.
  const meanwhile = open && decidedMeanwhile(log, open.ts, decision)
  if (meanwhile !== undefined) {
    takeBack(taker, decision)
    if (meanwhile === 'asked anew') throw askedAnew(id)
    await refuse(known.file, id)
  }
  answer(response, 202, { status: 'sent', decision })
  return undefined
}

/** Whether an agent is meant by that, or was, by the rule of `check`. */
function isAgent({ agents, escalations }: HiveModel, by: string): boolean {
  const names = new AgentNames(agents)
  for (const agent of agents.all()) names.called(agent)
  for (const { from } of escalations.list()) names.asked(from)
  return names.idOf(by) !== undefined
}

/** What waits under an id now, by its line; `undefined` when it was decided meanwhile. */
async function askedNow(content: Content, id: string): Promise<Question | undefined> {
  const waiting = content.now.pending().find((each) => each.id === id)
  if (waiting === undefined) return undefined
  const [line] = await content.placed([content.rows.positions.rowUpTo(waiting.position)])
  return line && askedBy(line.event as unknown as Fields, line.event.ts)
}

const askedAnew = (id: string): HttpError =>
  new HttpError(409, `something else was asked since under "${clean(brief(id))}": look, and decide that`)

/** @returns the decision that was there before @throws {HttpError} */
function putOrEarlier(log: string, decision: Decision): Decision | undefined {
  try {
    const put = putDecision(log, decision)
    return put.put ? undefined : put.earlier
  } catch (error) {
    if (error instanceof DecisionError) throw new HttpError(409, error.message)
    throw error
  }
}

/** The hive may have dropped it already, and it would anyhow. */
function takeBack(log: string, decision: Decision): void {
  try {
    removeSame(decisionsFolder(log), decision)
  } catch {
    // As above.
  }
}

/** What is not pending was decided, by somebody, or never asked. @throws {HttpError} */
async function refuse(log: string, id: string): Promise<never> {
  const { cases } = await auditTrail(log, { id })
  const made = cases.at(-1)?.decisions.find(({ outcome }) => outcome !== 'unclear')
  if (made === undefined) throw new HttpError(404, 'nothing of that id is asked in this log')
  const { outcome, by, via, note, ts, place } = made
  throw new HttpError(409, 'it was decided before', {
    earlier: { id, approve: outcome === 'approved', by, via, note, ts },
    place,
  })
}

/** For the run's own token, which is whoever started the server: the system's name of the user. */
function nameOf(token: Token, tokens: Tokens): string {
  if (tokens.stored.some(({ sha256 }) => sha256 === token.sha256)) return token.name
  try {
    return userInfo().username
  } catch {
    // A user id without an account, as in some containers.
    return token.name
  }
}

function givenIn(body: Buffer): {
  id: string
  approve: boolean
  note: { note?: string }
  question: string | undefined
} {
  let given: Record<string, unknown>
  try {
    given = JSON.parse(body.toString('utf8')) ?? {}
  } catch {
    throw new HttpError(400, 'the body must be JSON: {"id", "approve", "note", "question"}')
  }
  const { id, approve, note, question } = given
  if (typeof id !== 'string' || id === '') throw new HttpError(400, '`id` must be that of an escalation')
  if (typeof approve !== 'boolean') throw new HttpError(400, '`approve` must be true or false')
  const fault = noteFault(note)
  if (fault !== undefined) throw new HttpError(400, fault)
  if (question !== undefined && (typeof question !== 'string' || !MARK.test(question)))
    throw new HttpError(400, '`question` must be what the desk says of the escalation, or be left out')
  return { id, approve, note: typeof note === 'string' ? { note } : {}, question }
}

/** Answers as soon as there is a decision, or when the time is over. */
async function waitFor(
  decisions: CopyDecisions,
  copies: CopyStore,
  { query, request }: Asked,
): Promise<{ decisions: Decision[] }> {
  const { session, log } = logName(query.get('session'), query.get('log'))
  const until = Date.now() + (numberIn(query, 'wait', { max: MAX_WAIT_S }) ?? 0) * 1_000
  const copy = copies.pathOf(session, log)
  for (;;) {
    const waiting = await decisions.waiting(copy)
    const left = until - Date.now()
    if (waiting.length > 0 || left <= 0 || request.socket.destroyed) return { decisions: waiting }
    await pause(Math.min(LOOK_MS, left))
  }
}
