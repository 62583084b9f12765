/** Calls that fail: refused, cut before and in the middle of the answer, given up by the program, no server. */
import { createServer } from 'node:net'

const { default: OpenAI } = await import(process.argv[2])
const client = new OpenAI({ maxRetries: 0 })
const messages = [{ role: 'user', content: 'hello' }]
const say = async (what, work) => {
  try {
    console.log(what, await work())
  } catch (error) {
    console.log(what, error.constructor.name)
  }
}

await say('refused', () => client.chat.completions.create({ model: 'gpt-a', messages }))
await say('cut', () => client.responses.create({ model: 'gpt-b', input: 'hello' }))
await say('half', async () => {
  const stream = await client.chat.completions.create({ model: 'gpt-c', messages, stream: true })
  for await (const _ of stream);
})
await say('given up', async () => {
  const stream = await client.chat.completions.create({ model: 'gpt-d', messages, stream: true })
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break
  return 'left'
})
const port = await new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address()
    server.close(() => resolve(port))
  })
})
const absent = new OpenAI({ maxRetries: 0, baseURL: `http://127.0.0.1:${port}/v1` })
await say('nobody there', () => absent.chat.completions.create({ model: 'gpt-e', messages }))
