/** What `pending`, `approve` and `reject` share: which escalation is meant, who decides, and what became of it. */
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { AuditCase, AuditDecision, AuditTrail } from '../analyse/audit/report.js'
import { auditTrail } from '../analyse/audit.js'
import { MAX_NOTE } from '../decide/decision.js'
import { decisionName } from '../decide/decision-name.js'
import { type Decision, DecisionError, putDecision } from '../decide/decisions.js'
import { type Asked, markOf } from '../decide/question.js'
import { sentDecision, takerOf } from '../decide/taker.js'
import { standingsIn } from '../decide/whole-log.js'
import { decisionsFolder } from '../format/beside.js'
import { givenId, likenessOf } from '../text/clean.js'
import { clean, clock, shownId, whereIs } from '../text/terminal.js'
import { type Command, defaultFile, parse, UsageError } from './args.js'
import { tellNothing } from './hive-args.js'
import { nearest } from './nearest.js'
import { look, Output } from './output.js'
import { wrapped } from './wrap.js'

/** How long the line is waited for. */
const WAIT_MS = 3_000
const LOOK_MS = 20
const MAX_NAMED = 5

export const isOpen = ({ status }: AuditCase): boolean => status === 'pending' || status === 'unclear'

/** The decision that holds: the first clear one. */
export const decisionOf = ({ decisions }: AuditCase): AuditDecision | undefined =>
  decisions.find(({ outcome }) => outcome !== 'unclear')

/** `ana (cli)` */
export function whoDecided({ by, via }: { by?: string | undefined; via?: string | undefined }): string {
  const name = by === undefined ? 'somebody who is not named' : clean(by)
  return via === undefined ? name : `${name} (${clean(via)})`
}

const HELP = {
  approve: ['Approves', 'Go on, but not on a Friday', 'rejected'],
  reject: ['Rejects', 'Ask the owner first', 'approved'],
} as const

/** The command `approve` or `reject`. */
export function decidingCommand(name: 'approve' | 'reject'): Command {
  const [verb, note, other] = HELP[name]
  return {
    help: `Usage: hivelog ${name} ID [--note TEXT] [--this-file] [--json] [FILE]

${verb} what an agent asks people (hivelog pending lists it). The decision is
put beside the log; the process that writes the log takes it, and its agent goes
on. The first decision holds, by whatever way it comes. It is of what is asked
now, and of nothing that is asked later under that ID. It is said to be yours:
by the system's user name. Waits up to 3 seconds for the line in the log.

ID is the escalation's id, or how it begins where no other begins so. What was
asked is told. Of ids that look the same one is given in quotation marks and
with escapes, as hivelog pending shows it.

      --note TEXT  why, in words; at most ${MAX_NOTE.toLocaleString('en-US')} characters
      --this-file  only FILE's own escalations, not those of the logs of its
                   child processes in FILE.agents
      --json       one JSON object: {"id", "approve", "by", "via", "note", "ts",
                   "question", "log", "status": "recorded" | "sent" |
                   "decided" | "refused",
                   "place": {"log", "file", "line", "seq"},
                   "earlier": {"approve", "by", "via", "note", "ts"},
                   "subject"}
      --help       this text

FILE is $HIVELOG_FILE or hive.jsonl by default. A decision for a hive that does
not run waits for it in FILE.decisions.
Exit code 0: recorded, or sent; 1: ${other} or decided before, or refused by the
hive; 2: bad use, no such ID, or no log.

Example: hivelog ${name} q3 --note '${note}' hive.jsonl
`,
    run: (args) => decide(name, args),
  }
}

interface Told extends Decision {
  log: string
  status: 'recorded' | 'sent' | 'decided' | 'refused'
  place?: object
  earlier?: object
}

async function decide(name: 'approve' | 'reject', args: string[]): Promise<number> {
  const { values, positionals } = parse(name, args, {
    note: { type: 'string' },
    'this-file': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  })
  const [wanted, file = defaultFile(), ...more] = positionals
  if (wanted === undefined) throw new UsageError(`${name} needs the ID of an escalation; see hivelog pending`)
  if (more.length > 0)
    throw new UsageError(`hivelog ${name} takes one ID and one FILE; see hivelog ${name} --help`)
  const thisFile = values['this-file']
  const trail = await auditTrail(file, { thisFile })
  const nothing = await tellNothing([file], thisFile)
  if (nothing !== undefined) return nothing
  const found = caseOf(wanted, trail, file)
  const id = found.id as string
  const by = userName()
  if (by === found.asker.agentId || by === found.asker.name)
    throw new UsageError(`you are "${clean(by)}", as the agent that asks is called, and only people decide`)
  const { note } = values
  const log = found.place.log ?? file
  const asked = isOpen(found) ? (await standingsIn(log, [id])).askedOf(id) : undefined
  const decision: Decision = {
    id,
    approve: name === 'approve',
    by,
    via: 'cli',
    ...(note !== undefined && { note }),
    ts: Date.now(),
    ...(asked !== undefined && { question: markOf(asked) }),
  }
  // Between the two looks at the log.
  const isAnew = asked !== undefined && asked.now !== found.ts
  const { told, text } = isAnew
    ? askedAnew(decision, log, asked.now)
    : await outcomeOf(decision, found, asked, file, thisFile)
  const output = new Output()
  const { subject } = found
  if (values.json) await output.json({ ...told, ...(subject !== undefined && { subject }) })
  else {
    await output.line(text)
    // So that who meant another one sees it.
    const asked = `${shownId(id)}  ${subject === undefined ? '(no subject)' : clean(subject)}`
    for (const line of wrapped(asked, look().width - 2)) await output.line(`  ${line}`)
  }
  await output.flush()
  return told.status === 'recorded' || told.status === 'sent' ? 0 : 1
}

/** @throws {UsageError} when there is none of this id, or there are several */
function caseOf(wanted: string, { cases }: AuditTrail, file: string): AuditCase {
  // Of those of one id the last is meant: it was asked again.
  const byId = new Map<string, AuditCase>()
  for (const each of cases) if (each.id !== undefined) byId.set(each.id, each)
  const all = [...byId.values()]
  const given = givenId(wanted)
  const exact = all.filter(({ id }) => id === wanted || id === given || shownId(id as string) === wanted)
  if (exact.length === 1) return unlike(exact[0] as AuditCase, all, given !== wanted)
  if (exact.length > 1) throw alike(wanted, exact)
  const begin = all.filter(({ id }) => id?.startsWith(wanted))
  const open = begin.filter(isOpen)
  const fits = open.length > 0 ? open : begin
  if (fits.length === 1) return unlike(fits[0] as AuditCase, all, false)
  const name = clean(wanted)
  if (fits.length > 1) {
    const ids = fits.slice(0, MAX_NAMED).map(({ id }) => shownId(id as string))
    const rest = fits.length > MAX_NAMED ? ', …' : ''
    throw new UsageError(`${fits.length} ids begin with ${name}: ${ids.join(', ')}${rest}; give more of it`)
  }
  const near = nearest(wanted, [...byId.keys()])
  const hint = near === undefined ? 'hivelog pending lists what waits' : `did you mean ${shownId(near)}?`
  throw new UsageError(`nobody escalated ${name} in ${clean(file)}; ${hint}`)
}

/** @throws {UsageError} when another that waits has an id that looks the same, and it is not given so that it is clear */
function unlike(found: AuditCase, all: readonly AuditCase[], isClear: boolean): AuditCase {
  if (isClear || !isOpen(found)) return found
  const likeness = likenessOf(found.id as string)
  const like = all.filter((each) => isOpen(each) && likenessOf(each.id as string) === likeness)
  if (like.length > 1) throw alike(found.id as string, like)
  return found
}

function alike(wanted: string, cases: readonly AuditCase[]): UsageError {
  const ids = cases.slice(0, MAX_NAMED).map(({ id }) => clearId(id as string))
  const rest = cases.length > MAX_NAMED ? ', …' : ''
  return new UsageError(
    `${cases.length} ids look like ${shownId(wanted)}: ${ids.join(', ')}${rest}; give one of these with its quotation marks, in single quotes`,
  )
}

/** In quotation marks always. */
function clearId(id: string): string {
  const shown = shownId(id)
  return shown.startsWith('"') ? shown : `"${shown.replaceAll('"', '\\"')}"`
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A user id without an account, as in some containers.
    return `uid ${process.getuid?.() ?? '?'}`
  }
}

async function outcomeOf(
  decision: Decision,
  found: AuditCase,
  asked: Asked | undefined,
  file: string,
  thisFile: boolean,
): Promise<{ told: Told; text: string }> {
  const { id } = decision
  const log = found.place.log ?? file
  if (!isOpen(found)) return decidedBefore(decision, log, found)
  const { log: target, isRunning } = takerOf(log)
  const earlier = sentDecision(log, id, asked) ?? putOrEarlier(target, decision)
  if (!isRunning) {
    if (earlier === undefined)
      return {
        told: { ...decision, log: target, status: 'sent' },
        text: 'sent: waits for the hive, which is not running',
      }
    return waitsBefore(decision, target, earlier)
  }
  if (await isTaken(target, id))
    return whatCame(decision, found, earlier === undefined, target, file, thisFile)
  if (earlier !== undefined) return waitsBefore(decision, target, earlier)
  return {
    told: { ...decision, log: target, status: 'sent' },
    text: `sent: the hive has not taken it within ${WAIT_MS / 1000} s; it waits in ${clean(decisionsFolder(target))}`,
  }
}

/** @returns the decision that was there before */
function putOrEarlier(log: string, decision: Decision): Decision | undefined {
  const put = putDecision(log, decision)
  return put.put ? undefined : put.earlier
}

function waitsBefore(decision: Decision, log: string, earlier: Decision): { told: Told; text: string } {
  return {
    told: { ...decision, log, status: 'decided', earlier },
    text: `${verdict(earlier.approve)} before by ${whoDecided(earlier)} at ${clock(earlier.ts, true)}; that waits for the hive`,
  }
}

async function isTaken(log: string, id: string): Promise<boolean> {
  const path = join(decisionsFolder(log), decisionName(id))
  for (const end = Date.now() + WAIT_MS; Date.now() < end; ) {
    if (!existsSync(path)) return true
    await new Promise((done) => setTimeout(done, LOOK_MS))
  }
  return !existsSync(path)
}

/** What the log says after the hive took what was put: this decision, or another. @param isPut whether it was this */
async function whatCame(
  decision: Decision,
  before: AuditCase,
  isPut: boolean,
  log: string,
  file: string,
  thisFile: boolean,
): Promise<{ told: Told; text: string }> {
  const { cases } = await auditTrail(file, { id: decision.id, thisFile })
  const found = cases.at(-1)
  const made = found && decisionOf(found)
  if (made === undefined && found !== undefined && found.ts !== before.ts)
    return askedAnew(decision, log, found.ts, found.subject)
  if (found === undefined || made === undefined)
    return {
      told: { ...decision, log, status: 'refused' },
      text: `the hive did not take it: only people decide, and "${clean(decision.by)}" may be an agent there; its own output says more`,
    }
  const { by, approve } = decision
  const isOwn = isPut && made.by === by && made.via === 'cli' && (made.outcome === 'approved') === approve
  if (!isOwn) return decidedBefore(decision, log, found)
  return {
    told: { ...decision, log, status: 'recorded', place: made.place },
    text: `recorded (${whereIs(made.place)})`,
  }
}

/** The person meant what was asked before. */
function askedAnew(
  decision: Decision,
  log: string,
  ts: number,
  subject?: string,
): { told: Told; text: string } {
  const what = subject === undefined ? '' : `: "${clean(subject)}"`
  return {
    told: { ...decision, log, status: 'refused' },
    text: `not taken: "${clean(decision.id)}" was asked anew at ${clock(ts, true)}${what}; decide that, see hivelog pending`,
  }
}

function decidedBefore(decision: Decision, log: string, found: AuditCase): { told: Told; text: string } {
  const made = decisionOf(found)
  if (made === undefined)
    throw new DecisionError(`"${clean(decision.id)}" is ${found.status}: it cannot be decided`)
  const { outcome, by, via, note, ts, place } = made
  const earlier = {
    approve: outcome === 'approved',
    ...(by !== undefined && { by }),
    ...(via !== undefined && { via }),
    ...(note !== undefined && { note }),
    ts,
  }
  return {
    told: { ...decision, log, status: 'decided', place, earlier },
    text: `${verdict(earlier.approve)} before by ${whoDecided(made)} at ${clock(ts, true)} (${whereIs(place)})`,
  }
}

const verdict = (approve: boolean): string => (approve ? 'approved' : 'rejected')
