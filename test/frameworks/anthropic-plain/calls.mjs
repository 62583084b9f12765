/** What Anthropic's client does, in no agent's life. The package to use is the first argument. */
const { default: Anthropic } = await import(process.argv[2])
const client = new Anthropic({ maxRetries: 0 })
const ask = (model, content, more) =>
  client.messages.create({ model, max_tokens: 100, messages: [{ role: 'user', content }], ...more })

const plain = await ask(
  'claude-a',
  'What do bees do? The key is sk-ant-api03-4Zq8fake4Zq8fake4Zq8fake4Zq8fakeAA',
)
console.log(plain.content[0].text)

let text = ''
for await (const event of await ask('claude-b', 'hello', { stream: true })) {
  if (event.type === 'content_block_delta') text += event.delta.text
}
console.log(text)

const stream = client.messages.stream({
  model: 'claude-c',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'search' }],
  tools: [{ name: 'search', input_schema: { type: 'object' } }],
})
const { content } = await stream.finalMessage()
console.log(content[0].name, content[0].input.q)

try {
  await ask('claude-d', 'hello')
} catch (error) {
  console.log(error.constructor.name, error.status)
}
try {
  for await (const _ of await ask('claude-e', 'hello', { stream: true }));
} catch (error) {
  console.log(error instanceof Error)
}

const left = client.messages.stream({
  model: 'claude-f',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'hello' }],
})
try {
  for await (const event of left) if (event.type === 'content_block_delta') left.abort()
} catch (error) {
  console.log(error.constructor.name)
}
