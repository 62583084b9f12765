/** Requests that mean no good: each has its status and one line, nothing outside is given, and the server goes on. */
import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Api, busyLog, numbers, tempApi } from '../kit/api-server.js'
import { tempFolder } from '../kit/hive-support.js'
import { StoryLog } from '../kit/story.js'

const SECRET = 'what lies outside is nobody’s business'

interface Answer {
  status: number
  text: string
}

/** Sends a request as it is written, which no client would. */
function raw(api: Api, text: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect(api.server.port, '127.0.0.1')
    let got = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      got += chunk
    })
    socket.on('error', reject)
    socket.on('close', () => resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(got)?.[1]), text: got }))
    socket.write(text)
  })
}

const line = (
  api: Api,
  method: string,
  target: string,
  headers: Record<string, string> = {},
  body = '',
): string => {
  const all = {
    host: `127.0.0.1:${api.server.port}`,
    authorization: `Bearer ${api.server.token}`,
    connection: 'close',
    ...(body !== '' && { 'content-length': String(Buffer.byteLength(body)) }),
    ...headers,
  }
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${target} HTTP/1.1\r\n${head.join('')}\r\n${body}`
}

async function hostileApi(t: TestContext): Promise<{ api: Api; log: string }> {
  const folder = tempFolder(t)
  const logs = join(folder, 'logs')
  mkdirSync(logs)
  writeFileSync(join(folder, 'secret.txt'), SECRET)
  busyLog(logs, 500)
  symlinkSync(join(folder, 'secret.txt'), join(logs, 'link.jsonl'))
  const api = await tempApi(t, { logs: [logs], store: join(folder, 'store') })
  return { api, log: await api.log('busy.jsonl') }
}

test('500 bad requests', async (t) => {
  const { api, log } = await hostileApi(t)
  const pick = numbers(11)
  const one = <T>(values: readonly T[]): T => values[pick(values.length)] as T
  const up = ['../', '..%2f', '%2e%2e/', '%2e%2e%2f', '..\\', '..%5c', '%252e%252e%252f', './', '//']
  const outside = ['secret.txt', 'etc/passwd', 'link.jsonl', 'store/tokens.json', 'busy.jsonl']
  const parts = ['', '/events', '/floor', '/artifact/', '/raw', '/segments', '/agent/', '/event/', '/why/']
  const kinds: (() => [text: string, statuses: number[]])[] = [
    () => {
      const climb = Array.from({ length: 1 + pick(5) }, () => one(up)).join('')
      const path = one([
        '/',
        '/api/',
        '/api/logs/',
        `${log}/artifact/`,
        `${log}/`,
        '/assets/',
        `${log}/event/`,
      ])
      return [line(api, 'GET', path + climb + one(outside)), [400, 404]]
    },
    () => [
      line(
        api,
        'GET',
        `/api/logs/${one(['0'.repeat(16), 'a'.repeat(900), '%00', 'x%0d%0ay', '%ff', '%'])}${one(parts)}`,
      ),
      [400, 404],
    ],
    () => [
      line(api, 'GET', '/api/logs', {
        host: one(['evil.example', '10.0.0.1', 'localhost.evil.example:4319', '']),
      }),
      [421],
    ],
    () => [
      line(api, 'GET', '/api/logs', {
        origin: one(['http://evil.example', 'null', 'file://', 'http://127.0.0.1:1']),
      }),
      [403],
    ],
    () => [
      line(api, 'GET', `${log}${one(['/events', '/floor', '/raw?segment=1', ''])}`, {
        authorization: one(['', 'Bearer x', 'Basic eDp4', `Bearer ${'y'.repeat(500)}`, 'Bearer  ']),
      }),
      [401],
    ],
    () => [
      line(api, one(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD', 'TRACE']), `${log}/events`),
      [405],
    ],
    () => [
      line(
        api,
        'GET',
        `${log}/events?${one(['limit=0', 'limit=-1', 'limit=1e9', 'after=x', 'before=99999999999999999999', 'after=1&before=5', 'since=soon', `text=${'t'.repeat(501)}`, `kind=${'k'.repeat(600)}`, Array(101).fill('agent=a').join('&')])}`,
      ),
      [400],
    ],
    () => [
      line(
        api,
        'GET',
        `${log}/${one(['density?buckets=0', 'density?buckets=999999', 'lanes?limit=0', 'lanes?from=now', 'cost?by=moon', 'calls?by=constructor', 'talk', 'raw', 'raw?segment=0', 'state?at=-1', 'floor?at=NaN'])}`,
      ),
      [400],
    ],
    () => [
      line(
        api,
        'GET',
        `${log}/${one(['event/0', 'event/999999', 'why/x', 'event/1e3', 'agent/nobody', 'agent/__proto__', 'raw?segment=77', `artifact/${'0'.repeat(64)}`, 'segments?log=/etc/passwd'])}`,
      ),
      [404],
    ],
    () => [
      line(api, 'GET', `${log}/artifact/${one(['0', 'z'.repeat(64), '0'.repeat(63), '..', 'A'.repeat(64)])}`),
      [400, 404],
    ],
    () => [
      line(api, 'GET', `/api/compare?${one(['', 'a=1', `a=${'0'.repeat(16)}&b=${'0'.repeat(16)}`])}`),
      [400, 404],
    ],
    () => [
      line(
        api,
        'POST',
        '/api/session',
        {},
        one(['', 'x', '[]', 'null', '{"token":1}', '['.repeat(4000), `{"token":"${'x'.repeat(600)}"}`]),
      ),
      [400],
    ],
    () => [line(api, 'POST', '/api/session', {}, `{"token":"${'x'.repeat(5000)}"}`), [413]],
    () => [
      line(api, 'POST', '/api/session', { 'content-encoding': one(['br', 'deflate', '..']) }, '{}'),
      [415],
    ],
    () => [line(api, 'GET', `${log}/live`, { 'last-event-id': 'x', authorization: 'Bearer x' }), [401]],
    () => [line(api, 'GET', `/api/logs?x=${'q'.repeat(20_000)}`), [431]],
    () => [
      one([
        'GET / HTTP/9.9\r\n\r\n',
        'nonsense\r\n\r\n',
        `GET ${log} HTTP/1.1\r\nhost 1\r\n\r\n`,
        'GET\0/ HTTP/1.1\r\n\r\n',
      ]),
      [400],
    ],
    () => [line(api, 'GET', one(['//evil.example/api/logs', 'http:', '*'])), [400]],
    () => [
      line(
        api,
        'POST',
        '/v1/ingest',
        { 'hivelog-session': one(['..', 'a/b', 'con', '.hidden']), 'hivelog-log': '0'.repeat(16) },
        'x\n',
      ),
      [400],
    ],
  ]
  for (let i = 0; i < 500; i++) {
    const [text, statuses] = (kinds[i % kinds.length] as (typeof kinds)[number])()
    const answer = await raw(api, text)
    const asked = text.slice(0, 200)
    assert.ok(statuses.includes(answer.status), `${asked}\n→ ${answer.text.slice(0, 300)}`)
    assert.ok(!answer.text.includes(SECRET) && !answer.text.includes('root:'), asked)
    const body = answer.text.split('\r\n\r\n')[1] ?? ''
    if (body.startsWith('{')) assert.match((JSON.parse(body) as { error: string }).error, /^[^\n]+$/)
  }
  assert.deepEqual(await (await fetch(`${api.server.url}/healthz`)).json(), { ok: true })
  await api.get(`${log}/floor`)
})

test('a content is given only if a line names it and its bytes are those of the name', async (t) => {
  const folder = tempFolder(t)
  const log = new StoryLog(join(folder, 'hive.jsonl'))
  const named = log.artifact('<script>alert(1)</script>')
  const changed = log.artifact('as it was')
  const unnamed = log.artifact('nobody names it')
  writeFileSync(join(folder, 'secret.txt'), SECRET)
  const linked = { ref: 'ab'.repeat(32), bytes: SECRET.length }
  mkdirSync(join(`${log.file}.artifacts`, 'ab'), { recursive: true })
  symlinkSync(join(folder, 'secret.txt'), log.artifactPath(linked.ref))
  log.at(1, 'snapshot', { agentId: 'a', label: 'one', ...named })
  log.at(2, 'note', { body: changed })
  log.at(3, 'note', { body: linked })
  writeFileSync(log.artifactPath(changed.ref), 'as it is')
  const api = await tempApi(t, { logs: [log.file] })
  const path = `${await api.log('hive.jsonl')}/artifact`
  const given = await api.ask(`${path}/${named.ref}`)
  assert.equal(await given.text(), '<script>alert(1)</script>')
  assert.equal(given.headers.get('content-type'), 'application/octet-stream')
  assert.match(given.headers.get('content-disposition') as string, /^attachment;/)
  assert.equal(given.headers.get('x-content-type-options'), 'nosniff')
  for (const [{ ref }, status] of [
    [changed, 410],
    [linked, 410],
    [unnamed, 404],
  ] as const) {
    const response = await api.ask(`${path}/${ref}`)
    assert.equal(response.status, status)
    assert.ok(!(await response.text()).includes(SECRET))
  }
})

test('what agents wrote is passed on as it is, and never as markup', async (t) => {
  const log = new StoryLog(join(tempFolder(t), 'hive.jsonl'))
  const name = '</script><img src=x onerror=alert(1)>\u001b[2J\u202e'
  log.at(1, 'spawn', { agentId: '__proto__', name }).at(2, 'constructor', { agentId: '__proto__' })
  const api = await tempApi(t, { logs: [log.file] })
  const path = await api.log('hive.jsonl')
  const response = await api.ask(`${path}/floor`)
  assert.equal(response.headers.get('content-type'), 'application/json')
  assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
  const { agents } = (await response.json()) as {
    agents: { agentId: string; name: string; last: { text: string } }[]
  }
  assert.deepEqual(
    agents.map(({ agentId, name }) => [agentId, name]),
    [['__proto__', name]],
  )
  const { events } = await api.get<{ events: { text: string }[] }>(`${path}/events`)
  for (const { text } of events) assert.ok(!text.includes('\u001b') && !text.includes('\u202e'))
  assert.equal((await api.ask(`${path}/agent/__proto__`)).status, 200)
})
