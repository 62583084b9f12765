/** Two frameworks, each in a tool of the other: who called whom is known across them. */
import { createOpenAI } from '@ai-sdk/openai'
import { Agent, tool as agentsTool, run, setTraceProcessors } from '@openai/agents'
import { generateText, isStepCount, tool } from 'ai'
import { z } from 'zod'

setTraceProcessors([])
const openai = createOpenAI()

const typist = new Agent({ name: 'typist', instructions: 'You type.', model: 'gpt-typist' })
const write = (topic) =>
  generateText({
    model: openai('gpt-poet'),
    telemetry: { functionId: 'poet' },
    prompt: topic,
    stopWhen: isStepCount(3),
    tools: {
      type: tool({
        description: 'types',
        inputSchema: z.object({ text: z.string() }),
        execute: async ({ text }) => (await run(typist, text)).finalOutput,
      }),
    },
  })

const editor = new Agent({
  name: 'editor',
  instructions: 'You edit.',
  model: 'gpt-editor',
  tools: [
    agentsTool({
      name: 'write_poem',
      description: 'writes a poem',
      parameters: z.object({ topic: z.string() }),
      execute: async ({ topic }) => (await write(topic)).text,
    }),
  ],
})
console.log((await run(editor, 'a poem, please')).finalOutput)
console.log((await write('alone')).text)
