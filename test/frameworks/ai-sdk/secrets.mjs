/** Forty secrets wherever an agent can have them: prompts, arguments, results, answers, errors, URLs and headers. */
import { createOpenAI } from '@ai-sdk/openai'
import { isStepCount, ToolLoopAgent, tool } from 'ai'
import { z } from 'zod'
import { secrets } from '../kit/forty-secrets.mjs'

const openai = createOpenAI()
const server = process.env.HIVELOG_TEST_API
const all = secrets.map(({ name, text }) => `${name}: ${text}`).join('\n')

const keep = tool({
  description: 'keeps a note',
  inputSchema: z.object({ notes: z.array(z.string()) }),
  execute: async ({ notes }) => ({ notes, kept: notes.join('; ') }),
})
const spill = tool({
  description: 'fails',
  inputSchema: z.object({ note: z.string() }),
  execute: async ({ note }) => {
    throw new Error(`no place for ${note}`)
  },
})
const agent = new ToolLoopAgent({
  id: 'keeper',
  model: openai('gpt-fake'),
  telemetry: { functionId: 'keeper' },
  instructions: `Remember ${secrets[0].text}.`,
  tools: { keep, spill },
  stopWhen: isStepCount(4),
})
const { text } = await agent.generate({ prompt: `Keep these.\n${all}` })
console.log(text === all)
for (const { text: secret } of secrets) {
  const said = encodeURIComponent(secret)
  await fetch(`${server}/notes/${said}?token=${said}`, {
    headers: {
      authorization: `Bearer ${secret.replace(/\n/g, '')}`,
      'x-api-key': secret.replace(/\n/g, ''),
      cookie: `session=${said}`,
    },
  }).then((response) => response.text())
}
