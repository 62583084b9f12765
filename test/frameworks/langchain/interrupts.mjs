/**
 * Two agents at once, one that asks within a tool and one in a node: `ask` ends as both wait, `first` answers one by its
 * id, `second` the other. With `alone` it is one process.
 */
import { dirname, join } from 'node:path'
import { tool } from '@langchain/core/tools'
import { Command, interrupt, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph'
import { createReactAgent } from '@langchain/langgraph/prebuilt'
import { ChatOpenAI } from '@langchain/openai'
import { z } from 'zod'
import { mark } from '../kit/mark.mjs'
import { keptSaver } from './kept-saver.mjs'

const { saver, keep } = keptSaver(join(dirname(process.env.HIVELOG_FILE ?? './x'), 'checkpoints'))

const remove = tool(
  async ({ path }, { toolCall }) => {
    mark('tool', { toolCallId: toolCall.id })
    const { approved } = interrupt({ question: 'Remove the folder?', path })
    return approved ? `removed ${path}` : 'kept'
  },
  { name: 'remove', description: 'removes', schema: z.object({ path: z.string() }) },
)
const llm = new ChatOpenAI({ model: 'gpt-fake' })
const publisher = new StateGraph(MessagesAnnotation)
  .addNode('check', () => {
    const answer = interrupt('Publish it?')
    return { messages: [{ role: 'user', content: `publish: ${answer}` }] }
  })
  .addEdge(START, 'check')
  .compile({ name: 'publisher' })

const graph = new StateGraph(MessagesAnnotation)
  .addNode('cleaner', createReactAgent({ llm, tools: [remove], name: 'cleaner' }))
  .addNode('publisher', publisher)
  .addEdge(START, 'cleaner')
  .addEdge(START, 'publisher')
  .compile({ checkpointer: saver, name: 'house' })
const config = { configurable: { thread_id: 'thread-1' }, callbacks: globalThis.callbacks ?? [] }

async function pending() {
  const { tasks } = await graph.getState(config)
  return tasks.flatMap(({ interrupts }) => interrupts)
}

const steps = {
  ask: async () => {
    await graph.invoke({ messages: [{ role: 'user', content: 'Clean up and publish.' }] }, config)
  },
  first: async () => {
    const { id } = (await pending()).find(({ value }) => value.question)
    await graph.invoke(new Command({ resume: { [id]: { approved: true } } }), config)
  },
  second: async () => {
    await graph.invoke(new Command({ resume: 'no' }), config)
  },
}
const [, , what] = process.argv
for (const name of what === 'alone' ? ['ask', 'first', 'second'] : [what]) {
  await steps[name]()
  console.log(name, (await pending()).length)
}
keep()
