/** Three of one name at once, and one that calls itself. */
import { createOpenAI } from '@ai-sdk/openai'
import { generateText, isStepCount, ToolLoopAgent, tool } from 'ai'
import { z } from 'zod'

const model = createOpenAI()('gpt-fake')
const ask = (prompt) => generateText({ model, telemetry: { functionId: 'worker' }, prompt })
await Promise.all([ask('first task'), ask('second task'), ask('third task')])

const solver = new ToolLoopAgent({
  id: 'solver',
  model,
  stopWhen: isStepCount(4),
  tools: {
    divide: tool({
      description: 'solves a part',
      inputSchema: z.object({ part: z.string() }),
      execute: async ({ part }) => (await solver.generate({ prompt: part })).text,
    }),
  },
})
console.log((await solver.generate({ prompt: 'the whole' })).text)
