/** Live: what another process writes arrives, each event once, whatever happens to the connection, the file or the viewer. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import type {
  EventPage,
  FloorChange,
  LogEntry,
  LogOverview,
  PlacedEvent,
} from '../../src/serve/api/shapes.js'
import { busyLog, tempApi } from '../kit/api-server.js'
import { defer, tempFolder } from '../kit/hive-support.js'
import { LogWriter } from '../kit/reader-log.js'
import { type SentEvent, SseReader } from '../kit/sse.js'

const positionOf = ({ data }: { data: unknown }): number => (data as { position: number }).position

/** Opens a stream that ends with the test. */
async function stream(
  t: TestContext,
  ask: (path: string, options?: RequestInit) => Promise<Response>,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ reader: SseReader; stop: () => void }> {
  const end = new AbortController()
  defer(t, () => end.abort())
  const response = await ask(path, { headers, signal: end.signal })
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'text/event-stream')
  return { reader: new SseReader(response), stop: () => end.abort() }
}

test('an event that another process writes arrives, and the floor with it', async (t) => {
  const writer = new LogWriter(join(tempFolder(t), 'hive.jsonl')).event('spawn', {
    agentId: 'lead',
    name: 'Lead',
  })
  const { ask, log } = await tempApi(t, { logs: [writer.file] })
  const { reader } = await stream(t, ask, `${await log('hive.jsonl')}/live`)
  const line = writer.line('spawn', { agentId: 'coder', name: 'Coder', parent: 'lead' })
  const script = `require('node:fs').appendFileSync(process.argv[1], process.argv[2])`
  const child = spawn(process.execPath, ['-e', script, writer.file, line])
  await once(child, 'exit')
  const [sent] = (await reader.first('event')) as [SentEvent]
  const { position, event, text } = sent.data as PlacedEvent
  assert.deepEqual([sent.id, position], [String(writer.seq), writer.seq])
  assert.equal(JSON.stringify(event), line.trim())
  assert.match(text, /spawn +coder/)
  const [floor] = (await reader.first('floor')) as [SentEvent]
  const { agents } = floor.data as FloorChange
  assert.deepEqual(
    agents.map(({ agentId, status }) => [agentId, status]),
    [['coder', 'alive']],
  )
})

test('whose question another agent asks anew is told on the floor, too', async (t) => {
  const writer = new LogWriter(join(tempFolder(t), 'hive.jsonl'))
  for (const agentId of ['lead', 'coder']) writer.event('spawn', { agentId, name: agentId })
  writer.event('escalate', { from: 'coder', to: 'human', subject: 'mine', id: 'x' })
  const { ask, log } = await tempApi(t, { logs: [writer.file] })
  const { reader } = await stream(t, ask, `${await log('hive.jsonl')}/live`)
  writer.event('escalate', { from: 'lead', to: 'human', subject: 'no, mine', id: 'x' })
  const [floor] = (await reader.first('floor')) as [SentEvent]
  const { agents, pending } = floor.data as FloorChange
  assert.deepEqual(
    new Map(agents.map((agent) => [agent.agentId, agent.pending])),
    new Map([
      ['lead', 1],
      ['coder', 0],
    ]),
  )
  assert.deepEqual(
    pending.map(({ from }) => from),
    ['lead'],
  )
})

test('with Last-Event-ID a stream goes on where it was cut off: each event once', async (t) => {
  const writer = new LogWriter(join(tempFolder(t), 'hive.jsonl')).messages(20)
  const { ask, log } = await tempApi(t, { logs: [writer.file] })
  const path = `${await log('hive.jsonl')}/live`
  const seen: number[] = []
  let last = '0'
  for (let round = 0; round < 5; round++) {
    const { reader, stop } = await stream(t, ask, path, { 'last-event-id': last })
    writer.messages(20)
    const sent = await reader.first('event', 15)
    stop()
    seen.push(...sent.map(positionOf))
    last = sent.at(-1)?.id as string
  }
  assert.deepEqual(
    seen,
    seen.map((_, i) => i + 1),
  )
})

test('across rotation and compression, and their lines can still be shown', async (t) => {
  const folder = tempFolder(t)
  const writer = new LogWriter(join(folder, 'hive.jsonl')).messages(30)
  const { ask, get, log } = await tempApi(t, { logs: [writer.file] })
  const path = await log('hive.jsonl')
  const { reader } = await stream(t, ask, `${path}/live?from=0`)
  await reader.first('event', 30)
  writer.rotate()
  writer.messages(30)
  const archived = join(folder, 'hive.000000000001.jsonl')
  const text = readFileSync(archived)
  writeFileSync(`${archived}.gz.tmp`, gzipSync(text))
  renameSync(`${archived}.gz.tmp`, `${archived}.gz`)
  rmSync(archived)
  const sent = await reader.first('event', writer.seq)
  assert.deepEqual(
    sent.map(positionOf),
    Array.from({ length: writer.seq }, (_, i) => i + 1),
  )
  const { events } = await get<EventPage>(`${path}/events?limit=1000`)
  assert.deepEqual(
    events.map(({ event }) => event),
    sent.map(({ data }) => (data as PlacedEvent).event),
  )
  assert.equal(events[0]?.file, `${archived}.gz`)
})

test('a log that was cut off is read anew, and viewers are told to ask anew', async (t) => {
  const writer = new LogWriter(join(tempFolder(t), 'hive.jsonl')).messages(50)
  const { ask, get, log } = await tempApi(t, { logs: [writer.file] })
  const path = await log('hive.jsonl')
  const { reader } = await stream(t, ask, `${path}/live?from=0`)
  await reader.first('event', 50)
  const kept = readFileSync(writer.file, 'utf8').split('\n').slice(0, 10).join('\n').length + 1
  truncateSync(writer.file, kept)
  await reader.first('resync')
  assert.equal((await get<LogOverview>(path)).last, 10)
  assert.equal((await get<EventPage>(`${path}/events`)).events.length, 10)
})

test('a log that is gone is told in one line, and the server goes on', async (t) => {
  const folder = tempFolder(t)
  const file = busyLog(folder, 300)
  const { ask, get, log } = await tempApi(t, { logs: [file] })
  const path = await log('busy.jsonl')
  await get(path)
  renameSync(file, join(folder, 'elsewhere'))
  const response = await ask(`${path}/events`)
  assert.equal(response.status, 410)
  assert.match(
    ((await response.json()) as { error: string }).error,
    /^[^\n]*busy\.jsonl is not there any more/,
  )
  const { error } = (await get<{ logs: LogEntry[] }>('/api/logs')).logs[0] as LogEntry
  assert.match(error as string, /^[^\n]+$/)
})

test('a viewer that takes nothing is told to ask anew once it does, and holds nobody up', async (t) => {
  const writer = new LogWriter(join(tempFolder(t), 'hive.jsonl')).messages(1)
  const { server, ask, log } = await tempApi(t, { logs: [writer.file] })
  const path = await log('hive.jsonl')
  const slow = httpRequest(`${server.url}${path}/live`, {
    headers: { authorization: `Bearer ${server.token}` },
  })
  slow.end()
  const [response] = await once(slow, 'response')
  response.pause()
  defer(t, () => slow.destroy())
  const { reader } = await stream(t, ask, `${path}/live?from=0`)
  const subject = 'x'.repeat(20_000)
  for (let i = 0; i < 40; i++) {
    for (let k = 0; k < 20; k++) writer.message(subject)
    await reader.first('event', Math.min(writer.seq, 1 + (i + 1) * 20)).catch(() => {})
  }
  let text = ''
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    text += chunk
  })
  response.resume()
  for (let i = 0; i < 2000 && !text.includes('event: resync'); i++) await pause(10)
  assert.match(text, /event: resync\ndata: \{"position":\d+\}/)
})

test('more viewers than may be are refused, and told when to come again', async (t) => {
  const writer = new LogWriter(join(tempFolder(t), 'hive.jsonl')).messages(1)
  const { ask, log } = await tempApi(t, { logs: [writer.file], maxViewers: 2 })
  const path = `${await log('hive.jsonl')}/live`
  const { stop } = await stream(t, ask, path)
  await stream(t, ask, '/api/live')
  const refused = await ask(path)
  assert.equal(refused.status, 503)
  assert.equal(refused.headers.get('retry-after'), '10')
  await refused.body?.cancel()
  stop()
  for (let i = 0; i < 500; i++) {
    const response = await ask(path)
    await response.body?.cancel()
    if (response.status === 200) return
    await pause(10)
  }
  assert.fail('the place of a viewer that went stays taken')
})

test('logs that come are told, and found in their folder', async (t) => {
  const folder = tempFolder(t)
  busyLog(folder, 50, 'first.jsonl')
  const { ask, log } = await tempApi(t, { logs: [folder] })
  const { reader } = await stream(t, ask, '/api/live')
  await log('first.jsonl')
  await pause(1500)
  appendFileSync(join(folder, 'second.jsonl'), '{"ts":5,"kind":"note"}\n')
  const sent = await reader.first('log')
  assert.ok(sent.some(({ data }) => (data as LogEntry).name === 'second.jsonl'))
})

test('several at a time are the same events, once each, from any place on', async (t) => {
  const file = busyLog(tempFolder(t), 900)
  const { ask, get, log } = await tempApi(t, { logs: [file] })
  const path = await log('busy.jsonl')
  const { last } = await get<LogOverview>(path)
  const { events } = await get<EventPage>(`${path}/events?after=${last - 700}&limit=700`)
  const { reader } = await stream(t, ask, `${path}/live?batch=1&from=${last - 700}`)
  const came = (): SentEvent[] => reader.events.filter(({ event }) => event === 'events')
  const until = performance.now() + 20_000
  while (came().at(-1)?.id !== String(last)) {
    assert.ok(performance.now() < until, `up to ${came().at(-1)?.id}`)
    await pause(10)
  }
  assert.deepEqual(
    came().flatMap(({ data }) => data as PlacedEvent[]),
    events,
  )
  assert.ok(came().length < 20)
  assert.equal(reader.events.filter(({ event }) => event === 'event').length, 0)
  for (const { id, data } of came()) assert.equal(id, String((data as PlacedEvent[]).at(-1)?.position))
})
