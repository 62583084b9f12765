/** Zero code: `node --import hivelog/register app.js`. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { door } from '../kit/doors.js'
import {
  cleanEnvironment,
  eventsOf,
  fixture,
  type Line,
  linesOf,
  oneEvent,
  type Ran,
  runNode,
  tempFolder,
  tempHive,
  tempReceiver,
} from '../kit/hive-support.js'

const REGISTER = door('register')
const APP = ['--import', REGISTER, fixture('register-app')]

function runApp(what: string, file: string, env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  return runNode([...APP, what], {
    HIVELOG_FILE: file,
    AGENT_ID: 'app',
    AGENT_SESSION_ID: 'sess_env',
    ...env,
  })
}

const said = ({ kind, agentId, status, error, session }: Line) => [kind, agentId, status, error, session]

test('the process is an agent: its beginning and its end are lines', async (t) => {
  const file = join(tempFolder(t), 'logs', 'hive.jsonl')
  const run = await runApp('end', file, { AGENT_NAME: 'The App' })
  assert.deepEqual(run, { code: 0, signal: null, stdout: 'running\n', stderr: '' })
  assert.deepEqual(eventsOf(file).map(said), [
    ['spawn', 'app', undefined, undefined, 'sess_env'],
    ['exit', 'app', 'ok', undefined, 'sess_env'],
  ])
  const { name, pid } = oneEvent(file, 'spawn')
  assert.equal(name, 'The App')
  assert.equal(pid, linesOf(file)[0]?.pid)
  assert.equal(linesOf(file).at(-1)?.kind, 'log.seal', 'closed as it should be')
})

for (const [what, code, status, error] of [
  ['exit 0', 0, 'ok', undefined],
  ['exit 3', 3, 'error', 'exit code 3'],
  ['exitCode 4', 4, 'error', 'exit code 4'],
  ['throw', 1, 'error', 'out of range'],
  ['throw later', 1, 'error', 'later'],
  ['reject', 1, 'error', 'refused'],
  ['handled', 0, 'ok', undefined],
] as const) {
  test(`an application that does "${what}" ends with ${status}${error ? `: ${error}` : ''}`, async (t) => {
    const file = join(tempFolder(t), 'hive.jsonl')
    const run = await runApp(what, file)
    assert.equal(run.code, code, run.stderr)
    assert.deepEqual(said(oneEvent(file, 'exit')), ['exit', 'app', status, error, 'sess_env'])
    assert.equal(linesOf(file).at(-1)?.kind, 'log.seal')
  })
}

for (const [what, signal, status, error] of [
  ['wait', 'SIGTERM', 'killed', 'SIGTERM'],
  ['wait', 'SIGINT', 'killed', 'SIGINT'],
  ['wait and handle', 'SIGTERM', 'ok', undefined],
] as const) {
  test(`${signal} for an application that does "${what}" is ${status}`, async (t) => {
    const file = join(tempFolder(t), 'hive.jsonl')
    const env = { ...cleanEnvironment(), HIVELOG_FILE: file, AGENT_ID: 'app' }
    const child = spawn(process.execPath, [...APP, what], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    const exit = once(child, 'exit')
    for await (const line of createInterface({ input: child.stdout }))
      if (line === 'ready') child.kill(signal)
    const [code, by] = await exit
    assert.deepEqual([code, by], status === 'ok' ? [0, null] : [null, signal])
    const line = oneEvent(file, 'exit')
    assert.deepEqual([line.status, line.error], [status, error])
    assert.equal(linesOf(file).at(-1)?.kind, 'log.seal')
  })
}

test('the trace of TRACEPARENT is joined, spans nest under the agent, and all is sent at the end', async (t) => {
  const receiver = await tempReceiver(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const [traceId, parentId] = ['0c'.repeat(16), '0d'.repeat(8)]
  const run = await runApp('spans', file, {
    TRACEPARENT: `00-${traceId}-${parentId}-01`,
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
    OTEL_SERVICE_NAME: 'my-app',
  })
  assert.deepEqual([run.code, run.stderr], [0, ''])

  const agent = receiver.one('invoke_agent app')
  assert.equal(agent.traceId, traceId)
  assert.equal(agent.parentSpanId, parentId)
  assert.equal(agent.resource['service.name'], 'my-app')
  const outer = receiver.one('outer')
  assert.equal(outer.parentSpanId, agent.spanId)
  assert.equal(receiver.one('inner').parentSpanId, outer.spanId)
  assert.equal(receiver.one('execute_tool grep').parentSpanId, agent.spanId, 'where no context is active')
  assert.deepEqual(eventsOf(file).map(said), [
    ['spawn', 'app', undefined, undefined, 'sess_env'],
    ['tool.start', 'app', undefined, undefined, 'sess_env'],
    ['tool', 'app', undefined, 'no match', 'sess_env'],
    ['exit', 'app', 'ok', undefined, 'sess_env'],
  ])
})

test('plain span events of the application are recorded', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const run = await runApp('events', file)
  assert.deepEqual([run.code, run.stderr], [0, ''])
  assert.deepEqual(
    eventsOf(file).map(({ kind, agentId, from, subject, steps, checkpoint }) => [
      kind,
      agentId ?? from,
      subject ?? steps,
      checkpoint,
    ]),
    [
      ['spawn', 'app', undefined, 0],
      ['message', 'app', 'plain', 1],
      ['plan', 'app', 4, 2],
      ['exit', 'app', undefined, 3],
    ],
  )
})

test('worker threads of the application are left alone', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const run = await runApp('worker', file)
  assert.deepEqual(run, { code: 0, signal: null, stdout: 'running\nfrom the worker\n', stderr: '' })
  assert.deepEqual(
    eventsOf(file).map(({ kind }) => kind),
    ['spawn', 'exit'],
  )
})

test('an application whose log is taken runs all the same, is sent to the backend, and one line says so', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t)
  const run = await runApp('events', file, { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint })
  assert.equal(run.code, 0)
  assert.equal(run.stdout, 'running\n')
  assert.match(
    run.stderr,
    /^hivelog: nothing is recorded in a file: .* is being written by process \d+ .*\n$/,
  )
  assert.ok(run.stderr.includes(`process ${process.pid} on`))
  await hive.shutdown()
  assert.deepEqual(eventsOf(file), [])
  assert.deepEqual(
    receiver.one('invoke_agent app').events.map(({ name }) => name),
    ['hive.message', 'hive.plan'],
  )
})

test('without AGENT_ID what the process does is that of an agent called as the script is, and is sent', async (t) => {
  const receiver = await tempReceiver(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const env = { AGENT_ID: undefined, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint }
  const run = await runApp('spans', file, env)
  assert.equal(run.code, 0)
  assert.equal(run.stderr, '')
  assert.deepEqual(
    eventsOf(file).map(({ kind, agentId }) => [kind, agentId]),
    ['spawn', 'tool.start', 'tool', 'exit'].map((kind) => [kind, 'register-app']),
  )
  const names = ['execute_tool grep', 'inner', 'invoke_agent register-app', 'outer']
  assert.deepEqual(receiver.spans.map(({ name }) => name).sort(), names)
})

test('a backend that hangs does not hold the process for ever, nor change how it ends', async (t) => {
  const receiver = await tempReceiver(t, 'hang')
  const file = join(tempFolder(t), 'hive.jsonl')
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, OTEL_EXPORTER_OTLP_TIMEOUT: '300' }
  const run = await runApp('exitCode 4', file, env)
  assert.equal(run.code, 4)
  assert.match(run.stderr, /^hivelog: the last spans were not sent: .*\n$/)
  assert.equal(oneEvent(file, 'exit').error, 'exit code 4')
  assert.equal(receiver.requests, 1)
})

test('a child process goes on as the agent that its parent made: one trace, one session, a log beside', async (t) => {
  const receiver = await tempReceiver(t)
  const { hive, file } = tempHive(t, { otlp: { url: receiver.url } })
  const lead = hive.spawn({ agentId: 'lead' })
  const coder = lead.spawn({ agentId: 'coder/1', name: 'Coder' })
  const env: Record<string, string> = { ...coder.env(), OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint }
  assert.equal(env.HIVELOG_FILE, join(`${file}.agents`, 'coder%2F1.jsonl'))
  const run = await runNode([...APP, 'events'], env)
  assert.deepEqual([run.code, run.stderr], [0, ''])
  coder.end()
  await hive.shutdown()

  const lines = eventsOf(String(env.HIVELOG_FILE))
  assert.deepEqual(
    lines.map(({ kind, session }) => [kind, session]),
    ['spawn', 'message', 'plan', 'exit'].map((kind) => [kind, hive.sessionId]),
  )
  const [spawned] = lines
  assert.deepEqual([spawned?.agentId, spawned?.name], ['coder/1', 'Coder'])
  const [here, there] = receiver.named('invoke_agent Coder')
  assert.equal(there?.traceId, here?.traceId)
  assert.equal(there?.parentSpanId, here?.spanId)
  assert.equal(spawned?.span, there?.spanId)
  assert.notEqual(there?.resource['process.pid'], here?.resource['process.pid'])
})

/** Runs an application that does nothing, in a folder with packages that do nothing. */
async function runIdle(folder: string, packages: readonly string[], env: NodeJS.ProcessEnv = {}) {
  for (const name of packages) {
    const at = join(folder, 'node_modules', name)
    mkdirSync(at, { recursive: true })
    writeFileSync(join(at, 'package.json'), JSON.stringify({ name, main: 'index.js' }))
    writeFileSync(join(at, 'index.js'), '')
  }
  writeFileSync(join(folder, 'app.cjs'), packages.map((name) => `require('${name}')\n`).join(''))
  return runNode(['--import', REGISTER, join(folder, 'app.cjs')], env, folder)
}

for (const [packages, env, expected] of [
  [[], {}, 'found no agent framework that is known; record with startHive, set AGENT_ID'],
  [['openai'], {}, 'found openai, no agent: it made no call that was seen; make one within an agent'],
  [['@langchain/core', 'openai'], {}, 'found LangChain, openai, and saw no run; was it loaded before'],
  [['openai'], { HIVELOG_INSTRUMENT: 'none' }, 'HIVELOG_INSTRUMENT is none, so that no framework is'],
] as const) {
  const what = [...packages, ...Object.values(env)].join(', ') || 'nothing'
  test(`a run with ${what} in which nothing is recorded says so, and what is missing`, async (t) => {
    const folder = tempFolder(t)
    const run = await runIdle(folder, packages, env)
    assert.deepEqual([run.code, run.stdout], [0, ''])
    assert.deepEqual(eventsOf(join(folder, 'hive.jsonl')), [])
    assert.match(run.stderr, /^hivelog: nothing was recorded in '.*hive\.jsonl': [^\n]+\n$/)
    assert.ok(run.stderr.includes(`: ${expected}`), run.stderr)
  })
}
