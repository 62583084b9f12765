/** Whoever is refused hears why, in the encoding of the request, also while it still sends, and before any route. */
import assert from 'node:assert/strict'
import { request as ask, createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { BinaryReader } from '@bufbuild/protobuf/wire'
import { type HttpError, readBody, sendRefusal } from '../../src/serve/http.js'
import { type ServeOptions, serve } from '../../src/serve/server.js'
import { defer, tempFolder } from '../kit/hive-support.js'
import { send } from '../kit/serve-support.js'

const PROTOBUF = { 'content-type': 'application/x-protobuf' }
const SIGNALS = ['/v1/traces', '/v1/logs', '/v1/metrics']

async function start(t: TestContext, options: Partial<ServeOptions> & { store: string | undefined }) {
  const server = await serve({ port: 0, ...options })
  defer(t, () => server.close())
  return server as typeof server & { token: string }
}

const storeIn = (t: TestContext): string => join(tempFolder(t), 'store')

/** `google.rpc.Status`: the message is field 2, and there is nothing else. */
function statusIn(bytes: Uint8Array): string {
  const reader = new BinaryReader(bytes)
  assert.deepEqual(reader.tag(), [2, 2])
  const text = reader.string()
  assert.equal(reader.pos, bytes.length)
  return text
}

test('without a store, OTLP is refused in its own words', async (t) => {
  const server = await start(t, { store: undefined })
  for (const path of SIGNALS) {
    const packed = await send(server, path, new Uint8Array(), PROTOBUF)
    assert.equal(packed.status, 404)
    assert.equal(packed.headers.get('content-type'), 'application/x-protobuf')
    assert.match(statusIn(packed.bytes), /receives nothing: start it with hivelog serve --store DIR/)
    const json = await send(server, path, '{}')
    assert.equal(json.status, 404)
    assert.match(json.json().message, /--store DIR/)
  }
  const ingest = await send(server, '/v1/ingest', '{}')
  assert.match(ingest.json().error, /--store DIR/)
})

test('a token that sends too fast, a wrong method and one connection too many are told in OTLP’s words', async (t) => {
  const server = await start(t, { store: storeIn(t), limits: { bytesPerSecond: 1 }, maxConnections: 1 })
  // Ten seconds' worth may come at once.
  assert.equal((await send(server, '/v1/logs', '{"resourceLogs":[]}')).status, 200)
  const fast = await send(server, '/v1/logs', new Uint8Array(), PROTOBUF)
  assert.equal(fast.status, 429)
  assert.ok(Number(fast.headers.get('retry-after')) >= 1)
  assert.match(statusIn(fast.bytes), /may send 1 bytes a second/)

  const put = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = ask(`${server.url}/v1/traces`, { method: 'PUT', headers: PROTOBUF }, resolve)
    sent.on('error', reject).end()
  })
  assert.deepEqual([put.statusCode, put.headers.allow], [405, 'POST'])
  assert.match(statusIn(Buffer.concat(await put.toArray())), /PUT is not for \/v1\/traces/)

  const held = connect(server.port, '127.0.0.1')
  defer(t, () => held.destroy())
  await new Promise((done) => held.once('connect', done))
  const over = await send(server, '/v1/traces', new Uint8Array(), PROTOBUF)
  assert.deepEqual([over.status, over.headers.get('retry-after')], [503, '5'])
  assert.equal(statusIn(over.bytes), 'too many connections')
  held.destroy()
  await new Promise((done) => held.once('close', done))
  // The server hears of it a little later.
  for (let tries = 0; ; tries++) {
    if ((await send(server, '/v1/ingest', '')).status !== 503) break
    assert.ok(tries < 1000, 'it stays closed')
  }
})

test('a sender that is in the middle of too long a body hears 413', async (t) => {
  const server = await start(t, { store: storeIn(t) })
  const piece = Buffer.alloc(1024 * 1024)
  for (const [path, mebibytes] of [
    ['/v1/ingest', 17],
    ['/v1/logs', 65],
  ] as const) {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' }
      const sent = ask(`${server.url}${path}`, { method: 'POST', agent: false, headers }, resolve)
      sent.on('error', reject)
      // As it does not say how long it is, it must be read to be found too long.
      for (let i = 0; i < mebibytes + 2; i++) sent.write(piece)
      sent.end()
    })
    assert.equal(answer.statusCode, 413)
    assert.equal(answer.headers.connection, 'close')
    assert.match(Buffer.concat(await answer.toArray()).toString(), /larger than \d+ bytes/)
  }
})

test('a body that comes too slowly is answered with 408, and its connection ends', async (t) => {
  const server = createServer((request, response) => {
    readBody(request, { sent: 100, unpacked: 100, ms: 20 }).catch((error: HttpError) =>
      sendRefusal(request, response, error.status, error.message, error.headers),
    )
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  defer(t, () => void server.close())
  const { port } = server.address() as AddressInfo
  const socket = connect(port, '127.0.0.1')
  socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf')
  assert.match(await allOf(socket), /^HTTP\/1\.1 408 .*connection: close.*more than 20 ms$/s)
})

test('what is no request has its status and says so in JSON', async (t) => {
  const server = await start(t, { store: storeIn(t) })
  for (const [status, text] of [
    [400, 'GET\r\n\r\n'],
    [400, 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n'],
    [431, `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`],
  ] as const) {
    const socket = connect(server.port, '127.0.0.1')
    socket.write(text)
    const answer = await allOf(socket)
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `))
    const { error } = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as { error: string }
    assert.ok(error.length > 0)
  }
})

async function allOf(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('utf8').on('data', (data) => {
    text += data
  })
  await new Promise((done, failed) => socket.once('end', done).once('error', failed))
  socket.destroy()
  return text
}
