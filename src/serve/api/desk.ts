/** What waits for people at a position, and what they decided up to there. */
import { AsideSubjects } from '../../analyse/audit/aside.js'
import { askedBy, markOf } from '../../decide/question.js'
import { sentDecision } from '../../decide/taker.js'
import { idOf, textOf } from '../../format/bounded.js'
import type { Fields } from '../../format/fields.js'
import { storedAside, subjectText } from '../../format/subject.js'
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
/** Bytes of subjects stored aside that are read for one answer. */
const MAX_ASIDE = 16 * 1024 * 1024

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
  const shown = pending.slice(0, MAX_PENDING)
  const asked = await content.placed(shown.map(({ position }) => rows.positions.rowUpTo(position)))
  const subjects = subjectsOf(content)
  for (const [i, each] of shown.entries()) {
    const row = rows.positions.rowUpTo(each.position)
    const line = asked[i] as PlacedEvent
    const subject = await subjects(line)
    const question = askedBy(line.event as unknown as Fields, line.event.ts)
    const { log } = rows.segments.get(rows.place(row).segment)
    const sent = isEnd ? sentDecision(log, each.id, question) : undefined
    waiting.push({
      ...each,
      ...(question !== undefined && { question: markOf(question) }),
      ...(subject !== undefined && { subject }),
      ageMs: Math.max(0, now - each.ts),
      ...(sent !== undefined && { sent }),
      before: await before(content, row),
    })
  }
  return { pending: waiting, decided: await decided(content, count, subjects) }
}

/** What is known of subjects that are stored aside: the page asks for the same ones again and again. */
const known = new WeakMap<Content, AsideSubjects>()

/** Says what an escalation asks. */
type Subjects = (asked: PlacedEvent) => Promise<string | undefined>

function subjectsOf(content: Content): Subjects {
  const { rows } = content
  const asides = known.get(content) ?? new AsideSubjects(MAX_ASIDE)
  known.set(content, asides)
  asides.begin()
  return async ({ event, position }) => {
    const { subject } = event as Fields
    const aside = storedAside(subject)
    if (aside === undefined) return subjectText(subject)
    const { log } = rows.segments.get(rows.place(rows.positions.rowUpTo(position)).segment)
    return (await asides.beginning(log, aside)) ?? subjectText(subject)
  }
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
async function decided(content: Content, count: number, subjects: Subjects): Promise<Desk['decided']> {
  const { rows } = content
  const kinds = new Set([rows.kinds.find('escalate'), rows.kinds.find('approval')])
  const wanted: number[] = []
  for (let row = count - 1; row >= 0 && wanted.length < MAX_READ; row--)
    if (kinds.has(rows.kind(row))) wanted.push(row)
  const lines = await content.placed(wanted.reverse())
  const escalations = new Escalations({ maxPending: MAX_READ, maxDecided: MAX_READ, maxEarly: MAX_READ })
  const asked = new Map<string, PlacedEvent>()
  const early = new Map<string, PlacedEvent>()
  const found: { told: Desk['decided'][number]; asked: PlacedEvent }[] = []
  for (const line of lines) {
    const { kind, ts } = line.event
    const { id: given, from, to, approve } = line.event as Fields
    const id = idOf(given)
    if (id === undefined) continue
    const at = { ts, seq: line.position, log: undefined, file: undefined, line: undefined }
    if (kind === 'escalate') {
      const opened = { id, from: idOf(from), to: idOf(to), subject: undefined, ...at }
      asked.set(id, line)
      if (escalations.open(opened).matter.decision !== undefined)
        found.push({ told: told(id, line, early.get(id) as PlacedEvent), asked: line })
    } else {
      const { answer } = escalations.answer(id, approve, at)
      if (answer === 'early') early.set(id, line)
      const question = asked.get(id)
      if (answer === 'decides' && question !== undefined)
        found.push({ told: told(id, question, line), asked: question })
    }
  }
  const newest = found.sort((a, b) => b.told.decidedPosition - a.told.decidedPosition).slice(0, MAX_DECIDED)
  for (const { told: each, asked: line } of newest) {
    const subject = await subjects(line)
    if (subject !== undefined) each.subject = subject
  }
  return newest.map(({ told: each }) => each)
}

function told(id: string, question: PlacedEvent, answer: PlacedEvent): Desk['decided'][number] {
  const { from } = question.event as Fields
  const { approve, by, via, note, decidedAt } = answer.event as Fields
  const texts = {
    from: idOf(from),
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
