/** Each part of the way fails while a hive runs; afterwards nothing is missing, and nothing is there twice. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { tempFolder } from '../kit/hive-support.js'
import { MAIN } from '../kit/reader-cli.js'
import { collector, fromKafka, jaeger, kafka, toKafka, without } from './harness/backends.js'
import { filesOf, wantedOf } from './harness/hive-log.js'
import { pause, until } from './harness/program.js'
import { assertSame, assertWhole } from './harness/report.js'
import { storedTrace } from './harness/trace.js'
import { type RunningHive, runHive } from './hive/run.js'

/** Resolves when a hive that runs has written as many lines. */
const written = (hive: RunningHive, lines: number): Promise<unknown> =>
  until(() => hive.lines() > lines, `line ${lines} of the hive`)

/** How many spans Jaeger has of a hive, and how many there are. */
async function stored(query: string, file: string): Promise<{ found: number; of: number }> {
  const { traces, lines } = wantedOf(file)
  const found = await Promise.all(traces.map((trace) => storedTrace(query, trace)))
  return { found: found.flat().length, of: new Set(lines.map(({ span }) => span)).size }
}

interface Exported {
  spans: number
  present?: number
}

/** Exports all files of a hive as a user would. Returns what the command said. */
function exportAll(file: string, endpoint: string, ...more: string[]): Required<Exported> {
  const args = [
    MAIN,
    'export',
    ...filesOf(file),
    '--otlp',
    endpoint,
    '--service-name',
    'backend-suite',
    '--json',
  ]
  const run = spawnSync(process.execPath, [...args, ...more], { encoding: 'utf8' })
  assert.equal(run.status, 0, run.stdout + run.stderr)
  const { spans, present = 0 } = JSON.parse(run.stdout) as Exported
  return { spans, present }
}

const options = (...names: ('JAEGER' | 'OTELCOL' | 'KAFKA')[]) => ({
  skip: without(...names),
  timeout: 240_000,
})

test(
  'Jaeger is killed and started again: the queue of the Collector holds',
  options('JAEGER', 'OTELCOL'),
  async (t) => {
    const folder = tempFolder(t)
    const store = await jaeger(t, folder)
    const between = await collector(t, folder, store)
    await Promise.all([store.start(), between.start()])
    const hive = runHive(t, folder, { endpoint: between.endpoint, paceMs: 10_000 })
    await written(hive, 10_000)
    await store.kill()
    const from = hive.lines()
    await pause(5_000)
    const to = hive.lines()
    await store.start()
    const { stderr } = await hive.ended
    assert.equal(stderr, '', 'the hive notices nothing')
    await assertSame(`${t.name}: away from line ${from} to ${to}`, hive.file, store.query, 40_000)
  },
)

test(
  'the Collector is killed and started again: an export fills the gap',
  options('JAEGER', 'OTELCOL'),
  async (t) => {
    const folder = tempFolder(t)
    const store = await jaeger(t, folder)
    const between = await collector(t, folder, store)
    await Promise.all([store.start(), between.start()])
    // The queue holds less than comes in while the Collector is away, so that the outage leaves a gap.
    const env = {
      OTEL_BSP_MAX_QUEUE_SIZE: '200',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '50',
      OTEL_BSP_SCHEDULE_DELAY: '500',
    }
    const hive = runHive(t, folder, { endpoint: between.endpoint, paceMs: 10_000, env })
    await written(hive, 20_000)
    await between.kill()
    const from = hive.lines()
    await pause(5_000)
    const to = hive.lines()
    await between.start()
    const { stderr } = await hive.ended
    // A connection that the kill cut ends as a reset one, a later one is refused: either may be the first lost.
    assert.match(
      stderr,
      /^hivelog: spans are not sent: .*(ECONNREFUSED|ECONNRESET|hang up)/m,
      'the hive says so',
    )
    assert.match(stderr, /^hivelog: the trace backend takes spans again$/m, 'and that it is over')
    assertWhole(hive.file)
    const before = await settled(() => stored(store.query, hive.file))
    const sent = exportAll(hive.file, store.endpoint, '--missing-in', store.query)
    assert.ok(before.found < before.of, 'the outage has left a gap')
    assert.deepEqual(sent, { spans: before.of - before.found, present: before.found })
    const told = [...stderr.matchAll(/(\d+) spans? were not sent/g)].reduce(
      (sum, [, spans]) => sum + Number(spans),
      0,
    )
    // What the Collector had just put into its queue when it was killed, it could not say that it has.
    assert.ok(told >= before.of - before.found, `the hive tells of ${told} spans`)
    const said = `${before.found} of ${before.of} spans in Jaeger (the hive: ${told} not sent), ${sent.spans} exported`
    await assertSame(`${t.name}: away from line ${from} to ${to}; ${said}`, hive.file, store.query)
  },
)

test('Kafka is stopped for 30 s: both Collectors wait', options('JAEGER', 'OTELCOL', 'KAFKA'), async (t) => {
  const folder = tempFolder(t)
  const [store, broker] = [await jaeger(t, folder), await kafka(t, folder)]
  await Promise.all([store.start(), broker.start()])
  const [writer, reader] = [await toKafka(t, folder, broker), await fromKafka(t, folder, broker, store)]
  await Promise.all([writer.start(), reader.start()])
  const hive = runHive(t, folder, { endpoint: writer.endpoint, paceMs: 10_000 })
  await written(hive, 10_000)
  const from = hive.lines()
  const begun = Date.now()
  await broker.stop()
  await hive.ended
  await pause(30_000 - (Date.now() - begun))
  await broker.start()
  const { stderr } = await hive.ended
  assert.equal(stderr, '', 'the hive notices nothing')
  await assertSame(`${t.name}: away from line ${from} to the end and longer`, hive.file, store.query, 60_000)
})

test(
  'Jaeger is away all the time: the hive ends in time, an export has all',
  options('JAEGER'),
  async (t) => {
    const folder = tempFolder(t)
    const store = await jaeger(t, folder)
    const env = { SHUTDOWN_TIMEOUT_MS: '5000' }
    const hive = runHive(t, folder, { endpoint: store.endpoint, env })
    const { recordMs, shutdownMs, stderr } = await hive.ended
    assert.ok(shutdownMs < 10_000, `the shutdown took ${shutdownMs} ms`)
    assert.match(stderr, /the last spans (are|were) not sent/)
    assertWhole(hive.file)
    await store.start()
    const { spans, present } = exportAll(hive.file, store.endpoint, '--missing-in', store.query)
    const said = `recorded in ${recordMs} ms, ended ${shutdownMs} ms later; ${spans} spans exported, ${present} there`
    await assertSame(`${t.name}: ${said}`, hive.file, store.query)
  },
)

for (const kind of ['badger', 'memory'] as const) {
  test(`what is sent twice to a Jaeger that stores in ${kind}`, options('JAEGER'), async (t) => {
    const folder = tempFolder(t)
    const store = await jaeger(t, folder, kind)
    await store.start()
    const { file, ended } = runHive(t, folder, { endpoint: store.endpoint })
    await ended
    const first = await stored(store.query, file)
    assert.equal(first.found, first.of)
    const careful = exportAll(file, store.endpoint, '--missing-in', store.query)
    assert.deepEqual(careful, { spans: 0, present: first.of })
    assert.deepEqual(await stored(store.query, file), first, 'nothing twice')
    const careless = exportAll(file, store.endpoint)
    const twice = await stored(store.query, file)
    const said = `${first.found} spans; exported with --missing-in: ${first.found} (${careful.spans} sent)`
    console.log(`${t.name}: ${said}; exported without: ${twice.found} (${careless.spans} sent)`)
  })
}

/** What `probe` gives, once it gives the same for some seconds. */
async function settled(probe: () => Promise<{ found: number; of: number }>) {
  let last = await probe()
  for (let same = 0; same < 5; ) {
    await pause(1_000)
    const next = await probe()
    same = next.found === last.found ? same + 1 : 0
    last = next
  }
  return last
}
