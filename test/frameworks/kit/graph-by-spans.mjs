/** What spans alone say of the scenarios of ../langchain: for instrumentations of LangChain beside hivelog. */
import { scenarios } from '../langchain/scenarios.mjs'
import { bySpans } from './beside.mjs'

const withoutIds = (tools) => tools.map(({ toolCallId, ...tool }) => tool)

/** LangGraph by spans alone: they name no call of a tool and no answer, and who is called in a tool was given a task. */
export const graph = (name, more = {}) =>
  bySpans(
    scenarios.find((each) => each.name === name),
    {
      ...more,
      ofSpans: ({ messages = [], tools, escalations = [], ...truth }) => ({
        ...truth,
        unknown: ['responseId'],
        tools: withoutIds(tools),
        escalations: more.escalations?.(escalations) ?? escalations,
        messages: [...messages, ...(more.tasks ?? [])],
      }),
    },
  )
export const task = (from, to) => [
  { from, to, act: 'delegate' },
  { from: to, to: from, act: 'return' },
]

/** An answer that does not say which question it is for: which one waits, another process cannot know. */
export const unaddressed = (all) =>
  all.map((each) => (each.from === 'publisher' ? { ...each, approve: undefined } : each))
