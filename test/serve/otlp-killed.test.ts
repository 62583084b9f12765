/** A server that is killed again and again: what it acknowledged is in the logs, once. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { verifyLog } from '../../src/read.js'
import { Tokens } from '../../src/serve/tokens.js'
import { cleanEnvironment, defer, tempFolder } from '../kit/hive-support.js'
import { cases } from '../kit/long-run.js'
import { MAIN } from '../kit/reader-cli.js'
import { linesOf, logOf, logsRequest, type SpanGiven, send, spansRequest } from '../kit/serve-support.js'

const KILLS = cases(6, 6)
const REQUESTS = 40 * KILLS
const AT_ONCE = 4
const T = 1_800_000_000_000
const TOP = 'e'.repeat(16)

const trace = (i: number): string => (i + 1).toString(16).padStart(32, '0')

/** Every other request is of log events, the others of spans whose agent comes last. */
function requestOf(i: number): { path: string; body: string } {
  if (i % 2 === 0) {
    const attributes = {
      'conversation.id': 'killed',
      'event.kind': 'response.completed',
      input_token_count: i,
      output_token_count: 1,
    }
    return { path: '/v1/logs', body: logsRequest([{ name: 'codex.sse_event', ts: T + i, attributes }]) }
  }
  const tool: SpanGiven = {
    id: i.toString(16).padStart(16, '0'),
    parent: TOP,
    trace: trace(i % 7),
    name: 'execute_tool grep',
    from: T + i,
    to: T + i + 1,
    attributes: {
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'grep',
      'gen_ai.tool.call.id': `call-${i}`,
    },
  }
  return { path: '/v1/traces', body: spansRequest([tool]) }
}

test('log events and spans, the server killed with SIGKILL: nothing acknowledged is missing, nothing is there twice', async (t) => {
  const store = join(tempFolder(t), 'store')
  const token = new Tokens(join(store, 'tokens.json')).add('test', ['ingest'])
  let child: ChildProcess | undefined
  defer(t, () => child?.kill('SIGKILL'))
  const start = async (): Promise<{ url: string; token: string }> => {
    child = spawn(process.execPath, [MAIN, 'serve', '--port', '0', '--json', '--store', store], {
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(createInterface({ input: child.stdout as never }), 'line')) as [string]
    return { url: JSON.parse(line).url, token }
  }
  let waiting = Array.from({ length: REQUESTS }, (_, i) => i)
  for (let n = 0; n <= KILLS; n++) {
    const server = await start()
    const left: number[] = []
    const isLast = n === KILLS
    const queue = [...waiting]
    const worker = async (): Promise<void> => {
      for (let i = queue.shift(); i !== undefined; i = queue.shift()) {
        const { path, body } = requestOf(i)
        const status = await send(server, path, body).then(
          (answer) => answer.status,
          () => 0,
        )
        assert.ok(status === 200 || status === 0, `${status}`)
        // Some come again although they were answered for, as where the answer got lost.
        if (status !== 200 || i % 5 === 0) left.push(i)
      }
    }
    const killing = isLast
      ? undefined
      : pause(20 + n * 25).then(() => {
          const ended = once(child as ChildProcess, 'exit')
          child?.kill('SIGKILL')
          return ended
        })
    await Promise.all([...Array.from({ length: AT_ONCE }, worker), killing])
    waiting = left
    if (!isLast) continue
    const tops = Array.from({ length: 7 }, (_, i) => ({
      id: TOP,
      trace: trace(i),
      name: `invoke_agent a${i}`,
      from: T,
      to: T + 10_000,
      attributes: {
        'gen_ai.operation.name': 'invoke_agent',
        'gen_ai.agent.name': `a${i}`,
        'session.id': 'killed',
      },
    }))
    assert.equal((await send(server, '/v1/traces', spansRequest(tops))).status, 200)
    const ended = once(child as ChildProcess, 'exit')
    child?.kill('SIGTERM')
    assert.deepEqual(await ended, [0, null])
  }
  const lines = linesOf({ store }, 'killed')
  const numbers = Array.from({ length: REQUESTS }, (_, i) => i)
  assert.deepEqual(
    lines
      .filter(({ kind }) => kind === 'usage')
      .map(({ inputTokens }) => inputTokens as number)
      .sort((a, b) => a - b),
    numbers.filter((i) => i % 2 === 0),
  )
  assert.deepEqual(
    lines
      .filter(({ kind }) => kind === 'tool')
      .map(({ toolCallId, agentId }) => `${toolCallId} ${agentId}`)
      .sort(),
    numbers
      .filter((i) => i % 2 === 1)
      .map((i) => `call-${i} a${i % 7}`)
      .sort(),
  )
  assert.equal((await verifyLog(logOf({ store }, 'killed'))).ok, true)
})
