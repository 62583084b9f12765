/** A hive of 200 agents and 50,000 events, on every way to a real Jaeger: what it has is what the files say. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { tempFolder } from '../kit/hive-support.js'
import { collector, fromKafka, jaeger, kafka, toKafka, without } from './harness/backends.js'
import { assertSame, assertWhole } from './harness/report.js'
import { runHive } from './hive/run.js'

/** Records the hive against `endpoint`, and compares. */
async function record(t: TestContext, folder: string, endpoint: string, query: string, quietMs: number) {
  const { file, ended } = runHive(t, folder, { endpoint })
  const { recordMs, shutdownMs, stderr } = await ended
  assert.equal(stderr, '', 'nothing that the hive had to say')
  assertWhole(file)
  await assertSame(`${t.name}: recorded in ${recordMs} ms, sent ${shutdownMs} ms later`, file, query, quietMs)
}

test('hive → Jaeger', { skip: without('JAEGER'), timeout: 240_000 }, async (t) => {
  const folder = tempFolder(t)
  const store = await jaeger(t, folder)
  await store.start()
  // It answers when it has written.
  await record(t, folder, store.endpoint, store.query, 0)
})

test('hive → Collector → Jaeger', { skip: without('JAEGER', 'OTELCOL'), timeout: 240_000 }, async (t) => {
  const folder = tempFolder(t)
  const store = await jaeger(t, folder)
  const between = await collector(t, folder, store)
  await Promise.all([store.start(), between.start()])
  await record(t, folder, between.endpoint, store.query, 20_000)
})

test('hive → Collector → Kafka → Collector → Jaeger', {
  skip: without('JAEGER', 'OTELCOL', 'KAFKA'),
  timeout: 240_000,
}, async (t) => {
  const folder = tempFolder(t)
  const [store, broker] = [await jaeger(t, folder), await kafka(t, folder)]
  await Promise.all([store.start(), broker.start()])
  const [writer, reader] = [await toKafka(t, folder, broker), await fromKafka(t, folder, broker, store)]
  await Promise.all([writer.start(), reader.start()])
  await record(t, folder, writer.endpoint, store.query, 30_000)
})
