/** OTLP over HTTP: encodings, bounds, and what the answers say, as the protocol's specification has it. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { BinaryReader } from '@bufbuild/protobuf/wire'
import { SeverityNumber } from '@opentelemetry/api-logs'
import { ProtobufLogsSerializer, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { tempFolder } from '../kit/hive-support.js'
import { linesOf, logsRequest, send, tempServer } from '../kit/serve-support.js'

const PROTOBUF = { 'content-type': 'application/x-protobuf' }
const PROMPT = {
  name: 'codex.user_prompt',
  attributes: { 'conversation.id': 'one', prompt_length: '12' },
}

/** The fields of a message whose values are texts, messages or numbers. */
function fieldsOf(bytes: Uint8Array): Record<number, Uint8Array | number> {
  const reader = new BinaryReader(bytes)
  const fields: Record<number, Uint8Array | number> = {}
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag()
    fields[number] = wire === 2 ? reader.bytes() : Number(reader.int64())
  }
  return fields
}
const textIn = (value: unknown): string => Buffer.from(value as Uint8Array).toString('utf8')

/** As the SDK encodes it, which is not the code that reads it here. */
function protobufLogs(session: string): Uint8Array {
  return ProtobufLogsSerializer.serializeRequest([
    {
      hrTime: [1_700_000_000, 500_000_000],
      hrTimeObserved: [1_700_000_000, 600_000_000],
      eventName: 'codex.sse_event',
      severityNumber: SeverityNumber.INFO,
      severityText: 'INFO',
      body: { nested: [1, 'two', { three: true }] },
      attributes: {
        'conversation.id': session,
        'event.kind': 'response.completed',
        model: 'gpt-5',
        input_token_count: '120',
        output_token_count: 9,
        cached_token_count: 64,
      },
      droppedAttributesCount: 0,
      resource: resourceFromAttributes({ 'service.name': 'codex_cli_rs' }),
      instrumentationScope: { name: 'codex' },
    } as never,
  ]) as Uint8Array
}

test('JSON and Protocol Buffers, plain and gzip, give the same line, and the answer has their encoding', async (t) => {
  const server = await tempServer(t)
  const plain = await send(server, '/v1/logs', protobufLogs('plain'), PROTOBUF)
  const packed = await send(server, '/v1/logs', gzipSync(protobufLogs('packed')), {
    ...PROTOBUF,
    'content-encoding': 'gzip',
  })
  for (const answer of [plain, packed]) {
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('content-type'), 'application/x-protobuf')
    assert.equal(answer.bytes.length, 0, 'partial_success is not set')
  }
  const json = await send(
    server,
    '/v1/logs',
    logsRequest([
      {
        name: 'codex.sse_event',
        ts: 1_700_000_000_500,
        attributes: {
          'conversation.id': 'json',
          'event.kind': 'response.completed',
          model: 'gpt-5',
          input_token_count: '120',
          output_token_count: 9,
          cached_token_count: 64,
        },
      },
    ]),
    { 'content-type': 'application/json; charset=utf-8' },
  )
  assert.equal(json.headers.get('content-type'), 'application/json')
  assert.deepEqual(json.json(), {})
  for (const session of ['plain', 'packed', 'json']) {
    const [spawn, usage] = linesOf(server, session)
    assert.equal(spawn?.agentId, 'codex')
    assert.deepEqual(
      { ...usage, seq: 0, session: '', _key: '' },
      {
        ts: 1_700_000_000_500,
        kind: 'usage',
        agentId: 'codex',
        model: 'gpt-5',
        inputTokens: 120,
        outputTokens: 9,
        cacheReadTokens: 64,
        seq: 0,
        session: '',
        _key: '',
      },
    )
  }
})

test('an empty request is taken; metrics are taken and left', async (t) => {
  const server = await tempServer(t)
  for (const path of ['/v1/traces', '/v1/logs', '/v1/metrics']) {
    assert.equal((await send(server, path, '{}')).status, 200)
    assert.equal((await send(server, path, new Uint8Array(), PROTOBUF)).status, 200)
  }
  const metrics = ProtobufMetricsSerializer.serializeRequest({
    resource: resourceFromAttributes({ a: 'b' }),
    scopeMetrics: [],
  } as never) as Uint8Array
  const answer = await send(server, '/v1/metrics', metrics, PROTOBUF)
  assert.deepEqual([answer.status, answer.bytes.length], [200, 0])
  assert.deepEqual(
    readdirSync(server.store).filter((name) => !name.startsWith('tokens')),
    [],
    'nothing was stored',
  )
})

test('what is good is kept when something is bad, and the answer counts what is bad', async (t) => {
  const server = await tempServer(t)
  const body = JSON.parse(
    logsRequest([PROMPT, { name: 'hive.log.open', attributes: { 'session.id': 'one' } }]),
  )
  body.resourceLogs[0].scopeLogs[0].logRecords.push(null)
  const json = await send(server, '/v1/logs', JSON.stringify(body))
  assert.equal(json.status, 200)
  const { partialSuccess } = json.json()
  assert.equal(partialSuccess.rejectedLogRecords, '2')
  assert.match(partialSuccess.errorMessage, /kind.*and 1 more/)
  assert.deepEqual(
    linesOf(server, 'one').map(({ kind }) => kind),
    ['spawn', 'user.prompt'],
  )
  const spans = { resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: '00', name: 'x' }] }] }] }
  const rejected = await send(server, '/v1/traces', JSON.stringify(spans))
  assert.equal(rejected.json().partialSuccess.rejectedSpans, '1')
})

test('bodies that cannot be read are 400, in the encoding of the request', async (t) => {
  const server = await tempServer(t)
  for (const body of ['{', '[]', '7', '{"resourceLogs":7}', '{"resourceLogs":[7]}']) {
    const answer = await send(server, '/v1/logs', body)
    assert.equal(answer.status, 400, body)
    assert.equal(typeof answer.json().message, 'string')
  }
  const whole = protobufLogs('cut')
  const cut = await send(server, '/v1/logs', whole.subarray(0, whole.length - 3), PROTOBUF)
  assert.equal(cut.status, 400)
  assert.equal(cut.headers.get('content-type'), 'application/x-protobuf')
  // google.rpc.Status: field 2 is the message.
  assert.match(textIn(fieldsOf(cut.bytes)[2]), /no request of logs/)
  const gzip = await send(server, '/v1/logs', 'no gzip', { 'content-encoding': 'gzip' })
  assert.equal(gzip.status, 400)
  assert.equal((await send(server, '/v1/logs', '{}', { 'content-type': 'text/plain' })).status, 415)
  assert.equal((await send(server, '/v1/logs', '{}', { 'content-encoding': 'lzma' })).status, 415)
})

test('bounds hold after unpacking, and for the number of values', async (t) => {
  const server = await tempServer(t)
  const bomb = gzipSync(Buffer.alloc(80 * 1024 * 1024))
  assert.equal((await send(server, '/v1/logs', bomb, { 'content-encoding': 'gzip' })).status, 413)
  const many = `[${'{},'.repeat(2_000_001)}{}]`
  assert.equal((await send(server, '/v1/logs', many)).status, 413)
  // Three million empty spans are two bytes each.
  const spans = Buffer.alloc(6_000_000)
  for (let i = 0; i < spans.length; i += 2) spans.writeUInt8(0x12, i)
  const lengthOf = (bytes: number): Buffer => {
    const out: number[] = []
    for (let left = bytes; ; left >>>= 7) {
      out.push(left > 127 ? (left & 127) | 128 : left)
      if (left <= 127) return Buffer.from(out)
    }
  }
  const wrap = (inner: Buffer, tag: number): Buffer =>
    Buffer.concat([Buffer.from([tag]), lengthOf(inner.length), inner])
  const request = wrap(wrap(spans, 0x12), 0x0a)
  assert.equal((await send(server, '/v1/traces', request, PROTOBUF)).status, 413)
})

test('partial success in Protocol Buffers', async (t) => {
  const server = await tempServer(t)
  // One span without anything in it: resource_spans { scope_spans { spans {} } }.
  const body = Buffer.from([0x0a, 4, 0x12, 2, 0x12, 0])
  const answer = await send(server, '/v1/traces', body, PROTOBUF)
  assert.equal(answer.status, 200)
  const partial = fieldsOf(fieldsOf(answer.bytes)[1] as Uint8Array)
  assert.equal(partial[1], 1, 'rejected_spans')
  assert.match(textIn(partial[2]), /no valid ids/)
})

test('without a token that may send nothing is taken', async (t) => {
  const server = await tempServer(t)
  assert.equal((await send({ ...server, token: 'hl_other' }, '/v1/logs', logsRequest([PROMPT]))).status, 401)
  assert.ok(!readdirSync(server.store).includes('one'))
})

test('who may not is told in the encoding of the request', async (t) => {
  const server = await tempServer(t, join(tempFolder(t), 'store'), ['read'])
  for (const path of ['/v1/traces', '/v1/logs', '/v1/metrics']) {
    for (const [token, status, why, headers] of [
      ['hl_other', 401, /^a token is needed/, {}],
      [server.token, 403, /^the token test may not ingest$/, {}],
      [server.token, 403, /^requests of other origins/, { origin: 'https://evil.example' }],
      [server.token, 421, /^this server is not known/, { host: 'evil.example' }],
    ] as const) {
      const asked = { ...server, token }
      const packed = await send(asked, path, new Uint8Array(), { ...PROTOBUF, ...headers })
      assert.equal(packed.status, status)
      assert.equal(packed.headers.get('content-type'), 'application/x-protobuf')
      assert.equal(packed.headers.get('connection'), 'close')
      // google.rpc.Status: the message is field 2, and there is nothing else.
      const fields = fieldsOf(packed.bytes)
      assert.deepEqual(Object.keys(fields), ['2'])
      assert.match(textIn(fields[2]), why)
      if (status === 401) assert.equal(packed.headers.get('www-authenticate'), 'Bearer')
      const json = await send(asked, path, '{}', headers)
      assert.equal(json.status, status)
      assert.equal(json.headers.get('content-type'), 'application/json')
      assert.match(json.json().message, why)
    }
  }
})

test('a session is stored under a name that a folder can have, whatever it is called', async (t) => {
  const server = await tempServer(t)
  const names = ['../../etc', 'CON', 'a/b', '', ' ', 'x'.repeat(300), 'ok-1']
  for (const session of names) {
    const answer = await send(
      server,
      '/v1/logs',
      logsRequest([{ name: 'codex.user_prompt', attributes: { 'session.id': session } }]),
    )
    assert.equal(answer.status, 200)
  }
  const folders = readdirSync(server.store).filter(
    (name) => !['tokens.json', '.token-sessions'].includes(name),
  )
  assert.equal(folders.length, names.length)
  assert.ok(
    folders.every((name) => /^(?:session-[0-9a-f]{16}|ok-1|otlp)$/.test(name)),
    folders.join(),
  )
  assert.deepEqual(readdirSync(join(server.store, '..')), ['store'])
})
