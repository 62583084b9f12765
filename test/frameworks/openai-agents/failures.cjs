/** What goes wrong: a refused call, a tripwire, arguments that are none; and a run that hides its data. CommonJS. */
const { Agent, Runner, run, tool } = require('@openai/agents')
const { z } = require('zod')

const failed = async (work) => {
  try {
    return await work()
  } catch (error) {
    return error.constructor.name
  }
}
const agent = (name, more) => new Agent({ name, instructions: 'Do it.', model: 'gpt-fake', ...more })
const count = tool({
  name: 'count',
  description: 'counts',
  parameters: z.object({ to: z.number() }),
  execute: async ({ to }) => to,
})

async function main() {
  console.log('refused:', await failed(() => run(agent('refused'), 'refuse this')))
  const guarded = agent('guarded', {
    outputGuardrails: [
      { name: 'no names', execute: async () => ({ tripwireTriggered: true, outputInfo: {} }) },
    ],
  })
  console.log('tripwire:', await failed(() => run(guarded, 'say a name')))
  const quiet = new Runner({ traceIncludeSensitiveData: false })
  const { finalOutput } = await quiet.run(agent('quiet', { tools: [count] }), 'be quiet')
  console.log(finalOutput)
  const worker = agent('worker')
  await Promise.all(['one', 'two', 'three'].map((which) => run(worker, `task ${which}`)))
}
main()
