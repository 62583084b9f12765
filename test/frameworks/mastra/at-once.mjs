/** Two agents ask one model at once: one waits long for its answer, the other is refused and tries again. */
import { mastra } from './hive.mjs'

const ask = (name, prompt) => mastra.getAgent(name).generate(prompt, { modelSettings: { maxRetries: 1 } })
const answers = await Promise.all([ask('worker', 'Take your time'), ask('quick', 'Be quick')])
for (const { text } of answers) console.log(text)
