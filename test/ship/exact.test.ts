/** Through a bad network, with server, shipper and hive killed at any moment, a copy is the original, byte for byte. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { verifyLog } from '../../src/read.js'
import { serve } from '../../src/serve/server.js'
import { shipLogs } from '../../src/ship/shipper.js'
import { ShipError } from '../../src/ship/transport.js'
import { captureDiag, cleanEnvironment, fixture, tempFolder, tempHive, until } from '../kit/hive-support.js'
import { MAIN } from '../kit/reader-cli.js'
import { roughProxy } from '../kit/rough-proxy.js'

/** The same numbers in every run. */
function diceOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** All bytes of a log, segment after segment. */
function bytesOf(folder: string, stem: string): Buffer {
  const names = readdirSync(folder)
  const archived = names.filter((name) => name.startsWith(`${stem}.0`) && /\.jsonl(\.gz)?$/.test(name)).sort()
  return Buffer.concat(
    [...archived, `${stem}.jsonl`].map((name) => {
      const bytes = readFileSync(join(folder, name))
      return name.endsWith('.gz') ? gunzipSync(bytes) : bytes
    }),
  )
}

class Programs {
  readonly #children = new Set<ChildProcess>()

  constructor(t: TestContext) {
    t.after(() => {
      for (const child of this.#children) child.kill('SIGKILL')
    })
  }

  start(args: string[]): ChildProcess {
    const child = spawn(process.execPath, args, {
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#children.add(child)
    child.once('exit', () => this.#children.delete(child))
    return child
  }

  async server(store: string, tokens: string): Promise<{ child: ChildProcess; port: number }> {
    const child = this.start([MAIN, 'serve', '--store', store, '--tokens', tokens, '--port', '0', '--json'])
    const [line] = (await once(
      createInterface({ input: child.stdout as NodeJS.ReadableStream }),
      'line',
    )) as [string]
    return { child, port: JSON.parse(line).port as number }
  }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

test('a copy is exact, whoever is killed meanwhile', async (t) => {
  const dice = diceOf(7)
  const folder = tempFolder(t)
  const store = join(folder, 'store')
  const tokens = join(folder, 'tokens.json')
  const file = join(folder, 'hive.jsonl')
  const { Tokens } = await import('../../src/serve/tokens.js')
  const token = new Tokens(tokens).add('test', ['ingest'])
  const programs = new Programs(t)
  const proxy = await roughProxy(dice)
  t.after(() => proxy.close())
  const ship = (...more: string[]): ChildProcess =>
    programs.start([
      MAIN,
      'ship',
      '--to',
      proxy.url,
      '--token',
      token,
      '--flush',
      '20',
      '--max-bytes',
      '6000',
      ...more,
      file,
    ])
  let server = await programs.server(store, tokens)
  proxy.to(server.port)
  let hive = programs.start([fixture('rotating-hive'), file, '1600'])
  await until(() => existsSync(file), 'the hive')
  let shipper = ship()
  for (let round = 0; round < 9; round++) {
    await new Promise((resolve) => setTimeout(resolve, 60 + dice() * 150))
    if (round % 3 === 0) {
      await kill(server.child)
      server = await programs.server(store, tokens)
      proxy.to(server.port)
    } else if (round % 3 === 1) {
      await kill(shipper)
      shipper = ship()
    } else {
      await kill(hive)
      hive = programs.start([fixture('rotating-hive'), file, round === 8 ? '1000' : '1600'])
    }
  }
  if (hive.exitCode === null) await once(hive, 'exit')
  await kill(shipper)
  const last = ship('--once')
  const [code] = await once(last, 'exit')
  assert.equal(code, 0, String(last.stderr?.read() ?? ''))
  const [session = ''] = readdirSync(store).filter((name) => !name.startsWith('.'))
  const [log = ''] = readdirSync(join(store, session)).flatMap(
    (name) => /^[0-9a-f]{16}(?=\.jsonl$)/.exec(name) ?? [],
  )
  assert.ok(bytesOf(folder, 'hive').equals(bytesOf(join(store, session), log)), 'byte for byte')
  const copy = join(store, session, `${log}.jsonl`)
  const [mine, theirs] = await Promise.all([verifyLog(file), verifyLog(copy)])
  assert.deepEqual(theirs.findings, [])
  assert.deepEqual(mine.findings, [])
  assert.equal(theirs.lines, mine.lines)
  assert.equal(theirs.artifacts.checked, mine.artifacts.checked)
  assert.ok(mine.files.length > 3, 'it was rotated')
  for (const doing of ['cut before', 'cut after', '503', 'twice'])
    assert.ok((proxy.counts[doing] ?? 0) > 0, doing)
})

test('what was cut off a log after its last seal shows by the receipts of its copy', async (t) => {
  captureDiag(t)
  const folder = tempFolder(t)
  const server = await serve({ store: join(folder, 'store'), port: 0 })
  t.after(() => server.close())
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'a' })
  for (let i = 0; i < 50; i++) agent.log('note', { i })
  await hive.flush()
  const shipping = { url: server.url, token: server.token as string, once: true }
  await shipLogs([file], shipping)
  const kept = readFileSync(file, 'utf8')
  const receipts = readFileSync(
    join(server.store, hive.sessionId, `${(await verifyLog(file)).log}.jsonl.receipts`),
    'utf8',
  )
  await hive.shutdown()
  assert.deepEqual((await verifyLog(file, { receipts })).findings, [], 'it may have grown')
  const lines = kept.split(/(?<=\n)/)
  writeFileSync(file, lines.slice(0, -10).join(''))
  assert.deepEqual((await verifyLog(file)).findings, [], 'the file alone does not show it')
  const cut = await verifyLog(file, { receipts })
  assert.equal(cut.ok, false)
  assert.match(cut.findings[0]?.message ?? '', /the end was cut off/)
  writeFileSync(file, kept.replace('"i":49', '"i":48'))
  assert.match(
    (await verifyLog(file, { receipts })).findings[0]?.message ?? '',
    /are not those that a server had/,
  )
})

test('a hive’s child logs are sent too, and logs of other writers, each once', async (t) => {
  const folder = tempFolder(t)
  const server = await serve({ store: join(folder, 'store'), port: 0 })
  t.after(() => server.close())
  const file = join(folder, 'foreign.jsonl')
  const line = (text: string): string => `{"ts":1,"kind":"message","from":"a","to":"b","subject":"${text}"}\n`
  writeFileSync(file, line('one') + line('two'))
  mkdirSync(`${file}.agents`)
  writeFileSync(join(`${file}.agents`, 'b.jsonl'), line('child'))
  const shipping = { url: `${server.url}/v1/ingest`, token: server.token as string, once: true }
  const first = await shipLogs([file], shipping)
  assert.deepEqual(
    first.map(({ bytes }) => bytes),
    [line('one').length * 2, line('child').length],
  )
  const again = await shipLogs([file], shipping)
  assert.deepEqual(
    again.map(({ bytes }) => bytes),
    [0, 0],
  )
  for (const { session, log, file: path } of first) {
    assert.deepEqual(readFileSync(join(server.store, session, `${log}.jsonl`)), readFileSync(path))
  }
})

test('a log that says otherwise than its copy is not sent, and one line says so', async (t) => {
  const folder = tempFolder(t)
  const server = await serve({ store: join(folder, 'store'), port: 0 })
  t.after(() => server.close())
  const file = join(folder, 'x.jsonl')
  const [one, two] = ['{"ts":1,"kind":"a"}\n', '{"ts":2,"kind":"b"}\n']
  writeFileSync(file, one + two)
  const shipping = { url: server.url, token: server.token as string, once: true }
  await shipLogs([file], shipping)
  // Shorter than what is there: the next bytes have no place.
  writeFileSync(file, one)
  await assert.rejects(shipLogs([file], shipping), (error: ShipError) => {
    return error instanceof ShipError && error.status === 409 && !error.message.includes('\n')
  })
  await assert.rejects(shipLogs([file], { ...shipping, token: 'hl_no' }), (error: ShipError) => {
    return error instanceof ShipError && error.status === 401
  })
})

test('a copy of a signed log verifies by the key, and a pipe in place of its origin holds nobody up', async (t) => {
  captureDiag(t)
  const folder = tempFolder(t)
  const server = await serve({ store: join(folder, 'store'), port: 0 })
  t.after(() => server.close())
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const { hive, file } = tempHive(t, { seal: { privateKey }, rotate: { maxBytes: 5_000 } })
  const agent = hive.spawn({ agentId: 'a' })
  for (let i = 0; i < 100; i++) {
    agent.log('note', { i })
    await hive.flush()
  }
  await hive.shutdown()
  await shipLogs([file], { url: server.url, token: server.token as string, once: true })
  const original = await verifyLog(file, { publicKey })
  const copy = join(server.store, hive.sessionId, `${original.log}.jsonl`)
  const copied = await verifyLog(copy, { publicKey })
  assert.deepEqual([original.findings, copied.findings], [[], []])
  assert.ok(copied.files.length > 1)
  rmSync(`${copy}.origin`)
  assert.ok((await verifyLog(copy, { publicKey })).findings.length > 0, 'its name is part of what is signed')
  if (spawnSync('mkfifo', [`${copy}.origin`]).status === 0) {
    assert.ok((await verifyLog(copy, { publicKey })).findings.length > 0)
  }
})
