/** Whose the agents, tools and calls of frameworks are, by what their code runs in. */
import assert from 'node:assert/strict'
import http from 'node:http'
import { type TestContext, test } from 'node:test'
import { context, trace } from '@opentelemetry/api'
import { adapter as httpAdapter } from '../../src/frameworks/http/adapter.js'
import { adapter as modelSdks } from '../../src/frameworks/model-sdks/adapter.js'
import { Stage } from '../../src/frameworks/stage.js'
import type { Agent } from '../../src/index.js'
import { captureDiag, eventsOf, listening, tempHive } from '../kit/hive-support.js'

function setUp(t: TestContext) {
  const { hive, file } = tempHive(t, { serviceName: 'app', otlp: false })
  return { hive, file, stage: new Stage(hive), said: captureDiag(t) }
}

/** A model server whose first answer is a refusal, and any other path. */
async function server(t: TestContext): Promise<string> {
  let calls = 0
  const made = http.createServer((request, response) => {
    request.resume().on('end', () => {
      if (request.url !== '/v1/chat/completions') response.end('here')
      else if (++calls === 1) response.writeHead(500).end('{"error":{"message":"busy"}}')
      else {
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end('{"id":"r-1","model":"m","usage":{"prompt_tokens":7,"completion_tokens":3}}')
      }
    })
  })
  return listening(t, made)
}

test('in `agent.run` the frameworks’ agents and model calls are that agent’s, and what is innermost counts', async (t) => {
  const { hive, file, stage, said } = setUp(t)
  const coder = hive.spawn({ agentId: 'coder' })
  await coder.run(async () => {
    await new Promise(setImmediate)
    assert.equal(stage.current(), coder)
    assert.equal(hive.recorder.running(), coder.life)
    stage.usage(stage.current(), { model: 'm', inputTokens: 1, outputTokens: 2 })
    const loop = stage.begin({ name: 'loop' })
    stage.running.run(loop, () => {
      assert.equal(stage.current(), loop)
      const helper = loop.spawn({ agentId: 'helper' })
      helper.run(() => {
        assert.equal(stage.current(), helper)
        stage.running.run(loop, () => assert.equal(stage.current(), loop))
        helper.end()
        assert.equal(stage.current(), stage.implicit(), 'its run is over')
      })
    })
  })
  assert.equal(stage.current(), stage.implicit())
  await hive.flush()
  const lines = eventsOf(file)
  assert.deepEqual(
    lines.filter(({ kind }) => kind === 'usage').map(({ agentId }) => agentId),
    ['coder'],
  )
  assert.equal(lines.find(({ kind, agentId }) => kind === 'spawn' && agentId === 'loop')?.parent, 'coder')
  assert.deepEqual(said, [])
})

test('so it is for agents of another hive on the same log', async (t) => {
  const { file, stage } = setUp(t)
  const { hive: second } = tempHive(t, { file, otlp: false })
  const coder = second.spawn({ agentId: 'coder' })
  coder.run(() => {
    assert.equal(stage.current(), coder)
    stage.begin({ name: 'loop' }).end()
  })
  context.with(coder.context, () => {
    assert.equal(stage.current().life, coder.life)
    stage.begin({ name: 'by its span' }).end()
  })
  await second.flush()
  assert.deepEqual(
    eventsOf(file)
      .filter(({ kind, parent }) => kind === 'spawn' && parent !== undefined)
      .map(({ agentId, parent }) => [agentId, parent]),
    [
      ['loop', 'coder'],
      ['by its span', 'coder'],
    ],
  )
})

test('an agent that the application’s own span tells of has what frameworks do under it, while it lives', async (t) => {
  const { hive, file, stage, said } = setUp(t)
  const attributes = {
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.agent.id': 'own',
    'gen_ai.agent.name': 'own',
  }
  const span = trace.getTracer('mine').startSpan('invoke_agent own', { attributes })
  const active = trace.setSpan(context.active(), span)
  await context.with(active, async () => {
    const own = stage.current()
    assert.equal(own.agentId, 'own')
    assert.equal(stage.current(), own)
    stage.usage(own, { model: 'm', inputTokens: 1, outputTokens: 2 })
    stage.tool(own, { name: 'grep' })({ ok: true })
    stage.begin({ name: 'loop' }).end()
    span.end()
    await hive.flush()
    assert.equal(own.ended, true)
    assert.equal(stage.current(), stage.implicit())
  })
  await hive.flush()
  const mine = eventsOf(file).filter(({ agentId, parent }) => agentId === 'own' || parent === 'own')
  assert.deepEqual(
    mine.map(({ kind, agentId, parent }) => [kind, agentId, parent]),
    [
      ['spawn', 'own', undefined],
      ['usage', 'own', undefined],
      ['tool.start', 'own', undefined],
      ['tool', 'own', undefined],
      ['spawn', 'loop', 'own'],
      ['exit', 'own', undefined],
    ],
  )
  const { traceId } = span.spanContext()
  assert.deepEqual(new Set(mine.map((line) => line.trace)), new Set([traceId]))
  assert.deepEqual(said, [])
})

test('where a framework keeps whose run it is in a context of its own, requests and failed attempts are that agent’s', async (t) => {
  const { hive, file, stage } = setUp(t)
  httpAdapter.install(stage)
  modelSdks.install(stage)
  const url = await server(t)
  const agent = stage.begin({ name: 'retrying' })
  let at: Agent | undefined = agent
  stage.locate((running) => at ?? running)
  const ask = async (): Promise<void> => {
    const body = JSON.stringify({ model: 'm', messages: [] })
    await (await fetch(`${url}/v1/chat/completions`, { method: 'POST', body })).text()
  }
  await ask()
  await ask()
  await (await fetch(`${url}/weather`)).text()
  at = undefined
  await (await fetch(`${url}/nobodys`)).text()
  await hive.shutdown()
  const lines = eventsOf(file)
  assert.deepEqual(
    lines.filter(({ kind }) => kind === 'call').map(({ agentId, path }) => [agentId, path]),
    [
      ['retrying', '/v1/chat/completions'],
      ['retrying', '/v1/chat/completions'],
      ['retrying', '/weather'],
      ['app', '/nobodys'],
    ],
  )
  assert.deepEqual(
    lines.filter(({ kind }) => kind === 'usage').map((line) => [line.agentId, line.error, line.inputTokens]),
    [
      ['retrying', '500 busy', undefined],
      ['retrying', undefined, 7],
    ],
  )
})
