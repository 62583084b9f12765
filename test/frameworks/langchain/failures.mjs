/** What goes wrong: a refused call, a connection cut, a run given up. LangGraph's main module is not loaded here. */
import { createReactAgent } from '@langchain/langgraph/prebuilt'
import { ChatOpenAI } from '@langchain/openai'

const agent = (name, more) =>
  createReactAgent({ llm: new ChatOpenAI({ model: 'gpt-fake', maxRetries: 0, ...more }), tools: [], name })
const run = async (name, content, { more, ...config } = {}) => {
  try {
    await agent(name, more).invoke({ messages: [{ role: 'user', content }] }, config)
    console.log(name, 'is done')
  } catch {
    console.log(name, 'failed')
  }
}

await run('refused', 'refuse this')
await run('cut', 'cut this', { more: { streaming: true } })
const controller = new AbortController()
setTimeout(() => controller.abort(), 200)
await run('given-up', 'take your time', { signal: controller.signal })
