/** Logs back from a server that gives its files as they are (`/api/logs/{id}/segments` and `raw`). */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { startHive } from '../../src/index.js'
import { pullSession } from '../../src/pull/pull.js'
import { verifyLog } from '../../src/read.js'
import { defer, tempFolder } from '../kit/hive-support.js'

interface Log {
  path: string
  id: string
  name: string
  segments: { segment: number; bytes: Buffer; live: boolean }[]
  artifacts: string
}

/** A log as its files are: named by the SHA-256 of its first line. */
function logAt(folder: string, stem: string): Log {
  const name = `${stem}.jsonl`
  const archived = readdirSync(folder).flatMap((entry) => {
    const [, seq] = new RegExp(`^${stem}\\.(\\d{12})\\.jsonl(?:\\.gz)?$`).exec(entry) ?? []
    if (seq === undefined) return []
    const bytes = readFileSync(join(folder, entry))
    return [{ segment: Number(seq), bytes: entry.endsWith('.gz') ? gunzipSync(bytes) : bytes, live: false }]
  })
  const live = readFileSync(join(folder, name))
  const first = JSON.parse(live.toString().split('\n')[0] as string).seq as number
  const segments = [
    ...archived.sort((a, b) => a.segment - b.segment),
    { segment: first, bytes: live, live: true },
  ]
  const [oldest] = segments as [Log['segments'][number]]
  const line = oldest.bytes.subarray(0, oldest.bytes.indexOf(10))
  const id = createHash('sha256').update(line).digest('hex').slice(0, 16)
  return { path: join(folder, name), id, name, segments, artifacts: `${join(folder, name)}.artifacts` }
}

interface Options {
  token?: string
  /** Bytes that are sent at once. */
  piece?: number
  /** Changes what is sent. */
  spoil?: (bytes: Buffer) => Buffer
}

/** Answers as the contract of the server says, for one hive: its log first, and those of its child processes. */
async function server(t: TestContext, logs: Log[], options: Options = {}): Promise<string> {
  const { token, piece = 3_000, spoil = (bytes) => bytes } = options
  const [root] = logs as [Log]
  const json = (response: ServerResponse, value: unknown, status = 200): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  }
  const http = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://x')
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`)
      return json(response, { error: 'no' }, 401)
    const base = `/api/logs/${root.id}`
    const log = logs.find(({ path }) => path === url.searchParams.get('log')) ?? root
    if (url.pathname === '/api/logs') {
      const other = { id: 'f'.repeat(16), session: 'other' }
      return url.searchParams.get('cursor') === '1'
        ? json(response, { logs: [{ id: root.id, session: 's-1' }], total: 2 })
        : json(response, { logs: [other], total: 2, cursor: '1' })
    }
    if (url.pathname === base)
      return json(response, {
        id: root.id,
        logs: logs.map(({ path, name }) => ({ log: path, file: name, foreign: false })),
      })
    if (url.pathname === `${base}/segments`) {
      return json(response, {
        session: 's-1',
        log: log.id,
        name: log.name,
        segments: log.segments.map(({ segment, bytes, live }) => ({
          segment,
          bytes: bytes.length,
          ...(!live && { sha256: createHash('sha256').update(bytes).digest('hex') }),
          live,
        })),
      })
    }
    if (url.pathname === `${base}/raw`) {
      const found = log.segments.find(({ segment }) => String(segment) === url.searchParams.get('segment'))
      const rest = (found?.bytes ?? Buffer.alloc(0)).subarray(Number(url.searchParams.get('offset')))
      const end = rest.lastIndexOf(10, piece) + 1
      response.end(spoil(Buffer.from(rest.subarray(0, end > 0 ? end : rest.indexOf(10) + 1))))
      return
    }
    const ref = url.pathname.split('/').at(-1) as string
    response.end(readFileSync(join(root.artifacts, ref.slice(0, 2), ref)))
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  defer(t, () => {
    http.closeAllConnections()
    http.close()
  })
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`
}

async function hiveIn(folder: string): Promise<Log[]> {
  const file = join(folder, 'hive.jsonl')
  const hive = startHive({ file, sessionId: 's-1', rotate: { maxBytes: 10_000, gzip: true } })
  const lead = hive.spawn({ agentId: 'lead', name: 'Lead' })
  for (let i = 0; i < 200; i++) {
    lead.message({ to: 'coder', act: 'inform', subject: `step ${i} ü` })
    if (i % 20 === 0) await hive.flush()
  }
  lead.snapshot({ label: 'x', content: 'state' })
  const child = startHive({ file: lead.env().HIVELOG_FILE as string, sessionId: 's-1' })
  child.log('child.note', {})
  await child.shutdown()
  await hive.shutdown()
  return [logAt(folder, 'hive'), logAt(join(folder, 'hive.jsonl.agents'), 'lead')]
}

test('files come as they are, with segments, artifacts and the logs of child processes', async (t) => {
  const folder = tempFolder(t)
  const logs = await hiveIn(folder)
  const url = await server(t, logs, { token: 'k' })
  const out = join(tempFolder(t), 'copy')
  const pulled = await pullSession({ url, token: 'k', session: 's-1', out })
  assert.deepEqual(
    pulled.map(({ log }) => log),
    logs.map(({ id }) => id),
  )
  assert.equal(pulled[0]?.artifacts, 1)
  assert.deepEqual(pulled[0]?.artifactsMissing, [])
  const [root, child] = logs as [Log, Log]
  assert.ok(root.segments.length > 2)
  for (const { segment, bytes, live } of root.segments) {
    const name = live ? 'hive.jsonl' : `hive.${String(segment).padStart(12, '0')}.jsonl`
    assert.ok(readFileSync(join(out, name)).equals(bytes), name)
  }
  assert.ok(
    readFileSync(join(out, 'hive.jsonl.agents/lead.jsonl')).equals(
      (child.segments[0] as { bytes: Buffer }).bytes,
    ),
  )
  assert.deepEqual((await verifyLog(join(out, 'hive.jsonl'))).findings, [])
  assert.deepEqual(await pullSession({ url, token: 'k', session: 's-2', out }), [])
})

test('without the token, and with bytes that are not those that the server has', async (t) => {
  const folder = tempFolder(t)
  const logs = await hiveIn(folder)
  const out = join(tempFolder(t), 'copy')
  const closed = await server(t, logs, { token: 'k' })
  await assert.rejects(pullSession({ url: closed, session: 's-1', out }), /answers 401: give --token/)
  const spoiled = await server(t, logs, {
    spoil: (bytes) => Buffer.from(bytes.toString().replace('step 3 ', 'step 4 ')),
  })
  await assert.rejects(pullSession({ url: spoiled, session: 's-1', out }), /sent other bytes/)
  assert.deepEqual(readdirSync(out), [])
})
