/**
 * How LangGraph asks people and is answered: what is asked in `interrupt()`, what the value that resumes it means, and
 * how both show on spans. Source: `@langchain/langgraph` 1.7.3, as `@arizeai/openinference-instrumentation-langchain`
 * 4.1.1 tells it.
 */
import { readField } from '../../format/fields.js'
import { brief } from '../../format/quote.js'
import { itemsIn, textIn } from '../../format/unknown.js'
import { failureSaid } from './langfuse.js'
import { objectOf, type SpanView } from './vocabulary.js'

/** One line that says what a person is asked; arguments of tools are not in it. */
export function subjectOf(value: unknown, where: string): string {
  if (typeof value === 'string' && value !== '') return oneLine(value)
  // What LangChain's middleware for approvals asks, and before it the agent inbox.
  const requests = [...itemsIn(value, 'actionRequests'), ...itemsIn({ value }, 'value')].map(
    (request) => textIn(request, 'name') ?? textIn(readField(request, 'action_request'), 'action'),
  )
  const single = textIn(readField(value, 'action_request'), 'action')
  const tools = [...requests, single].filter((name) => name !== undefined)
  if (tools.length > 0) return `may ${tools.join(', ')} run?`
  for (const name of ['question', 'message', 'title', 'prompt', 'action']) {
    const text = textIn(value, name)
    if (text !== undefined) return oneLine(text)
  }
  return `${where} asks`
}

const MAX_SUBJECT = 300
const oneLine = (text: string): string => {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > MAX_SUBJECT ? `${line.slice(0, MAX_SUBJECT - 1)}…` : line
}

const NO =
  /^(?:n|no|nope|false|reject(?:ed)?|den(?:y|ied)|decline[d]?|cancel(?:led|ed)?|abort(?:ed)?|ignore[d]?|stop|refuse[d]?)$/i

/**
 * Whether an answer allows what was asked. A text, a form or an edit that says nothing of the kind is an answer, and the
 * work goes on: that allows it.
 */
export function isAllowed(answer: unknown, depth = 0): boolean {
  if (typeof answer === 'boolean') return answer
  if (typeof answer === 'string') return !NO.test(answer.trim())
  if (depth > 2 || answer === null || typeof answer !== 'object') return true
  const list = [...itemsIn({ answer }, 'answer'), ...itemsIn(answer, 'decisions')]
  if (list.length > 0) return list.every((each) => isAllowed(each, depth + 1))
  for (const name of [
    'approved',
    'approve',
    'accepted',
    'accept',
    'allow',
    'confirmed',
    'type',
    'decision',
    'action',
  ]) {
    const said = readField(answer, name)
    if (typeof said === 'boolean') return said
    if (typeof said === 'string') return !NO.test(said.trim())
  }
  return true
}

/** Why, where the answer says so. */
export function noteOf(answer: unknown): string | undefined {
  const first = itemsIn(answer, 'decisions')[0] ?? answer
  const note = textIn(first, 'reason') ?? textIn(first, 'message') ?? textIn(first, 'note')
  return note === undefined ? undefined : oneLine(brief(note))
}

/** What waits for a person. */
export interface Interrupt {
  /** The same in the run that asks and in the one that is resumed, also in another process. */
  readonly id: string
  readonly value: unknown
}

/** Characters of what was thrown that are read. */
const MAX_THROWN = 64 * 1024

/** What a span that an interrupt ended says of it: LangGraph throws the list of them, as JSON. */
export function interruptsOf(span: SpanView): readonly Interrupt[] {
  const message = span.status.message ?? failureSaid(span) ?? ''
  const from = message.indexOf('[\n')
  const to = message.indexOf('\n]', from)
  if (from < 0 || to < 0 || to > MAX_THROWN) return []
  try {
    const list = JSON.parse(message.slice(from, to + 2)) as unknown
    return itemsIn({ list }, 'list').flatMap((each) => {
      const id = textIn(each, 'id')
      return id === undefined ? [] : [{ id, value: readField(each, 'value') }]
    })
  } catch {
    return []
  }
}

/** Ids of interrupts. */
const ID = /^[0-9a-f]{32}$/

/** What a run that goes on was given. */
export interface Resume {
  /** By id of what was asked; `undefined` where one answer was given to what waits. */
  readonly byId: ReadonlyMap<string, unknown> | undefined
  readonly answer: unknown
}

/** The answer with which a graph's run goes on, from what it was given; `undefined` where it begins anew. */
export function resumeOf(input: unknown): Resume | undefined {
  const command =
    typeof input === 'string' && input.includes('"lg_name":"Command"') ? objectOf(input) : undefined
  if (command === undefined || !Object.hasOwn(command, 'resume')) return undefined
  const { resume } = command
  const ids = resume !== null && typeof resume === 'object' ? Object.keys(resume) : []
  const isById = ids.length > 0 && ids.every((id) => ID.test(id))
  return { byId: isById ? new Map(Object.entries(resume as object)) : undefined, answer: resume }
}
