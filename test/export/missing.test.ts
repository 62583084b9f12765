/** `--missing-in`: an export sends what a Jaeger does not have, and nothing else. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { exportLog } from '../../src/analyse.js'
import { SpanIdScanner } from '../../src/export/stored-spans.js'
import type { Agent } from '../../src/index.js'
import { anyText } from '../kit/any-text.js'
import { defer, tempHive, tempReceiver } from '../kit/hive-support.js'
import { cases } from '../kit/long-run.js'
import { hivelog } from '../kit/reader-cli.js'

/** A trace as Jaeger's query API (version 3) tells it. */
function answer(ids: readonly string[], text = 'x'): string {
  const attributes = [{ key: 'spanId', value: { stringValue: text } }]
  const spans = ids.map((spanId) => ({
    traceId: 'a'.repeat(32),
    spanId,
    name: 'spanId',
    kind: 1,
    attributes,
    events: [{ name: text, attributes }],
    links: [{ traceId: 'a'.repeat(32), spanId: 'ffffffffffffffff' }],
    status: {},
  }))
  const half = spans.splice(0, spans.length / 2)
  const resource = { attributes: [{ key: text, value: { arrayValue: { values: [{ stringValue: text }] } } }] }
  const resourceSpans = [half, spans].map((part) => ({
    resource,
    scopeSpans: [{ scope: { name: text }, spans: part }],
  }))
  return JSON.stringify({ result: { resourceSpans } })
}

/** A Jaeger that answers queries; it counts them. */
async function jaeger(t: TestContext, reply: (traceId: string) => { status: number; body: string }) {
  const asked: { trace: string; key: unknown }[] = []
  const server = createServer(({ url = '', headers }, response) => {
    const trace = /^\/base\/api\/v3\/traces\/([0-9a-f]{32})\?raw_traces=true$/.exec(url)?.[1] ?? url
    asked.push({ trace, key: headers['x-key'] })
    const { status, body } = reply(trace)
    response.writeHead(status).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  defer(t, () => {
    server.closeAllConnections()
    server.close()
  })
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/base/` }
}

const NONE = { status: 404, body: '{"error":{"httpCode":404,"message":"No traces found"}}' }

/** A log of a lead and three workers, and the ids of their spans. */
async function recorded(t: TestContext) {
  const { hive, file } = tempHive(t)
  const lead = hive.spawn({ agentId: 'lead' })
  const agents: Agent[] = [lead, ...['a', 'b', 'c'].map((agentId) => lead.spawn({ agentId }))]
  const ids = agents.map(({ spanContext }) => spanContext.spanId)
  await hive.shutdown()
  return { file, ids, trace: lead.spanContext.traceId }
}

test('only the spans that Jaeger lacks are sent, and it is asked once a trace', async (t) => {
  const { file, ids, trace } = await recorded(t)
  const { asked, url } = await jaeger(t, () => ({ status: 200, body: answer(ids.slice(0, 3)) }))
  const receiver = await tempReceiver(t)
  const options = ['--otlp', receiver.url, '--missing-in', url, '--query-header', 'x-key=k']
  const run = await hivelog(['export', file, ...options])
  assert.equal(run.stderr, '')
  assert.equal(
    run.stdout,
    `sent 1 span (0 events) of 1 trace to ${receiver.url}\nnote: 3 spans left out: the backend has them\n`,
  )
  assert.equal(run.code, 0)
  assert.deepEqual(
    receiver.spans.map(({ spanId }) => spanId),
    ids.slice(3),
  )
  assert.deepEqual(asked, [{ trace, key: 'k' }])
})

test('a Jaeger that does not know the trace lacks all; one that has all is sent nothing', async (t) => {
  const { file, ids } = await recorded(t)
  let stored: string[] = []
  const { url } = await jaeger(t, () => (stored.length === 0 ? NONE : { status: 200, body: answer(stored) }))
  const receiver = await tempReceiver(t)
  const options = { otlp: { url: receiver.url }, missingIn: { url } }
  const first = await exportLog(file, options)
  assert.deepEqual([first.spans, first.present, first.unsent, first.error], [4, 0, 0, undefined])
  stored = ids
  const second = await exportLog(file, options)
  assert.deepEqual([second.spans, second.present, second.unsent, second.traces], [0, 4, 0, 0])
  assert.equal(receiver.requests, 1)
  const json = await hivelog(['export', file, '--otlp', receiver.url, '--missing-in', url, '--json'])
  const { spans, present } = JSON.parse(json.stdout)
  assert.deepEqual([spans, present], [0, 4])
})

const refusals = [
  ['an error', { status: 500, body: 'no space' }, /which spans it has: 500 no space/],
  ['what is no Jaeger', { status: 404, body: 'Not Found' }, /no Jaeger query API: 404 Not Found/],
  [
    'half an answer',
    { status: 200, body: answer(['0123456789abcdef']).slice(0, -3) },
    /the answer is not whole/,
  ],
  ['no JSON', { status: 200, body: '<html>' }, /the answer is not whole/],
] as const
for (const [what, reply, message] of refusals) {
  test(`nothing is sent when the query gets ${what}`, async (t) => {
    const { file } = await recorded(t)
    const { url } = await jaeger(t, () => reply)
    const receiver = await tempReceiver(t)
    const run = await hivelog(['export', file, '--otlp', receiver.url, '--missing-in', url])
    assert.equal(run.code, 1)
    assert.match(run.stderr, message)
    assert.match(run.stderr, /0 spans sent, 4 spans not\n$/)
    assert.equal(receiver.requests, 0)
  })
}

test('a Jaeger that is not there is said to be so', async (t) => {
  const { file } = await recorded(t)
  const { error, unsent } = await exportLog(file, { missingIn: { url: 'http://127.0.0.1:1' } })
  assert.match(String(error), /cannot ask 127.0.0.1:1 which spans it has: /)
  assert.equal(unsent, 4)
})

test('bad use is said in one line', async (t) => {
  const { file } = await recorded(t)
  const cases = [
    [['--missing-in', 'localhost'], /--missing-in needs a URL like http:\/\/localhost:16686/],
    [['--missing-in', 'http://h', '--format', 'csv'], /--missing-in needs --format otlp/],
    [['--query-header', 'a=b'], /--query-header needs --missing-in/],
    [['--missing-in', 'http://h', '--query-header', 'a'], /--query-header needs KEY=VALUE/],
  ] as const
  for (const [args, message] of cases) {
    const run = await hivelog(['export', file, ...args])
    assert.equal(run.code, 2)
    assert.match(run.stderr, message)
  }
})

test('ids are found wherever the answer is cut, and whatever texts it holds', () => {
  const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 16, maxLength: 16 })
  const texts = fc.oneof(anyText(), fc.constantFrom('"spanId":"', '\\', '\\"', '{[', ']}', ':,'))
  fc.assert(
    fc.property(fc.uniqueArray(hex, { maxLength: 8 }), texts, fc.array(fc.nat(60)), (ids, text, cuts) => {
      const whole = answer(ids, text)
      const scanner = new SpanIdScanner()
      let at = 0
      for (const cut of cuts) {
        scanner.add(whole.slice(at, at + cut))
        at += cut
      }
      scanner.add(whole.slice(at))
      assert.deepEqual([...scanner.ids()], ids)
    }),
    { numRuns: cases(500, 500), seed: 4 },
  )
})
