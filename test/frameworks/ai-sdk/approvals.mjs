/** Two tools that a person has to allow: the program ends as it asks, and another one goes on with the answers. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createOpenAI } from '@ai-sdk/openai'
import { generateText, isStepCount, streamText, tool } from 'ai'
import { z } from 'zod'
import { mark } from '../kit/mark.mjs'

const [, , what, how] = process.argv
const kept = join(dirname(process.env.HIVELOG_FILE ?? '.'), 'messages.json')

const removes = (name) =>
  tool({
    description: name,
    inputSchema: z.object({ path: z.string() }),
    needsApproval: true,
    execute: async ({ path }, { toolCallId }) => {
      mark('tool', { toolCallId })
      return `removed ${path}`
    },
  })

const settings = {
  model: createOpenAI()('gpt-fake'),
  telemetry: { functionId: 'cleaner' },
  stopWhen: isStepCount(5),
  onLanguageModelCallEnd: ({ responseId }) => mark('call', { responseId }),
  tools: { removeFile: removes('removes a file'), removeFolder: removes('removes a folder') },
}

/** The steps' messages, and what the model says in the end. */
async function run(messages) {
  if (how !== 'stream') {
    const { text, responseMessages } = await generateText({ ...settings, messages })
    return { text, responseMessages }
  }
  const result = streamText({ ...settings, messages })
  let text = ''
  for await (const part of result.textStream) text += part
  return { text, responseMessages: await result.responseMessages }
}

const before = existsSync(kept)
  ? JSON.parse(readFileSync(kept, 'utf8'))
  : [{ role: 'user', content: 'Clean up.' }]
if (what === 'ask') {
  const { responseMessages } = await run(before)
  writeFileSync(kept, JSON.stringify([...before, ...responseMessages]))
  console.log('asked')
} else {
  const requests = before
    .flatMap(({ content }) => (Array.isArray(content) ? content : []))
    .filter(({ type }) => type === 'tool-approval-request')
  const answers = requests.map(({ approvalId }, i) => ({
    type: 'tool-approval-response',
    approvalId,
    approved: i === 0,
    ...(i > 0 && { reason: 'too much' }),
  }))
  const { text } = await run([...before, { role: 'tool', content: answers }])
  console.log(text)
}
