/**
 * A help desk: the first agent uses a tool twice at once, asks an expert who is a tool, and hands over to billing, which
 * has a tool that breaks. How it is run: `responses` or `chat`, `stream` or not.
 */
import { Agent, run, setOpenAIAPI, setTraceProcessors, tool } from '@openai/agents'
import { z } from 'zod'
import { mark } from '../kit/mark.mjs'

const [, , api, how] = process.argv
setOpenAIAPI(api === 'chat' ? 'chat_completions' : 'responses')
// An application's own processors take the place of all that were there.
const seen = []
setTraceProcessors([
  {
    async onTraceStart() {},
    async onTraceEnd() {},
    async onSpanStart() {},
    async onSpanEnd(span) {
      seen.push(span.spanData.type)
    },
    async shutdown() {},
    async forceFlush() {},
  },
])

const lookUp = tool({
  name: 'look_up',
  description: 'looks a customer up',
  parameters: z.object({ customer: z.string() }),
  async execute({ customer }, _context, details) {
    mark('tool', { toolCallId: details.toolCall.callId })
    await new Promise((resolve) => setTimeout(resolve, customer === 'ann' ? 120 : 30))
    mark('tool.end', { toolCallId: details.toolCall.callId })
    return `${customer} has an account`
  },
})
const refund = tool({
  name: 'refund',
  description: 'gives money back',
  parameters: z.object({ amount: z.number() }),
  async execute() {
    throw new Error('the bank is closed')
  },
})
const expert = new Agent({ name: 'expert', instructions: 'You know.', model: 'gpt-expert', tools: [lookUp] })
const billing = new Agent({
  name: 'billing',
  instructions: 'You bill.',
  model: 'gpt-billing',
  tools: [refund],
})
const desk = new Agent({
  name: 'front desk',
  instructions: 'You help.',
  model: 'gpt-desk',
  tools: [lookUp, expert.asTool({ toolName: 'ask_expert', toolDescription: 'asks the expert' })],
  handoffs: [billing],
  inputGuardrails: [{ name: 'polite', execute: async () => ({ tripwireTriggered: false, outputInfo: {} }) }],
})
for (const agent of [desk, expert, billing])
  agent.on('agent_start', () => mark('agent', { name: agent.name }))

if (how === 'stream') {
  const result = await run(desk, 'I want my money back, sk-proj-4Zq8fake4Zq8fake4Zq8fake4Zq8fake', {
    stream: true,
  })
  for await (const { data } of result) {
    if (data?.type === 'response_done') mark('call', { responseId: data.response.id })
  }
  await result.completed
  console.log(result.finalOutput)
} else {
  const result = await run(desk, 'I want my money back, sk-proj-4Zq8fake4Zq8fake4Zq8fake4Zq8fake')
  console.log(result.finalOutput)
}
console.log(seen.filter((type) => type === 'agent').length, 'agent spans')
