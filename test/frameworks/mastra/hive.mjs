/** The agents of both programs: a lead with a worker and a tool that a person has to allow. */
import { dirname, join } from 'node:path'
import { createOpenAI } from '@ai-sdk/openai'
import { Agent } from '@mastra/core/agent'
import { Mastra } from '@mastra/core/mastra'
import { createTool } from '@mastra/core/tools'
import { LibSQLStore } from '@mastra/libsql'
import { Observability } from '@mastra/observability'
import { z } from 'zod'
import { mark } from '../kit/mark.mjs'

const openai = createOpenAI()
const kept = `file:${join(dirname(process.env.HIVELOG_FILE ?? './x'), 'mastra.db')}`

const makeTool = (id, execute, more = {}) =>
  createTool({
    id,
    description: id,
    inputSchema: z.object({ what: z.string() }),
    execute: async (input, context) => {
      const toolCallId = context?.agent?.toolCallId
      mark('tool', { name: id, toolCallId })
      return execute(input)
    },
    ...more,
  })

const worker = new Agent({
  id: 'worker-1',
  name: 'worker',
  description: 'works',
  instructions: 'You work.',
  model: openai('gpt-fake'),
  tools: {
    search: makeTool('search', async ({ what }) => {
      if (what === 'weather') await fetch(`${process.env.OPENAI_BASE_URL}/weather`)
      if (what === 'broken') throw new Error('the index is broken')
      return `found ${what}`
    }),
  },
})
const lead = new Agent({
  id: 'lead-1',
  name: 'lead',
  instructions: 'You lead.',
  model: openai('gpt-fake'),
  agents: { worker },
  tools: { remove: makeTool('remove', () => 'removed', { requireApproval: true }) },
  maxRetries: 0,
})
const quick = new Agent({
  id: 'quick-1',
  name: 'quick',
  instructions: 'You are quick.',
  model: openai('gpt-fake'),
})

/** What an application has its observability for, here nothing. */
const exporter = { name: 'none', async exportTracingEvent() {}, async flush() {}, async shutdown() {} }

export const mastra = new Mastra({
  agents: { lead, worker, quick },
  storage: new LibSQLStore({ id: 'store', url: kept }),
  logger: false,
  ...(process.env.HIVELOG_TEST_UNOBSERVED
    ? {}
    : {
        observability: new Observability({
          configs: { default: { serviceName: 'test', exporters: [exporter] } },
        }),
      }),
})
