/**
 * A lead with a tool of its own and two researchers that it calls as tools, both at once, of which one streams; a tool
 * fails; then calls of nobody's and an embedding. Each run bears the telemetry that people switch on.
 */
import { createOpenAI } from '@ai-sdk/openai'
import { embed, generateText, stepCountIs, streamText, tool } from 'ai'
import { z } from 'zod'
import { mark } from '../kit/mark.mjs'

const openai = createOpenAI()
const telemetry = (functionId) => ({
  experimental_telemetry: { isEnabled: true, ...(functionId && { functionId }) },
})

const marked =
  (execute, ms = 80) =>
  async (input, { toolCallId }) => {
    mark('tool', { toolCallId })
    await new Promise((resolve) => setTimeout(resolve, ms))
    const result = await execute(input)
    mark('tool.end', { toolCallId })
    return result
  }
const topic = z.object({ topic: z.string() })
const search = tool({
  description: 'searches',
  inputSchema: z.object({ q: z.string() }),
  execute: marked(({ q }) => {
    if (q === 'broken') throw new Error('the index is broken')
    return `found ${q}`
  }),
})
const run = (name, prompt, tools) => ({
  model: openai('gpt-fake'),
  prompt,
  tools,
  stopWhen: stepCountIs(4),
  ...telemetry(name),
})

const research = tool({
  description: 'asks the researcher',
  inputSchema: topic,
  execute: marked(async ({ topic }) => (await generateText(run('researcher', topic, { search }))).text),
})
const summarise = tool({
  description: 'asks the writer',
  inputSchema: topic,
  execute: marked(async ({ topic }) => {
    let text = ''
    const { textStream } = streamText({
      ...run('writer', topic, { search }),
      // A stream's span ends when its tools have.
      onStepFinish: ({ response }) => mark('call', { responseId: response.id }),
    })
    for await (const part of textStream) text += part
    return text
    // So that the model server numbers the calls of both alike each time.
  }, 160),
})
const prompt = 'What do bees do? The key is sk-proj-4Zq8fake4Zq8fake4Zq8fake4Zq8fake'
const { text } = await generateText(run('lead', prompt, { research, summarise }))
console.log(text)
const { text: alone } = await generateText({
  model: openai.chat('gpt-alone'),
  prompt: 'hello',
  ...telemetry(),
})
console.log(alone)
const { embedding } = await embed({ model: openai.embedding('embed'), value: 'bees', ...telemetry() })
console.log(embedding.length)
const refused = { model: openai('gpt-refused'), prompt: 'no', maxRetries: 0, ...telemetry('refused') }
await generateText(refused).catch((error) => console.log(error.name))
