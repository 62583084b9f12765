/** How an agent of OpenAI Agents ends whose run was given up: its span may have no error, and its run was to go on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Approvals } from '../../src/frameworks/openai-agents/approvals.js'
import { Runs } from '../../src/frameworks/openai-agents/runs.js'
import { Stage } from '../../src/frameworks/stage.js'
import { eventsOf, tempHive } from '../kit/hive-support.js'

const failed = (error: string) => ({ message: 'Error in agent run', data: { error } })

for (const [how, step, error, expected] of [
  ['has said its last word', 'next_step_final_output', null, ['ok', undefined]],
  ['was left', 'next_step_run_again', null, ['killed', 'left unfinished']],
  ['is of a run that nobody met', undefined, null, ['ok', undefined]],
  ['was aborted', 'next_step_run_again', failed('Error: Request was aborted.'), ['killed', 'aborted']],
  [
    'was aborted by a signal',
    'next_step_run_again',
    failed('AbortError: This operation was aborted'),
    ['killed', 'aborted'],
  ],
  ['failed', 'next_step_run_again', failed('Error: 500 no'), ['error', 'Error in agent run: Error: 500 no']],
] as const) {
  test(`an agent that ${how}`, async (t) => {
    const { hive, file } = tempHive(t, { serviceName: 'app' })
    const stage = new Stage(hive)
    const approvals = new Approvals(stage)
    const runs = new Runs(stage, approvals)
    const traceId = 'trace_1'
    runs.traceStarted({ traceId })
    const span = { traceId, spanId: 'agent', spanData: { type: 'agent', name: 'coder' }, error }
    runs.spanStarted(span)
    // As `@openai/agents` 0.8 and 0.20 have it when the span ends.
    if (step !== undefined)
      approvals.stateOf(span, { _currentStep: { type: step }, getInterruptions: () => [] })
    runs.spanEnded(span)
    await hive.shutdown()
    assert.deepEqual(
      eventsOf(file)
        .filter(({ kind, agentId }) => kind === 'exit' && agentId === 'coder')
        .map(({ status, error }) => [status, error]),
      [expected],
    )
  })
}
