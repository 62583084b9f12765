/** Every line of a log as an OTLP log record: behind the file, over outages and restarts, at least once. */
import assert from 'node:assert/strict'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type HiveOptions, startHive } from '../../src/index.js'
import { type OtlpShipOptions, shipOtlpLogs } from '../../src/ship/otlp-logs.js'
import { door } from '../kit/doors.js'
import { captureDiag, cleanEnvironment, linesOf, runNode, tempFolder, until } from '../kit/hive-support.js'
import { LogStore } from '../kit/log-store.js'

const line = (i: number, more = ''): string => `{"ts":${i},"kind":"k","seq":${i},"session":"s"${more}}\n`
const lines = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => line(from + i)).join('')

const bodies = (store: LogStore): string[] => store.rows.map(({ _msg }) => _msg as string)
const textOf = (file: string): string[] => readFileSync(file, 'utf8').split('\n').slice(0, -1)

const once = (store: LogStore, file: string, more: OtlpShipOptions = {}) =>
  shipOtlpLogs([file], { url: store.logsUrl, once: true, ...more })

async function scene(t: TestContext): Promise<{ store: LogStore; folder: string; file: string }> {
  const folder = tempFolder(t)
  return { store: await LogStore.start(t), folder, file: join(folder, 'hive.jsonl') }
}

test('what a record says of its line', async (t) => {
  const { store, file } = await scene(t)
  const hive = startHive({ file, sessionId: 's-1' })
  const lead = hive.spawn({ agentId: 'lead', name: 'Lead' })
  lead.message({ to: 'coder', act: 'inform', subject: 'x' })
  lead.tool({ name: 'grep', ok: false, ms: 3 })
  lead.end({ error: new Error('no') })
  await hive.shutdown()
  await once(store, file, { serviceName: 'my-hive' })
  assert.deepEqual(bodies(store), textOf(file))
  let offset = 0
  for (const [i, text] of textOf(file).entries()) {
    const row = store.rows[i] as Record<string, string>
    const event = JSON.parse(text)
    assert.deepEqual(
      [row['hive.seq'], row['hive.kind'], row['hive.segment'], row['hive.offset'], row['hive.bytes']],
      [String(i + 1), event.kind, '1', String(offset), String(Buffer.byteLength(text))],
    )
    assert.equal(row.event_name, `hive.${event.kind}`)
    assert.equal(row._time, `${event.ts}000000`)
    assert.deepEqual([row.trace_id, row.span_id], [event.trace, event.span])
    assert.equal(row['gen_ai.agent.id'], event.agentId ?? event.from)
    assert.deepEqual(
      [row['session.id'], row['service.name'], row['hive.file']],
      ['s-1', 'my-hive', 'hive.jsonl'],
    )
    offset += Buffer.byteLength(text) + 1
  }
  const severities = Object.fromEntries(store.rows.map((row) => [row['hive.kind'], row.severity_number]))
  assert.deepEqual([severities.message, severities.tool, severities.exit], ['9', '17', '17'])
})

test('a restart goes on behind what was taken; what was not is sent again', async (t) => {
  const { store, file } = await scene(t)
  writeFileSync(file, lines(1, 100))
  await once(store, file)
  assert.equal(store.rows.length, 100)
  appendFileSync(file, lines(101, 150))
  await once(store, file)
  assert.deepEqual(bodies(store), textOf(file))
  // Another address has its own place, and both are kept.
  const other = await LogStore.start(t)
  await once(other, file)
  assert.equal(other.rows.length, 150)
  await once(store, file)
  assert.equal(store.rows.length, 150)
  // Another log of the same name begins anew.
  writeFileSync(file, lines(1, 3).replaceAll('"s"', '"t"'))
  await once(store, file)
  assert.equal(store.rows.length, 153)
  writeFileSync(`${file}.otlp-logs`, '{"version":1,"places":{"x":3}')
  await once(store, file)
  assert.equal(store.rows.length, 156, 'a damaged note: all is sent again')
})

test('an end that is away, or says to come back, gets all once it is there', async (t) => {
  const { store, file } = await scene(t)
  writeFileSync(file, lines(1, 300))
  store.statuses.push(503, 429, 502)
  const said: (string | undefined)[] = []
  const [shipped] = await once(store, file, { maxBytes: 2_000, onTrouble: (why) => said.push(why) })
  assert.equal(shipped?.lines, 300)
  assert.deepEqual([...new Set(bodies(store))].sort(), textOf(file).sort())
  assert.equal(said.at(-1), undefined)
  assert.match(String(said[0]), /^(503|429|502) /)
})

test('one line that is refused keeps no other from being taken', async (t) => {
  const { store, file } = await scene(t)
  writeFileSync(file, lines(1, 8))
  // All eight, four, two, one: the first line is refused alone.
  store.statuses.push(400, 400, 400, 400)
  const lost: string[] = []
  const [shipped] = await once(store, file, { onLost: (what) => lost.push(what) })
  assert.deepEqual([shipped?.lines, shipped?.refused], [7, 1])
  assert.deepEqual(bodies(store).sort(), textOf(file).slice(1).sort())
  assert.match(lost.join('\n'), /refuses a line of .*400/)
  store.isRejected = (row) => row['hive.seq'] === '10'
  appendFileSync(file, lines(9, 12))
  const [partly] = await once(store, file, { onLost: (what) => lost.push(what) })
  assert.deepEqual([partly?.lines, partly?.refused], [3, 1])
  assert.match(String(lost.at(-1)), /rejects 1 record/)
})

test('an end that takes no logs at all is told in one line, and nothing is noted as sent', async (t) => {
  for (const status of [401, 403, 404]) {
    const { store, file } = await scene(t)
    writeFileSync(file, lines(1, 3))
    store.statuses.push(status)
    await assert.rejects(once(store, file), new RegExp(`takes no logs: ${status}`))
    assert.equal(existsSync(`${file}.otlp-logs`), false)
    await once(store, file)
    assert.equal(store.rows.length, 3)
  }
})

test('it follows a hive over rotation and packing, and the logs of its child processes', async (t) => {
  const { store, file } = await scene(t)
  const drain = new AbortController()
  const running = shipOtlpLogs([file], {
    url: store.logsUrl,
    flushMs: 20,
    maxBytes: 3_000,
    drain: drain.signal,
  })
  const hive = startHive({ file, sessionId: 's', rotate: { maxBytes: 10_000, gzip: true } })
  const lead = hive.spawn({ agentId: 'lead', name: 'Lead' })
  const child = startHive({ file: lead.env().HIVELOG_FILE as string, sessionId: 's' })
  for (let i = 0; i < 300; i++) {
    hive.log('note', { i, text: 'x'.repeat(100) })
    child.log('child.note', { i })
    if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await until(() => store.rows.length > 100, 'lines while the hive runs')
  await child.shutdown()
  await hive.shutdown()
  await until(
    () => store.rows.some((row) => row['hive.kind'] === 'child.note'),
    'the log of the child process',
  )
  drain.abort()
  const shipped = await running
  assert.equal(shipped.length, 2)
  const notes = (kind: string): number[] =>
    store.rows.filter((row) => row['hive.kind'] === kind).map(({ _msg }) => JSON.parse(_msg as string).i)
  const wanted = Array.from({ length: 300 }, (_, i) => i)
  assert.deepEqual(
    notes('note').sort((a, b) => a - b),
    wanted,
  )
  assert.deepEqual(
    notes('child.note').sort((a, b) => a - b),
    wanted,
  )
  const segments = new Set(store.rows.map((row) => `${row['hive.file']} ${row['hive.segment']}`))
  assert.ok(segments.size > 3)
})

test('startHive sends its lines, all of them by the end of its shutdown', async (t) => {
  const { store, file } = await scene(t)
  const said = captureDiag(t)
  const hive = startHive({
    file,
    otlpLogs: { url: store.logsUrl, headers: { 'x-key': 'k' } },
    serviceName: 'h',
  })
  for (let i = 0; i < 500; i++) hive.log('note', { i })
  await until(() => store.rows.length > 400, 'lines while it runs')
  hive.log('last', {})
  await hive.shutdown()
  assert.deepEqual(bodies(store), textOf(file))
  assert.equal(store.headers[0]?.['x-key'], 'k')
  assert.deepEqual(said, [])
})

test('startHive with an end that is away: the shutdown is in time, the next run goes on', async (t) => {
  const { store, file } = await scene(t)
  const said = captureDiag(t)
  store.statuses.push(...Array<number>(100).fill(503))
  const options: HiveOptions = { file, otlpLogs: { url: store.logsUrl } }
  const hive = startHive({ ...options, shutdownTimeoutMs: 300 })
  hive.log('first', {})
  await until(() => store.paths.length > 0, 'a request')
  await hive.shutdown()
  assert.equal(store.rows.length, 0)
  assert.match(said.join('\n'), /lines wait for the log backend: 503/)
  assert.match(said.join('\n'), /not all lines .* were sent within 300 ms/)
  store.statuses.length = 0
  // With the time that a busy machine takes to send them.
  const again = startHive(options)
  again.log('second', {})
  await again.shutdown()
  assert.deepEqual(bodies(store), textOf(file))
})

const APP = `
import { startHive } from ${JSON.stringify(door('index'))}
const hive = startHive({ file: process.argv[2] })
hive.log('note', {})
if (process.argv[3] === 'shutdown') await hive.shutdown()
`

test('the environment says where, and only where it names logs', async (t) => {
  const { store, folder, file } = await scene(t)
  const app = join(folder, 'app.mjs')
  writeFileSync(app, APP)
  const run = async (env: Record<string, string>, name: string, ...args: string[]): Promise<string> => {
    const log = join(folder, name)
    const { code, stderr } = await runNode([app, log, ...args], { ...cleanEnvironment(), ...env })
    assert.deepEqual([code, stderr], [0, ''])
    return log
  }
  await run({ OTEL_EXPORTER_OTLP_ENDPOINT: store.url, OTEL_TRACES_EXPORTER: 'none' }, 'a.jsonl', 'shutdown')
  assert.equal(store.rows.length, 0)
  const log = await run(
    { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: `${store.url}/own/path`, OTEL_EXPORTER_OTLP_LOGS_HEADERS: 'x-key=v' },
    'b.jsonl',
    'shutdown',
  )
  assert.deepEqual(bodies(store), textOf(log))
  assert.deepEqual([store.paths[0], store.headers[0]?.['x-key']], ['/own/path', 'v'])
  store.rows = []
  store.paths.length = 0
  const env = {
    OTEL_LOGS_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_ENDPOINT: store.url,
    OTEL_TRACES_EXPORTER: 'none',
  }
  await run(env, 'c.jsonl', 'shutdown')
  assert.deepEqual([store.rows.length > 0, store.paths[0]], [true, '/v1/logs'])
  store.rows = []
  await run({ ...env, OTEL_SDK_DISABLED: 'true' }, 'd.jsonl', 'shutdown')
  assert.equal(store.rows.length, 0)
  // Without a shutdown nothing keeps the process up, and the file has all.
  const left = await run(env, 'e.jsonl')
  assert.ok(linesOf(left).some(({ kind }) => kind === 'note'))
  await once(store, left)
  assert.deepEqual([...new Set(bodies(store))], textOf(left))
  assert.ok(!existsSync(file))
})
