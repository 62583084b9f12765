/** A lead asks its worker, which searches twice, once in vain; then a call that is refused. */
import { mastra } from './hive.mjs'

const lead = mastra.getAgent('lead')
const { text } = await lead.generate('Ask the worker. The key is sk-proj-4Zq8fake4Zq8fake4Zq8fake4Zq8fake')
console.log(text)
const stream = await lead.stream('And again.')
let said = ''
for await (const piece of stream.textStream) said += piece
console.log(said)
