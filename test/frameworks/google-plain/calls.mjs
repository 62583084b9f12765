/** What Google's client does, in no agent's life. The package to use is the first argument. */
const { GoogleGenAI } = await import(process.argv[2])
const { GEMINI_API_KEY: apiKey, GOOGLE_GEMINI_BASE_URL: baseUrl } = process.env
const { models } = new GoogleGenAI({ apiKey, httpOptions: { baseUrl } })

const plain = await models.generateContent({ model: 'gemini-a', contents: 'What do bees do?' })
console.log(plain.text)

let text = ''
for await (const chunk of await models.generateContentStream({ model: 'gemini-b', contents: 'hello' })) {
  text += chunk.text
}
console.log(text)

const called = await models.generateContent({
  model: 'gemini-c',
  contents: 'search',
  config: { tools: [{ functionDeclarations: [{ name: 'search' }] }] },
})
console.log(called.functionCalls[0].name)

try {
  await models.generateContent({ model: 'gemini-d', contents: 'hello' })
} catch (error) {
  console.log(error.constructor.name, error.status)
}
const { embeddings } = await models.embedContent({ model: 'embed-e', contents: 'bees' })
console.log(embeddings[0].values.join(' '))
