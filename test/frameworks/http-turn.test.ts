/**
 * Of requests the client's turn only keeps what it is told of; the rest follows when that is over. Nothing is lost by
 * that, takes another's place or name, or is read from memory that has become somebody else's.
 */
import assert from 'node:assert/strict'
import { channel } from 'node:diagnostics_channel'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import zlib from 'node:zlib'
import { adapter as http } from '../../src/frameworks/http/adapter.js'
import { adapter as models } from '../../src/frameworks/model-sdks/adapter.js'
import { Stage } from '../../src/frameworks/stage.js'
import { eventsOf, packageRoot, runNode, tempFolder, tempHive, until } from '../kit/hive-support.js'

const [create, headers, received, trailers] = ['create', 'headers', 'bodyChunkReceived', 'trailers'].map(
  (name) => channel(`undici:request:${name}`),
) as [Channel, Channel, Channel, Channel]
type Channel = ReturnType<typeof channel>

const HOST = 'api.example.com'
const PATH = '/v1/chat/completions'
let ids = 0

/** A request as undici tells of it, step by step. */
function request() {
  const own = { origin: `https://${HOST}`, method: 'POST', path: PATH, headers: ['accept', '*/*'] }
  create.publish({ request: own })
  return {
    answer: (type: string, more: string[] = []) =>
      headers.publish({
        request: own,
        response: { statusCode: 200, headers: ['content-type', type, ...more] },
      }),
    piece: (chunk: Buffer) => received.publish({ request: own, chunk }),
    end: () => trailers.publish({ request: own, trailers: [] }),
  }
}

const usage = { prompt_tokens: 40, completion_tokens: 9 }

function documentOf(content = 'Bees make honey.'): Buffer {
  const choices = [{ message: { role: 'assistant', content } }]
  return Buffer.from(JSON.stringify({ id: `d-${++ids}`, model: 'gpt-x', choices, usage }))
}

function streamOf(): Buffer[] {
  const id = `s-${++ids}`
  const events = [
    { id, model: 'gpt-x', choices: [{ delta: { role: 'assistant', content: '' } }] },
    ...['Bees ', 'make ', 'honey.'].map((content) => ({
      id,
      model: 'gpt-x',
      choices: [{ delta: { content } }],
    })),
    { id, model: 'gpt-x', choices: [], usage },
  ].map((event) => JSON.stringify(event))
  return [...events, '[DONE]'].map((data) => Buffer.from(`data: ${data}\n\n`))
}

function setUp(t: TestContext) {
  const { hive, file } = tempHive(t)
  const stage = new Stage(hive)
  http.install(stage)
  models.install(stage)
  const usages = () => eventsOf(file).filter(({ kind }) => kind === 'usage')
  return { hive, file, stage, usages }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Both clocks of the process, which the test moves: a turn that lasts over 25 ms is told of while it does. */
function clockOf(t: TestContext): { pass(ms: number): void } {
  let now = Math.ceil(performance.now())
  const epoch = Date.now() - now
  t.mock.method(performance, 'now', () => now)
  t.mock.method(Date, 'now', () => epoch + now)
  return {
    pass(ms) {
      now += ms
    },
  }
}

test('an answer is read when the turn is over, in which its client got it', async (t) => {
  const { hive, usages } = setUp(t)
  hive.implicit()
  clockOf(t)
  const parse = t.mock.method(JSON, 'parse')
  const { answer, piece, end } = request()
  answer('application/json')
  piece(documentOf())
  end()
  const stream = request()
  stream.answer('text/event-stream')
  for (const each of streamOf()) stream.piece(each)
  stream.end()
  assert.equal(parse.mock.callCount(), 0)
  await turn()
  assert.ok(parse.mock.callCount() >= 2)
  t.mock.restoreAll()
  await until(() => usages().length === 2, 'both model calls')
  for (const { model, inputTokens, outputTokens } of usages()) {
    assert.deepEqual([model, inputTokens, outputTokens], ['gpt-x', 40, 9])
  }
})

test('lines stand among all others in the order in which it happened, with the time at which it did', async (t) => {
  const { hive, file, stage } = setUp(t)
  const agent = hive.spawn({ agentId: 'writer' })
  const clock = clockOf(t)
  const from = Date.now()
  for (const isStream of [false, true]) {
    await turn()
    // What an agent announced is written at once.
    stage.announce(agent, 'gpt-x')
    const sent = request()
    agent.log('one')
    clock.pass(2)
    sent.answer(isStream ? 'text/event-stream' : 'application/json')
    clock.pass(2)
    agent.log('two')
    clock.pass(2)
    for (const piece of isStream ? streamOf() : [documentOf()]) sent.piece(piece)
    if (!isStream) sent.end()
    clock.pass(2)
    agent.log('three')
    clock.pass(2)
  }
  await hive.flush()
  const lines = eventsOf(file).filter(({ kind }) => kind !== 'spawn')
  const expected = ['one', 'call', 'two', 'usage', 'three'].map((kind, i) => [kind, i * 2])
  assert.deepEqual(
    lines.map(({ kind, ts }) => [kind, ts - from]),
    [...expected, ...expected.map(([kind, at]) => [kind, (at as number) + 10])],
  )
})

test('the agent that the process is begins no later than the first that it does', async (t) => {
  const { hive, file } = setUp(t)
  const clock = clockOf(t)
  const from = Date.now()
  request().answer('application/json')
  clock.pass(5)
  await hive.flush()
  assert.deepEqual(
    eventsOf(file).map(({ kind, ts }) => [kind, ts - from]),
    [
      ['spawn', 0],
      ['call', 0],
    ],
  )
})

test('a stream’s first words and its end come when their pieces do, not when they are read', async (t) => {
  const { hive, usages } = setUp(t)
  hive.implicit()
  const clock = clockOf(t)
  const [role, first, ...rest] = streamOf() as [Buffer, Buffer, ...Buffer[]]
  const { answer, piece, end } = request()
  answer('text/event-stream')
  piece(role)
  clock.pass(5)
  piece(first)
  clock.pass(7)
  for (const each of rest) piece(each)
  clock.pass(3)
  end()
  clock.pass(2)
  await hive.flush()
  hive.recorder.usageOnce.flush()
  await hive.flush()
  // The line tells when all was said, and not when the connection was free.
  const [told] = usages()
  assert.deepEqual([told?.ttftMs, told?.ms], [5, 12])
})

test('what an agent asked in the turn of its end is its own, and before its exit', async (t) => {
  const { hive, file, stage } = setUp(t)
  const agent = hive.spawn({ agentId: 'writer' })
  stage.running.run(agent, () => {
    const { answer, piece, end } = request()
    answer('application/json')
    piece(documentOf())
    end()
  })
  agent.end()
  await hive.flush()
  assert.deepEqual(
    eventsOf(file).map(({ kind, agentId }) => [kind, agentId]),
    ['spawn', 'call', 'usage', 'exit'].map((kind) => [kind, 'writer']),
  )
})

test('who tells the same in the same turn comes second, as ever', async (t) => {
  const { hive, file } = setUp(t)
  hive.implicit()
  const { usageOnce, callOnce } = hive.recorder
  const startTs = Date.now()
  const { answer, piece, end } = request()
  answer('application/json')
  const call = { source: 'spans', host: HOST, method: 'POST', path: PATH, startTs, endTs: Date.now() }
  assert.equal(callOnce.isNew(call), false)
  piece(documentOf())
  end()
  const model = { source: 'spans', agentId: '', session: hive.sessionId, isImplicit: true, model: 'gpt-x' }
  const told = { ...model, inputTokens: 40, outputTokens: 9, startTs, endTs: Date.now() }
  assert.equal(usageOnce.isNew(told), false)
  usageOnce.flush()
  await hive.flush()
  assert.deepEqual(
    eventsOf(file).map(({ kind }) => kind),
    ['spawn', 'call', 'usage'],
  )
})

test('a call that was over before an agent announced one is not taken for it', async (t) => {
  const { hive, stage, usages } = setUp(t)
  const { agentId } = hive.implicit()
  const { answer, piece, end } = request()
  answer('application/json')
  piece(documentOf())
  end()
  const agent = hive.spawn({ agentId: 'writer' })
  assert.equal(stage.announce(agent, 'gpt-x')(), true, 'nobody asked for it')
  const over = stage.announce(agent, 'gpt-x')
  const asked = request()
  asked.answer('application/json')
  asked.piece(documentOf())
  asked.end()
  assert.equal(over(), false, 'somebody did')
  await until(() => usages().length === 2, 'both model calls')
  assert.deepEqual(
    usages()
      .map((usage) => usage.agentId)
      .sort(),
    [agentId, 'writer'].sort(),
  )
})

test('a client that overwrites what it has read loses nothing', async (t) => {
  const { hive, usages } = setUp(t)
  hive.implicit()
  const zipped = zlib.gzipSync(documentOf())
  const whole = documentOf()
  const answers: [type: string, more: string[], pieces: Buffer[]][] = [
    ['application/json', [], [documentOf()]],
    ['application/json', [], [whole.subarray(0, 9), whole.subarray(9)]],
    ['application/json', ['content-encoding', 'gzip'], [zipped.subarray(0, 9), zipped.subarray(9)]],
    ['text/event-stream', [], streamOf()],
  ]
  for (const [type, more, pieces] of answers) {
    const { answer, piece, end } = request()
    answer(type, more)
    for (const each of pieces) {
      const own = Buffer.from(each)
      piece(own)
      own.fill(0)
    }
    end()
  }
  await until(() => usages().length === answers.length, 'all model calls')
  for (const { inputTokens, outputTokens } of usages()) assert.deepEqual([inputTokens, outputTokens], [40, 9])
})

test('of a burst of answers in one turn no more than some megabytes wait to be read', async (t) => {
  const { hive, usages } = setUp(t)
  hive.implicit()
  clockOf(t)
  const parse = t.mock.method(JSON, 'parse')
  const long = 'honey '.repeat(20_000)
  let most = 0
  for (let ended = 1; ended <= 200; ended++) {
    const { answer, piece, end } = request()
    answer('application/json')
    piece(documentOf(long))
    end()
    most = Math.max(most, (ended - parse.mock.callCount()) * long.length)
  }
  t.mock.restoreAll()
  assert.ok(most > 1e6 && most < 5e6, `${most} bytes`)
  await until(() => usages().length === 200, 'all model calls')
})

/** A process that ends in the turn in which it got an answer. */
const PROGRAM = `
const { channel } = await import('node:diagnostics_channel')
const { startHive } = await import(\`\${src}/index.js\`)
const { Stage } = await import(\`\${src}/frameworks/stage.js\`)
const { adapter: http } = await import(\`\${src}/frameworks/http/adapter.js\`)
const { adapter: models } = await import(\`\${src}/frameworks/model-sdks/adapter.js\`)
const hive = startHive({ otlp: false })
const stage = new Stage(hive)
http.install(stage)
models.install(stage)
const agent = hive.spawn({ agentId: 'writer' })
await new Promise(setImmediate)
const request = { origin: 'https://${HOST}', method: 'POST', path: '${PATH}', headers: [] }
stage.running.run(agent, () => channel('undici:request:create').publish({ request }))
const response = { statusCode: 200, headers: ['content-type', 'application/json'] }
channel('undici:request:headers').publish({ request, response })
channel('undici:request:bodyChunkReceived').publish({ request, chunk: Buffer.from(body) })
channel('undici:request:trailers').publish({ request, trailers: [] })
`

const ENDS: [how: string, code: string, expected: object][] = [
  ['by process.exit()', 'process.exit(3)', { code: 3, signal: null }],
  ['by an exception', 'throw new Error("gone")', { code: 1, signal: null }],
  ['by a signal', 'process.kill(process.pid, "SIGTERM")', { code: null, signal: 'SIGTERM' }],
  ['by having nothing to do', '', { code: 0, signal: null }],
]

for (const [how, ending, expected] of ENDS) {
  test(`a process that ends ${how} when it has its answer has the call in its log`, async (t) => {
    const file = join(tempFolder(t), 'hive.jsonl')
    const src = JSON.stringify(new URL('../../src', import.meta.url).href)
    const given = `const src = ${src}\nconst body = ${JSON.stringify(documentOf().toString())}\n`
    const ran = await runNode(
      ['--input-type=module', '-e', given + PROGRAM + ending],
      { HIVELOG_FILE: file },
      packageRoot(),
    )
    assert.deepEqual({ code: ran.code, signal: ran.signal }, expected, ran.stderr)
    const told = eventsOf(file).filter(({ kind }) => kind === 'call' || kind === 'usage')
    assert.deepEqual(
      told.map(({ kind, agentId, inputTokens }) => [kind, agentId, inputTokens]),
      [
        ['call', 'writer', undefined],
        ['usage', 'writer', 40],
      ],
    )
  })
}
