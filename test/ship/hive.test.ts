/** A hive sends its own log: told by an option or by the environment, whatever becomes of the process or the server. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startHive } from '../../src/index.js'
import { door } from '../kit/doors.js'
import { fakeIngest } from '../kit/fake-ingest.js'
import {
  captureDiag,
  cleanEnvironment,
  defer,
  eventsOf,
  fixture,
  tempFolder,
  tempHive,
  until,
} from '../kit/hive-support.js'

/** Sets the environment for one test. */
function environment(t: TestContext, given: Record<string, string>): void {
  for (const [name, value] of Object.entries(given)) {
    const before = process.env[name]
    process.env[name] = value
    defer(t, () => {
      if (before === undefined) delete process.env[name]
      else process.env[name] = before
    })
  }
}

async function run(
  args: string[],
  env: Record<string, string>,
): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, args, {
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (data) => {
    stderr += data
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  return { code, stderr }
}

test('the log of a hive is sent after flushMs, and to its last byte at shutdown', async (t) => {
  const said = captureDiag(t)
  const server = await fakeIngest(t)
  const { hive, file } = tempHive(t, { ship: { url: server.url, token: 'hl_x', flushMs: 20 } })
  const agent = hive.spawn({ agentId: 'a' })
  agent.log('note', { i: 1 })
  await until(() => server.only().includes('"i":1'), 'the first lines')
  agent.log('note', { i: 2 })
  await hive.shutdown()
  assert.ok(server.only().equals(readFileSync(file)), 'byte for byte')
  assert.ok(server.requests.every(({ headers }) => headers.authorization === 'Bearer hl_x'))
  const [first] = server.requests.filter(({ method }) => method === 'POST')
  assert.equal(first?.headers['hivelog-session'], hive.sessionId)
  assert.equal(hive.shipping?.logs[0]?.bytes, readFileSync(file).length)
  assert.deepEqual(said, [])
})

test('maxBytes are sent at once, however long flushMs is', async (t) => {
  const server = await fakeIngest(t)
  const { hive } = tempHive(t, { ship: { url: server.url, flushMs: 3_600_000, maxBytes: 4_000 } })
  const agent = hive.spawn({ agentId: 'a' })
  for (let i = 0; i < 100; i++) agent.log('note', { i })
  await until(() => server.only().length > 4_000, 'a piece')
})

test('escalations and approvals are sent at once, with all that was before them', async (t) => {
  const server = await fakeIngest(t)
  const { hive } = tempHive(t, { ship: { url: server.url, flushMs: 3_600_000 } })
  const agent = hive.spawn({ agentId: 'a' })
  agent.log('note', { before: true })
  const { id, durable } = agent.escalate({ subject: 'Drop the table?' })
  await durable
  await until(() => server.only().includes('"kind":"escalate"'), 'the escalation')
  assert.ok(server.only().includes('"before":true'))
  await hive.approve(id, false, { by: 'ana' })
  await until(() => server.only().includes('"kind":"approval"'), 'the approval')
})

test('rotated and compressed segments are sent too', async (t) => {
  const server = await fakeIngest(t)
  const { hive, file } = tempHive(t, {
    rotate: { maxBytes: 10_000, gzip: true },
    ship: { url: server.url, flushMs: 10 },
  })
  const agent = hive.spawn({ agentId: 'a' })
  for (let i = 0; i < 1000; i++) {
    agent.log('note', { i })
    if (i % 50 === 0) await hive.flush()
  }
  await hive.shutdown()
  const [copy] = server.copies.values()
  assert.ok((copy?.size ?? 0) > 3)
  const told = server
    .only()
    .toString('utf8')
    .match(/"i":\d+/g)
  assert.deepEqual(
    told,
    Array.from({ length: 1000 }, (_, i) => `"i":${i}`),
  )
  assert.ok(server.only().toString('utf8').endsWith(readFileSync(file, 'utf8')))
})

test('a server that is away is told of once; when it is back nothing is missing', async (t) => {
  const said = captureDiag(t)
  const server = await fakeIngest(t)
  let isAway = true
  server.instead = () => (isAway ? { status: 503, headers: { 'retry-after': '0' } } : undefined)
  const { hive, file } = tempHive(t, { ship: { url: server.url, flushMs: 10 } })
  const agent = hive.spawn({ agentId: 'a' })
  agent.log('note', { i: 1 })
  await until(() => server.requests.length > 2, 'it is tried again')
  assert.match(hive.shipping?.trouble ?? '', /503/)
  isAway = false
  await until(() => server.only().includes('"i":1'), 'the lines')
  assert.equal(hive.shipping?.trouble, undefined)
  await hive.shutdown()
  assert.ok(server.only().equals(readFileSync(file)))
  assert.equal(said.length, 1)
  assert.match(said[0] ?? '', /the log is not sent for now: http:\/\/127\.0\.0\.1:\d+: it answers 503/)
})

test('Retry-After is waited for', async (t) => {
  captureDiag(t)
  const server = await fakeIngest(t)
  server.instead = () =>
    server.requests.length === 1 ? { status: 429, headers: { 'retry-after': '1' } } : undefined
  const { hive } = tempHive(t, { ship: { url: server.url, flushMs: 10 } })
  hive.spawn({ agentId: 'a' })
  await until(() => server.requests.length > 1, 'the second request')
  const [first, second] = server.requests
  assert.ok((second?.at ?? 0) - (first?.at ?? 0) >= 1_000)
})

test('a server that never answers holds shutdown up no longer than told, and the next process goes on', async (t) => {
  const said = captureDiag(t)
  const server = await fakeIngest(t)
  server.instead = () => 'hang'
  const file = join(tempFolder(t), 'hive.jsonl')
  const ship = { url: server.url, flushMs: 10 }
  const { hive } = tempHive(t, { file, ship: { ...ship, shutdownTimeoutMs: 50 } })
  hive.spawn({ agentId: 'a' }).log('note', { i: 1 })
  await hive.shutdown()
  assert.match(said.join('\n'), /the last lines of .*hive\.jsonl are not sent yet: .* within 50 ms/)
  server.instead = () => undefined
  const next = tempHive(t, { file, ship })
  next.hive.spawn({ agentId: 'b' })
  await next.hive.shutdown()
  assert.ok(server.only().equals(readFileSync(file)))
})

test('who refuses for good is told of once, and recording goes on', async (t) => {
  const said = captureDiag(t)
  const server = await fakeIngest(t)
  server.instead = () => ({ status: 401, body: { error: 'a token is needed' } })
  const { hive, file } = tempHive(t, { ship: { url: server.url, flushMs: 10 } })
  const agent = hive.spawn({ agentId: 'a' })
  await until(() => said.length > 0, 'the refusal')
  agent.log('note', { i: 1 })
  await hive.shutdown()
  assert.equal(said.length, 1)
  assert.match(said[0] ?? '', /hive\.jsonl is not sent: .*the server refuses \(401\): a token is needed/)
  assert.equal(eventsOf(file).filter(({ kind }) => kind === 'note').length, 1)
})

test('what is sent is no call of an agent, and no span', async (t) => {
  const server = await fakeIngest(t)
  const { hive, file } = tempHive(t, { ship: { url: server.url, flushMs: 10 } })
  hive.instrument()
  const agent = hive.spawn({ agentId: 'a' })
  await agent.run(async () => {
    agent.log('note', { i: 1 })
    await until(() => server.only().includes('"i":1'), 'the lines')
  })
  await hive.shutdown()
  assert.deepEqual(
    eventsOf(file).map(({ kind }) => kind),
    ['spawn', 'note', 'exit'],
  )
  assert.ok(server.requests.every(({ headers }) => headers.traceparent === undefined))
})

test('two hives on one log send it once, until the last has ended', async (t) => {
  const server = await fakeIngest(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const ship = { url: server.url, flushMs: 10 }
  const one = tempHive(t, { file, ship }).hive
  const two = tempHive(t, { file, ship }).hive
  one.spawn({ agentId: 'a' })
  await one.shutdown()
  two.spawn({ agentId: 'b' })
  await two.shutdown()
  assert.ok(server.only().equals(readFileSync(file)))
  assert.equal(server.requests.filter(({ method }) => method === 'GET').length, 1)
})

test('the environment says where to; the option false says no', async (t) => {
  const said = captureDiag(t)
  const server = await fakeIngest(t)
  environment(t, {
    AGENT_LOG_ENDPOINT: `${server.url}/v1/ingest`,
    AGENT_LOG_TOKEN: 'hl_env',
    BATCH_FLUSH_INTERVAL_MS: '15',
  })
  const off = tempHive(t, { ship: false })
  off.hive.spawn({ agentId: 'a' })
  await off.hive.shutdown()
  assert.equal(server.requests.length, 0)
  assert.equal(off.hive.shipping, undefined)
  const { hive, file } = tempHive(t)
  hive.spawn({ agentId: 'a' })
  await until(() => server.only().includes('spawn'), 'lines')
  await hive.shutdown()
  assert.ok(server.only().equals(readFileSync(file)))
  assert.ok(server.requests.every(({ headers }) => headers.authorization === 'Bearer hl_env'))
  // The token of one server is not for another.
  const other = await fakeIngest(t)
  const elsewhere = tempHive(t, { ship: { url: other.url } })
  elsewhere.hive.spawn({ agentId: 'a' })
  await elsewhere.hive.shutdown()
  assert.ok(other.requests.length > 0)
  assert.ok(other.requests.every(({ headers }) => headers.authorization === undefined))
  assert.deepEqual(said, [])
})

test('an environment that makes no sense is one line, and stops nobody from recording', (t) => {
  const said = captureDiag(t)
  environment(t, { AGENT_LOG_ENDPOINT: 'ftp://x', BATCH_FLUSH_INTERVAL_MS: 'soon' })
  const { hive } = tempHive(t)
  assert.equal(hive.shipping, undefined)
  assert.equal(said.length, 1)
  assert.match(said[0] ?? '', /AGENT_LOG_ENDPOINT: .*ftp:\/\/x.* is not possible; use a URL/)
  process.env.AGENT_LOG_ENDPOINT = 'http://127.0.0.1:1'
  tempHive(t, { shutdownTimeoutMs: 1 })
  assert.match(said[1] ?? '', /BATCH_FLUSH_INTERVAL_MS: .*soon.* is not possible; use a whole number/)
})

test('options that cannot be are refused, and a token is not repeated', () => {
  assert.throws(() => startHive({ ship: { url: 'x' } }), /startHive: ship\.url: 'x' is not possible/)
  assert.throws(
    () => startHive({ ship: { url: 'http://x', token: 7 as unknown as string } }),
    /ship\.token: a number as given is not possible/,
  )
  assert.throws(() => startHive({ ship: { url: 'http://x', kinds: ['No Kind'] } }), /ship\.kinds/)
})

test('a process that ends in the middle loses nothing: the next one sends it', async (t) => {
  const server = await fakeIngest(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const env = { AGENT_LOG_ENDPOINT: server.url, AGENT_SESSION_ID: 'one' }
  assert.equal((await run([fixture('shipping-hive'), file, '500', 'exit'], env)).code, 0)
  assert.equal((await run([fixture('shipping-hive'), file, '500', 'shutdown'], env)).code, 0)
  assert.ok(server.only().equals(readFileSync(file)))
  assert.equal(eventsOf(file).filter(({ kind }) => kind === 'note').length, 1000)
  assert.equal(server.requests.find(({ method }) => method === 'POST')?.headers['hivelog-session'], 'one')
})

test('sending keeps no process from its end', async (t) => {
  const server = await fakeIngest(t)
  server.instead = () => 'hang'
  const file = join(tempFolder(t), 'hive.jsonl')
  const ran = await run([fixture('shipping-hive'), file, '5', 'idle'], {
    AGENT_LOG_ENDPOINT: server.url,
    BATCH_FLUSH_INTERVAL_MS: '1',
  })
  assert.equal(ran.code, 0)
  assert.ok(existsSync(file))
})

test('hivelog/register sends the log that it writes, without a line of code', async (t) => {
  const server = await fakeIngest(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const register = door('register')
  const ran = await run(['--import', register, '--eval', 'setTimeout(() => {}, 5)'], {
    AGENT_LOG_ENDPOINT: server.url,
    AGENT_ID: 'solo',
    HIVELOG_FILE: file,
    HIVELOG_INSTRUMENT: 'none',
  })
  assert.equal(ran.code, 0, ran.stderr)
  assert.ok(server.only().equals(readFileSync(file)))
  assert.ok(server.only().includes('"agentId":"solo"'))
})

test('the logs of child processes are sent, by whom they may be', async (t) => {
  const server = await fakeIngest(t)
  environment(t, { AGENT_LOG_ENDPOINT: server.url, BATCH_FLUSH_INTERVAL_MS: '20' })
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'lead' })
  const child = agent.spawn({ agentId: 'child' })
  const log = child.env().HIVELOG_FILE as string
  // One that sends nothing itself.
  const silent = await run([fixture('shipping-hive'), log, '50', 'exit'], {
    ...child.env(),
    AGENT_LOG_ENDPOINT: '',
  })
  assert.equal(silent.code, 0)
  await until(() => server.copies.size === 2, 'both logs')
  await hive.shutdown()
  const copies = [...server.copies.values()].map((copy) => Buffer.concat([...copy.values()]).toString('utf8'))
  assert.deepEqual(copies.sort(), [readFileSync(file, 'utf8'), readFileSync(log, 'utf8')].sort())
  assert.equal(readdirSync(`${file}.agents`).filter((name) => name.endsWith('.jsonl')).length, 1)
})
