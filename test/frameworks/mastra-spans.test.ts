/** Agents of Mastra's that run at once on one model: each has its own calls, failed attempts and requests of its tools. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { type TestContext, test } from 'node:test'
import { adapter as httpAdapter } from '../../src/frameworks/http/adapter.js'
import { Spans } from '../../src/frameworks/mastra/spans.js'
import { adapter as modelSdks } from '../../src/frameworks/model-sdks/adapter.js'
import { Stage } from '../../src/frameworks/stage.js'
import { eventsOf, listening, tempHive } from '../kit/hive-support.js'

/** A model server whose answers the test gives, by the order of the requests. */
async function setUp(t: TestContext) {
  const { hive, file } = tempHive(t, { serviceName: 'app', otlp: false })
  const stage = new Stage(hive)
  httpAdapter.install(stage)
  modelSdks.install(stage)
  const spans = new Spans(stage)
  const waiting: http.ServerResponse[] = []
  const server = http.createServer((request, response) => {
    request.resume().on('end', () => {
      if (request.url === '/weather') response.end('sun')
      else {
        waiting.push(response)
        server.emit('asked')
      }
    })
  })
  const url = await listening(t, server)
  /** Asks the model, and gives what answers it. */
  const ask = async () => {
    const asked = once(server, 'asked')
    const body = JSON.stringify({ model: 'm', messages: [] })
    const answer = fetch(`${url}/v1/chat/completions`, { method: 'POST', body }).then((each) => each.text())
    await asked
    const response = waiting.pop() as http.ServerResponse
    return async (tokens: [number, number] | undefined): Promise<void> => {
      if (tokens === undefined) response.writeHead(429).end('{"error":{"message":"too many"}}')
      else {
        const usage = { prompt_tokens: tokens[0], completion_tokens: tokens[1] }
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify({ id: `r-${tokens[0]}`, model: 'm', choices: [], usage }))
      }
      await answer
      hive.recorder.settle()
    }
  }
  const lines = async () => {
    await hive.shutdown()
    return eventsOf(file)
  }
  return { stage, spans, url, ask, lines }
}

/** What Mastra's observability tells of a span. */
const started = (id: string, type: string, parentSpanId?: string, more = {}) => ({
  type: 'span_started',
  exportedSpan: { id, type, parentSpanId, startTime: new Date(), ...more },
})
const ended = (id: string, more = {}) => ({
  type: 'span_ended',
  exportedSpan: { id, endTime: new Date(), ...more },
})

test('a refused attempt is its own agent’s, and nobody’s tokens count twice', async (t) => {
  const { stage, spans, url, ask, lines } = await setUp(t)
  for (const name of ['steady', 'limited']) {
    spans.told(started(name, 'agent_run', undefined, { entityName: name }))
    spans.told(started(`${name}-call`, 'model_inference', name, { attributes: { model: 'm' } }))
  }
  const startTime = new Date()
  // As Mastra's spans run what they stand for; those of its own work it keeps to itself.
  const inSpan = <T>(span: object, work: () => T): T => {
    const agent = spans.ownerOf(span)
    assert.ok(agent)
    return stage.running.run(agent, work)
  }
  const slow = await inSpan({ id: 'steady-call' }, ask)
  await (await inSpan({ id: 'internal', parent: { id: 'limited-call' } }, ask))(undefined)
  await slow([107, 13])
  await (await inSpan({ id: 'limited-call' }, ask))([121, 19])
  for (const [name, input, output] of [
    ['steady', 107, 13],
    ['limited', 121, 19],
  ] as const) {
    const usage = { inputTokens: input, outputTokens: output }
    spans.told(ended(`${name}-call`, { startTime, attributes: { model: 'm', usage } }))
    spans.told(started(`${name}-tool`, 'tool_call', name, { entityName: 'look' }))
    await inSpan({ id: `${name}-tool` }, async () => await (await fetch(`${url}/weather`)).text())
    spans.told(ended(`${name}-tool`))
    spans.told(ended(name))
  }
  assert.equal(spans.ownerOf({ id: 'steady-call' }), undefined, 'its run is over')
  assert.equal(spans.ownerOf({ id: 'a stranger’s', parent: null }), undefined)
  const events = await lines()
  assert.deepEqual(
    events
      .filter(({ kind }) => kind === 'usage')
      .map(({ agentId, error, inputTokens, outputTokens }) => [agentId, error, inputTokens, outputTokens]),
    [
      ['limited', '429 too many', undefined, undefined],
      ['steady', undefined, 107, 13],
      ['limited', undefined, 121, 19],
    ],
  )
  assert.deepEqual(
    events.filter(({ kind, path }) => kind === 'call' && path === '/weather').map(({ agentId }) => agentId),
    ['steady', 'limited'],
  )
})

test('where it is not known in whose run it was sent, a refused attempt is no guess, and uses up nobody’s call', async (t) => {
  const { stage, ask, lines } = await setUp(t)
  const [one, two] = [stage.begin({ name: 'one' }), stage.begin({ name: 'two' })]
  const oneIsOver = stage.announce(one, 'm')
  const twoIsOver = stage.announce(two, 'm')
  await (await ask())(undefined)
  await (await ask())([7, 3])
  assert.equal(oneIsOver(), false)
  // The other alone is left: it may be tried again.
  await (await ask())(undefined)
  await (await ask())([8, 4])
  assert.equal(twoIsOver(), false)
  const usages = (await lines()).filter(({ kind }) => kind === 'usage')
  assert.deepEqual(
    // That which is nobody's waits a moment for somebody who knows more.
    usages.map(({ agentId, inputTokens }) => [agentId, inputTokens]).sort(),
    [
      ['app', undefined],
      ['one', 7],
      ['two', undefined],
      ['two', 8],
    ],
  )
})

test('a run that was aborted has not succeeded, and who asked for it hears that', async (t) => {
  const { spans, lines } = await setUp(t)
  const span = (id: string, type: string, entityName: string, parentSpanId?: string) => ({
    id,
    type,
    entityName,
    ...(parentSpanId !== undefined && { parentSpanId }),
  })
  const lead = span('1', 'agent_run', 'lead')
  const tool = span('2', 'tool_call', 'agent-worker', '1')
  const worker = span('3', 'agent_run', 'worker', '2')
  for (const exportedSpan of [lead, tool, worker]) spans.told({ type: 'span_started', exportedSpan })
  /** As Mastra 1.71 ends it. */
  const output = { status: 'aborted', reason: 'abort' }
  spans.told({ type: 'span_ended', exportedSpan: { ...worker, output } })
  spans.told({ type: 'span_ended', exportedSpan: { ...tool, output: 'nothing' } })
  spans.told({ type: 'span_ended', exportedSpan: { ...lead, output: { text: 'done' } } })
  const told = await lines()
  assert.deepEqual(
    told.filter(({ kind }) => kind === 'exit').map(({ agentId, status, error }) => [agentId, status, error]),
    [
      ['worker', 'killed', 'aborted'],
      ['lead', 'ok', undefined],
      ['app', 'ok', undefined],
    ],
  )
  assert.deepEqual(
    told.filter(({ kind, act }) => kind === 'message' && act === 'return').map(({ subject }) => subject),
    ['was aborted'],
  )
})
