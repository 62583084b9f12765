/** Three runs of one agent at once, and an agent that calls itself by a tool; all streamed. */
import { tool } from '@langchain/core/tools'
import '@langchain/langgraph'
import { createReactAgent } from '@langchain/langgraph/prebuilt'
import { ChatOpenAI } from '@langchain/openai'
import { z } from 'zod'

const llm = new ChatOpenAI({ model: 'gpt-fake' })
const ask = (content) => ({ messages: [{ role: 'user', content }] })
const worker = createReactAgent({ llm, tools: [], name: 'worker' })
await Promise.all(
  ['first', 'second', 'third'].map(async (which) => {
    for await (const _ of await worker.stream(ask(`${which} task`), { streamMode: 'messages' }));
  }),
)
const divide = tool(async ({ part }) => (await solver.invoke(ask(part))).messages.at(-1).content, {
  name: 'divide',
  description: 'divides',
  schema: z.object({ part: z.string() }),
})
const solver = createReactAgent({ llm, tools: [divide], name: 'solver' })
console.log((await solver.invoke(ask('the whole'))).messages.at(-1).content)
