/**
 * A log that cannot be read now is told to be so, alone: 503, a reason in the list. The server, and all other logs, go
 * on (docs/api.md, SECURITY.md: who writes in a log's folder cannot stop a reader).
 */
import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { LogEntry, LogList } from '../../src/serve/api/shapes.js'
import { type Api, busyLog, tempApi } from '../kit/api-server.js'
import { tempFolder } from '../kit/hive-support.js'
import { SseReader } from '../kit/sse.js'

const LINE = `${JSON.stringify({ ts: Date.now(), kind: 'note', text: 'more', seq: 41, session: 's-busy' })}\n`

async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const end = performance.now() + 30_000
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    assert.ok(performance.now() < end, what)
    await pause(20)
  }
}

/** A link to itself can be read by nobody, not even by root. */
function breakPath(path: string): () => void {
  renameSync(path, `${path}.away`)
  symlinkSync(basename(path), path)
  return () => {
    rmSync(path)
    renameSync(`${path}.away`, path)
  }
}

async function stream(t: TestContext, api: Api, path: string): Promise<SseReader> {
  const end = new AbortController()
  t.after(() => end.abort())
  const reader = new SseReader(await api.ask(path, { signal: end.signal }))
  return reader
}

const listed = async (api: Api, id: string): Promise<LogEntry | undefined> =>
  (await api.get<LogList>('/api/logs')).logs.find((each) => each.id === id)

const lastTold = ({ events }: SseReader, id: string): LogEntry | undefined =>
  events.map(({ data }) => data as LogEntry).findLast((each) => each.id === id)

test('a log that becomes unreadable is shown with the reason, beside the others, and comes back', async (t) => {
  const folder = tempFolder(t)
  const broken = busyLog(folder, 40, 'broken.jsonl')
  const healthy = busyLog(folder, 40, 'healthy.jsonl')
  const api = await tempApi(t, { logs: [broken, healthy] })
  const [a, b] = [await api.log('broken.jsonl'), await api.log('healthy.jsonl')]
  const [idA, idB] = [basename(a), basename(b)]
  await api.get(`${a}/floor`)
  const live = await stream(t, api, '/api/live')
  const watched = await stream(t, api, `${a}/live`)
  const mend = breakPath(broken)
  await until('the page is told why', () => lastTold(live, idA)?.error)
  assert.match((await listed(api, idA))?.error ?? '', /^cannot read .*broken\.jsonl: [^\n]+$/)
  assert.equal((await listed(api, idB))?.error, undefined)
  const told = live.events.length
  appendFileSync(healthy, LINE)
  await until('the other log is live', () =>
    live.events.slice(told).find(({ data }) => (data as LogEntry).id === idB),
  )
  for (const path of ['/floor', '/stats', '/verify', '/segments', '']) {
    await until(`${path} is refused`, async () => {
      const response = await api.ask(a + path)
      const { error } = (await response.json()) as { error?: string }
      assert.notEqual(response.status, 500, error)
      if (response.status !== 503) return undefined
      assert.match(error ?? '', /^[^\n]*broken\.jsonl[^\n]*$/)
      assert.ok(Number(response.headers.get('retry-after')) > 0)
      return true
    })
    assert.equal((await api.ask(b + path)).status, 200, path)
  }
  mend()
  await until('the page is told that it is back', () => lastTold(live, idA)?.error === undefined || undefined)
  await until('it is read again', async () =>
    (await api.ask(`${a}/floor`)).status === 200 ? true : undefined,
  )
  assert.equal((await listed(api, idA))?.error, undefined)
  appendFileSync(broken, LINE)
  await watched.first('event')
})

test('a folder of child logs that cannot be listed ends neither the server nor the stream', async (t) => {
  const folder = tempFolder(t)
  const file = busyLog(folder, 40)
  const other = busyLog(folder, 40, 'other.jsonl')
  const api = await tempApi(t, { logs: [file, other] })
  const [log, healthy] = [await api.log('busy.jsonl'), await api.log('other.jsonl')]
  await stream(t, api, '/api/live')
  const watched = await stream(t, api, `${log}/live`)
  symlinkSync('busy.jsonl.agents', `${file}.agents`)
  await until('it is told', async () => (await listed(api, basename(log)))?.error)
  await until('it is refused', async () =>
    (await api.ask(`${log}/floor`)).status === 503 ? true : undefined,
  )
  // It is told so each time it is tried again.
  await watched.first('resync', 2)
  assert.equal((await api.ask(`${healthy}/floor`)).status, 200)
  assert.equal((await api.ask(`${log}/floor`)).status, 503)
  rmSync(`${file}.agents`)
  await until('it is back', async () => ((await api.ask(`${log}/floor`)).status === 200 ? true : undefined))
  await until('the list says so', async () =>
    (await listed(api, basename(log)))?.error === undefined ? true : undefined,
  )
})

test('logs of a folder that cannot be looked into now are not gone', async (t) => {
  const folder = join(tempFolder(t), 'logs')
  const outside = tempFolder(t)
  mkdirSync(folder)
  busyLog(folder, 40)
  const other = busyLog(outside, 40, 'other.jsonl')
  const api = await tempApi(t, { logs: [folder, other] })
  const [log, healthy] = [await api.log('busy.jsonl'), await api.log('other.jsonl')]
  const live = await stream(t, api, '/api/live')
  const mend = breakPath(folder)
  await until('the page is told why', () => lastTold(live, basename(log))?.error)
  assert.equal((await api.ask(`${healthy}/stats`)).status, 200)
  assert.equal((await api.ask(`${log}/stats`)).status, 503)
  mend()
  await until('it is back', async () => ((await api.ask(`${log}/stats`)).status === 200 ? true : undefined))
  await until('the page is told', () => lastTold(live, basename(log))?.error === undefined || undefined)
})
