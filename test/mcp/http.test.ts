/** `POST /mcp`: who may ask, what is refused, and that nothing is kept for whoever asks. */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { mcpRoutes } from '../../src/mcp/routes.js'
import { serve } from '../../src/serve/server.js'
import { Tokens } from '../../src/serve/tokens.js'
import { busyLog, familyLog } from '../kit/api-server.js'
import { defer, tempFolder } from '../kit/hive-support.js'
import { httpAgent } from '../kit/mcp-client.js'

interface Answer {
  status: number
  headers: Record<string, unknown>
  text: string
}

function ask(
  url: string,
  body: string,
  headers: Record<string, string> = {},
  method = 'POST',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const given = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    }
    const asked = request(`${url}/mcp`, { method, agent: false, headers: given }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

const CALL = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'overview', arguments: {} },
})
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })

async function served(
  t: TestContext,
): Promise<{ url: string; read: string; ingest: string; decide: string }> {
  const folder = tempFolder(t)
  const file = familyLog(folder)
  const tokens = new Tokens(join(folder, 'tokens.json'))
  const [read, ingest, decide] = [
    tokens.add('reader', ['read']),
    tokens.add('sender', ['ingest']),
    tokens.add('boss', ['decide']),
  ]
  const server = await serve({
    doors: [mcpRoutes],
    logs: [file],
    port: 0,
    tokens: join(folder, 'tokens.json'),
  })
  defer(t, () => server.close())
  return { url: server.url, read, ingest, decide }
}

test('a token of the scope read may ask; without one 401, with another scope 403', async (t) => {
  const { url, read, ingest, decide } = await served(t)
  const allowed = await ask(url, CALL, bearer(read))
  assert.equal(allowed.status, 200)
  assert.match(allowed.text, /UNTRUSTED/)
  for (const headers of [{}, bearer('hl_wrong'), { authorization: read }]) {
    const { status, headers: got } = await ask(url, CALL, headers as Record<string, string>)
    assert.deepEqual([status, got['www-authenticate']], [401, 'Bearer'])
  }
  for (const token of [ingest, decide]) {
    const { status, text } = await ask(url, CALL, bearer(token))
    assert.equal(status, 403)
    assert.match(text, /may not read/)
  }
})

test('another host or origin is refused, as everywhere', async (t) => {
  const { url, read } = await served(t)
  const odd = await ask(url, CALL, { ...bearer(read), host: 'evil.example' })
  assert.equal(odd.status, 421)
  const foreign = await ask(url, CALL, { ...bearer(read), origin: 'http://evil.example' })
  assert.equal(foreign.status, 403)
  const own = await ask(url, CALL, { ...bearer(read), origin: url })
  assert.equal(own.status, 200)
})

test('what is too big, is no JSON, or is no question is refused with its status', async (t) => {
  const { url, read } = await served(t)
  const big = await ask(url, `{"x":"${'x'.repeat(300_000)}"}`, bearer(read))
  assert.equal(big.status, 413)
  for (const body of ['', '{', 'null', '[]', '{"jsonrpc":"2.0"}', '\0', '"x"', `${'['.repeat(50_000)}`]) {
    const { status, text } = await ask(url, body, bearer(read))
    assert.equal(status, 400, `${body.slice(0, 30)}: ${status} ${text}`)
  }
  const typed = await ask(url, CALL, { ...bearer(read), 'content-type': 'text/plain' })
  assert.equal(typed.status, 415)
  for (const method of ['GET', 'DELETE', 'PUT']) {
    const { status, headers } = await ask(url, '', bearer(read), method)
    assert.deepEqual([status, headers.allow], [405, 'POST'])
  }
})

test('no session is begun, and clients of both versions of the protocol are answered', async (t) => {
  const { url, read } = await served(t)
  const { headers } = await ask(url, CALL, bearer(read))
  assert.equal(headers['mcp-session-id'], undefined)
  assert.equal(headers['cache-control'], 'no-store')
  const file = busyLog(tempFolder(t), 100)
  for (const era of [undefined, 'auto'] as const) {
    const agent = await httpAgent(t, { logs: [file] }, era)
    const { tools } = await agent.client.listTools()
    assert.equal(tools.length, 13)
    for (const { annotations } of tools) assert.equal(annotations?.readOnlyHint, true)
    assert.match(agent.client.getInstructions() ?? '', /never an instruction/)
    const { report } = await agent.ask('overview')
    assert.ok(report.events > 50)
  }
})

test('many ask at once, some go away before they are answered, and all others are answered', async (t) => {
  const file = busyLog(tempFolder(t), 3_000)
  const agent = await httpAgent(t, { logs: [file] })
  const { total } = await agent.ask('search_events', { text: 'may i', limit: 1 })
  assert.ok(total > 10)
  const asked = Array.from({ length: 120 }, (_, i) => {
    const gone = new AbortController()
    const call = agent.client.callTool(
      { name: 'search_events', arguments: { text: 'may i', limit: 1 } },
      { signal: gone.signal },
    )
    if (i % 3 === 0) setImmediate(() => gone.abort())
    return call.then(
      ({ structuredContent }) => (structuredContent as { total: number }).total,
      () => 'gone',
    )
  })
  const answers = await Promise.all(asked)
  assert.ok(answers.every((each, i) => each === total || (i % 3 === 0 && each === 'gone')))
  // The server is as it was.
  assert.equal((await agent.ask('search_events', { text: 'may i', limit: 1 })).total, total)
})

test('a live log is told as it is now, and a cursor goes on where it was', async (t) => {
  const folder = tempFolder(t)
  const { appendFileSync } = await import('node:fs')
  const file = busyLog(folder, 300)
  const agent = await httpAgent(t, { logs: [file] })
  const first = await agent.ask('search_events', { kind: 'plan', limit: 5 })
  assert.equal(first.total, 0)
  const all = await agent.ask('search_events', { limit: 5 })
  const report = await agent.ask('cost', { limit: 1 })
  let seq = all.report.last as number
  for (let i = 0; i < 3; i++) {
    const line = {
      ts: 1_787_386_999_000 + i,
      kind: 'plan',
      agentId: 'a1',
      step: i,
      seq: ++seq,
      session: 's-busy',
    }
    appendFileSync(file, `${JSON.stringify(line)}\n`)
  }
  appendFileSync(
    file,
    `${JSON.stringify({ ts: 1_787_387_000_000, kind: 'usage', agentId: 'new', model: 'm', inputTokens: 1, outputTokens: 1, costUsd: 900, seq: ++seq, session: 's-busy' })}\n`,
  )
  for (let i = 0; i < 200; i++) {
    const { total } = await agent.ask('search_events', { kind: 'plan' })
    if (total === 3) break
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const after = await agent.ask('search_events', { limit: 5, cursor: all.cursor })
  assert.equal(after.items[0]?.position, (all.items[4]?.position ?? 0) + 1)
  const moved = await agent.ask('cost', { limit: 1, cursor: report.cursor })
  assert.equal(moved.changed, true)
  assert.match(agent.text, /has changed since/)
})
