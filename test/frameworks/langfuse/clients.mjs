/**
 * Agents and tools that a program makes itself, with Langfuse's tracing around OpenAI's client: a lead that asks a
 * researcher as a tool, with a tool of its own that fails; then calls of nobody's.
 */
import { observeOpenAI } from '@langfuse/openai'
import { startActiveObservation } from '@langfuse/tracing'
import { OpenAI } from 'openai'
import { mark } from '../kit/mark.mjs'

const openai = observeOpenAI(new OpenAI({ maxRetries: 0 }))
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const user = (content) => [{ role: 'user', content }]

const tool = (name, work) => (input) =>
  startActiveObservation(
    name,
    async (observation) => {
      observation.update({ input })
      mark('tool', { name })
      await pause(80)
      try {
        const output = await work(input)
        observation.update({ output })
        mark('tool.end', { name })
        return output
      } catch (error) {
        observation.update({ level: 'ERROR', statusMessage: error.message })
        throw error
      }
    },
    { asType: 'tool' },
  )
const agent = (name, work) => (input) =>
  startActiveObservation(
    name,
    async (observation) => {
      mark('agent', { name })
      // The first request loads Node's fetch, for which all stands still.
      await pause(5)
      const output = await work(input)
      observation.update({ input, output })
      return output
    },
    { asType: 'agent' },
  )

const search = tool('search', async ({ q }) => `found ${q}`)
const compile = tool('compile', async () => {
  throw new Error('no compiler')
})
const researcher = agent('researcher', async (topic) => {
  const { choices } = await openai.chat.completions.create({ model: 'gpt-fake', messages: user(topic) })
  const found = await search(JSON.parse(choices[0].message.tool_calls[0].function.arguments))
  let text = ''
  const stream = await openai.chat.completions.create({
    model: 'gpt-fake',
    messages: user(found),
    stream: true,
    stream_options: { include_usage: true },
  })
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
  return text
})
const research = tool('research', ({ topic }) => researcher(topic))
const lead = agent('lead', async (task) => {
  const { choices } = await openai.chat.completions.create({ model: 'gpt-lead', messages: user(task) })
  const answer = await research(JSON.parse(choices[0].message.tool_calls[0].function.arguments))
  await compile({}).catch(() => {})
  const { output_text } = await openai.responses.create({ model: 'gpt-lead', input: answer })
  return output_text
})

console.log(await lead('What do bees do? The key is sk-proj-4Zq8fake4Zq8fake4Zq8fake4Zq8fake'))
const { choices } = await openai.chat.completions.create({ model: 'gpt-alone', messages: user('hello') })
console.log(choices[0].message.content)
const { data } = await openai.embeddings.create({ model: 'embed', input: 'bees' })
console.log(data[0].embedding.length)
await openai.chat.completions.create({ model: 'gpt-refused', messages: user('no') }).catch((error) => {
  console.log(error.status)
})
