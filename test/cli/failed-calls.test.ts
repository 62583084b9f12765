/** A model call that failed, without tokens, is a call with an error for all that read a log. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { startHive } from '../../src/index.js'
import { captureDiag, oneEvent } from '../kit/hive-support.js'
import { hivelog } from '../kit/reader-cli.js'
import { scratch } from '../kit/reader-log.js'

test('recorded without numbers of its own making, and read by every command', async (t) => {
  const said = captureDiag(t)
  const cwd = scratch(t)
  const file = join(cwd, 'hive.jsonl')
  const hive = startHive({ file, otlp: false })
  const agent = hive.spawn({ agentId: 'lead' })
  agent.usage({ model: 'gpt-4o', provider: 'openai', error: '429 too many requests', ms: 12 })
  agent.end()
  await hive.shutdown()
  assert.deepEqual(said, [])
  const { agentId, model, inputTokens, outputTokens, error } = oneEvent(file, 'usage')
  assert.deepEqual(
    [agentId, model, inputTokens, outputTokens, error],
    ['lead', 'gpt-4o', undefined, undefined, '429 too many requests'],
  )
  const run = async (...args: string[]): Promise<string> => {
    const { code, stdout } = await hivelog(args, { cwd })
    assert.equal(code, 0, args.join(' '))
    return stdout
  }
  assert.match(await run('cat'), /! usage {5}lead {2}gpt-4o {2}12 ms {2}"429 too many requests"/)
  await run('check')
  const stats = JSON.parse(await run('stats', '--json'))
  assert.deepEqual([stats.usage.calls, stats.usage.inputTokens, stats.usage.unpricedCalls], [1, 0, 0])
  assert.equal(stats.usage.failedCalls, 1)
  assert.match(await run('stats'), /models {4}1 call, .*\n {10}1 call failed or aborted\n/)
  const { total, unpriced } = JSON.parse(await run('cost', '--json'))
  assert.deepEqual([total.calls, total.failedCalls, total.costUsd, unpriced.calls], [1, 1, 0, 0])
  const state = JSON.parse(await run('state', '--json'))
  assert.deepEqual([state.usage.calls, state.usage.inputTokens, state.usage.unpriced], [1, 0, 0])
  const top = JSON.parse((await run('top', '--json')).split('\n')[0] as string)
  assert.deepEqual([top.usage.calls, top.usage.inputTokens, top.usage.unpriced], [1, 0, 0])
  assert.match(await run('export', '--format', 'csv'), /,usage,lead,/)
  assert.match(await run('show', 'lead'), /1 model call, 0 tokens in, 0 out, \$0\.00/)
})

test('a call that did not fail says what it lacks', (t) => {
  const said = captureDiag(t)
  const hive = startHive({ file: false, otlp: false })
  t.after(() => hive.shutdown())
  hive.spawn({ agentId: 'lead' }).usage({ model: 'gpt-4o', inputTokens: 3 } as never)
  assert.deepEqual(said, ['hivelog: usage of agent lead lacks `outputTokens`; it is recorded without'])
})
