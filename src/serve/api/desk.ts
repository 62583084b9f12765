/** What waits for people at a position, and what they decided up to there. */
import { askedBy, markOf } from '../../decide/question.js'
import { sentDecision } from '../../decide/taker.js'
import { idOf, textOf } from '../../format/bounded.js'
import type { Fields } from '../../format/fields.js'
import { Escalations } from '../../model/escalations.js'
import type { Content } from './content.js'
import type { Desk, Pending, PlacedEvent } from './shapes.js'

/** Decisions that are listed, and questions that are shown with what came before. */
const MAX_DECIDED = 200
const MAX_PENDING = 200
/** Questions and answers that are read again for that. */
const MAX_READ = 5_000
/** Events of who asks, before the question; rows that are looked at for them. */
const BEFORE = 5
const MAX_LOOKED = 100_000

/** @param at position of the last event that counts. Default: all that are there */
export async function deskAt(
  content: Content,
  pending: readonly Pending[],
  at: number | undefined,
): Promise<Desk> {
  const { rows } = content
  const count = at === undefined ? rows.count : rows.positions.rowUpTo(at) + 1
  const isEnd = count >= rows.count
  const now = isEnd ? Date.now() : count === 0 ? 0 : rows.ts(count - 1)
  const waiting: Desk['pending'] = []
  for (const each of pending.slice(0, MAX_PENDING)) {
    const row = rows.positions.rowUpTo(each.position)
    const [line] = await content.placed([row])
    const asked = line && askedBy(line.event as unknown as Fields, line.event.ts)
    const { log } = rows.segments.get(rows.place(row).segment)
    const sent = isEnd ? sentDecision(log, each.id, asked) : undefined
    waiting.push({
      ...each,
      ...(asked !== undefined && { question: markOf(asked) }),
      ageMs: Math.max(0, now - each.ts),
      ...(sent !== undefined && { sent }),
      before: await before(content, row),
    })
  }
  return { pending: waiting, decided: await decided(content, count) }
}

async function before(content: Content, asked: number): Promise<PlacedEvent[]> {
  const { rows } = content
  const agent = rows.agent(asked)
  const found: number[] = []
  const end = Math.max(0, asked - MAX_LOOKED)
  for (let row = asked - 1; row >= end && found.length < BEFORE; row--)
    if (rows.agent(row) === agent) found.push(row)
  return agent === 0 ? [] : content.placed(found.reverse())
}

/** By the model's rule: the first clear answer decides, also one that stands before its question. */
async function decided(content: Content, count: number): Promise<Desk['decided']> {
  const { rows } = content
  const kinds = new Set([rows.kinds.find('escalate'), rows.kinds.find('approval')])
  const wanted: number[] = []
  for (let row = count - 1; row >= 0 && wanted.length < MAX_READ; row--)
    if (kinds.has(rows.kind(row))) wanted.push(row)
  const lines = await content.placed(wanted.reverse())
  const escalations = new Escalations({ maxPending: MAX_READ, maxDecided: MAX_READ, maxEarly: MAX_READ })
  const asked = new Map<string, PlacedEvent>()
  const early = new Map<string, PlacedEvent>()
  const found: Desk['decided'] = []
  for (const line of lines) {
    const { kind, ts } = line.event
    const { id: given, from, to, subject, approve } = line.event as Fields
    const id = idOf(given)
    if (id === undefined) continue
    const at = { ts, seq: line.position, log: undefined, file: undefined, line: undefined }
    if (kind === 'escalate') {
      const opened = { id, from: idOf(from), to: idOf(to), subject: textOf(subject), ...at }
      asked.set(id, line)
      if (escalations.open(opened).matter.decision !== undefined)
        found.push(told(id, line, early.get(id) as PlacedEvent))
    } else {
      const { answer } = escalations.answer(id, approve, at)
      if (answer === 'early') early.set(id, line)
      if (answer === 'decides') found.push(told(id, asked.get(id) as PlacedEvent, line))
    }
  }
  return found.sort((a, b) => b.decidedPosition - a.decidedPosition).slice(0, MAX_DECIDED)
}

function told(id: string, question: PlacedEvent, answer: PlacedEvent): Desk['decided'][number] {
  const { from, subject } = question.event as Fields
  const { approve, by, via, note, decidedAt } = answer.event as Fields
  const texts = {
    from: idOf(from),
    subject: textOf(subject),
    by: textOf(by),
    via: textOf(via),
    note: textOf(note),
  }
  return {
    id,
    ...(Object.fromEntries(Object.entries(texts).filter(([, value]) => value !== undefined)) as Partial<
      typeof texts
    >),
    approve: approve === true,
    askedTs: question.event.ts,
    decidedTs: answer.event.ts,
    ...(typeof decidedAt === 'number' && { decidedAt }),
    askedPosition: question.position,
    decidedPosition: answer.position,
  } as Desk['decided'][number]
}
