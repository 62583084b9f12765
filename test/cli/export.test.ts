/** `hivelog export`: to a backend, to the OTLP file format, to a table. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { defer, tempFolder, tempReceiver } from '../kit/hive-support.js'
import { hivelog, linesOf } from '../kit/reader-cli.js'
import { FOREIGN } from '../kit/reader-log.js'

function foreign(t: TestContext, more = ''): string {
  const file = join(tempFolder(t), 'log.jsonl')
  writeFileSync(file, FOREIGN + more)
  return file
}

/** A backend that answers as told, and says what it was sent. */
async function backend(t: TestContext, status: number, body = '{}') {
  const requests: { path: string | undefined; headers: NodeJS.Dict<string | string[]> }[] = []
  const server = createServer((request, response) => {
    requests.push({ path: request.url, headers: request.headers })
    request.resume().on('end', () => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  defer(t, () => {
    server.closeAllConnections()
    server.close()
  })
  return { requests, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

test('spans are sent, and one line says how many', async (t) => {
  const receiver = await tempReceiver(t)
  const run = await hivelog(['export', foreign(t), '--otlp', receiver.endpoint])
  assert.equal(run.stderr, '')
  assert.deepEqual(linesOf(run.stdout), [
    `sent 2 spans (2 events) of 1 trace to ${receiver.url}`,
    'note: 1 agent without exit: ended at the last event',
  ])
  assert.equal(run.code, 0)
  assert.equal(receiver.spans.length, 2)
})

test('--json is one object', async (t) => {
  const receiver = await tempReceiver(t)
  const file = foreign(t, 'not JSON\n')
  const run = await hivelog(['export', file, '--otlp', receiver.url, '--json'])
  assert.deepEqual(JSON.parse(run.stdout), {
    files: [file],
    to: receiver.url,
    spans: 2,
    events: 2,
    traces: 1,
    unsent: 0,
    lost: 0,
    unended: 1,
    late: 0,
    unlinked: 0,
    cut: 0,
    evicted: 0,
    malformed: 1,
  })
  assert.equal(linesOf(run.stdout).length, 1)
})

test('headers, the name of the service, and the environment are heard', async (t) => {
  const { requests, url } = await backend(t, 200)
  const headers = ['--header', 'x-key=a=b', '--header', 'x-other=1']
  const run = await hivelog(['export', foreign(t), '--otlp', `${url}/own/path`, ...headers])
  assert.equal(run.code, 0)
  assert.deepEqual(
    requests.map(({ path, headers }) => [path, headers['x-key'], headers['x-other']]),
    [['/own/path', 'a=b', '1']],
  )
  const receiver = await tempReceiver(t)
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, OTEL_SERVICE_NAME: 'from-env' }
  const other = await hivelog(['export', foreign(t)], { env })
  assert.match(other.stdout, new RegExp(`to ${receiver.url}$`, 'm'))
  await hivelog(['export', foreign(t), '--service-name', 'given'], { env })
  assert.deepEqual(
    [...new Set(receiver.spans.map(({ resource }) => resource['service.name']))],
    ['from-env', 'given'],
  )
})

test('filters send less, each span whole', async (t) => {
  const sent = async (...filter: string[]) => {
    const receiver = await tempReceiver(t)
    const run = await hivelog(['export', foreign(t), '--otlp', receiver.url, ...filter])
    assert.equal(run.code, 0)
    return receiver.spans
  }
  const all = await sent()
  assert.deepEqual(
    (await sent('--from', '3')).map(({ name }) => name),
    ['hive.session'],
  )
  assert.deepEqual(
    (await sent('--to', '1')).map(({ name, events }) => [name, events.length]),
    [['invoke_agent Nitya', 1]],
  )
  assert.equal((await sent('--trace', String(all[0]?.traceId).toUpperCase())).length, 2)
  assert.equal((await sent('--trace', '0a'.repeat(16))).length, 0)
  assert.equal((await sent('--session', 'none')).length, 0)
})

test('a backend that refuses is one clear line with what was sent and what not, and exit code 1', async (t) => {
  const { url } = await backend(t, 401, 'no such\u001b key')
  const run = await hivelog(['export', foreign(t), '--otlp', `http://user:secret@${url.slice(7)}`])
  assert.equal(run.code, 1)
  assert.equal(
    run.stderr,
    `hivelog: cannot send to ${url}/v1/traces: 401 Unauthorized: no such\\u001b key; 0 spans sent, 2 spans not\n`,
  )
  const json = await hivelog(['export', foreign(t), '--otlp', url, '--json'])
  const { error, spans, unsent } = JSON.parse(json.stdout)
  assert.deepEqual([error.slice(0, 16), spans, unsent], ['401 Unauthorized', 0, 2])
})

test('a backend that is not there is said so when the time is over', async (t) => {
  const { url } = await backend(t, 200)
  const env = { OTEL_EXPORTER_OTLP_TIMEOUT: '100' }
  const run = await hivelog(['export', foreign(t), '--otlp', 'http://127.0.0.1:9/v1/traces'], { env })
  assert.notEqual(url, '')
  assert.equal(run.code, 1)
  assert.match(
    run.stderr,
    /^hivelog: cannot send to http:\/\/127\.0\.0\.1:9\/v1\/traces: .+; 0 spans sent, 2 spans not\n$/,
  )
})

test('spans that the backend says it rejected make exit code 1', async (t) => {
  const partial = { partialSuccess: { rejectedSpans: 2, errorMessage: 'quota' } }
  const { url } = await backend(t, 200, JSON.stringify(partial))
  const run = await hivelog(['export', foreign(t), '--otlp', url])
  assert.match(run.stderr, /quota/)
  assert.equal(run.code, 1)
})

test('--format otlp-json writes export requests, one a line', async (t) => {
  const run = await hivelog(['export', foreign(t), '--format', 'otlp-json', '--service-name', 's'])
  assert.equal(run.code, 0)
  assert.match(run.stderr, /^wrote 2 spans \(2 events\) of 1 trace to standard output\n/)
  const requests = linesOf(run.stdout).map((line) => JSON.parse(line))
  assert.equal(requests.length, 1)
  const [{ resource, scopeSpans }] = requests[0].resourceSpans
  assert.ok(resource.attributes.some(({ key }: { key: string }) => key === 'service.name'))
  assert.equal(scopeSpans[0].scope.name, 'hivelog')
  assert.deepEqual(
    scopeSpans[0].spans.map(({ name }: { name: string }) => name),
    ['invoke_agent Nitya', 'hive.session'],
  )
  assert.equal(scopeSpans[0].spans[0].startTimeUnixNano, '1787386181194000000')
  const again = await hivelog(['export', '-', '--format', 'otlp-json', '--service-name', 's'], {
    input: FOREIGN,
  })
  assert.equal(again.stdout, run.stdout)
})

test('--format csv writes a row an event, quoted, and no formula', async (t) => {
  const odd = [
    {
      ts: 1787386394500,
      kind: 'message',
      from: '=1+1',
      to: '@x',
      act: '-a',
      subject: 'say "hi",\r\nyou',
      id: '\t=2',
    },
    {
      ts: 1787386394501,
      kind: 'usage',
      agentId: 'god',
      model: ' +m',
      inputTokens: -5,
      outputTokens: 3,
      task: 't',
    },
  ]
  const file = foreign(t, `${odd.map((line) => JSON.stringify(line)).join('\n')}\n`)
  const run = await hivelog(['export', file, '--format', 'csv'])
  assert.equal(run.code, 0)
  assert.deepEqual(run.stdout.replaceAll(file, 'FILE').split('\r\n'), [
    'time,ts,seq,kind,agentId,name,from,to,act,subject,id,status,model,inputTokens,outputTokens,costUsd,ms,session,checkpoint,trace,span,log,line,more',
    '2026-08-22T08:09:41.194Z,1787386181194,1,spawn,god,Nitya,,,,,,,,,,,,,,,,FILE,1,"{""isGod"":true}"',
    '2026-08-22T08:09:41.611Z,1787386181611,2,archive,god,,,,,,,,,,,,,,,,,FILE,2,"{""archived"":true}"',
    '2026-08-22T08:13:14.433Z,1787386394433,3,message,,,scheduler,god,request,Standup,m-1,,,,,,,,,,,FILE,3,',
    `2026-08-22T08:13:14.500Z,1787386394500,4,message,,,'=1+1,'@x,'-a,"say ""hi"",`,
    `you",'\t'=2,,,,,,,,,,,FILE,4,`,
    `2026-08-22T08:13:14.501Z,1787386394501,5,usage,god,,,,,,,,' +m,-5,3,,,,,,,FILE,5,"{""task"":""t""}"`,
    '',
  ])
})

test('an output file is its owner’s only, and is not written over without --force', async (t) => {
  const file = foreign(t)
  const out = join(tempFolder(t), 'table.csv')
  const args = ['export', file, '--format', 'csv', '-o', out]
  const run = await hivelog([...args, '--json'])
  assert.deepEqual(JSON.parse(run.stdout), { files: [file], to: out, rows: 3, malformed: 0 })
  assert.equal(statSync(out).mode & 0o777, 0o600)
  const second = await hivelog(args)
  assert.equal(second.code, 2)
  assert.equal(second.stderr, `hivelog: ${out} is there already; --force writes over it\n`)
  const forced = await hivelog([...args, '--force'])
  assert.equal(forced.stdout, `wrote 3 rows to ${out}\n`)
  assert.equal(linesOf(readFileSync(out, 'utf8')).length, 4)
  const own = await hivelog(['export', file, '--format', 'csv', '-o', file, '--force'])
  assert.equal(own.code, 2)
  assert.equal(readFileSync(file, 'utf8'), FOREIGN)
  const missing = join(tempFolder(t), 'none.jsonl')
  const none = await hivelog(['export', missing, '--format', 'csv', '-o', join(tempFolder(t), 'x.csv')])
  assert.equal(none.code, 2)
  assert.equal(existsSync(missing), false)
})

test('bad use is one line and exit code 2', async (t) => {
  const file = foreign(t)
  for (const [args, message] of [
    [['--format', 'xml'], /--format needs one of otlp, otlp-json, csv, not 'xml'/],
    [['--otlp', 'localhost:4318'], /--otlp needs a URL/],
    [['--header', 'novalue'], /--header needs KEY=VALUE/],
    [['--trace', 'zz'], /--trace needs 32 hex digits/],
    [['--from', 'x'], /--from needs a whole number/],
    [['-o', 'x'], /--output needs --format/],
    [['--format', 'csv', '--otlp', 'http://x'], /cannot go with --format csv/],
  ] as const) {
    const run = await hivelog(['export', file, ...args])
    assert.equal(run.code, 2, args.join(' '))
    assert.match(run.stderr, message)
    assert.equal(linesOf(run.stderr).length, 1)
  }
})

test('--help has an example, and fits 80 columns', async () => {
  const run = await hivelog(['export', '--help'])
  assert.equal(run.code, 0)
  assert.match(run.stdout, /^Example: hivelog export /m)
  for (const line of linesOf(run.stdout)) assert.ok(line.length <= 80, line)
})
