/** Who may ask: tokens, cookies, origins, how much, over TLS, and how a server ends that is being watched. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request as requestPlain } from 'node:http'
import { request } from 'node:https'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import type { Me } from '../../src/serve/api/shapes.js'
import { serve } from '../../src/serve/server.js'
import { Tokens } from '../../src/serve/tokens.js'
import { busyLog, tempApi } from '../kit/api-server.js'
import { cleanEnvironment, defer, tempFolder } from '../kit/hive-support.js'
import { MAIN } from '../kit/reader-cli.js'
import { SseReader } from '../kit/sse.js'

const json = { 'content-type': 'application/json' }

test('a browser gets a cookie for a token, and the cookie is as good until it is given back', async (t) => {
  const { server, get } = await tempApi(t, { logs: [busyLog(tempFolder(t), 20)] })
  const { url, token } = server
  assert.deepEqual(await get<Me>('/api/me'), { name: 'local', scopes: ['ingest', 'read', 'decide'] })
  const wrong = await fetch(`${url}/api/session`, {
    method: 'POST',
    headers: json,
    body: '{"token":"hl_no"}',
  })
  assert.equal(wrong.status, 401)
  const begun = await fetch(`${url}/api/session`, {
    method: 'POST',
    headers: json,
    body: JSON.stringify({ token }),
  })
  assert.equal(begun.status, 204)
  const set = begun.headers.get('set-cookie') as string
  assert.match(set, /^hivelog=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/; Max-Age=\d+$/)
  assert.ok(!set.includes(token as string), 'the cookie is not the token')
  const cookie = set.split(';')[0] as string
  assert.equal((await fetch(`${url}/api/logs`, { headers: { cookie } })).status, 200)
  assert.equal((await fetch(`${url}/api/logs`, { headers: { cookie: 'hivelog=x' } })).status, 401)
  const post = (headers: Record<string, string>) =>
    fetch(`${url}/v1/ingest`, {
      method: 'POST',
      headers: { cookie, ...headers },
      body: '{"ts":1,"kind":"note"}',
    })
  assert.equal((await post({})).status, 403, 'whoever makes a browser send the cookie is not the page')
  assert.equal((await post({ origin: 'http://evil.example' })).status, 403)
  assert.equal((await post({ origin: url })).status, 404, 'it may, but nothing is received without a store')
  assert.equal((await post({ 'sec-fetch-site': 'same-origin' })).status, 404)
  const giveBack = (headers: Record<string, string>) =>
    fetch(`${url}/api/session`, { method: 'DELETE', headers: { cookie, ...headers } }).then(
      ({ status }) => status,
    )
  assert.equal(await giveBack({}), 403)
  assert.equal(await giveBack({ origin: 'http://evil.example' }), 403)
  assert.equal((await fetch(`${url}/api/logs`, { headers: { cookie } })).status, 200, 'it holds still')
  assert.equal(await giveBack({ origin: url }), 204)
  assert.equal(
    (await fetch(`${url}/api/session`, { method: 'DELETE' })).status,
    204,
    'there is nothing to change',
  )
  assert.equal((await fetch(`${url}/api/logs`, { headers: { cookie } })).status, 401)
})

test('a session ends with its token, and each token may what its scopes say', async (t) => {
  const store = tempFolder(t)
  const tokens = new Tokens(join(store, 'tokens.json'))
  const reader = tokens.add('reader', ['read'])
  const sender = tokens.add('sender', ['ingest'])
  const { server } = await tempApi(t, { store })
  const { url } = server
  assert.equal(server.token, undefined)
  const ask = (path: string, token: string) =>
    fetch(url + path, { headers: { authorization: `Bearer ${token}` } }).then(({ status }) => status)
  assert.deepEqual(await Promise.all([ask('/api/logs', reader), ask('/api/logs', sender)]), [200, 403])
  assert.deepEqual(await Promise.all([ask('/api/me', reader), ask('/api/me', sender)]), [200, 200])
  const begun = await fetch(`${url}/api/session`, { method: 'POST', body: JSON.stringify({ token: reader }) })
  const cookie = begun.headers.get('set-cookie')?.split(';')[0] as string
  assert.equal((await fetch(`${url}/api/logs`, { headers: { cookie } })).status, 200)
  tokens.revoke('reader')
  assert.equal((await fetch(`${url}/api/logs`, { headers: { cookie } })).status, 401)
})

test('a token that sends too much, or to too many sessions, is told how long to wait', async (t) => {
  const { server } = await tempApi(t, { store: tempFolder(t), limits: { bytesPerSecond: 100, sessions: 2 } })
  const send = async (session: string, bytes: number) => {
    const response = await fetch(`${server.url}/v1/ingest`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.token}`, 'hivelog-session': session },
      body: JSON.stringify({ ts: 1, kind: 'note', text: 'x'.repeat(bytes) }),
    })
    return {
      status: response.status,
      after: response.headers.get('retry-after'),
      text: await response.text(),
    }
  }
  assert.equal((await send('one', 10)).status, 200)
  assert.equal((await send('two', 10)).status, 200)
  const third = await send('three', 10)
  assert.deepEqual([third.status, third.after], [429, '3600'])
  assert.equal((await send('one', 3000)).status, 200)
  const { status, after, text } = await send('one', 10)
  assert.equal(status, 429)
  assert.ok(Number(after) >= 15 && Number(after) <= 25, `${after} s for some 2,000 bytes too many`)
  assert.match(text, /the token local may send 100 bytes a second/)
})

test('over TLS, with a certificate and its key', async (t) => {
  const folder = tempFolder(t)
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const made = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
  ]
  try {
    execFileSync('openssl', [...made, '-subj', '/CN=localhost', '-keyout', key, '-out', cert], {
      stdio: 'ignore',
    })
  } catch {
    t.skip('there is no openssl to make a certificate with')
    return
  }
  const tls = { cert: readFileSync(cert), key: readFileSync(key) }
  const server = await serve({ logs: [busyLog(folder, 20)], port: 0, tls })
  defer(t, () => server.close())
  assert.match(server.url, /^https:/)
  const asked = request(`${server.url}/api/me`, {
    ca: tls.cert,
    servername: 'localhost',
    headers: { authorization: `Bearer ${server.token}`, origin: server.url },
  })
  asked.end()
  const [response] = await once(asked, 'response')
  assert.equal(response.statusCode, 200)
  response.resume()
  await assert.rejects(
    serve({ logs: [], port: 0, tls: { ...tls, key: tls.cert } }),
    /certificate and its key do not work/,
  )
})

test('SIGTERM ends a server within 5 seconds, also while it is watched', async (t) => {
  const file = busyLog(tempFolder(t), 200)
  const child = spawn(process.execPath, [MAIN, 'serve', '--port', '0', file], {
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  defer(t, () => child.kill('SIGKILL'))
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const [, url, token] = /^(http:\/\/127\.0\.0\.1:\d+)\/#token=(hl_[\w-]{43})$/.exec(line) ?? []
  const headers = { authorization: `Bearer ${token}` }
  const { logs } = (await (await fetch(`${url}/api/logs`, { headers })).json()) as { logs: { id: string }[] }
  const streams = await Promise.all(
    ['/api/live', `/api/logs/${logs[0]?.id}/live`, `/api/logs/${logs[0]?.id}/live?from=0`].map(
      async (path) => {
        const response = await fetch(url + path, { headers })
        assert.equal(response.status, 200)
        return new SseReader(response)
      },
    ),
  )
  const from = performance.now()
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'exit'), [0, null])
  assert.ok(performance.now() - from < 10_000)
  await Promise.all(streams.map(({ ended }) => ended))
})

test('under another host name nothing is told, also not what is not there', async (t) => {
  const { server } = await tempApi(t, { logs: [busyLog(tempFolder(t), 20)] })
  const status = async (path: string, host: string): Promise<number | undefined> => {
    const asked = requestPlain(`${server.url}${path}`, { agent: false, headers: { host } })
    asked.end()
    const [response] = await once(asked, 'response')
    response.resume()
    return response.statusCode
  }
  for (const path of ['/nothing', '/api/nothing', '/api/logs', '/assets/%ff', '/']) {
    assert.equal(await status(path, 'evil.example'), 421, path)
  }
  assert.equal(await status('/nothing', 'localhost'), 404)
})
