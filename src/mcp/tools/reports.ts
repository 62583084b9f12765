/** `talk`, `why`, `audit`, `check`, `diff` and `verify`: what the commands of these names tell. */
import type { AuditTrail } from '../../analyse/audit/report.js'
import type { CheckAnswer } from '../../analyse/check/verdict.js'
import type { LogDiff } from '../../analyse/diff/report.js'
import { diffLogs } from '../../analyse/diff.js'
import type { LinePlace } from '../../analyse/place.js'
import type { PartnersReport, TalkReport } from '../../analyse/talk/report.js'
import type { WhyReport } from '../../analyse/why/report.js'
import { whyEvent } from '../../analyse/why.js'
import type { HiveEvent } from '../../format/kinds.js'
import { besideOf } from '../../serve/api/beside.js'
import { REPORTS } from '../../serve/api/reports.js'
import type { VerifyAnswer } from '../../serve/api/verify-hive.js'
import { formatEvent } from '../../text/format-event.js'
import type { Report, Row } from '../answer.js'
import { AskError, type Given } from '../arguments.js'
import { answered, type Hive, hiveOf } from '../hives.js'
import { Places } from '../places.js'
import { listed, only, questionOf, SINCE_UNTIL, type Tool, totalsOf } from '../tool.js'
import { eventAt, moreOf, severalRows } from './events.js'

const WIDTH = 400
const worded = (event: HiveEvent): string => formatEvent(event, { width: WIDTH, date: true })

/** The report of a command, as a server's `/api` makes it. */
export function reportOf<T extends object>(
  hive: Hive,
  name: keyof typeof REPORTS,
  given: Given,
): Promise<{ report: T; stamp: string }> {
  const query = new URLSearchParams()
  for (const [key, value] of Object.entries(given)) query.set(key, String(value))
  const selection = only<{ since: number; until: number }>(given, ['since', 'until'])
  return hive.asked(
    questionOf(name, given),
    () => REPORTS[name](hive.file, selection, { query }) as Promise<T>,
    besideOf(name, hive.file),
  )
}

export const talk: Tool = {
  name: 'talk',
  title: 'Who said what to whom',
  about:
    'The conversation of two agents, by thread, each message before its answers, when it was taken, and what asks and has no answer. With a alone: with whom a talks, how much, and what waits for an answer. As `hivelog talk`; names: ids of agents, or human, god, scheduler.',
  takes: {
    a: { type: 'text', about: 'id of an agent', needed: true },
    b: { type: 'text', about: 'id of the other one' },
    ...SINCE_UNTIL,
  },
  async run({ hive, given }) {
    const asked = only(given, ['a', 'b', 'since', 'until']) as Given
    const { report, stamp } = await reportOf<TalkReport | PartnersReport>(hive, 'talk', asked)
    const { places } = hive
    if ('partners' in report) {
      const { partners, ...rest } = report
      const rows = partners.map(
        ({ last, ...each }): Row => ({ at: places.at(last), value: { ...each, lastTs: last.ts } }),
      )
      return { report: places.short(rest), total: rows.length, stamp, rows: listed(rows) }
    }
    const { items, ...rest } = report
    const rows = items.map(
      ({ place, ...each }): Row => ({
        at: places.at(place),
        value: places.short(each),
        text: `${each.unanswered === true ? '? ' : ''}${'> '.repeat(Math.min(each.depth, 20))}${worded(each.event)}`,
      }),
    )
    return { report: places.short(rest), total: rows.length, stamp, rows: listed(rows) }
  },
}

export const why: Tool = {
  name: 'why',
  title: 'What an event came about through',
  about:
    'The chain of causes of an event back to its origin: which message it answers, what its agent had taken and who sent that, who started the agent, which escalation an approval decides. certain: ids prove it; else it is the likeliest, and `also` has the others. As `hivelog why`.',
  takes: {
    position: { type: 'number', about: 'position of the event' },
    what: { type: 'text', about: 'in place of position: its seq, place (hive.jsonl:57) or id' },
    depth: { type: 'number', max: 1000, about: 'links that are followed; default 50' },
  },
  async run({ hive, given }) {
    const { position, what, depth } = given
    if ((position === undefined) === (what === undefined))
      throw new AskError('why needs position or what, one of them')
    const { query, ...log } =
      position === undefined ? { query: what as string } : await eventAt(hive, position as number)
    const options = { ...log, ...(depth !== undefined && { depth: depth as number }) }
    const { report, stamp } = await hive.asked(questionOf('why', given), () =>
      whyEvent([hive.file], query, options),
    )
    const { chain, matches, ...rest } = report as WhyReport
    if (rest.found === 'nothing') throw new AskError(`nothing in this log is called ${JSON.stringify(query)}`)
    const { places } = hive
    const steps = (chain?.steps ?? []).map(
      ({ place, ...each }): Row => ({
        at: places.at(place),
        value: places.short(each),
        text: `${each.how === undefined ? '' : `because (${each.how}${each.certain === true ? '' : ', probably'}) `}${worded(each.event)}`,
      }),
    )
    const rows = chain === undefined ? severalRows(hive, matches) : steps
    const end = chain === undefined ? moreOf(matches) : { end: chain.end }
    return { report: places.short({ ...rest, ...end }), total: rows.length, stamp, rows: listed(rows) }
  },
}

export const audit: Tool = {
  name: 'audit',
  title: 'What was asked of people, and who decided',
  about:
    'Every escalation and what became of it: who asked what, who decided, how (via), after how long, with the line of each and whether a seal vouches for it; approvals that answer nothing; what is wrong. As `hivelog audit`. This reads decisions; nothing here can decide.',
  takes: {
    id: { type: 'text', about: 'id of one escalation: also what its agent did just before' },
    match: { type: 'text', about: 'a text in the subject' },
    agent: { type: 'text', about: 'id or name of who asked' },
    by: { type: 'text', about: 'who decided' },
    pending: { type: 'flag', about: 'only what nobody has decided' },
    ...SINCE_UNTIL,
  },
  async run({ hive, given }) {
    const asked = only(given, ['id', 'match', 'agent', 'by', 'pending', 'since', 'until']) as Given
    const { report, stamp } = await reportOf<AuditTrail>(hive, 'audit', asked)
    const { cases, orphans, problems, ...rest } = report
    const { places } = hive
    const rows: Row[] = [
      ...cases.map((each) => ({
        list: 'cases',
        at: places.at(each.place),
        value: places.short(each),
      })),
      ...orphans.map((each) => ({
        list: 'orphans',
        at: places.at(each.place),
        value: places.short(each),
      })),
      ...problems.map((each) => ({
        list: 'problems',
        at: places.at(each.place),
        value: places.short(each),
      })),
    ]
    return {
      report: places.short(rest),
      total: rows.length,
      totals: totalsOf(rows, ['cases', 'orphans', 'problems']),
      stamp,
      rows: listed(rows),
    }
  },
}

export const check: Tool = {
  name: 'check',
  title: 'What went wrong without an error',
  about:
    'Findings of all rules: messages nobody took, requests without an answer, unanswered escalations, decisions by agents, retry storms, ping-pong, cost spikes, crash loops, lost agents, damage; the worst first, each with its lines. As `hivelog check`, with the settings beside the log.',
  takes: SINCE_UNTIL,
  async run({ hive, given }) {
    const { report, stamp } = await reportOf<CheckAnswer>(
      hive,
      'check',
      only(given, ['since', 'until']) as Given,
    )
    const { findings, ...rest } = report
    const { places } = hive
    const rows = findings.map(
      (each): Row => ({
        at: places.at(each.first),
        value: places.short(each),
        text: `${each.severity} ${each.rule}: ${each.message}`,
      }),
    )
    return { report: places.short(rest), total: rows.length, stamp, rows: listed(rows) }
  },
}

export const verify: Tool = {
  name: 'verify',
  title: 'Was the log changed?',
  about:
    'Whether bytes are as they were sealed: what is damaged or missing and where, and of each segment how far seals vouch for it. As `hivelog verify` of the log and the logs of its child processes, without keys.',
  takes: {},
  async run({ hive }) {
    const { report, stamp } = await reportOf<VerifyAnswer>(hive, 'verify', {})
    const { places } = hive
    const logs = report.logs.map(({ files: _, findings: __, adopted: ___, notes: ____, ...log }) => log)
    const rows: Row[] = report.logs.flatMap(({ findings, adopted, files, notes, file: log }) => [
      ...findings.map((each) => ({
        list: 'findings',
        at: places.at(each),
        value: places.short({ log, ...each }),
      })),
      ...adopted.map((each) => ({
        list: 'adopted',
        at: places.at(each),
        value: places.short({ log, ...each }),
      })),
      ...files.map((each) => ({
        list: 'files',
        at: places.at({ file: each.file, seq: each.lastSeq }),
        value: places.short({ log, ...each }),
      })),
      ...notes.map((note) => ({ list: 'notes', at: places.at({ file: log }), value: { note } })),
    ])
    rows.sort((a, b) => LISTS.indexOf(a.list as string) - LISTS.indexOf(b.list as string))
    return {
      report: places.short({ ok: report.ok, logs }),
      total: rows.length,
      totals: totalsOf(rows, LISTS),
      stamp,
      rows: listed(rows),
    }
  },
}

/** Damage first. */
const LISTS = ['findings', 'adopted', 'files', 'notes']

export const diff: Tool = {
  name: 'diff',
  title: 'Where two runs part',
  about:
    'Two logs of the same task: whether they are the same, where an agent first does something else and what is around that, how each agent differs, and what only one has. a is log, b is other. As `hivelog diff`.',
  takes: { other: { type: 'text', about: 'the second log: id, name or session', needed: true } },
  async run(call) {
    const other = await hiveOf(call.parts, call.given.other as string)
    const files: [string, string] = [call.hive.file, other.file]
    const { report, stamp } = await answered(call.parts, files, 'diff', () => diffLogs(...files))
    return differences(report, stamp, new Places(files))
  },
}

function differences(report: LogDiff, stamp: string, places: Places): Report {
  const { agents, only: groups, around, ...rest } = report
  const both = (a: LinePlace | undefined, b: LinePlace | undefined): string | undefined => {
    const parts = [a && `a ${places.at(a)}`, b && `b ${places.at(b)}`].filter((each) => each !== undefined)
    return parts.length === 0 ? undefined : parts.join(' | ')
  }
  const rows: Row[] = [
    ...around.rows.map((each) => ({
      list: 'around',
      at: both(each.a, each.b),
      value: places.short(each),
      text: [each.mark, ...[each.a, each.b].flatMap((side) => (side ? [worded(side.event)] : []))].join('  '),
    })),
    ...agents.map((each) => ({
      list: 'agents',
      at: both(each.parts?.a, each.parts?.b),
      value: places.short(each),
    })),
    ...groups.map((each) => ({
      list: 'only',
      at: each.first[0] && `${each.side} ${places.at(each.first[0])}`,
      value: places.short(each),
    })),
  ]
  return {
    report: places.short({ ...rest, around: around.of }),
    total: rows.length,
    totals: totalsOf(rows, ['around', 'agents', 'only']),
    stamp,
    rows: listed(rows),
  }
}
