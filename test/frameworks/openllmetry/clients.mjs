/**
 * Agents and tools that a program makes itself, with OpenLLMetry's decorators around OpenAI's and Anthropic's clients: a
 * lead that asks a researcher as a tool, with a tool of its own that fails; then calls of nobody's.
 */
import { Anthropic } from '@anthropic-ai/sdk'
import { withAgent, withTool } from '@traceloop/node-server-sdk'
import { OpenAI } from 'openai'
import { mark } from '../kit/mark.mjs'

const openai = new OpenAI({ maxRetries: 0 })
const anthropic = new Anthropic({ maxRetries: 0 })
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const user = (content) => [{ role: 'user', content }]

const tool = (name, work) => (input) =>
  withTool(
    { name },
    async (given) => {
      mark('tool', { name })
      await pause(80)
      const output = await work(given)
      mark('tool.end', { name })
      return output
    },
    input,
  )
const agent = (name, work) => (input) =>
  withAgent(
    { name },
    async (given) => {
      mark('agent', { name })
      // The first request loads Node's fetch, for which all stands still.
      await pause(5)
      return work(given)
    },
    input,
  )

const search = tool('search', async ({ q }) => `found ${q}`)
const compile = tool('compile', async () => {
  throw new Error('no compiler')
})
const researcher = agent('researcher', async (topic) => {
  const ask = (content, more) =>
    anthropic.messages.create({ model: 'claude-fake', max_tokens: 100, messages: user(content), ...more })
  const { content } = await ask(topic)
  const found = await search(content[0].input)
  let text = ''
  for await (const event of await ask(found, { stream: true })) {
    if (event.type === 'content_block_delta') text += event.delta.text
  }
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
