/** A lead with a tool and two researchers that it calls as tools, both at once; one of them streams. */
import { createOpenAI } from '@ai-sdk/openai'
import { generateText, isStepCount, streamText, ToolLoopAgent, tool } from 'ai'
import { z } from 'zod'
import { mark } from '../kit/mark.mjs'

const openai = createOpenAI()
/** Integrations that a call names keep those that are registered for all calls from hearing of it. */
const perCall = process.env.HIVELOG_TEST_PER_CALL ? { integrations: [{ onStart() {} }] } : undefined
/** Spans know an agent by its function's id only. */
const telemetry = (functionId) => (process.env.HIVELOG_TEST_NAMED ? { functionId } : perCall)

/** Says for the check that the tool runs. */
const marked =
  (execute) =>
  async (input, { toolCallId }) => {
    mark('tool', { toolCallId })
    const result = await execute(input)
    mark('tool.end', { toolCallId })
    return result
  }

const search = tool({
  description: 'searches',
  inputSchema: z.object({ q: z.string() }),
  execute: marked(async ({ q }) => {
    await new Promise((resolve) => setTimeout(resolve, 100))
    if (q === 'broken') throw new Error('the index is broken')
    return `found ${q}`
  }),
})

const researcher = new ToolLoopAgent({
  id: 'researcher',
  telemetry: telemetry('researcher'),
  onStart: () => mark('agent', { name: 'researcher' }),
  model: openai('gpt-fake-mini'),
  tools: { search },
})

const lead = new ToolLoopAgent({
  id: 'lead',
  telemetry: telemetry('lead'),
  onStart: () => mark('agent', { name: 'lead' }),
  onLanguageModelCallEnd: ({ responseId }) => mark('call', { responseId }),
  model: openai('gpt-fake'),
  tools: {
    search,
    research: tool({
      description: 'asks the researcher',
      inputSchema: z.object({ topic: z.string() }),
      execute: marked(async ({ topic }) => (await researcher.generate({ prompt: topic })).text),
    }),
    summarise: tool({
      description: 'asks the writer',
      inputSchema: z.object({ topic: z.string() }),
      execute: marked(async ({ topic }) => {
        const { textStream } = streamText({
          model: openai('gpt-fake-mini'),
          telemetry: { functionId: 'writer', ...perCall },
          onStart: () => mark('agent', { name: 'writer' }),
          prompt: topic,
          tools: { search },
          stopWhen: isStepCount(3),
          onLanguageModelCallEnd: ({ responseId }) => mark('call', { responseId }),
        })
        let text = ''
        for await (const part of textStream) text += part
        return text
      }),
    }),
  },
})

const { text } = await lead.generate({
  prompt: 'What do bees do? The key is sk-proj-4Zq8fake4Zq8fake4Zq8fake4Zq8fake',
})
console.log(text)
// Of nobody's: no agent, no function id.
const { text: alone } = await generateText({
  model: openai.chat('gpt-alone'),
  prompt: 'hello',
  telemetry: perCall,
})
console.log(alone)
