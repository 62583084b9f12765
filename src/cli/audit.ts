/** `hivelog audit` */
import { basename } from 'node:path'
import {
  type AuditCase,
  type AuditDecision,
  type AuditOptions,
  type AuditPlace,
  type AuditStatus,
  type AuditTrail,
  SHOWN_CONTEXT,
  type Unsealed,
} from '../analyse/audit/report.js'
import { auditTrail } from '../analyse/audit.js'
import { givenId } from '../text/clean.js'
import { formatEvent } from '../text/format-event.js'
import {
  clean,
  clock,
  columns,
  counted,
  duration,
  fit,
  grouped,
  pad,
  paint,
  type Style,
  shownId,
  whereIs,
} from '../text/terminal.js'
import { type Command, parse, UsageError } from './args.js'
import { HIVE_HELP, HIVE_OPTIONS, hiveArguments, reportOf } from './hive-args.js'
import { look, Output, say } from './output.js'
import { wrapped } from './wrap.js'

const help = `Usage: hivelog audit [OPTION]... [FILE|-]...

Every escalation: who asked, what, when, who decided, what, and how long it
took; those that wait; and approvals that answer nothing. Each part names the
line it came from. A FILE is a log with its archived segments and the logs of
its child processes; several FILEs are one hive; - is standard input.

      --match TEXT  only subjects that contain TEXT, in upper or lower case; one
                    that is stored aside and cannot be read may contain it
      --agent A     only what the agent of this id or name asked
      --by WHO      only what WHO decided
      --pending     only what nobody has decided, unclear answers included
      --id X        one case in full: also what its agent did just before
      --now         measure pending to now, not to the log's last line
${HIVE_HELP}
                    (all is read; shown is what was asked or decided then)
      --json        one JSON object: {"files", "lines", "events", "malformed",
                    "lost", "ok", "escalations", "approvals", "asOf",
                    "counts": {"pending" (with "unclear"), "approved",
                    "rejected", "contradicted", "unclear", "superseded",
                    "unanswerable"}, "cases": [{"id", "status", "ts",
                    "asker": {"agentId", "name", "parent", "role"}, "to",
                    "subject", "aside": {"ref", "bytes", "path", "status"},
                    "place": {"log", "file", "line", "seq",
                    "offset", "sealed", "unsealed"}, "decisions": [{"id", "ts",
                    "outcome", "value", "by", "via", "note", "tookMs",
                    "decidedAt", "place"}], "moreDecisions", "tookMs",
                    "waitingMs", "problems", "before": [{"event",
                    "place"}]}], "orphans":
                    [decision], "problems": [{"kind", "message", "place"}],
                    "notListed":
                    {"escalations", "approvals"}, "broken": [{"file",
                    "reason"}], "skipped"}; what is unknown is left out
      --help        this text

The first approval that says true or false decides, be it another process's. An
id that is asked again before that is superseded: the later one waits. Wrong is:
an approval that answers nothing, or stands before its question in one log; a
decision repeated or contradicted; one that is neither true nor false (it goes
on waiting); one by an agent that is not the parent of the one that asked (the
rule agent-approval of check, which also knows agents that no line spawns and
that ask nothing); an id that is used twice, or missing.
"sealed" means that a later seal vouches for the line, that its writer did not
merely find it there at opening (else "unsealed" is "adopted"), and that its
segment follows on the one before ("broken"); hivelog verify checks the seals.
At most 30,000 escalations are listed, the rest counted. Lines of other kinds
are counted ("skipped"), and not checked; hivelog verify checks all.

FILE is $HIVELOG_FILE or hive.jsonl by default.
Exit code 0: fine, pending or not; 1: something wrong in what is shown, no such
--id, or no event there; 2: bad use, or no log.

Example: hivelog audit --match delete hive.jsonl
`

export const command: Command = {
  help,
  async run(args) {
    const { values, positionals } = parse('audit', args, {
      id: { type: 'string' },
      match: { type: 'string' },
      agent: { type: 'string' },
      by: { type: 'string' },
      pending: { type: 'boolean', default: false },
      now: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      ...HIVE_OPTIONS,
    })
    const { now, json, match, agent, by, pending } = values
    const id = values.id === undefined ? undefined : givenId(values.id)
    const filters = { id, match, agent, by, pending }
    if (filters.id === '')
      throw new UsageError('--id needs the id of an escalation; see hivelog audit --help')
    const given = await hiveArguments('audit', values, positionals)
    const { report: trail, nothing } = await reportOf(given, (files, selection) => {
      const options = {
        ...defined(filters),
        ...selection,
        context: SHOWN_CONTEXT,
        ...(now && { asOf: Date.now() }),
      }
      return auditTrail(files, options)
    })
    const isUnknown = id !== undefined && !hasAny(trail)
    const output = new Output()
    if (json) await output.json(trail)
    else if (!isUnknown && nothing === undefined)
      for (const line of new View(id !== undefined).lines(trail)) await output.line(line)
    await output.flush()
    if (nothing !== undefined) return nothing
    if (isUnknown && !json) say(unknownId(id, trail))
    return isUnknown || !trail.ok ? 1 : 0
  },
}

function defined(filters: { [K in keyof AuditOptions]: AuditOptions[K] | undefined }): AuditOptions {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== undefined))
}

const hasAny = ({ cases, orphans }: AuditTrail): boolean => cases.length + orphans.length > 0

function unknownId(id: string, { escalations, approvals }: AuditTrail): string {
  const read = `${counted(escalations, 'escalation')} and ${counted(approvals, 'approval')} read`
  return `nothing that is asked for has the id ${shownId(id)} (${read}); --match TEXT finds by subject`
}

const LOOK: Record<AuditStatus, { sign: string; style: Style }> = {
  approved: { sign: '✔', style: 'green' },
  rejected: { sign: '✘', style: 'red' },
  pending: { sign: '▲', style: 'alarm' },
  contradicted: { sign: '!', style: 'alarm' },
  unclear: { sign: '!', style: 'alarm' },
  superseded: { sign: '·', style: 'dim' },
  unanswerable: { sign: '!', style: 'alarm' },
}

/** The trail as text. Everything in it comes from logs that may be hostile, so all is cleaned. */
class View {
  /** Also says of each line whether it is sealed. */
  readonly #full: boolean
  readonly #look = look()

  constructor(full: boolean) {
    this.#full = full
  }

  *lines(trail: AuditTrail): Generator<string> {
    for (const each of trail.cases) {
      yield* this.#case(each)
      yield ''
    }
    for (const orphan of trail.orphans) {
      const { id, outcome } = orphan
      const which = id === undefined ? 'an approval without an id' : 'an id that nobody escalated'
      yield this.#row(`! ${outcome}  ${which}`, id === undefined ? '' : shownId(id), 'alarm')
      yield* this.#decision(orphan)
      yield ''
    }
    yield* this.#summary(trail)
  }

  *#case(each: AuditCase): Generator<string> {
    const { id, status, subject, asker, to, ts, place } = each
    const { sign, style } = LOOK[status]
    const title = subject === undefined ? '(no subject)' : `"${clean(subject)}"`
    yield this.#row(`${sign} ${status}  ${title}`, id === undefined ? '(no id)' : shownId(id), style)
    const who = `${nameOf(asker)} → ${clean(to ?? '?')}`
    yield this.#row(`  asked     ${clock(ts, true)}  by ${who}`, this.#at(place))
    for (const decision of each.decisions) yield* this.#decision(decision)
    if (each.moreDecisions !== undefined) {
      yield `  … and ${counted(each.moreDecisions, 'decision')} more of that id`
    }
    if (each.waitingMs !== undefined) yield `  pending   for ${duration(each.waitingMs)}`
    for (const { kind, message } of each.problems)
      yield this.#row(`  ! ${kind}: ${clean(message)}`, '', 'alarm')
    if (this.#full) yield* this.#details(each)
  }

  *#decision(decision: AuditDecision): Generator<string> {
    const { ts, outcome, by, via, value, note, tookMs, decidedAt, place } = decision
    const took = tookMs === undefined ? '' : ` after ${duration(tookMs)}`
    const what = value === undefined ? '' : `  approve: ${clean(value)}`
    const how = via === undefined ? '' : ` (${clean(via)})`
    const text = `${clock(ts, true)}  by ${clean(by ?? '(nobody named)')}${how}${took}${what}`
    yield this.#row(`  ${pad(outcome, 9)} ${text}`, this.#at(place))
    if (note !== undefined) yield* this.#text('note', note)
    if (decidedAt !== undefined) yield* this.#text('given', clock(decidedAt, true))
  }

  /** What only the full view has room for. */
  *#details({ asker, subject, before = [] }: AuditCase): Generator<string> {
    const { parent, role } = asker
    if (role !== undefined) yield* this.#text('role', role)
    if (parent !== undefined) yield* this.#text('parent', parent)
    if (subject !== undefined) yield* this.#text('subject', subject)
    if (before.length === 0) return
    yield this.#row(`  just before that, by or to ${clean(asker.agentId ?? '?')}:`, '')
    for (const { event, place } of before) {
      const at = whereIs(place)
      const width = Math.max(20, this.#look.width - columns(at) - 4)
      yield this.#row(`  ${formatEvent(event, { width, date: true })}`, at)
    }
  }

  /** A named text: all of it in the full view, else what fits. */
  *#text(name: string, text: string): Generator<string> {
    const width = Math.max(20, this.#look.width - 12)
    const lines = this.#full ? [...wrapped(clean(text), width)] : [fit(clean(text), width)]
    for (const [i, line] of lines.entries()) yield `  ${pad(i === 0 ? name : '', 9)} ${line}`
  }

  *#summary(trail: AuditTrail): Generator<string> {
    const { escalations, approvals, cases, orphans, events, counts, problems, notListed, asOf } = trail
    const { color } = this.#look
    const read = counted(events, 'event')
    if (escalations + approvals === 0) {
      const log = trail.files.length === 1 ? 'this log' : 'these logs'
      yield `no escalations are recorded in ${log} (${read} read)`
    } else if (!hasAny(trail)) {
      yield `nothing that is asked for (${counted(escalations, 'escalation')} in ${read})`
    } else {
      const statuses = countsText(counts)
      const answering = orphans.length === 0 ? [] : [`${counted(orphans.length, 'approval')} of nothing`]
      const asked = cases.length === 0 ? [] : [`${counted(cases.length, 'escalation')}: ${statuses}`]
      yield [...asked, ...answering].join('; ')
      if (counts.pending > 0 && asOf !== undefined) yield `pending is measured to ${clock(asOf, true)}`
      yield* this.#seals(trail)
    }
    if (notListed.escalations > 0) {
      yield `too many to list: ${counted(notListed.escalations, 'escalation')} more; use --id`
    }
    if (notListed.approvals > 0) yield `not judged: ${counted(notListed.approvals, 'approval')}; use --id`
    if (trail.malformed > 0)
      yield `not read: ${counted(trail.malformed, 'malformed line')}; see hivelog verify`
    for (const { file, reason } of trail.broken ?? []) {
      for (const line of wrapped(`${clean(basename(file))}: ${clean(reason)}`, this.#look.width)) {
        yield paint(line, 'alarm', color)
      }
    }
    if (trail.lost > 0) yield `lost, as the writer says (log.gap): ${counted(trail.lost, 'event')}`
    if (problems.length > 0) yield paint(`WRONG: ${counted(problems.length, 'finding')}`, 'red', color)
  }

  *#seals({ cases, orphans }: AuditTrail): Generator<string> {
    const places = [...cases.flatMap((each) => [each, ...each.decisions]), ...orphans].map(
      ({ place }) => place,
    )
    const sealed = places.filter((place) => place.sealed).length
    const lines = places.length === 1 ? 'this line' : `these ${counted(places.length, 'line')}`
    if (sealed === 0) yield `no seal vouches for ${lines}`
    else if (sealed === places.length)
      yield `seals vouch for ${places.length === 1 ? '' : 'all '}${lines}; hivelog verify checks them`
    else yield `seals vouch for ${grouped(sealed)} of ${lines}; hivelog verify checks them`
    for (const [why, text] of UNSEALED) {
      const of = places.filter(({ unsealed }) => unsealed === why)
      if (of.length === 0 || (sealed === 0 && why === 'no-seal' && of.length === places.length)) continue
      const named = of.slice(0, MAX_UNSEALED).map((place) => whereIs(place).replace(/ seq .*/, ''))
      const more = of.length > MAX_UNSEALED ? ', …' : ''
      yield fit(`not for ${counted(of.length, 'line')} ${text}: ${named.join(', ')}${more}`, this.#look.width)
    }
  }

  #at(place: AuditPlace): string {
    return this.#full ? `${whereIs(place)} ${place.sealed ? 'sealed' : 'unsealed'}` : whereIs(place)
  }

  /** Text to the left, cut to fit, and what must be seen whole to the right. */
  #row(text: string, right: string, style: Style = 'plain'): string {
    const { width, color } = this.#look
    const end = fit(right, width >> 1)
    const endSize = columns(end)
    const room = end === '' ? width : width - endSize - 2
    let left = text
    // Measuring is slow: what is surely too long is not measured.
    let size = text.length > 2 * room ? room + 1 : columns(text)
    if (size > room) {
      left = fit(text, room)
      size = columns(left)
    }
    const gap = end === '' ? '' : ' '.repeat(Math.max(2, width - size - endSize))
    return `${paint(left, style, color)}${gap}${paint(end, 'dim', color)}`
  }
}

/** `3 pending (1 of them unclear), 2 approved` */
function countsText({ unclear, pending, ...others }: AuditTrail['counts']): string {
  const waiting = `${grouped(pending)} pending${unclear > 0 ? ` (${grouped(unclear)} of them unclear)` : ''}`
  const rest = Object.entries(others).filter(([, count]) => count > 0)
  const parts = rest.map(([status, count]) => `${grouped(count)} ${status}`)
  return (pending > 0 ? [waiting, ...parts] : parts).join(', ')
}

const UNSEALED: [Unsealed, string][] = [
  ['adopted', 'found by its writer at opening'],
  ['no-seal', 'after the last seal'],
  ['broken', 'at a break in the chain'],
]
/** Places of such lines that are named. */
const MAX_UNSEALED = 5

/** `Coder (coder)` */
function nameOf({ agentId = '?', name }: AuditCase['asker']): string {
  return clean(name === undefined || name === agentId ? agentId : `${name} (${agentId})`)
}
