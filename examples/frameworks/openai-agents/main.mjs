/**
 * A small shop with OpenAI's Agents SDK: the reception looks an order up and hands over to refunds, which asks a lawyer
 * who is a tool, and gives money back only if a person allows it. There is nothing of hivelog in it: `npm start` imports
 * `hivelog/register` before it, and the file hive.jsonl has the hand-over, each tool and model call, and the answer.
 */
import { Agent, run, tool } from '@openai/agents'
import { z } from 'zod'
import { useModel } from '../model.mjs'
import { askPerson } from '../person.mjs'
import { turns } from './turns.mjs'

const endModel = await useModel(turns)
const model = process.env.OPENAI_MODEL ?? 'gpt-5-mini'

const lawyer = new Agent({ name: 'lawyer', model, instructions: 'You know the law; answer in one sentence.' })

const refunds = new Agent({
  name: 'refunds',
  model,
  instructions: 'You give money back, if the lawyer says so.',
  handoffDescription: 'Gives money back.',
  tools: [
    lawyer.asTool({ toolName: 'ask_lawyer', toolDescription: 'Asks the lawyer a question.' }),
    tool({
      name: 'refund',
      description: 'Gives money back.',
      parameters: z.object({ order: z.number(), amount: z.number() }),
      needsApproval: true,
      execute: async ({ amount }) => `${amount} sent`,
    }),
  ],
})

const reception = new Agent({
  name: 'reception',
  model,
  instructions: 'You greet, look the order up, and hand over to whoever can help.',
  handoffs: [refunds],
  tools: [
    tool({
      name: 'find_order',
      description: 'Looks an order up.',
      parameters: z.object({ number: z.number() }),
      execute: async ({ number }) => `order ${number}: a kettle, 39, delivered a month ago`,
    }),
  ],
})

let result = await run(reception, 'The kettle of order 17 is broken. I want my money back.')
while (result.interruptions.length > 0) {
  for (const item of result.interruptions) {
    const { amount } = JSON.parse(item.rawItem.arguments)
    if (await askPerson(`May ${amount} be given back?`)) result.state.approve(item)
    else result.state.reject(item)
  }
  result = await run(reception, result.state)
}
console.log(result.finalOutput)
await endModel()
