/**
 * A small newsroom with the AI SDK: an editor asks a reporter two questions at once, and may publish only what a person
 * allows. There is nothing of hivelog in it: `npm start` imports `hivelog/register` before it, and the file hive.jsonl
 * has who asked whom, each tool and model call, and the person's answer.
 */
import { createOpenAI } from '@ai-sdk/openai'
import { ToolLoopAgent, tool } from 'ai'
import { z } from 'zod'
import { useModel } from '../model.mjs'
import { askPerson } from '../person.mjs'
import { turns } from './turns.mjs'

const endModel = await useModel(turns)
const model = createOpenAI()(process.env.OPENAI_MODEL ?? 'gpt-5-mini')

const archive = { harbour: 'Crane of 1911. Two ferries a day.', fish: 'Herring: 2 crowns. Cod: 5 crowns.' }

const reporter = new ToolLoopAgent({
  id: 'reporter',
  model,
  instructions: 'You answer from the archive, in one sentence.',
  tools: {
    readArchive: tool({
      description: 'What the archive has about the harbour or the fish.',
      inputSchema: z.object({ about: z.enum(['harbour', 'fish']) }),
      execute: ({ about }) => archive[about],
    }),
  },
})

const editor = new ToolLoopAgent({
  id: 'editor',
  model,
  instructions: 'You ask the reporter what you need to know, and publish one headline.',
  tools: {
    askReporter: tool({
      description: 'Asks a reporter a question.',
      inputSchema: z.object({ question: z.string() }),
      execute: async ({ question }) => (await reporter.generate({ prompt: question })).text,
    }),
    publish: tool({
      description: 'Puts a headline into the paper.',
      inputSchema: z.object({ headline: z.string() }),
      needsApproval: true,
      execute: ({ headline }) => `printed: ${headline}`,
    }),
  },
})

const messages = [{ role: 'user', content: 'Write about our town. Ask about the harbour and the fish.' }]
for (;;) {
  const { text, content, responseMessages } = await editor.generate({ messages })
  messages.push(...responseMessages)
  const requests = content.filter(({ type }) => type === 'tool-approval-request')
  if (requests.length === 0) {
    console.log(text)
    break
  }
  const answers = []
  for (const { approvalId, toolCall } of requests) {
    const approved = await askPerson(`May the editor publish “${toolCall.input.headline}”?`)
    answers.push({ type: 'tool-approval-response', approvalId, approved })
  }
  messages.push({ role: 'tool', content: answers })
}
await endModel()
