/** A tool of OpenAI Agents that the SDK gave up: its span has no error, only what the model is told. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Approvals } from '../../src/frameworks/openai-agents/approvals.js'
import { Runs } from '../../src/frameworks/openai-agents/runs.js'
import { Stage } from '../../src/frameworks/stage.js'
import { eventsOf, tempHive } from '../kit/hive-support.js'

test('a tool whose time was over failed; one that says such words earlier did not', async (t) => {
  const { hive, file } = tempHive(t, { otlp: false })
  const stage = new Stage(hive)
  const runs = new Runs(stage, new Approvals(stage))
  const traceId = 'trace_1'
  runs.traceStarted({ traceId })
  const agent = { traceId, spanId: 'agent', spanData: { type: 'agent', name: 'coder' } }
  runs.spanStarted(agent)
  /** As `@openai/agents` 0.20 ends the span. */
  const tool = async (name: string, output: string): Promise<void> => {
    const spanData = { type: 'function', name, output: '' }
    const span = { traceId, spanId: `tool ${name}`, parentId: 'agent', spanData, error: null }
    runs.spanStarted(span)
    const until = Date.now() + 30
    while (Date.now() < until) await new Promise(setImmediate)
    spanData.output = output
    runs.spanEnded(span)
  }
  await tool('slow', "Tool 'slow' timed out after 30ms.")
  await tool('quotes', "Tool 'other' timed out after 60000ms.")
  await tool('tells', "I hear: Tool 'slow' timed out after 30ms.")
  runs.spanEnded(agent)
  await hive.shutdown()
  assert.deepEqual(
    eventsOf(file)
      .filter(({ kind }) => kind === 'tool')
      .map(({ name, ok, error }) => [name, ok, error]),
    [
      ['slow', false, 'timed out after 30ms'],
      ['quotes', true, undefined],
      ['tells', true, undefined],
    ],
  )
})
