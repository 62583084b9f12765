/** LangChain's own agent with its middleware that lets people decide on tools. */
import { Command, MemorySaver } from '@langchain/langgraph'
import { ChatOpenAI } from '@langchain/openai'
import { createAgent, humanInTheLoopMiddleware, tool } from 'langchain'
import { z } from 'zod'
import { mark } from '../kit/mark.mjs'

const send = (name) =>
  tool(
    async (_input, { toolCall }) => {
      mark('tool', { toolCallId: toolCall.id })
      return 'sent'
    },
    { name, description: name, schema: z.object({ to: z.string() }) },
  )
const agent = createAgent({
  name: 'secretary',
  model: new ChatOpenAI({ model: 'gpt-fake' }),
  tools: [send('sendLetter'), send('sendMoney')],
  middleware: [humanInTheLoopMiddleware({ interruptOn: { sendLetter: true, sendMoney: true } })],
  checkpointer: new MemorySaver(),
})
const config = { configurable: { thread_id: 'letters' } }
const first = await agent.invoke({ messages: [{ role: 'user', content: 'Write to Ann.' }] }, config)
console.log(first.__interrupt__.length)
const second = await agent.invoke(new Command({ resume: { decisions: [{ type: 'approve' }] } }), config)
console.log(second.__interrupt__.length)
const decisions = [{ type: 'reject', message: 'too much' }]
const last = await agent.invoke(new Command({ resume: { decisions } }), config)
console.log(last.messages.at(-1).content)
