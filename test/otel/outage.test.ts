/** A trace backend that is away, slow, or has something against the spans: nothing is lost that need not be. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { context } from '@opentelemetry/api'
import { isTracingSuppressed } from '@opentelemetry/core'
import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import { BoundedProcessor } from '../../src/otel/bounded-processor.js'
import { OtlpSender } from '../../src/otel/otlp-sender.js'
import { Redactor } from '../../src/redact/redact.js'
import { door } from '../kit/doors.js'
import { withEnvironment } from '../kit/git-repo.js'
import { captureDiag, runNode, tempFolder, tempHive, until } from '../kit/hive-support.js'

type Answer = (response: ServerResponse, body: string, request: IncomingMessage) => void

/** A backend that answers as `answer.now` says, on a port that it keeps. */
async function backend(t: TestContext, first: Answer) {
  const answer = { now: first }
  const requests: number[] = []
  const names: string[] = []
  const server = createServer((request, response) => {
    requests.push(Date.now())
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const bytes = Buffer.concat(parts)
      const isPacked = request.headers['content-encoding'] === 'gzip'
      answer.now(response, (isPacked ? gunzipSync(bytes) : bytes).toString(), request)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const take: Answer = (response, body) => {
    for (const { scopeSpans } of JSON.parse(body).resourceSpans) {
      for (const { spans } of scopeSpans) names.push(...spans.map(({ name }: { name: string }) => name))
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  }
  const url = `http://127.0.0.1:${port}/v1/traces`
  return { answer, take, names, requests, url, server, port }
}

const status =
  (code: number, headers: Record<string, string> = {}, body = ''): Answer =>
  (response) =>
    response.writeHead(code, headers).end(body)

function processorTo(t: TestContext, url: string, backoffMs = 40) {
  const sender = new OtlpSender(
    {
      url,
      timeoutMs: 10_000,
      isCompressed: false,
      contentType: 'application/json',
      headers: async () => ({}),
      agent: async () => new (await import('node:http')).Agent({ keepAlive: true }),
      serializer: JsonTraceSerializer,
    },
    (span) => span,
    (text) => new Redactor().string(text),
  )
  const processor = new BoundedProcessor(sender, { backoffMs })
  t.after(() => processor.giveUp())
  const tracer = new BasicTracerProvider({ spanProcessors: [processor] }).getTracer('test')
  const record = (from: number, to: number): void => {
    for (let i = from; i < to; i++) tracer.startSpan(`span ${i}`).end()
  }
  return { processor, record }
}

const named = (count: number): string[] => Array.from({ length: count }, (_, i) => `span ${i}`)
const byNumber = (a: string, b: string): number => Number(a.slice(5)) - Number(b.slice(5))

for (const [what, code] of [
  ['too many requests', 429],
  ['a bad gateway', 502],
  ['no service', 503],
  ['a gateway without an answer', 504],
] as const) {
  test(`an outage that shows as ${what} loses nothing, and sends nothing twice`, async (t) => {
    const said = captureDiag(t)
    withEnvironment(t, { OTEL_BSP_SCHEDULE_DELAY: '20', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '50' })
    const { answer, take, names, requests, url } = await backend(t, (...all) => take(...all))
    const { processor, record } = processorTo(t, url)
    record(0, 300)
    await processor.forceFlush()
    answer.now = status(code)
    const before = requests.length
    for (let i = 300; i < 2_300; i += 100) {
      record(i, i + 100)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const asked = requests.length - before
    assert.ok(asked >= 2 && asked < 14, `${asked} requests while it was away: it is tried, one at a time`)
    answer.now = take
    await until(() => names.length >= 2_300, 'what waited')
    await processor.shutdown()
    assert.deepEqual([...names].sort(byNumber), named(2_300))
    assert.deepEqual(said, [
      `hivelog: spans wait for the trace backend: ${code} ${
        { 429: 'Too Many Requests', 502: 'Bad Gateway', 503: 'Service Unavailable', 504: 'Gateway Timeout' }[
          code
        ]
      }; they are sent when it is back`,
      'hivelog: the trace backend takes spans again',
    ])
  })
}

test('a backend that is killed and started again gets every span once', async (t) => {
  captureDiag(t)
  withEnvironment(t, { OTEL_BSP_SCHEDULE_DELAY: '20' })
  const { take, names, url, server, port } = await backend(t, (...all) => take(...all))
  const { processor, record } = processorTo(t, url)
  record(0, 100)
  await processor.forceFlush()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  for (let i = 100; i < 2_100; i += 100) {
    record(i, i + 100)
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
  assert.equal(names.length, 100)
  await assert.rejects(processor.forceFlush(), /ECONNREFUSED/, 'a flush says what it could not do')
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  await until(() => names.length >= 2_100, 'what waited')
  await processor.shutdown()
  assert.deepEqual([...names].sort(byNumber), named(2_100))
  assert.deepEqual(names.slice(0, 612), named(612), 'the one that tries is the oldest')
})

test('Retry-After is obeyed, in seconds and as a date', async (t) => {
  captureDiag(t)
  for (const after of [() => '1', () => new Date(Date.now() + 2_000).toUTCString()]) {
    const { answer, take, names, requests, url } = await backend(t, (response) => {
      response.writeHead(503, { 'retry-after': after() }).end()
      answer.now = take
    })
    const { processor, record } = processorTo(t, url, 1)
    record(0, 512)
    await until(() => requests.length === 1, 'the first request')
    await new Promise((resolve) => setTimeout(resolve, 100))
    await assert.rejects(processor.forceFlush(), /503/, 'who flushes does not ask sooner')
    await until(() => names.length === 512, 'the second')
    const waited = (requests[1] as number) - (requests[0] as number)
    // A date has no parts of a second.
    assert.ok(waited >= 950 && waited < 3_500, `${waited} ms`)
    assert.equal(requests.length, 2)
    await processor.shutdown()
  }
})

test('what the backend will never take is said and counted, and does not hold up the rest', async (t) => {
  const said = captureDiag(t)
  withEnvironment(t, { OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '10' })
  const { answer, take, names, requests, url } = await backend(t, (response, body, request) => {
    if (requests.length <= 2)
      status(400, {}, `no such field: ghp_${'aB3dE6gH9jK2mN5p'.repeat(2)}aB3d`)(response, body, request)
    else take(response, body, request)
  })
  const { processor, record } = processorTo(t, url)
  record(0, 50)
  await until(() => names.length === 30, 'the rest')
  await processor.shutdown()
  assert.equal(requests.length, 5, 'nothing is tried again')
  assert.deepEqual(said, [
    'hivelog: spans are not sent: 400 Bad Request: no such field: [redacted:github-token]; the file has them, and hivelog export sends them',
    'hivelog: 20 spans were not sent, as said above',
  ])
  answer.now = status(500)
})

test('spans that the backend takes in part are counted by what it says; a warning is passed on', async (t) => {
  const said = captureDiag(t)
  const bodies = [
    { partialSuccess: { rejectedSpans: 3, errorMessage: 'too old' } },
    { partialSuccess: { rejectedSpans: '0', errorMessage: 'use another port' } },
    '<p>fine</p>',
    { partialSuccess: {} },
  ]
  const { url } = await backend(t, (response) => {
    const body = bodies.shift()
    if (typeof body === 'string') response.writeHead(200, { 'content-type': 'text/html' }).end(body)
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  const { processor, record } = processorTo(t, url)
  for (let i = 0; i < 4; i++) {
    record(0, 10)
    await processor.forceFlush().catch((error: Error) => said.push(`thrown: ${error.message}`))
  }
  await processor.shutdown()
  assert.deepEqual(said, ['thrown: too old (3 spans)', 'hivelog: the trace backend says: use another port'])
})

test('what is sent is sent in no trace', async (t) => {
  const { url } = await backend(t, status(200))
  const suppressed: boolean[] = []
  const { hive } = tempHive(t, { otlp: { url } })
  const { request } = (await import('node:http')).default
  const http = (await import('node:http')).default
  http.request = ((...all: Parameters<typeof request>) => {
    suppressed.push(isTracingSuppressed(context.active()))
    return request(...all)
  }) as typeof request
  ;(await import('node:module')).syncBuiltinESMExports()
  t.after(async () => {
    http.request = request
    ;(await import('node:module')).syncBuiltinESMExports()
  })
  hive.spawn({ agentId: 'a' }).end()
  await hive.shutdown()
  assert.deepEqual(suppressed, [true])
})

const DEAD: Record<string, (t: TestContext) => Promise<string>> = {
  'takes the request and never answers': async (t) => (await backend(t, () => {})).url,
  'is not there': async (t) => {
    const { url, server } = await backend(t, () => {})
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    return url
  },
  'takes the connection and reads nothing': async (t) => {
    const server = createTcpServer((socket) => {
      socket.pause()
      t.after(() => socket.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`
  },
  'is a black hole': async (t) => {
    // Takes nothing from its backlog, which is full: the kernel drops what else knocks.
    const code = `
      const server = require('node:net').createServer()
      server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
        require('node:fs').writeSync(1, String(server.address().port))
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
      })`
    const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
    t.after(() => child.kill('SIGKILL'))
    const [port] = (await once(child.stdout, 'data')) as [Buffer]
    for (let i = 0; i < 8; i++) {
      const socket = connect(Number(port), '127.0.0.1').on('error', () => {})
      t.after(() => socket.destroy())
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
    return `http://127.0.0.1:${port}/v1/traces`
  },
  'asks to be left alone for a minute': async (t) =>
    (await backend(t, status(503, { 'retry-after': '60' }))).url,
  'is over its limit each time': async (t) => (await backend(t, status(429))).url,
}

for (const [what, start] of Object.entries(DEAD)) {
  test(`a backend that ${what} holds the process for no longer than shutdownTimeoutMs`, async (t) => {
    const url = await start(t)
    const code = `
      import { startHive } from ${JSON.stringify(door('index'))}
      const hive = startHive({ file: 'hive.jsonl', shutdownTimeoutMs: 700, otlp: { url: ${JSON.stringify(url)} } })
      const agent = hive.spawn({ agentId: 'a' })
      for (let i = 0; i < 6_000; i++) agent.tool({ name: 'grep', ok: true })
      await new Promise((resolve) => setTimeout(resolve, 200))
      const start = performance.now()
      process.on('exit', () => console.log(performance.now() - start))
      await hive.shutdown()
      console.log(performance.now() - start)
    `
    const {
      stdout,
      stderr,
      code: exit,
    } = await runNode(['--input-type=module', '-e', code], {}, tempFolder(t))
    const [shutdown, end] = stdout.trim().split('\n').map(Number) as [number, number]
    assert.equal(exit, 0, stderr)
    assert.ok(shutdown < 1_200, `the shutdown took ${shutdown} ms`)
    assert.ok(end - shutdown < 300, `the process ended ${end - shutdown} ms after it`)
    const lines = stderr.trim().split('\n')
    assert.equal(lines.length, 1, stderr)
    assert.match(stderr, /^hivelog: .*the last spans (are|were) not sent/)
  })
}
