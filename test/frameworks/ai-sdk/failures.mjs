/** What goes wrong, and what is no agent's: a refused call, a connection cut, a run given up, embeddings, objects. */
import { createOpenAI } from '@ai-sdk/openai'
import { embed, embedMany, generateObject, generateText, streamText } from 'ai'
import { z } from 'zod'

const openai = createOpenAI()
const named = (functionId) => ({ model: openai('gpt-fake'), telemetry: { functionId }, maxRetries: 0 })
const failed = async (work) => {
  try {
    await work()
    return 'nothing'
  } catch (error) {
    return error.name
  }
}
/** How a stream ends. */
async function read({ fullStream }) {
  const types = new Set()
  try {
    for await (const { type } of fullStream) types.add(type)
  } catch {
    types.add('error')
  }
  return types.has('abort') ? 'abort' : types.has('error') ? 'error' : 'finish'
}

console.log('refused:', await failed(() => generateText({ ...named('refused'), prompt: 'refuse this' })))
console.log(
  'refused:',
  await read(streamText({ ...named('refused-stream'), prompt: 'refuse this too', onError() {} })),
)
console.log('cut:', await read(streamText({ ...named('cut'), prompt: 'cut this', onError() {} })))
const controller = new AbortController()
setTimeout(() => controller.abort(), 150)
const given = streamText({ ...named('given-up'), prompt: 'take your time', abortSignal: controller.signal })
console.log('given up:', await read(given))

const model = openai.embedding('embed-fake')
await embed({ model, value: 'one' })
await embedMany({ model, values: ['one', 'two'] })
const { object } = await generateObject({
  ...named('objects'),
  schema: z.object({ colour: z.string() }),
  prompt: 'an object',
})
console.log(object.colour)
