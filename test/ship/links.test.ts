/** Links that lie where a log's files would be send no other file of the user's to a server. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startHive } from '../../src/index.js'
import { type FakeIngest, fakeIngest } from '../kit/fake-ingest.js'
import { captureDiag, tempFolder, until } from '../kit/hive-support.js'
import { hivelog } from '../kit/reader-cli.js'

const SECRET = 'root:x:0:0 is nobody’s business\n'
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const line = (seq: number, fields: object = {}): string =>
  `${JSON.stringify({ ts: 1_787_386_181_000 + seq, kind: 'note', ...fields, seq, session: 's' })}\n`

const sent = (server: FakeIngest): string[] =>
  [...server.copies.values()].map((copy) => Buffer.concat([...copy.values()]).toString())
const ship = (server: FakeIngest, ...args: string[]) =>
  hivelog(['ship', '--once', '--to', server.url, ...args], { env: {} })
const told = (path: string, what = 'a symbolic link'): string =>
  `hivelog: ${path} is ${what}, and so no part of the log: it is neither sent nor committed`

test('links among child logs and artifacts are told once and not sent; what is the log’s own is', async (t) => {
  const folder = tempFolder(t)
  const elsewhere = join(folder, 'elsewhere')
  mkdirSync(elsewhere)
  const secret = join(elsewhere, 'passwd')
  writeFileSync(secret, SECRET)
  writeFileSync(join(elsewhere, 'far.jsonl'), line(1, { text: 'far' }))
  const file = join(folder, 'hive.jsonl')
  // Of this content even the name is right.
  const ref = sha256(SECRET)
  const artifact = join(`${file}.artifacts`, ref.slice(0, 2), ref)
  const first = line(1, { text: { ref, bytes: Buffer.byteLength(SECRET) } })
  const [own, deep] = [line(1, { text: 'own' }), line(1, { text: 'deep' })]
  writeFileSync(file, first)
  mkdirSync(join(`${file}.agents`, 'both.jsonl.agents'), { recursive: true })
  mkdirSync(join(`${file}.artifacts`, ref.slice(0, 2)), { recursive: true })
  writeFileSync(join(`${file}.agents`, 'own.jsonl'), own)
  writeFileSync(join(`${file}.agents`, 'both.jsonl.agents', 'deep.jsonl'), deep)
  const p = join(`${file}.agents`, 'p.jsonl')
  const both = join(`${file}.agents`, 'both.jsonl')
  const agents = join(`${file}.agents`, 'own.jsonl.agents')
  const pipe = join(`${file}.agents`, 'pipe.jsonl')
  for (const link of [p, both, artifact]) symlinkSync(secret, link)
  symlinkSync(elsewhere, agents)
  execFileSync('mkfifo', [pipe])

  const server = await fakeIngest(t)
  server.instead = ({ path }) =>
    path.endsWith('/artifacts/missing') ? { status: 200, body: { missing: [ref] } } : undefined
  const { code, stderr } = await ship(server, file)
  assert.equal(code, 0, stderr)
  assert.deepEqual(sent(server).sort(), [deep, first, own].sort())
  assert.ok(!server.requests.some(({ body }) => body.includes(SECRET)))
  assert.deepEqual(
    stderr.trimEnd().split('\n').sort(),
    [...[p, both, agents, artifact].map((link) => told(link)), told(pipe, 'a pipe')].sort(),
  )
})

test('an archived segment that is a link ends the sending before anything of it is sent', async (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  const secret = join(folder, 'passwd')
  const segment = join(folder, 'hive.000000000002.jsonl')
  writeFileSync(secret, SECRET)
  writeFileSync(join(folder, 'hive.000000000001.jsonl'), line(1))
  symlinkSync(secret, segment)
  writeFileSync(file, line(3))
  const server = await fakeIngest(t)
  const { code, stderr } = await ship(server, file)
  assert.equal(code, 2)
  assert.equal(
    stderr,
    `hivelog: cannot read ${segment}: ${segment} is a symbolic link, and so no part of the log\n`,
  )
  assert.deepEqual(sent(server), [line(1)])
})

test('a log that is named by a link is sent, be it that of a child process', async (t) => {
  const folder = tempFolder(t)
  const real = join(folder, 'real.jsonl')
  writeFileSync(real, line(1))
  const link = join(folder, 'hive.jsonl')
  mkdirSync(`${link}.agents`)
  symlinkSync('real.jsonl', link)
  const child = join(`${link}.agents`, 'child.jsonl')
  symlinkSync(real, child)
  for (const named of [link, child]) {
    const server = await fakeIngest(t)
    const { code, stderr } = await ship(server, '--this-file', named)
    assert.deepEqual([code, stderr], [0, ''])
    assert.deepEqual(sent(server), [readFileSync(real, 'utf8')])
  }
})

test('a hive that sends its own log says so once, and goes on', async (t) => {
  const said = captureDiag(t)
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  const link = join(`${file}.agents`, 'p.jsonl')
  mkdirSync(`${file}.agents`)
  writeFileSync(join(folder, 'passwd'), SECRET)
  symlinkSync(join(folder, 'passwd'), link)
  const server = await fakeIngest(t)
  const hive = startHive({ file, ship: { url: server.url, flushMs: 20 } })
  hive.spawn({ agentId: 'a' }).log('note', { i: 1 })
  await until(() => server.copies.size === 1 && server.only().includes('"i":1'), 'the line')
  await hive.shutdown()
  assert.ok(server.only().equals(readFileSync(file)))
  assert.deepEqual(
    said
      .filter((each) => each.includes('symbolic'))
      .map((each) => each.replace(/^.*?hivelog: /, 'hivelog: ')),
    [told(link)],
  )
})
