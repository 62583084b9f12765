/** What is asked in `interrupt()`, and what the value that resumes it means. */
import { createHash } from 'node:crypto'
import { readField } from '../../format/fields.js'
import { brief } from '../../format/quote.js'
import { itemsIn, textIn } from '../reading.js'

/**
 * Id of a wait: the same in the run that asks and in the one that is resumed, also in another process, since LangGraph
 * gives a task the same namespace in both.
 * @param answered how many answers this task had when it asked
 */
export function waitId(thread: string | undefined, namespace: string, answered: number): string {
  const hash = createHash('sha256')
    .update(`${thread ?? ''}\0${namespace}\0${answered}`)
    .digest('hex')
  return `${(thread ?? 'thread').slice(0, 64)}/${hash.slice(0, 16)}`
}

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
