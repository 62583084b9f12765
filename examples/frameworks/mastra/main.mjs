/**
 * A bakery with Mastra: a baker asks a buyer, an agent of its own, and may light the oven only if a person allows it.
 * There is nothing of hivelog in it: `npm start` imports `hivelog/register` before it. Mastra tells what its agents do to
 * those applications alone that give it an `observability`, with an exporter of whatever kind.
 */
import { createOpenAI } from '@ai-sdk/openai'
import { Agent } from '@mastra/core/agent'
import { Mastra } from '@mastra/core/mastra'
import { createTool } from '@mastra/core/tools'
import { LibSQLStore } from '@mastra/libsql'
import { MastraStorageExporter, Observability } from '@mastra/observability'
import { z } from 'zod'
import { useModel } from '../model.mjs'
import { askPerson } from '../person.mjs'
import { turns } from './turns.mjs'

const endModel = await useModel(turns)
const model = createOpenAI()(process.env.OPENAI_MODEL ?? 'gpt-5-mini')

const buyer = new Agent({
  id: 'buyer',
  name: 'buyer',
  description: 'Knows what is in the store.',
  instructions: 'You say how much is in the store, in one sentence.',
  model,
  tools: {
    lookInStore: createTool({
      id: 'lookInStore',
      description: 'Counts what is there.',
      inputSchema: z.object({ what: z.string() }),
      execute: async ({ what }) => `2 sacks of ${what}`,
    }),
  },
})
const baker = new Agent({
  id: 'baker',
  name: 'baker',
  instructions: 'You ask the buyer what there is, and light the oven.',
  model,
  agents: { buyer },
  tools: {
    lightOven: createTool({
      id: 'lightOven',
      description: 'Lights the oven.',
      inputSchema: z.object({ degrees: z.number() }),
      requireApproval: true,
      execute: async ({ degrees }) => `burns at ${degrees} °C`,
    }),
  },
})
const mastra = new Mastra({
  agents: { baker, buyer },
  storage: new LibSQLStore({ id: 'bakery', url: ':memory:' }),
  observability: new Observability({
    configs: { default: { serviceName: 'bakery', exporters: [new MastraStorageExporter()] } },
  }),
  logger: false,
})

const agent = mastra.getAgent('baker')
let stream = await agent.stream('Bake for the feast.')
for (;;) {
  let request
  for await (const { type, payload } of stream.fullStream) {
    if (type === 'tool-call-approval') request = payload
  }
  if (request === undefined) break
  const answer = { runId: stream.runId, toolCallId: request.toolCallId }
  const approved = await askPerson(`May the baker light the oven, at ${request.args.degrees} °C?`)
  stream = approved ? await agent.approveToolCall(answer) : await agent.declineToolCall(answer)
}
console.log(await stream.text)
await mastra.shutdown()
await endModel()
