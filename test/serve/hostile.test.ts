/** What a server is sent by those who mean it no good: each gets its status, nothing is stored, and it goes on. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { request as send } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { type RunningServer, serve } from '../../src/serve/server.js'
import { Tokens } from '../../src/serve/tokens.js'
import { tempFolder } from '../kit/hive-support.js'

const LINE = '{"ts":1,"kind":"log.open","format":1,"seq":1}'
const LOG = createHash('sha256').update(LINE).digest('hex').slice(0, 16)
const GOOD = {
  'hivelog-session': 's',
  'hivelog-log': LOG,
  'hivelog-name': 'hive.jsonl',
  'hivelog-segment': '1',
  'hivelog-offset': '0',
}

interface Asked {
  method?: string
  path?: string
  headers?: Record<string, string>
  body?: string | Buffer
  token?: string | null
}

async function start(t: TestContext, more: object = {}): Promise<RunningServer & { folder: string }> {
  const folder = join(tempFolder(t), 'store')
  const server = await serve({ store: folder, port: 0, ...more })
  t.after(() => server.close())
  return { ...server, folder }
}

function ask(
  { port, token: own }: RunningServer,
  { method = 'POST', path = '/v1/ingest', headers = {}, body = '', token = own as string }: Asked,
): Promise<{ status: number; text: string; headers: NodeJS.Dict<string | string[]> }> {
  return new Promise((resolve, reject) => {
    const authorization = token === null ? {} : { authorization: `Bearer ${token}` }
    const request = send({ port, method, path, headers: { ...authorization, ...headers } }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (data) => {
        text += data
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }))
    })
    request.on('error', reject)
    request.end(body)
  })
}

const REFUSED: Record<string, [status: number, asked: Asked]> = {
  'no token': [401, { token: null, headers: GOOD, body: `${LINE}\n` }],
  'a wrong token': [401, { token: 'hl_wrong', headers: GOOD, body: `${LINE}\n` }],
  'a token that is no text': [401, { headers: { ...GOOD, authorization: 'Bearer \t' }, token: null }],
  'another scheme': [401, { headers: { authorization: 'Basic aGk6aGk=' }, token: null }],
  'another host': [421, { headers: { ...GOOD, host: 'evil.example' }, body: `${LINE}\n` }],
  'a host that looks like ours': [421, { headers: { ...GOOD, host: '127.0.0.1.evil.example:80' } }],
  'a page of another origin': [403, { headers: { ...GOOD, origin: 'https://evil.example' } }],
  'the origin null': [403, { headers: { ...GOOD, origin: 'null' } }],
  'no session': [400, { headers: { ...GOOD, 'hivelog-session': '' }, body: `${LINE}\n` }],
  'a session that is a path': [
    400,
    { headers: { ...GOOD, 'hivelog-session': '../../etc' }, body: `${LINE}\n` },
  ],
  'a session of dots': [400, { headers: { ...GOOD, 'hivelog-session': '..' }, body: `${LINE}\n` }],
  'a session that is a device': [400, { headers: { ...GOOD, 'hivelog-session': 'NUL' }, body: `${LINE}\n` }],
  'a session too long': [
    400,
    { headers: { ...GOOD, 'hivelog-session': 'x'.repeat(129) }, body: `${LINE}\n` },
  ],
  'a log that is a path': [400, { headers: { ...GOOD, 'hivelog-log': '../../../x' }, body: `${LINE}\n` }],
  'a log of other digits': [
    400,
    { headers: { ...GOOD, 'hivelog-log': LOG.toUpperCase() }, body: `${LINE}\n` },
  ],
  'a log that it is not': [400, { headers: { ...GOOD, 'hivelog-log': '0'.repeat(16) }, body: `${LINE}\n` }],
  'a name that is a path': [400, { headers: { ...GOOD, 'hivelog-name': '..%2Fx.jsonl' }, body: `${LINE}\n` }],
  'a name that is no encoding': [
    400,
    { headers: { ...GOOD, 'hivelog-name': '%zz.jsonl' }, body: `${LINE}\n` },
  ],
  'a segment below 1': [400, { headers: { ...GOOD, 'hivelog-segment': '0' }, body: `${LINE}\n` }],
  'an offset below 0': [400, { headers: { ...GOOD, 'hivelog-offset': '-1' }, body: `${LINE}\n` }],
  'an offset that is no number': [400, { headers: { ...GOOD, 'hivelog-offset': '1e3' }, body: `${LINE}\n` }],
  'an offset beyond numbers': [
    400,
    { headers: { ...GOOD, 'hivelog-offset': '9'.repeat(16) }, body: `${LINE}\n` },
  ],
  'a hole': [409, { headers: { ...GOOD, 'hivelog-offset': '10' }, body: `${LINE}\n` }],
  'no body': [400, { headers: GOOD }],
  'half a line': [400, { headers: GOOD, body: LINE }],
  'no gzip': [400, { headers: { ...GOOD, 'content-encoding': 'gzip' }, body: `${LINE}\n` }],
  'gzip that is cut off': [
    400,
    { headers: { ...GOOD, 'content-encoding': 'gzip' }, body: gzipSync(`${LINE}\n`).subarray(0, 20) },
  ],
  'an unknown encoding': [415, { headers: { ...GOOD, 'content-encoding': 'br' }, body: `${LINE}\n` }],
  'two encodings': [415, { headers: { ...GOOD, 'content-encoding': 'gzip, gzip' }, body: `${LINE}\n` }],
  'a gzip bomb': [
    413,
    { headers: { ...GOOD, 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(60_000_000)) },
  ],
  'too much': [413, { headers: { ...GOOD, 'content-length': String(2 ** 40) } }],
  'an unknown path': [404, { path: '/v1/other' }],
  'a path that climbs': [404, { path: '/v1/../../etc/passwd' }],
  'a path of a prototype': [404, { path: '/__proto__' }],
  'an unknown method': [405, { method: 'DELETE' }],
  'an artifact that is a path': [
    400,
    { method: 'PUT', path: '/v1/artifacts/..%2f..%2fx', headers: GOOD, body: 'x' },
  ],
  'an artifact that is another': [
    400,
    { method: 'PUT', path: `/v1/artifacts/${'0'.repeat(64)}`, headers: GOOD, body: 'x' },
  ],
  'refs that are no list': [
    400,
    { path: '/v1/artifacts/missing', body: JSON.stringify({ session: 's', log: LOG, refs: 'x' }) },
  ],
  'refs that are paths': [
    400,
    { path: '/v1/artifacts/missing', body: JSON.stringify({ session: 's', log: LOG, refs: ['../x'] }) },
  ],
  'refs that are no JSON': [400, { path: '/v1/artifacts/missing', body: '{' }],
  'nothing for JSON': [400, { path: '/v1/artifacts/missing', body: 'null' }],
  'deep JSON': [400, { path: '/v1/artifacts/missing', body: '['.repeat(100_000) }],
  'a position of a path': [400, { method: 'GET', path: `/v1/ingest?session=..&log=${LOG}` }],
}

test('each bad request has its status and one line that says why, and nothing is stored', async (t) => {
  const server = await start(t)
  for (const [what, [status, asked]] of Object.entries(REFUSED)) {
    const answer = await ask(server, asked).catch((error: Error) => ({ status: 0, text: error.message }))
    assert.equal(answer.status, status, `${what}: ${answer.status} ${answer.text}`)
    const { error } = JSON.parse(answer.text) as { error: string }
    assert.ok(error.length > 0 && !error.includes('\n'), what)
    assert.doesNotMatch(error, /hl_|\/tmp|node:/, what)
  }
  assert.deepEqual(readdirSync(server.folder), [])
  const good = await ask(server, { headers: GOOD, body: `${LINE}\n` })
  assert.equal(good.status, 200, good.text)
  assert.equal(readFileSync(join(server.folder, 's', `${LOG}.jsonl`), 'utf8'), `${LINE}\n`)
})

test('what is stored is the user’s own', async (t) => {
  const server = await start(t)
  await ask(server, { headers: GOOD, body: `${LINE}\n` })
  const folder = join(server.folder, 's')
  assert.equal(statSync(server.folder).mode & 0o77, 0)
  for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o77, 0, name)
})

test('bytes that come again are not stored twice, and other bytes in their place are refused and noted', async (t) => {
  const server = await start(t)
  await ask(server, { headers: GOOD, body: `${LINE}\n` })
  const again = await ask(server, { headers: GOOD, body: `${LINE}\n{"ts":2,"kind":"a","seq":2}\n` })
  assert.equal(again.status, 200)
  assert.equal(JSON.parse(again.text).skipped, LINE.length + 1)
  const other = `${LINE.replace('"ts":1', '"ts":7')}\n`
  const answer = await ask(server, { headers: GOOD, body: other })
  assert.equal(answer.status, 409)
  assert.equal(JSON.parse(answer.text).refusal, 'differs')
  const file = join(server.folder, 's', `${LOG}.jsonl`)
  assert.equal(readFileSync(file, 'utf8'), `${LINE}\n{"ts":2,"kind":"a","seq":2}\n`)
  assert.match(readFileSync(`${file}.receipts`, 'utf8'), /"differs":/)
})

test('requests that are none, and senders that do not go on, do no harm', async (t) => {
  const server = await start(t)
  const pieces = [
    'GET',
    'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
    '\0\0\0',
    `POST /v1/ingest HTTP/1.1\r\nHost: localhost\r\n${'x: y\r\n'.repeat(5000)}\r\n`,
  ]
  for (const text of pieces) {
    const socket = connect(server.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.end(text)
    await new Promise((done) => socket.once('close', done).resume())
  }
  const half = connect(server.port, '127.0.0.1')
  half.on('error', () => {})
  half.write('POST /v1/ingest HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n')
  assert.equal((await ask(server, { method: 'GET', path: '/healthz', token: null })).status, 200)
  half.destroy()
})

test('a token may do what its scope says, and nothing once it is revoked, while the server runs', async (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'tokens.json')
  const tokens = new Tokens(file)
  const sender = tokens.add('sender', ['ingest'])
  const reader = tokens.add('reader', ['read'])
  const server = await start(t, { tokens: file })
  assert.equal(server.token, undefined, 'there are stored ones')
  const metrics = { method: 'GET', path: '/metrics' }
  assert.equal((await ask(server, { ...metrics, token: sender })).status, 403)
  assert.equal((await ask(server, { ...metrics, token: reader })).status, 200)
  assert.equal((await ask(server, { headers: GOOD, body: `${LINE}\n`, token: reader })).status, 403)
  assert.equal((await ask(server, { headers: GOOD, body: `${LINE}\n`, token: sender })).status, 200)
  assert.doesNotMatch(readFileSync(file, 'utf8'), new RegExp(sender))
  assert.equal(statSync(file).mode & 0o77, 0)
  assert.equal(new Tokens(file).revoke('sender'), 1)
  assert.equal((await ask(server, { headers: GOOD, body: `${LINE}\n`, token: sender })).status, 401)
  writeFileSync(file, 'no tokens')
  assert.equal(
    (await ask(server, { ...metrics, token: reader })).status,
    500,
    'nobody gets in by a broken file',
  )
})

test('off loopback it does not start without tokens', async (t) => {
  const store = join(tempFolder(t), 'store')
  await assert.rejects(
    serve({ store, host: '0.0.0.0', port: 0 }),
    /without tokens: make one with hivelog token add/,
  )
  assert.equal(existsSync(join(store, 'tokens.json')), false)
})
