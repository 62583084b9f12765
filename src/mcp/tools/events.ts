/** `search_events`, `get_events` and `agent_story`: lines themselves. */

import type { Match } from '../../analyse/show/find.js'
import type { Listed, ShowReport } from '../../analyse/show/report.js'
import { showEvent } from '../../analyse/show.js'
import { talkPartners } from '../../analyse/talk.js'
import { agentAnswer } from '../../serve/api/agent-answer.js'
import { besideShow } from '../../serve/api/beside.js'
import type { Content } from '../../serve/api/content.js'
import { countFitting, eventPage } from '../../serve/api/events-page.js'
import { named } from '../../serve/api/reports.js'
import type { PlacedEvent } from '../../serve/api/shapes.js'
import type { Report, Row, Step } from '../answer.js'
import { AskError, type Given } from '../arguments.js'
import type { Hive } from '../hives.js'
import { listed, only, questionOf, SINCE_UNTIL, type Tool } from '../tool.js'

/** Rows that are asked for at once, and how often for one answer. */
const PAGE = 100
const MAX_PAGES = 20
/** Events that are told between two positions. */
const MAX_RANGE = 100_000

export const searchEvents: Tool = {
  name: 'search_events',
  title: 'Find events',
  about:
    'Events that fit all of: kinds, agents that they are about, a text in the line (any case), a time. Oldest first unless newest_first. Each has its position, by which the other tools name it. Like `hivelog cat --kind --agent`.',
  takes: {
    text: { type: 'text', about: 'a text that the line contains, in upper or lower case' },
    kind: { type: 'texts', about: 'kinds, such as message, escalate, approval, tool, usage, exit' },
    agent: { type: 'texts', about: 'ids of agents that the event is by, to or about' },
    ...SINCE_UNTIL,
    newest_first: { type: 'flag', about: 'from the end of the log back' },
  },
  async run({ hive, given, signal }) {
    const query = queryOf(given)
    const content = await hive.content()
    const { report } = await hive.asked(`count ${query}`, async () => ({
      total: await countFitting(content, query),
    }))
    const { first, last } = content.rows.positions
    return {
      report: { first, last, events: content.rows.count },
      total: report.total,
      rows: (from) => found(hive, content, query, { from, isBack: given.newest_first === true, signal }),
    }
  },
}

export const getEvents: Tool = {
  name: 'get_events',
  title: 'Events in full',
  about:
    'Events in full: by positions, or from one position to another, or one by `what`: a seq, a place such as hive.jsonl:57, or the id of a message, escalation, agent or span. By `what` also what came of it: who took a message and answered it, how an escalation was decided, how a life ended (`hivelog show`).',
  takes: {
    what: { type: 'text', about: 'seq, place or id of one event' },
    positions: { type: 'numbers', about: 'positions of events, at most 100' },
    from: { type: 'number', about: 'position of the first event' },
    to: { type: 'number', about: 'position of the last event; default: that of from' },
  },
  async run({ hive, given }) {
    const { what, positions, from, to } = given
    const ways = [what, positions, from].filter((each) => each !== undefined).length
    if (ways !== 1) throw new AskError('get_events needs one of what, positions, from (with or without to)')
    if (what !== undefined) return shown(hive, what as string)
    const content = await hive.content()
    const { rows } = content
    if (positions !== undefined) {
      const wanted = (positions as number[]).map((position) => ({
        position,
        row: rows.positions.rowOf(position),
      }))
      const missing = wanted.filter(({ row }) => row === -1).map(({ position }) => position)
      const there = wanted.filter(({ row }) => row !== -1).map(({ row }) => row)
      return inRows(hive, content, there, missing.length > 0 ? { missing } : {})
    }
    const last = (to ?? from) as number
    if (last < (from as number)) throw new AskError('to must not be less than from')
    const begin = rows.positions.rowUpTo((from as number) - 1) + 1
    const end = Math.min(rows.positions.rowUpTo(last), begin + MAX_RANGE - 1)
    return inRows(
      hive,
      content,
      Array.from({ length: Math.max(0, end - begin + 1) }, (_, i) => begin + i),
      {},
    )
  },
}

export const agentStory: Tool = {
  name: 'agent_story',
  title: 'One agent from its beginning to its end',
  about:
    'One agent: its status, lives, inbox, cost, with whom it talks, its snapshots, how many events of each kind it has (report), and its events in order (items).',
  takes: {
    agent: { type: 'text', about: 'id of the agent', needed: true },
    newest_first: { type: 'flag', about: 'its last events first' },
  },
  async run({ hive, given, signal }) {
    const agent = given.agent as string
    const content = await hive.content()
    const partners = await hive.asked(`partners ${agent}`, () => talkPartners([hive.file], agent))
    const story = await agentAnswer(content, agent, partners.report).catch(() => undefined)
    if (story === undefined) throw new AskError(`no agent has the id ${JSON.stringify(agent)} in this log`)
    const query = new URLSearchParams({ agent })
    const { report } = await hive.asked(`count ${query}`, async () => ({
      total: await countFitting(content, query),
    }))
    const { last } = story.agent
    const row = last === undefined ? -1 : content.rows.positions.rowOf(last.position)
    const at = row === -1 ? undefined : (await hive.places.ofRows(content, [row])).get(row)
    return {
      report: hive.places.short({ ...story, ...(at !== undefined && { last: at }) }),
      total: report.total,
      rows: (from) => found(hive, content, query, { from, isBack: given.newest_first === true, signal }),
    }
  },
}

function queryOf(given: Given): URLSearchParams {
  const query = new URLSearchParams()
  const asked = only<Record<string, string | number | string[]>>(given, [
    'text',
    'kind',
    'agent',
    'since',
    'until',
  ])
  for (const [name, value] of Object.entries(asked))
    for (const each of Array.isArray(value) ? value : [value]) query.append(name, String(each))
  return query
}

/** Events that fit, a page after the other, up to a bound of work. */
async function* found(
  hive: Hive,
  content: Content,
  query: URLSearchParams,
  { from, isBack, signal }: { from: number; isBack: boolean; signal: AbortSignal },
): AsyncGenerator<Step> {
  let next = isBack && from === 0 ? content.rows.positions.last + 1 : from
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    signal.throwIfAborted()
    const asked = new URLSearchParams(query)
    asked.set(isBack ? 'before' : 'after', String(next))
    asked.set('limit', String(PAGE))
    const page = await eventPage(content, asked)
    const events = isBack ? page.events.reverse() : page.events
    for (const event of events) yield { row: rowOf(hive, event), next: event.position }
    const end = isBack ? page.prev : page.next
    if (end === undefined) return
    next = end
  }
  yield { next }
}

function rowOf(hive: Hive, placed: PlacedEvent): Row {
  const { position, event, text } = placed
  return { at: hive.places.ofEvent(placed), value: { position, event }, text: `${position}: ${text}` }
}

/** These rows in full, read as they are told. */
function inRows(hive: Hive, content: Content, rows: readonly number[], report: object): Report {
  return {
    report: { ...report, first: content.rows.positions.first, last: content.rows.positions.last },
    total: rows.length,
    isWhole: true,
    async *rows(from) {
      for (let at = from; at < rows.length; at += PAGE) {
        const events = await content.placed(rows.slice(at, at + PAGE))
        for (const [i, event] of events.entries()) {
          const { text: _, ...row } = rowOf(hive, event)
          yield { row, next: at + i + 1 }
        }
      }
    },
  }
}

async function shown(hive: Hive, what: string): Promise<Report> {
  const { report, stamp } = await hive.asked(
    questionOf('show', { what }),
    () => showEvent([hive.file], what),
    besideShow,
  )
  const { event, place, matches, ...rest } = report as ShowReport
  if (rest.found === 'nothing')
    throw new AskError(
      `nothing in this log is called ${JSON.stringify(what)}: give a seq, a place such as hive.jsonl:57, or an id`,
    )
  const rows: Row[] =
    event === undefined || place === undefined
      ? severalRows(hive, matches)
      : [{ at: hive.places.at(place), value: { ts: place.ts, event } }]
  return {
    report: hive.places.short({ ...rest, ...moreOf(matches) }),
    total: rows.length,
    stamp,
    isWhole: true,
    rows: listed(rows),
  }
}

/** What fits a name that several things have. */
export const severalRows = ({ places }: Hive, matches: Listed<Match> | undefined): Row[] =>
  (matches?.list ?? []).map(({ place, ...each }) => ({
    list: 'matches',
    at: places.at(place),
    value: { ts: place.ts, ...each },
  }))

/** How many fit beyond those that are listed. */
export const moreOf = (matches: Listed<Match> | undefined): { moreMatches?: number } =>
  matches === undefined ? {} : { moreMatches: matches.more }

/** How `show` and `why` name the event at a position. */
export const eventAt = (hive: Hive, position: number): Promise<{ query: string; log?: string }> =>
  named(hive, String(position))
