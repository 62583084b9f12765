/** A tool that a person refused, where only its span is seen: no module hooks, or the SDK in a bundle. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Approvals } from '../../src/frameworks/openai-agents/approvals.js'
import { Runs } from '../../src/frameworks/openai-agents/runs.js'
import { Stage } from '../../src/frameworks/stage.js'
import { eventsOf, tempHive } from '../kit/hive-support.js'

test('a tool that was refused did not run; one that fails, is quick, takes long or calls an agent did', async (t) => {
  const { hive, file } = tempHive(t, { serviceName: 'app' })
  const runs = new Runs(new Stage(hive), new Approvals(new Stage(hive)))
  const traceId = 'trace_1'
  runs.traceStarted({ traceId })
  const agent = { traceId, spanId: 'agent', spanData: { type: 'agent', name: 'coder' } }
  runs.spanStarted(agent)
  const tool = (name: string) => ({
    traceId,
    spanId: `tool ${name}`,
    parentId: 'agent',
    spanData: { type: 'function', name, output: 'done' },
    error: null as unknown,
  })
  const refused = tool('refused')
  runs.spanStarted(refused)
  await Promise.resolve()
  /** As `@openai/agents` 0.20 ends the span. */
  refused.error = {
    message: 'Tool execution was not approved.',
    data: {
      tool_name: 'refused',
      error: 'Tool execution for call_1 was manually rejected by user.',
    },
  }
  runs.spanEnded(refused)
  const failed = tool('failed')
  runs.spanStarted(failed)
  failed.error = { message: 'Error running tool', data: { tool_name: 'failed', error: 'no' } }
  runs.spanEnded(failed)
  const quick = tool('quick')
  runs.spanStarted(quick)
  const until = performance.now() + 30
  while (performance.now() < until);
  runs.spanEnded(quick)
  const long = tool('long')
  runs.spanStarted(long)
  for (let n = 0; n < 2; n++) await new Promise(setImmediate)
  await hive.flush()
  assert.ok(
    eventsOf(file).some(({ kind, name }) => kind === 'tool.start' && name === 'long'),
    'said as it runs',
  )
  runs.spanEnded(long)
  const asks = tool('asks')
  const expert = {
    traceId,
    spanId: 'expert',
    parentId: 'tool asks',
    spanData: { type: 'agent', name: 'expert' },
  }
  runs.spanStarted(asks)
  runs.spanStarted(expert)
  runs.spanEnded(expert)
  runs.spanEnded(asks)
  runs.spanEnded(agent)
  await hive.shutdown()
  const told = eventsOf(file).filter(({ kind }) => kind.startsWith('tool') || kind === 'spawn')
  assert.deepEqual(
    told.map(({ kind, name, ok, error }) => [kind, name, ok, error]),
    [
      ['spawn', 'app', undefined, undefined],
      ['spawn', 'coder', undefined, undefined],
      ['tool.start', 'failed', undefined, undefined],
      ['tool', 'failed', false, 'Error running tool: no'],
      ['tool.start', 'quick', undefined, undefined],
      ['tool', 'quick', true, undefined],
      ['tool.start', 'long', undefined, undefined],
      ['tool', 'long', true, undefined],
      ['tool.start', 'asks', undefined, undefined],
      ['spawn', 'expert', undefined, undefined],
      ['tool', 'asks', true, undefined],
    ],
  )
  const ms = told.find(({ kind, name }) => kind === 'tool' && name === 'quick')?.ms as number
  assert.ok(ms >= 29, `${ms}`)
})
