/** What a program begins when Node has nothing left to do (`beforeExit`) is recorded under `hivelog/register` too. */
import assert from 'node:assert/strict'
import http from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { door } from '../kit/doors.js'
import {
  eventsOf,
  fixture,
  linesOf,
  listening,
  runNode,
  tempFolder,
  tempReceiver,
} from '../kit/hive-support.js'

const APP = ['--import', door('register'), fixture('before-exit-app')]

/** Runs the application, and tells what it asked a server for. */
async function run(t: TestContext, way: string, env: NodeJS.ProcessEnv = {}) {
  const asked: string[] = []
  const server = http.createServer((request, response) => {
    asked.push(request.url as string)
    setTimeout(() => response.end('here'), 10)
  })
  const url = await listening(t, server)
  const file = join(tempFolder(t), 'hive.jsonl')
  const ran = await runNode([...APP, way, url], { HIVELOG_FILE: file, AGENT_ID: 'app', ...env })
  const events = eventsOf(file)
  const calls = events.flatMap(({ kind, path }) => (kind === 'call' ? [path] : []))
  return { ran, asked, calls, events, file }
}

for (const [way, count, code] of [
  ['one after the other', 3, 0],
  ['only then', 1, 0],
  ['after some turns', 1, 0],
  ['again and again', 3, 0],
  ['from one end to the next', 3, 0],
  ['and leaves by exit', 1, 3],
] as const) {
  test(`what is asked then is recorded: ${way}`, async (t) => {
    const { ran, asked, calls, events, file } = await run(t, way)
    assert.deepEqual([ran.code, ran.stderr], [code, ''])
    assert.equal(asked.length, count)
    assert.deepEqual(calls, asked)
    assert.deepEqual(
      events.flatMap(({ kind, status }) => (kind === 'spawn' || kind === 'exit' ? [[kind, status]] : [])),
      [
        ['spawn', undefined],
        ['exit', code === 0 ? 'ok' : 'error'],
      ],
    )
    assert.equal(events.at(-1)?.kind, 'exit')
    assert.equal(linesOf(file).at(-1)?.kind, 'log.seal')
  })
}

test('the last spans are sent after it', async (t) => {
  const receiver = await tempReceiver(t)
  const { ran } = await run(t, 'only then', { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint })
  assert.deepEqual([ran.code, ran.stderr], [0, ''])
  const agent = receiver.one('invoke_agent app')
  assert.equal(receiver.one('GET').parentSpanId, agent.spanId)
})

test('a listener that begins nothing is called once more at most', async (t) => {
  const { ran } = await run(t, 'a word')
  assert.deepEqual([ran.code, ran.stdout, ran.stderr], [0, 'bye\nbye\n', ''])
})

test('what is begun when the log is closed is told to be missing, once', async (t) => {
  const { ran, asked, calls, file } = await run(t, 'too late')
  assert.deepEqual([asked, calls], [['/late', '/later'], []])
  assert.equal(
    ran.stderr,
    `hivelog: the process had nothing left to do, and goes on all the same: from now on nothing is recorded in '${file}'\n`,
  )
})
