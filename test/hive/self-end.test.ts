/** The agent that a child process is ends with it, as it ends, though nobody calls `end()`. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { door } from '../kit/doors.js'
import {
  cleanEnvironment,
  eventsOf,
  fixture,
  linesOf,
  oneEvent,
  runNode,
  tempHive,
  tempReceiver,
} from '../kit/hive-support.js'

const CHILD = fixture('self-child')
/** With the flag too, which a forked child inherits, there are two hives in the process, and one agent. */
const STARTS: [how: string, flags: string[]][] = [
  ['without a flag', []],
  ['under hivelog/register', ['--import', door('register')]],
]

/** The environment of an agent of a hive of this process, and where the child's log is. */
function agentEnv(t: TestContext): { env: Record<string, string>; file: string; session: string } {
  const { hive } = tempHive(t)
  const env = hive.spawn({ agentId: 'coder' }).env()
  return { env, file: String(env.HIVELOG_FILE), session: hive.sessionId }
}

for (const [way, code, status, error] of [
  ['return', 0, 'ok', undefined],
  ['exit 0', 0, 'ok', undefined],
  ['shutdown', 0, 'ok', undefined],
  ['shutdown, then exit 0', 0, 'ok', undefined],
  ['throw, handle, go on', 0, 'ok', undefined],
  ['end, then exit 6', 6, 'ok', undefined],
  ['exit 3', 3, 'error', 'exit code 3'],
  ['exitCode 4', 4, 'error', 'exit code 4'],
  ['exitCode 5, then shutdown', 5, 'error', 'exit code 5'],
  ['throw', 1, 'error', 'out of range'],
  ['reject', 1, 'error', 'refused'],
  ['throw, shut down in the handler', 1, 'error', 'fatal'],
] as const) {
  for (const [how, flags] of STARTS)
    test(`a child ${how} that does "${way}" is ${status}${error === undefined ? '' : `: ${error}`}`, async (t) => {
      const { env, file, session } = agentEnv(t)
      const run = await runNode([...flags, CHILD, way], env)
      assert.equal(run.code, code, run.stderr)
      assert.deepEqual(
        eventsOf(file).map(({ kind, agentId, session, checkpoint }) => [kind, agentId, session, checkpoint]),
        ['spawn', 'step', 'exit'].map((kind, i) => [kind, 'coder', session, i]),
      )
      const exit = oneEvent(file, 'exit')
      assert.deepEqual([exit.status, exit.error], [status, error])
      assert.equal(linesOf(file).at(-1)?.kind, 'log.seal')
      if (!/throw|reject/.test(way)) assert.equal(run.stderr, '')
    })
}

for (const [way, signal, status, error] of [
  ['wait', 'SIGTERM', 'killed', 'SIGTERM'],
  ['wait', 'SIGINT', 'killed', 'SIGINT'],
  ['wait', 'SIGHUP', 'killed', 'SIGHUP'],
  ['wait and shut down', 'SIGTERM', 'ok', undefined],
] as const) {
  test(`${signal} for a child that does "${way}" is ${status}`, async (t) => {
    const { env, file } = agentEnv(t)
    const child = spawn(process.execPath, [CHILD, way], {
      env: { ...cleanEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    for await (const line of createInterface({ input: child.stdout }))
      if (line === 'ready') child.kill(signal)
    assert.deepEqual(await ended, status === 'ok' ? [0, null] : [null, signal], 'it ends as without a hive')
    const exit = oneEvent(file, 'exit')
    assert.deepEqual([exit.status, exit.error], [status, error])
  })
}

test('the span of a child that shuts down says how it ended', async (t) => {
  const receiver = await tempReceiver(t)
  for (const [way, code] of [
    ['shutdown', 0],
    ['exitCode 5, then shutdown', 2],
  ] as const) {
    const { env } = agentEnv(t)
    await runNode([CHILD, way], { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint })
    const span = receiver.named('invoke_agent coder').at(-1)
    assert.equal(span?.status?.code ?? 0, code, way)
  }
})

test('other agents that a hive’s shutdown finds alive are killed, and no listener stays behind', async (t) => {
  const counted = ['exit', 'uncaughtExceptionMonitor', 'SIGTERM'].map((name) => process.listenerCount(name))
  const before = process.env.AGENT_ID
  process.env.AGENT_ID = 'me'
  t.after(() => {
    if (before === undefined) delete process.env.AGENT_ID
    else process.env.AGENT_ID = before
  })
  const { hive, file } = tempHive(t)
  hive.self?.spawn({ agentId: 'helper' })
  await hive.shutdown()
  assert.deepEqual(
    eventsOf(file)
      .filter(({ kind }) => kind === 'exit')
      .map(({ agentId, status }) => [agentId, status]),
    [
      ['helper', 'killed'],
      ['me', 'ok'],
    ],
  )
  assert.deepEqual(
    ['exit', 'uncaughtExceptionMonitor', 'SIGTERM'].map((name) => process.listenerCount(name)),
    counted,
  )
})
