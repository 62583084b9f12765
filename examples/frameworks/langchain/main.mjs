/**
 * Two bee-keepers with LangGraph: a planner hands over to a keeper, who measures and may open a vent only if a person
 * allows it. There is nothing of hivelog in it: `npm start` imports `hivelog/register` before it, and the file hive.jsonl
 * has the hand-over, each tool and model call, the question and its answer.
 */
import { ToolMessage } from '@langchain/core/messages'
import { tool } from '@langchain/core/tools'
import {
  Command,
  getCurrentTaskInput,
  interrupt,
  MemorySaver,
  MessagesAnnotation,
  START,
  StateGraph,
} from '@langchain/langgraph'
import { createReactAgent } from '@langchain/langgraph/prebuilt'
import { ChatOpenAI } from '@langchain/openai'
import { z } from 'zod'
import { useModel } from '../model.mjs'
import { askPerson } from '../person.mjs'
import { turns } from './turns.mjs'

const endModel = await useModel(turns)
const llm = new ChatOpenAI({ model: process.env.OPENAI_MODEL ?? 'gpt-5-mini' })

const handOver = tool(
  (_input, { toolCall }) =>
    new Command({
      goto: 'keeper',
      graph: Command.PARENT,
      update: {
        messages: [
          ...getCurrentTaskInput().messages,
          new ToolMessage({ content: 'The keeper takes over.', tool_call_id: toolCall.id }),
        ],
      },
    }),
  { name: 'transfer_to_keeper', description: 'Hands over to the keeper.', schema: z.object({}) },
)
const measure = tool(({ where }) => `36.5 °C in the ${where}`, {
  name: 'measure',
  description: 'Measures the temperature.',
  schema: z.object({ where: z.string() }),
})
const openVent = tool(
  ({ degrees }) => {
    const { approved } = interrupt({ question: `May the keeper open the vent by ${degrees} degrees?` })
    return approved ? 'open' : 'it stays shut'
  },
  { name: 'openVent', description: 'Opens the vent.', schema: z.object({ degrees: z.number() }) },
)

const planner = createReactAgent({
  llm,
  tools: [handOver],
  name: 'planner',
  prompt: 'You decide who looks after the hive, and hand over.',
})
const keeper = createReactAgent({
  llm,
  tools: [measure, openVent],
  name: 'keeper',
  prompt: 'You look after the hive: measure first, then do what is needed.',
})
const apiary = new StateGraph(MessagesAnnotation)
  .addNode('planner', planner, { ends: ['keeper'] })
  .addNode('keeper', keeper)
  .addEdge(START, 'planner')
  .compile({ name: 'apiary', checkpointer: new MemorySaver() })

const config = { configurable: { thread_id: 'summer' } }
let state = await apiary.invoke({ messages: [{ role: 'user', content: 'Our hive is too warm.' }] }, config)
while (state.__interrupt__?.length > 0) {
  const approved = await askPerson(state.__interrupt__[0].value.question)
  state = await apiary.invoke(new Command({ resume: { approved } }), config)
}
console.log(state.messages.at(-1).content)
await endModel()
