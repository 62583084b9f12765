/**
 * A team: the planner hands over to the coder, which asks a reviewer as a tool and has a tool that fails; a plain node
 * of the team's graph sums up, streamed; then a call of nobody's.
 */
import { AIMessage, ToolMessage } from '@langchain/core/messages'
import { tool } from '@langchain/core/tools'
import { Command, getCurrentTaskInput, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph'
import { createReactAgent } from '@langchain/langgraph/prebuilt'
import { ChatOpenAI } from '@langchain/openai'
import { z } from 'zod'
import { mark } from '../kit/mark.mjs'

const model = new ChatOpenAI({ model: 'gpt-fake', maxRetries: 0 })

const marked =
  (execute) =>
  async (input, { toolCall }) => {
    mark('tool', { toolCallId: toolCall.id })
    await new Promise((resolve) => setTimeout(resolve, 80))
    const result = await execute(input, toolCall)
    mark('tool.end', { toolCallId: toolCall.id })
    return result
  }
const about = z.object({ what: z.string() })

const handOver = tool(
  marked(
    (_input, toolCall) =>
      new Command({
        goto: 'coder',
        graph: Command.PARENT,
        update: {
          messages: [
            ...getCurrentTaskInput().messages,
            new ToolMessage({ content: 'yours', tool_call_id: toolCall.id }),
          ],
        },
      }),
  ),
  { name: 'transfer_to_coder', description: 'hands over', schema: z.object({}) },
)
const search = tool(
  marked(({ what }) => `found ${what}`),
  { name: 'search', description: 'searches', schema: about },
)
const compile = tool(
  marked(() => {
    throw new Error('no compiler')
  }),
  { name: 'compile', description: 'compiles', schema: about },
)
const reviewer = createReactAgent({
  llm: model,
  tools: [search],
  name: 'reviewer',
  prompt: ({ messages }) => {
    mark('agent', { name: 'reviewer' })
    return messages
  },
})
const review = tool(
  marked(async ({ what }) => {
    const { messages } = await reviewer.invoke({ messages: [{ role: 'user', content: what }] })
    return messages.at(-1).content
  }),
  { name: 'review', description: 'asks the reviewer', schema: about },
)

const team = new StateGraph(MessagesAnnotation)
  .addNode('planner', createReactAgent({ llm: model, tools: [handOver], name: 'planner' }), {
    ends: ['coder'],
  })
  .addNode('coder', createReactAgent({ llm: model, tools: [review, compile], name: 'coder' }))
  .addNode('summary', async () => {
    let text = ''
    for await (const piece of await model.stream('sum it up')) text += piece.content
    return { messages: [new AIMessage(text)] }
  })
  .addEdge(START, 'planner')
  .addEdge('coder', 'summary')
  .compile({ name: 'team' })

/** Handlers that the application gives to each run, where it has some. */
const { callbacks = [] } = globalThis
const { messages } = await team.invoke(
  {
    messages: [
      { role: 'user', content: 'Build a hive. The key is sk-proj-4Zq8fake4Zq8fake4Zq8fake4Zq8fake' },
    ],
  },
  { callbacks },
)
console.log(messages.at(-1).content)
console.log((await new ChatOpenAI({ model: 'gpt-alone' }).invoke('hello', { callbacks })).content)
