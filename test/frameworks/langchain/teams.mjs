/** The supervisor and the swarm of LangChain's own packages. */
import { MemorySaver } from '@langchain/langgraph'
import { createReactAgent } from '@langchain/langgraph/prebuilt'
import { createSupervisor } from '@langchain/langgraph-supervisor'
import { createHandoffTool, createSwarm } from '@langchain/langgraph-swarm'
import { ChatOpenAI } from '@langchain/openai'

const llm = new ChatOpenAI({ model: 'gpt-fake' })
const ask = (content) => ({ messages: [{ role: 'user', content }] })
const last = ({ messages }) => messages.at(-1).content

const supervised = createSupervisor({
  agents: [createReactAgent({ llm, tools: [], name: 'mathematician', prompt: 'You compute.' })],
  llm,
}).compile({ name: 'office' })
console.log(last(await supervised.invoke(ask('two and two?'))))

const swarm = createSwarm({
  agents: [
    createReactAgent({ llm, tools: [createHandoffTool({ agentName: 'bob' })], name: 'alice' }),
    createReactAgent({ llm, tools: [createHandoffTool({ agentName: 'alice' })], name: 'bob' }),
  ],
  defaultActiveAgent: 'alice',
}).compile({ checkpointer: new MemorySaver() })
console.log(last(await swarm.invoke(ask('I want Bob.'), { configurable: { thread_id: 'swarm' } })))
