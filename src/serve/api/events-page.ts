/**
 * Rows of a hive, a page at a time. What is asked for is looked for with a bounded amount of work: a page can have fewer
 * rows than asked for, or none, and still say where to go on.
 */
import { setImmediate } from 'node:timers/promises'
import { isAbout } from '../../model/who.js'
import { HttpError } from '../http.js'
import type { Content } from './content.js'
import { numberIn, textIn, textsIn, timeIn } from './query.js'
import type { EventPage } from './shapes.js'

const LIMIT = 200
const MAX_LIMIT = 1_000
/** Rows that one request looks at, lines that it reads, and bytes of them; and bytes that it answers. */
const MAX_LOOKED = 500_000
const MAX_READ = 20_000
const MAX_BYTES = 32 * 1024 * 1024
const MAX_ANSWER = 8 * 1024 * 1024
const BATCH = 256
/** Rows that are counted in one go. */
const COUNTED = 65_536

interface Choice {
  kinds: ReadonlySet<number> | undefined
  agents: ReadonlySet<string> | undefined
  numbers: readonly number[]
  text: string | undefined
  since: number
  until: number
}

export async function eventPage(content: Content, query: URLSearchParams): Promise<EventPage> {
  const limit = numberIn(query, 'limit', { min: 1, max: MAX_LIMIT }) ?? LIMIT
  const after = numberIn(query, 'after')
  const before = numberIn(query, 'before')
  const at = numberIn(query, 'at')
  if ([after, before, at].filter((each) => each !== undefined).length > 1)
    throw new HttpError(400, 'only one of after, before and at can be given')
  const choice = choiceOf(content, query)
  const { positions, count } = content.rows
  if (at !== undefined) {
    const middle = positions.rowUpTo(at) + 1
    const earlier = await look(content, choice, middle - 1, -1, Math.ceil(limit / 2))
    const later = await look(content, choice, middle, 1, limit - earlier.rows.length)
    const rows = [...earlier.rows.reverse(), ...later.rows]
    return page(content, choice, rows, earlier.end + 1, later.end)
  }
  if (before !== undefined) {
    const first = positions.rowUpTo(before - 1)
    const { rows, end } = await look(content, choice, first, -1, limit)
    return page(content, choice, rows.reverse(), end + 1, first + 1)
  }
  const start = positions.rowUpTo(after ?? 0) + 1
  const { rows, end } = await look(content, choice, start, 1, limit)
  return page(content, choice, rows, start, Math.min(end, count))
}

/** How many rows fit, however many have to be looked at: without `after`, `before`, `at` and `limit`. */
export async function countFitting(content: Content, query: URLSearchParams): Promise<number> {
  const choice = choiceOf(content, query)
  const { count } = content.rows
  if (choice === undefined) return count
  const isSure = !needsLines(choice)
  let found = 0
  for (let from = 0; from < count; from += COUNTED) {
    const maybe: number[] = []
    const to = Math.min(count, from + COUNTED)
    for (let row = from; row < to; row++) if (mayFit(content, choice, row)) maybe.push(row)
    for (let i = 0; !isSure && i < maybe.length; i += BATCH)
      found += (await fitting(content, choice, maybe.slice(i, i + BATCH))).length
    if (isSure) found += maybe.length
    await setImmediate()
  }
  return found
}

/** @param from the first row that was looked at. @param to the row after the last one */
async function page(
  content: Content,
  choice: Choice | undefined,
  rows: readonly number[],
  from: number,
  to: number,
): Promise<EventPage> {
  const { positions, count } = content.rows
  return {
    events: await content.placed(rows),
    ...(to < count && to > 0 && { next: positions.of(to - 1) }),
    ...(to < count && to <= 0 && { next: 0 }),
    ...(from > 0 && { prev: from < count ? positions.of(from) : positions.last + 1 }),
    ...(choice === undefined && { total: count }),
  }
}

function choiceOf(content: Content, query: URLSearchParams): Choice | undefined {
  const kinds = textsIn(query, 'kind')
  const agents = textsIn(query, 'agent')
  const text = textIn(query, 'text')?.toLowerCase()
  const since = timeIn(query, 'since')
  const until = timeIn(query, 'until')
  const { rows } = content
  const isAll = kinds.length + agents.length === 0 && text === undefined
  if (isAll && since === undefined && until === undefined) return undefined
  return {
    kinds: kinds.length === 0 ? undefined : new Set(kinds.map((kind) => rows.kinds.find(kind))),
    agents: agents.length === 0 ? undefined : new Set(agents),
    // One that has no number is only among those that share one.
    numbers: agents.map((agent) => rows.agents.find(agent) || -1),
    text,
    since: since ?? Number.NEGATIVE_INFINITY,
    until: until ?? Number.POSITIVE_INFINITY,
  }
}

/** Looks for rows, one after the other. @returns them, and the first row that was not looked at */
async function look(
  content: Content,
  choice: Choice | undefined,
  start: number,
  step: 1 | -1,
  limit: number,
): Promise<{ rows: number[]; end: number }> {
  const { count } = content.rows
  const isIn = (row: number): boolean => row >= 0 && row < count
  const rows: number[] = []
  let answer = 0
  let read = 0
  let bytes = 0
  let row = start
  let maybe: number[] = []
  // Of lines that must be looked at only some may fit.
  const size = needsLines(choice) ? BATCH : Math.min(BATCH, limit)
  const settle = async (): Promise<number | undefined> => {
    const fits = await fitting(content, choice, maybe)
    maybe = []
    for (const each of fits) {
      answer += content.rows.place(each).bytes
      if (rows.length > 0 && answer > MAX_ANSWER) return each
      rows.push(each)
      if (rows.length === limit) return each + step
    }
    return undefined
  }
  for (let looked = 0; isIn(row) && limit > 0; row += step) {
    if (++looked > MAX_LOOKED || read > MAX_READ || bytes > MAX_BYTES) break
    if (!mayFit(content, choice, row)) continue
    maybe.push(row)
    read++
    bytes += content.rows.place(row).bytes
    if (maybe.length < size) continue
    const end = await settle()
    if (end !== undefined) return { rows, end }
  }
  return { rows, end: (await settle()) ?? row }
}

/** What the row alone tells. */
function mayFit({ rows }: Content, choice: Choice | undefined, row: number): boolean {
  if (choice === undefined) return true
  const { kinds, numbers, agents, since, until } = choice
  const ts = rows.ts(row)
  if (ts < since || ts > until || kinds?.has(rows.kind(row)) === false) return false
  return agents === undefined || numbers.some((number) => rows.mayBeAbout(row, number))
}

const needsLines = (choice: Choice | undefined): boolean =>
  choice?.agents !== undefined || choice?.text !== undefined

/** Those of the rows whose lines fit. */
async function fitting(
  content: Content,
  choice: Choice | undefined,
  rows: readonly number[],
): Promise<readonly number[]> {
  if (choice === undefined || !needsLines(choice)) return rows
  const { agents, text } = choice
  const lines = await content.lines.read(rows)
  return rows.filter((_, i) => {
    const { event, bytes } = lines[i] as (typeof lines)[number]
    if (agents !== undefined && !isAbout(event, agents)) return false
    return text === undefined || bytes.toString().toLowerCase().includes(text)
  })
}
