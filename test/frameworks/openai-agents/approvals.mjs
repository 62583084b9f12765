/** Two tools that a person has to allow: the program ends as it asks, and another one goes on with the answers. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Agent, RunState, run, tool } from '@openai/agents'
import { z } from 'zod'
import { mark } from '../kit/mark.mjs'

const [, , what, how] = process.argv
const kept = join(dirname(process.env.HIVELOG_FILE ?? '.'), 'state.json')

const removes = (name) =>
  tool({
    name,
    description: name,
    parameters: z.object({ path: z.string() }),
    needsApproval: true,
    async execute({ path }, _context, details) {
      mark('tool', { toolCallId: details.toolCall.callId })
      return `removed ${path}`
    },
  })
const cleaner = new Agent({
  name: 'cleaner',
  instructions: 'You clean up.',
  model: 'gpt-fake',
  tools: [removes('remove_file'), removes('remove_folder')],
})

async function go(input) {
  if (how !== 'stream') return run(cleaner, input)
  const result = await run(cleaner, input, { stream: true })
  for await (const { data } of result) {
    if (data?.type === 'response_done') mark('call', { responseId: data.response.id })
  }
  await result.completed
  return result
}

const isSecond = existsSync(kept)
let result = isSecond
  ? { state: await RunState.fromString(cleaner, readFileSync(kept, 'utf8')) }
  : await go('Clean up.')
if (what !== 'answer') {
  console.log(result.interruptions.length, 'asked')
  if (what === 'ask') writeFileSync(kept, JSON.stringify(result.state))
}
if (what !== 'ask') {
  for (const item of result.state.getInterruptions()) {
    if (item.rawItem.name === 'remove_file') result.state.approve(item)
    else result.state.reject(item, { message: 'too much' })
  }
  result = await go(result.state)
  console.log(result.finalOutput)
}
