/**
 * Decided at a server in another process, to which a hive in a third sends its log: the decision comes back by the long
 * poll or with the answer to a piece, whoever is killed meanwhile.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Desk } from '../../src/serve/api/shapes.js'
import { Tokens } from '../../src/serve/tokens.js'
import {
  approvals,
  type DecidingServer,
  decidingHive,
  decidingServer,
  isTaken,
  until,
} from '../kit/deciding.js'
import { tempFolder } from '../kit/hive-support.js'
import { isInTurn } from '../kit/long-run.js'

async function fleet(t: TestContext) {
  const folder = tempFolder(t)
  const store = join(folder, 'store')
  const file = join(folder, 'here', 'hive.jsonl')
  // Of the same name at every start, so that a server that begins again knows its sender and its person.
  const token = new Tokens(join(folder, 'tokens.json')).add('ana', ['ingest', 'read', 'decide'])
  const args = ['--store', store, '--tokens', join(folder, 'tokens.json')]
  const serve = (port = 0): Promise<DecidingServer> => decidingServer(t, args, port, token)
  const hive = (server: DecidingServer, count: number, flushMs = 5_000) =>
    decidingHive(t, file, count, {
      AGENT_LOG_ENDPOINT: server.url,
      AGENT_LOG_TOKEN: token,
      BATCH_FLUSH_INTERVAL_MS: String(flushMs),
    })
  /** Path of the only copy in the store. */
  const copy = (): string => {
    const names = readdirSync(join(store, 's-deciding')).filter((name) => name.endsWith('.jsonl'))
    assert.equal(names.length, 1)
    return join(store, 's-deciding', names[0] as string)
  }
  return { file, serve, hive, copy }
}

/** Waits until the copy at the server has so many questions. @returns path of its log there */
async function asked(server: DecidingServer, count: number): Promise<string> {
  await until(async () => {
    const { logs } = (await server.ask('/api/logs')).body as { logs: unknown[] }
    if (logs.length === 0) return false
    return ((await server.ask(`${await server.log()}/desk`)).body as unknown as Desk).pending.length === count
  })
  return server.log()
}

const ids = (count: number): string[] => Array.from({ length: count }, (_, i) => `ask-${i}`)
const decide = ({ ask }: DecidingServer, log: string, id: string, approve: boolean) =>
  ask(`${log}/decisions`, { id, approve, note: 'from afar' })

/** Each is decided once, by whom it was, in the log and in its copy, which is the log byte for byte. */
async function settled(file: string, copy: string, expected: readonly (readonly [string, boolean])[]) {
  await until(() => isTaken(file) && isTaken(copy))
  await until(() => readFileSync(copy).equals(readFileSync(file)))
  assert.deepEqual(
    approvals(copy)
      .map(({ id, approve, by, via, note }) => [id, approve, by, via, note])
      .sort(),
    expected.map(([id, approve]) => [id, approve, 'ana', 'page', 'from afar']).sort(),
  )
}

test('what is decided at the server resolves the promises of the hive, long before its flush', async (t) => {
  const { file, serve, hive, copy } = await fleet(t)
  const server = await serve()
  // Nothing would be sent within the hour, but what is urgent.
  const afar = await hive(server, 20, 3_600_000)
  const log = await asked(server, 20)
  const sent = await Promise.all(ids(20).map((id, i) => decide(server, log, id, i % 2 === 0)))
  assert.ok(sent.every(({ status }) => status === 202))
  await until(() => afar.heard.size === 20)
  for (const [i, id] of ids(20).entries()) {
    const { approve, by, via, note } = afar.heard.get(id) ?? {}
    assert.deepEqual([approve, by, via, note], [i % 2 === 0, 'ana', 'page', 'from afar'])
  }
  await afar.end()
  await settled(
    file,
    copy(),
    ids(20).map((id, i) => [id, i % 2 === 0]),
  )
})

test('decided at home and afar in the same moment: once, and the desk afar says by whom', async (t) => {
  const { file, serve, hive, copy } = await fleet(t)
  const server = await serve()
  const afar = await hive(server, 20, 100)
  const log = await asked(server, 20)
  const sent = ids(20).map((id) => decide(server, log, id, true))
  for (const id of ids(20).reverse()) afar.decide(id, false, 'cy')
  assert.ok((await Promise.all(sent)).every(({ status }) => status === 202 || status === 409))
  await until(() => afar.code.size === 20 && afar.heard.size === 20)
  await until(() => isTaken(file) && isTaken(copy()))
  const lines = approvals(copy())
  assert.deepEqual(lines.map(({ id }) => id).sort(), ids(20).sort())
  const { decided } = (await server.ask(`${log}/desk`)).body as unknown as Desk
  for (const { id, by, via, approve } of lines) {
    assert.deepEqual([by, via, approve], approve ? ['ana', 'page', true] : ['cy', 'code', false])
    assert.equal(decided.find((each) => each.id === id)?.by, by)
    assert.equal(afar.code.get(id as string)?.by, approve ? 'ana' : undefined)
  }
  await afar.end()
})

test('the server killed while decisions wait in it, and again: each comes to the hive once', async (t) => {
  const { file, serve, hive, copy } = await fleet(t)
  let server = await serve()
  const { port } = server
  const afar = await hive(server, 12, 100)
  let log = await asked(server, 12)
  const expected: [string, boolean][] = []
  for (let round = 0; round < 3; round++) {
    const now = ids(12).slice(round * 4, round * 4 + 4)
    const sent = await Promise.all(now.map((id, i) => decide(server, log, id, i % 2 === 0)))
    assert.ok(sent.every(({ status }) => status === 202))
    expected.push(...now.map((id, i) => [id, i % 2 === 0] as [string, boolean]))
    // What it has acknowledged is on its disk, whether it had time to hand it on or not.
    await new Promise((done) => setTimeout(done, round * 150))
    await server.kill()
    server = await serve(port)
    await until(async () => ((await server.ask('/api/logs')).body as { logs: unknown[] }).logs.length > 0)
    log = await server.log()
  }
  await until(() => afar.heard.size === 12)
  await settled(file, copy(), expected)
  await afar.end()
})

test('the hive killed between decision and line, at any moment: decided once by the next that opens the log', async (t) => {
  for (const delay of [0, 200, 400].filter((_, i) => isInTurn(i))) {
    const { file, serve, hive, copy } = await fleet(t)
    const server = await serve()
    const first = await hive(server, 10, 100)
    const log = await asked(server, 10)
    const sent = ids(10).map((id, i) => decide(server, log, id, i % 2 === 0))
    await new Promise((done) => setTimeout(done, delay))
    await first.kill()
    assert.ok((await Promise.all(sent)).every(({ status }) => status === 202))
    const next = await hive(server, 0, 100)
    await settled(
      file,
      copy(),
      ids(10).map((id, i) => [id, i % 2 === 0]),
    )
    await next.end()
    await server.kill()
  }
})

test('a hive that ended before anybody decided takes the decision when it comes again', async (t) => {
  const { file, serve, hive, copy } = await fleet(t)
  let server = await serve()
  const { port } = server
  const first = await hive(server, 2, 100)
  const log = await asked(server, 2)
  await first.end()
  assert.equal((await decide(server, log, 'ask-1', true)).status, 202)
  const second = await decide(server, log, 'ask-1', false)
  assert.equal(second.status, 409)
  const { approve, by } = second.body.earlier as { approve: boolean; by: string }
  assert.deepEqual([approve, by], [true, 'ana'])
  await server.kill()
  server = await serve(port)
  const next = await hive(server, 0, 100)
  await settled(file, copy(), [['ask-1', true]])
  await next.end()
  const { pending } = (await server.ask(`${await server.log()}/desk`)).body as unknown as Desk
  assert.deepEqual(
    pending.map(({ id }) => id),
    ['ask-0'],
  )
})
