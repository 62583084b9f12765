/** LangChain without LangGraph: a chain that asks a model, runs its tools and asks again, then a chain that fails. */
import { HumanMessage } from '@langchain/core/messages'
import { RunnableLambda } from '@langchain/core/runnables'
import { tool } from '@langchain/core/tools'
import { ChatOpenAI } from '@langchain/openai'
import { z } from 'zod'

const search = tool(async ({ what }) => `found ${what}`, {
  name: 'search',
  description: 'searches',
  schema: z.object({ what: z.string() }),
})
const compile = tool(
  async () => {
    throw new Error('no compiler')
  },
  { name: 'compile', description: 'compiles', schema: z.object({ what: z.string() }) },
)
const tools = { search, compile }
const model = new ChatOpenAI({ model: 'gpt-fake', maxRetries: 0 }).bindTools(Object.values(tools))

const answer = RunnableLambda.from(async (question, config) => {
  const messages = [new HumanMessage(question)]
  const wish = await model.invoke(messages, config)
  messages.push(wish)
  for (const call of wish.tool_calls) messages.push(await tools[call.name].invoke(call, config))
  return model.invoke(messages, config)
})

/** Handlers that the application gives to each run, where it has some. */
const { callbacks = [] } = globalThis
const { content } = await answer
  .pipe(RunnableLambda.from((message) => message))
  .invoke('Look for wax.', { callbacks })
console.log(content)
await answer.invoke('Build it.', { callbacks }).catch((error) => console.log(error.message))
// Lines are timely while a program runs: how long one takes to end is its own.
await new Promise((done) => setTimeout(done, 100))
