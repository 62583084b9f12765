/**
 * Agents and tools that a program makes itself, with OpenInference's helpers around OpenAI's and Anthropic's clients: a
 * lead that asks a researcher as a tool, with a tool of its own that fails; then calls of nobody's.
 */
import { Anthropic } from '@anthropic-ai/sdk'
import { traceAgent, traceTool } from '@arizeai/openinference-core'
import { OpenAI } from 'openai'
import { mark } from '../kit/mark.mjs'

const openai = new OpenAI({ maxRetries: 0 })
const anthropic = new Anthropic({ maxRetries: 0 })
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const user = (content) => [{ role: 'user', content }]

const marked = (name, work) =>
  traceTool(
    async (input) => {
      mark('tool', { name })
      await pause(80)
      const result = await work(input)
      mark('tool.end', { name })
      return result
    },
    { name },
  )

const search = marked('search', async ({ q }) => `found ${q}`)
const compile = marked('compile', async () => {
  throw new Error('no compiler')
})
const researcher = traceAgent(
  async (topic) => {
    mark('agent', { name: 'researcher' })
    const { content } = await anthropic.messages.create({
      model: 'claude-fake',
      max_tokens: 100,
      messages: user(topic),
      tools: [{ name: 'search', input_schema: { type: 'object' } }],
    })
    const found = await search(content[0].input)
    let text = ''
    const stream = await anthropic.messages.create({
      model: 'claude-fake',
      max_tokens: 100,
      messages: user(found),
      stream: true,
    })
    for await (const event of stream) if (event.type === 'content_block_delta') text += event.delta.text
    return text
  },
  { name: 'researcher' },
)
const research = marked('research', ({ topic }) => researcher(topic))

const lead = traceAgent(
  async (task) => {
    mark('agent', { name: 'lead' })
    // The first request loads Node's fetch, for which all stands still.
    await pause(5)
    const first = await openai.chat.completions.create({
      model: 'gpt-lead',
      messages: user(task),
      tools: [{ type: 'function', function: { name: 'research', parameters: { type: 'object' } } }],
    })
    const [call] = first.choices[0].message.tool_calls
    const answer = await research(JSON.parse(call.function.arguments))
    await compile({}).catch(() => {})
    const { output_text } = await openai.responses.create({ model: 'gpt-lead', input: answer })
    return output_text
  },
  { name: 'lead' },
)

console.log(await lead('What do bees do? The key is sk-proj-4Zq8fake4Zq8fake4Zq8fake4Zq8fake'))

const stream = await openai.chat.completions.create({
  model: 'gpt-alone',
  messages: user('hello'),
  stream: true,
  stream_options: { include_usage: true },
})
let text = ''
for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
console.log(text)
text = ''
for await (const event of await openai.responses.create({
  model: 'gpt-alone',
  input: 'hello',
  stream: true,
})) {
  if (event.type === 'response.output_text.delta') text += event.delta
}
console.log(text)
const { data } = await openai.embeddings.create({ model: 'embed', input: 'bees' })
console.log(data[0].embedding.length)
await openai.chat.completions.create({ model: 'gpt-refused', messages: user('no') }).catch((error) => {
  console.log(error.status)
})
