/** The catalogue tells of a hive whose children write while its own process waits that it is live, and how it is now. */
import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { LogEntry, LogList } from '../../src/serve/api/shapes.js'
import { tempApi } from '../kit/api-server.js'
import { defer, tempFolder } from '../kit/hive-support.js'
import { SseReader } from '../kit/sse.js'

const line = (ts: number, seq: number): string =>
  `${JSON.stringify({ ts, kind: 'note', seq, session: 's' })}\n`

test('what a child writes makes its hive live, and is told', async (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  const child = join(`${file}.agents`, 'coder.jsonl')
  mkdirSync(`${file}.agents`)
  writeFileSync(file, line(1_000, 1))
  writeFileSync(child, line(2_000, 1))
  const quiet = join(folder, 'quiet.jsonl')
  writeFileSync(quiet, line(1_000, 2))
  const hourAgo = Date.now() / 1000 - 3600
  for (const each of [file, child, quiet]) utimesSync(each, hourAgo, hourAgo)

  const api = await tempApi(t, { logs: [folder] })
  const listed = async (): Promise<LogEntry[]> => (await api.get<LogList>('/api/logs')).logs
  assert.deepEqual(
    (await listed()).map(({ name, live, lastTs }) => [name, live, lastTs]),
    [
      ['hive.jsonl', false, 2_000],
      ['quiet.jsonl', false, 1_000],
    ],
  )
  const over = new AbortController()
  defer(t, () => over.abort())
  const stream = new SseReader(await api.ask('/api/live', { signal: over.signal }))
  // What is there when the stream begins is only noted, and it looks each second.
  const told = stream.first('log')
  for (let seq = 2; stream.events.length === 0; seq++) {
    appendFileSync(child, line(1_000 + seq * 1_000, seq))
    await new Promise((done) => setTimeout(done, 200))
  }
  const [entry] = (await told).map(({ data }) => data as LogEntry)
  assert.deepEqual([entry?.name, entry?.live], ['hive.jsonl', true])
  assert.ok((entry?.lastTs ?? 0) >= 3_000)
  const [first, second] = await listed()
  assert.deepEqual([first?.name, first?.live, second?.live], ['hive.jsonl', true, false])
})
