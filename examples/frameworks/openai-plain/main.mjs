/**
 * A script with OpenAI's own client and no framework: it translates a notice into two languages at once, has the better
 * one written out as a stream, and asks a service of the town's over HTTP. There is nothing of hivelog in it: `npm
 * start` imports `hivelog/register` before it, and the file hive.jsonl has each model call with its tokens, and each
 * query.
 */
import { createServer } from 'node:http'
import OpenAI from 'openai'
import { useModel } from '../model.mjs'
import { turns } from './turns.mjs'

const endModel = await useModel(turns)
const client = new OpenAI()
const model = process.env.OPENAI_MODEL ?? 'gpt-5-mini'

/** Stands in for a service on the net. */
const town = createServer((_request, response) => response.end('The ferry leaves at nine.'))
await new Promise((resolve) => town.listen(0, '127.0.0.1', resolve))

const answer = await fetch(`http://127.0.0.1:${town.address().port}/ferry/times?day=today`)
const notice = await answer.text()

const translations = await Promise.all(
  ['French', 'Danish'].map(async (language) => {
    const messages = [{ role: 'user', content: `Translate into ${language}: ${notice}` }]
    const { choices } = await client.chat.completions.create({ model, messages })
    return `${language}: ${choices[0].message.content}`
  }),
)
console.log(translations.join('\n'))

const stream = await client.responses.create({
  model,
  stream: true,
  input: `Which of these would a sailor understand sooner?\n${translations.join('\n')}`,
})
for await (const event of stream) {
  if (event.type === 'response.output_text.delta') process.stdout.write(event.delta)
}
console.log()

town.close()
town.closeAllConnections()
await endModel()
