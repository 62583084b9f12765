/** Each sort of call that OpenAI's client makes, in no agent's life. The package to use is the first argument. */
const { default: OpenAI } = await import(process.argv[2])
const client = new OpenAI({ maxRetries: 0 })
const messages = [
  { role: 'user', content: 'What do bees do? The key is sk-proj-4Zq8fake4Zq8fake4Zq8fake4Zq8fake' },
]

const chat = await client.chat.completions.create({ model: 'gpt-a', messages })
console.log(chat.choices[0].message.content)

const stream = await client.chat.completions.create({
  model: 'gpt-b',
  messages,
  stream: true,
  stream_options: { include_usage: true },
})
let text = ''
for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
console.log(text)

const tools = [{ type: 'function', function: { name: 'search', parameters: { type: 'object' } } }]
const called = await client.chat.completions.create({ model: 'gpt-c', messages, tools })
console.log(called.choices[0].message.tool_calls[0].function.name)

const { data: answer, response } = await client.responses
  .create({ model: 'gpt-d', input: 'hello' })
  .withResponse()
console.log(answer.output_text, response.status, response.url.endsWith('/v1/responses'))

text = ''
for await (const event of await client.responses.create({ model: 'gpt-e', input: 'hello', stream: true })) {
  if (event.type === 'response.output_text.delta') text += event.delta
}
console.log(text)

const { data } = await client.embeddings.create({ model: 'embed-f', input: 'bees' })
console.log(data[0].embedding.map((each) => each.toFixed(1)).join(' '))

// Several at once.
const many = await Promise.all(
  ['one', 'two', 'three'].map((content) =>
    client.chat.completions.create({ model: 'gpt-g', messages: [{ role: 'user', content }] }),
  ),
)
console.log(many.map(({ choices }) => choices[0].message.content).join(' '))
