/** The side indexes of a server's logs are there without anybody's asking for a state. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { replay } from '../../src/analyse.js'
import { startHive } from '../../src/index.js'
import { type RunningServer, serve } from '../../src/serve/server.js'
import { defer } from '../kit/hive-support.js'
import { indexedFolder, until } from '../kit/indexing.js'
import { hivelog } from '../kit/reader-cli.js'
import { LogWriter } from '../kit/reader-log.js'
import { send } from '../kit/serve-support.js'

const MIB = 1024 * 1024

async function server(
  t: TestContext,
  options: Parameters<typeof serve>[0],
  told: string[] = [],
): Promise<RunningServer> {
  const { store = '' } = options
  const running = await serve({ ...options, store, port: 0, onError: (message) => told.push(message) })
  defer(t, () => running.close())
  return running
}

const indexOf = (log: string): string[] =>
  existsSync(`${log}.index`) ? readdirSync(`${log}.index`).filter((name) => name.endsWith('.idx')) : []

async function write(file: string, bytes: number, maxBytes = 2 * MIB): Promise<void> {
  const hive = startHive({ file, otlp: false, fsync: 'no', rotate: { maxBytes } })
  const lead = hive.spawn({ agentId: 'lead' })
  for (let n = 0; n < bytes / 250; n++) {
    lead.message({ to: 'coder', act: 'inform', subject: `part ${n} of what there is to be done` })
    if (n % 1000 === 0) await hive.flush()
  }
  await hive.shutdown()
}

/** The one copy of a store. */
function copyIn(store: string): string {
  const [session = ''] = readdirSync(store)
  const [log = ''] = readdirSync(join(store, session)).filter((name) => /^[0-9a-f]{16}\.jsonl$/.test(name))
  return join(store, session, log)
}

test('a copy has its index while it comes, and no other where that is switched off', async (t) => {
  const folder = indexedFolder(t)
  const file = join(folder, 'hive.jsonl')
  await write(file, 6 * MIB)
  const stores = ['on', 'off'].map((name) => join(folder, name)) as [string, string]
  const told: string[] = []
  const servers = [
    await server(t, { store: stores[0], index: { everyBytes: MIB } }, told),
    await server(t, { store: stores[1], index: false }, told),
  ]
  for (const { url, token } of servers) {
    const { code, stderr } = await hivelog(['ship', '--once', '--to', url, '--token', token ?? '', file])
    assert.equal(code, 0, stderr)
  }
  const [on, off] = stores.map(copyIn) as [string, string]
  await until('indexed', () => indexOf(on).length >= 2)
  assert.deepEqual(indexOf(off), [])
  const { seq: at } = await replay(file, { index: false })
  for (const seq of [at - 9_000, at - 50]) {
    const { logs: _, ...state } = await replay(on, { at: seq, thisFile: true })
    assert.deepEqual(state, await replay(file, { at: seq, index: false, thisFile: true }))
  }
  assert.deepEqual(told, [])
})

test('a log of events has one too', async (t) => {
  const folder = indexedFolder(t)
  const store = join(folder, 'store')
  const running = await server(t, { store, index: { everyBytes: MIB } })
  const events = Array.from({ length: 4_000 }, (_, n) => ({
    session: 's-1',
    ts: 1_787_386_181_194 + n,
    kind: 'message',
    from: 'a',
    to: 'b',
    act: 'inform',
    subject: 'x'.repeat(300),
    id: `m-${n}`,
  }))
  for (let at = 0; at < events.length; at += 500) {
    const { status } = await send(running, '/v1/ingest', JSON.stringify(events.slice(at, at + 500)))
    assert.equal(status, 200)
  }
  // A log is sealed, and looked at, each 4 MiB or each minute: what is there comes with the next.
  for (let at = 0; at < 12_000; at += 1000) {
    const more = Array.from({ length: 1000 }, (_, n) => ({
      ...events[0],
      id: `n-${at + n}`,
      ts: 1_787_386_190_000 + at + n,
    }))
    await send(running, '/v1/ingest', JSON.stringify(more))
  }
  await until('indexed', () => indexOf(join(store, 's-1', 'events.jsonl')).length === 1)
})

test('a log that is only shown has one where its folder is the user’s own, and none behind the log', async (t) => {
  const folder = indexedFolder(t)
  const own = join(folder, 'own.jsonl')
  new LogWriter(own).messages(10_000)
  const done = join(folder, 'done.jsonl')
  new LogWriter(done).messages(10_000)
  await hivelog(['index', done])
  const before = indexOf(done)
  // Made after the log was last written: nothing is new.
  utimesSync(done, new Date(0), new Date(0))
  const logs = [own, done]
  const isRoot = process.getuid?.() === 0
  const others = join(folder, 'others')
  if (isRoot) {
    const { chownSync } = await import('node:fs')
    mkdirSync(others)
    new LogWriter(join(others, 'hive.jsonl')).messages(10_000)
    chownSync(others, 65_534, 65_534)
    logs.push(join(others, 'hive.jsonl'))
  }
  const running = await serve({ logs, port: 0, index: { everyBytes: MIB } })
  defer(t, () => running.close())
  await until('indexed', () => indexOf(own).length === 1)
  assert.deepEqual(indexOf(done), before)
  if (isRoot) assert.ok(!existsSync(join(others, 'hive.jsonl.index')))
})
