/** What worker threads do is recorded under `hivelog/register`: in a log of each thread's own, in its process's hive. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import * as nodeModule from 'node:module'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { replay } from '../../src/analyse.js'
import { verifyLog } from '../../src/read.js'
import { door } from '../kit/doors.js'
import { eventsOf, fixture, type Line, linesOf, listening, runNode, tempFolder } from '../kit/hive-support.js'

const REGISTER = ['--import', door('register')]

async function serve(t: TestContext): Promise<string> {
  const server = http.createServer((_, response) => response.end('here'))
  return listening(t, server)
}

async function run(t: TestContext, way: string, env: NodeJS.ProcessEnv = { AGENT_ID: 'app' }) {
  const file = join(tempFolder(t), 'hive.jsonl')
  const ran = await runNode([...REGISTER, fixture('worker-app'), way, await serve(t)], {
    HIVELOG_FILE: file,
    ...env,
  })
  const folder = `${file}.agents`
  const logs = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.jsonl')) : []
  return { ran, file, logs: logs.sort().map((name) => join(folder, name)) }
}

const told = ({ kind, agentId, status, error, path, parent }: Line) =>
  [kind, agentId, status, error, path, parent].filter((each) => each !== undefined)

/** Who is in the whole hive, how they stand, and under whom. */
async function livesOf(file: string) {
  const { agents } = await replay(file)
  const lives = agents.map(({ agentId, status, parent }) => [agentId, status, parent ?? null])
  return lives.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))
}

for (const way of ['once', 'shared environment', 'two']) {
  test(`a thread is an agent under its process, in a log of its own: ${way}`, async (t) => {
    const { ran, file, logs } = await run(t, way)
    assert.deepEqual([ran.code, ran.stderr], [0, ''])
    const ids = way === 'two' ? ['app.worker-1', 'app.worker-2'] : ['app.worker-1']
    assert.deepEqual(
      logs,
      ids.map((id) => join(`${file}.agents`, `${id}.jsonl`)),
    )
    const [spawn] = eventsOf(file)
    for (const [i, log] of logs.entries()) {
      const events = eventsOf(log)
      assert.deepEqual(events.map(told), [
        ['spawn', ids[i], 'app'],
        ['call', ids[i], 200, '/in-thread'],
        ['exit', ids[i], 'ok'],
      ])
      for (const { session, trace } of events) {
        assert.deepEqual([session, trace], [spawn?.session, spawn?.trace], 'one hive, one trace')
      }
      assert.equal(linesOf(log).at(-1)?.kind, 'log.seal')
    }
    assert.deepEqual(eventsOf(file).map(told), [
      ['spawn', 'app'],
      ['exit', 'app', 'ok'],
    ])
    assert.deepEqual(await livesOf(file), [['app', 'ok', null], ...ids.map((id) => [id, 'ok', 'app'])])
    for (const log of [file, ...logs]) assert.equal((await verifyLog(log)).ok, true)
  })
}

for (const [way, own, ofProcess, status] of [
  ['throws', ['exit', 'app.worker-1', 'error', 'it broke'], undefined, 'error'],
  ['exits', ['exit', 'app.worker-1', 'error', 'exit code 3'], undefined, 'error'],
  ['stopped', undefined, ['exit', 'app.worker-1', 'killed', 'exit code 1'], 'killed'],
  ['process ends', undefined, ['exit', 'app.worker-1', 'killed'], 'killed'],
] as const) {
  test(`the end of a thread is told by itself, or by its process: ${way}`, async (t) => {
    const { ran, file, logs } = await run(t, way)
    assert.deepEqual([ran.code, ran.stderr, logs.length], [0, '', 1])
    const exits = (log: string) => eventsOf(log).flatMap((line) => (line.kind === 'exit' ? [told(line)] : []))
    assert.deepEqual(exits(logs[0] as string), own === undefined ? [] : [own])
    assert.deepEqual(exits(file), [...(ofProcess === undefined ? [] : [ofProcess]), ['exit', 'app', 'ok']])
    assert.deepEqual(await livesOf(file), [
      ['app', 'ok', null],
      ['app.worker-1', status, 'app'],
    ])
    for (const log of [file, ...logs]) assert.equal((await verifyLog(log)).ok, true)
  })
}

test('a process that is no agent may have threads that are', async (t) => {
  const { ran, file, logs } = await run(t, 'once', {})
  assert.deepEqual([ran.code, ran.stderr], [0, ''], 'something was recorded')
  assert.deepEqual(eventsOf(file), [])
  assert.deepEqual(eventsOf(logs[0] as string).map(told), [
    ['spawn', 'worker-app.worker-1'],
    ['call', 'worker-app.worker-1', 200, '/in-thread'],
    ['exit', 'worker-app.worker-1', 'ok'],
  ])
})

test('a thread that was handed an agent is that agent', async (t) => {
  const { ran, file, logs } = await run(t, 'handed over')
  assert.deepEqual([ran.code, ran.stderr], [0, ''])
  assert.deepEqual(logs, [join(`${file}.agents`, 'coder.jsonl')])
  assert.deepEqual(eventsOf(logs[0] as string).map(told), [
    ['spawn', 'coder'],
    ['call', 'coder', 200, '/in-thread'],
    ['exit', 'coder', 'ok'],
  ])
})

test('a thread that does nothing of the kind has no log', async (t) => {
  const { ran, logs } = await run(t, 'nothing')
  assert.deepEqual([ran.code, ran.stderr, logs], [0, '', []])
})

test('a thread begins to be recorded before it loads a framework', {
  skip: !('registerHooks' in nodeModule) && 'this Node has no module hooks',
}, async (t) => {
  const folder = tempFolder(t)
  mkdirSync(join(folder, 'node_modules', 'ai'), { recursive: true })
  writeFileSync(join(folder, 'node_modules', 'ai', 'package.json'), '{"name":"ai","main":"index.js"}')
  // What the AI SDK looks for when it runs.
  const code = 'console.log(globalThis.AI_SDK_TELEMETRY_INTEGRATIONS?.length)'
  writeFileSync(join(folder, 'node_modules', 'ai', 'index.js'), code)
  writeFileSync(join(folder, 'thread.mjs'), `import 'ai'`)
  writeFileSync(
    join(folder, 'app.mjs'),
    `import { Worker } from 'node:worker_threads'\nnew Worker(new URL('./thread.mjs', import.meta.url))`,
  )
  const file = join(folder, 'hive.jsonl')
  const ran = await runNode([...REGISTER, join(folder, 'app.mjs')], { HIVELOG_FILE: file, AGENT_ID: 'app' })
  assert.deepEqual([ran.code, ran.stdout, ran.stderr], [0, '1\n', ''])
  assert.equal(eventsOf(join(`${file}.agents`, 'app.worker-1.jsonl'))[0]?.kind, 'spawn')
})
