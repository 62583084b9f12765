/** Requests over HTTP by anything are `call` lines, once, of the agent that sent them. */
import assert from 'node:assert/strict'
import http from 'node:http'
import { type TestContext, test } from 'node:test'
import { context, SpanKind, trace } from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import { adapter } from '../../src/frameworks/http/adapter.js'
import { Stage } from '../../src/frameworks/stage.js'
import type { HiveOptions } from '../../src/index.js'
import { captureDiag, eventsOf, type Line, listening, tempHive, tempReceiver } from '../kit/hive-support.js'

/** A server that answers by path, and a hive that watches what is sent to it. */
async function setUp(t: TestContext, options: HiveOptions = {}) {
  const said = captureDiag(t)
  const { hive, file } = tempHive(t, options)
  const stage = new Stage(hive)
  adapter.install(stage)
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://localhost')
    if (pathname === '/none') response.destroy()
    else if (pathname === '/moved') response.writeHead(302, { location: '/here' }).end()
    else if (pathname === '/cut') {
      response.writeHead(200)
      response.write('abc')
      setTimeout(() => response.destroy(), 20)
    } else if (pathname === '/slow') setTimeout(() => response.writeHead(503).end('later'), 80)
    else if (pathname === '/stream') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
    } else response.end('here')
  })
  const { host } = new URL(await listening(t, server))
  const calls = async (): Promise<Line[]> => {
    await hive.flush()
    return eventsOf(file).filter(({ kind }) => kind === 'call')
  }
  return { hive, file, stage, host, url: `http://${host}`, calls, said }
}

/** By `node:http`, read to the end. */
function get(url: string, options: http.RequestOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, options, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (piece) => {
        text += piece
      })
      response.on('end', () => resolve(text))
      response.on('error', reject)
    })
    request.on('error', reject)
    request.end(options.method === 'POST' ? 'a body with a secret' : undefined)
  })
}

const plain = ({ agentId, host, method, path, status, error }: Line) => ({
  agentId,
  host,
  method,
  path,
  status,
  ...(error !== undefined && { error }),
})

test('a request by fetch and one by node:http are a call each, without query, headers and bodies', async (t) => {
  const { hive, stage, host, url, calls, file, said } = await setUp(t)
  const coder = hive.spawn({ agentId: 'coder' })
  await stage.running.run(coder, async () => {
    const answer = await fetch(`${url}/a/b?key=hidden1`, {
      method: 'POST',
      body: 'hidden2',
      headers: { authorization: 'hidden3' },
    })
    assert.equal(await answer.text(), 'here')
    assert.equal(
      await get(`${url}/c?key=hidden1`, { method: 'POST', headers: { 'x-key': 'hidden3' } }),
      'here',
    )
  })
  assert.deepEqual((await calls()).map(plain), [
    { agentId: 'coder', host, method: 'POST', path: '/a/b', status: 200 },
    { agentId: 'coder', host, method: 'POST', path: '/c', status: 200 },
  ])
  assert.doesNotMatch(JSON.stringify(eventsOf(file)), /hidden|secret/)
  assert.deepEqual(said, [])
})

test('a call is whose run it is, else whose span is active, else the process’s', async (t) => {
  const { hive, stage, url, calls } = await setUp(t)
  const [one, two] = [hive.spawn({ agentId: 'one' }), hive.spawn({ agentId: 'two' })]
  const ended = hive.spawn({ agentId: 'ended' })
  await Promise.all([
    stage.running.run(one, () => get(`${url}/one`)),
    two.run(() => fetch(`${url}/two`)),
    stage.running.run(one, () => two.run(() => fetch(`${url}/both`))),
    fetch(`${url}/nobody`),
  ])
  const late = ended.run(() => fetch(`${url}/slow`))
  ended.end()
  await late
  const whose = Object.fromEntries((await calls()).map(({ path, agentId }) => [path, agentId]))
  const { agentId: self } = stage.implicit()
  assert.deepEqual(whose, { '/one': 'one', '/two': 'two', '/both': 'two', '/nobody': self, '/slow': self })
})

test('an agent that spans tell of has the calls under its spans', async (t) => {
  const { hive, url, calls } = await setUp(t)
  const tracer = trace.getTracer('somebody')
  const span = tracer.startSpan('invoke_agent planner', {
    attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'planner' },
  })
  await context.with(trace.setSpan(context.active(), span), () => fetch(`${url}/x`))
  span.end()
  assert.deepEqual(
    (await calls()).map(({ agentId, path, trace: id }) => ({ agentId, path, id })),
    [{ agentId: 'planner', path: '/x', id: span.spanContext().traceId }],
  )
  assert.ok(hive.file)
})

test('failures say why; every hop of a redirection is a call', async (t) => {
  const { url, calls, stage, host } = await setUp(t)
  await assert.rejects(fetch(`${url}/none`))
  await assert.rejects(get(`${url}/none`))
  await assert.rejects(get('http://127.0.0.1:9/refused'))
  await fetch(`${url}/moved`)
  await assert.rejects(fetch(`${url}/slow`, { signal: AbortSignal.timeout(20) }))
  const { agentId } = stage.implicit()
  const found = (await calls()).map(plain)
  assert.deepEqual(
    found.map(({ error, ...others }) => ({ ...others, why: error === undefined ? undefined : true })),
    [
      { agentId, host, method: 'GET', path: '/none', status: undefined, why: true },
      { agentId, host, method: 'GET', path: '/none', status: undefined, why: true },
      { agentId, host: '127.0.0.1:9', method: 'GET', path: '/refused', status: undefined, why: true },
      { agentId, host, method: 'GET', path: '/moved', status: 302, why: undefined },
      { agentId, host, method: 'GET', path: '/here', status: 200, why: undefined },
      { agentId, host, method: 'GET', path: '/slow', status: undefined, why: true },
    ],
  )
  const errors = found.flatMap(({ error }) => (error === undefined ? [] : [error]))
  assert.match(String(errors[1]), /ECONNRESET/)
  assert.match(String(errors[2]), /ECONNREFUSED/)
})

test('the line is there with the headers: ms is the time until then, and a stream is not waited for', async (t) => {
  const { url, calls } = await setUp(t)
  await fetch(`${url}/slow`)
  const abort = new AbortController()
  const streamed = await fetch(`${url}/stream`, { signal: abort.signal })
  assert.equal(streamed.status, 200)
  const cut = await fetch(`${url}/cut`)
  await assert.rejects(cut.text())
  const found = await calls()
  abort.abort()
  assert.deepEqual(
    found.map(({ path, status }) => [path, status]),
    [
      ['/slow', 503],
      ['/stream', 200],
      ['/cut', 200],
    ],
  )
  const [slow, stream] = found
  assert.ok((slow?.ms as number) >= 75 && (slow?.ms as number) < 2_000, `${slow?.ms} ms`)
  assert.ok((stream?.ms as number) < 1_000)
})

test('a call that an HTTP client’s span told is not told again, and the other way round', async (t) => {
  const { url, host, calls, hive } = await setUp(t)
  const startTs = Date.now()
  await fetch(`${url}/slow`)
  const { callOnce } = hive.recorder
  const span = {
    source: '@opentelemetry/instrumentation-undici',
    host,
    method: 'GET',
    path: '/slow',
    startTs,
  }
  assert.equal(callOnce.isNew({ ...span, endTs: Date.now() + 5 }), false)
  const before = Date.now()
  const under = fetch(`${url}/slow`)
  assert.equal(callOnce.isNew({ ...span, startTs: before, endTs: before + 80 }), true)
  await under
  assert.equal((await calls()).length, 1)
})

test('a span that tells name and port apart is the same call', async (t) => {
  const { url, host, calls } = await setUp(t)
  const { hostname, port } = new URL(url)
  // As @opentelemetry/instrumentation-undici makes them.
  const attributes = {
    'http.request.method': 'GET',
    'url.full': `${url}/slow`,
    'url.path': '/slow',
    'url.scheme': 'http',
    'server.address': hostname,
    'server.port': Number(port),
  }
  const span = trace.getTracer('an-http-client').startSpan('GET', { kind: SpanKind.CLIENT, attributes })
  await context.with(trace.setSpan(context.active(), span), () => fetch(`${url}/slow`))
  span.end()
  assert.deepEqual(
    (await calls()).map(({ path, host: told }) => [path, told]),
    [['/slow', host]],
  )
})

test('what exporters send is left out, ours and those of others', async (t) => {
  const receiver = await tempReceiver(t)
  const { url, calls, hive } = await setUp(t, { otlp: { url: receiver.url } })
  hive.spawn({ agentId: 'coder' }).end()
  await context.with(suppressTracing(context.active()), () => fetch(`${url}/v1/traces`))
  await get(`${url}/v1/logs`, { headers: { 'user-agent': 'OTel-OTLP-Exporter-JavaScript/0.219.0' } })
  await fetch(`${url}/v1/metrics`, { headers: { 'user-agent': 'OTel-OTLP-Exporter-JavaScript/0.219.0' } })
  await fetch(`${url}/mine`)
  assert.deepEqual(
    (await calls()).map(({ path }) => path),
    ['/mine'],
  )
})

test('after the hive’s end nothing is recorded, and nothing is said', async (t) => {
  const { url, calls, hive, said } = await setUp(t)
  await hive.shutdown()
  assert.equal(await get(`${url}/x`), 'here')
  assert.deepEqual(await calls().catch(() => []), [])
  assert.deepEqual(said, [])
})
