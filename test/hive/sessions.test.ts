/** All that is written to one log of a hive in one process is of one session, whoever opens it first. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import { HiveSpanProcessor, JsonlSpanExporter, startHive } from '../../src/index.js'
import { captureDiag, defer, linesOf, tempFolder } from '../kit/hive-support.js'

/** A provider of the application's own, with the plug-in on the file. */
function appProvider(t: TestContext, file: string, sessionId?: string): BasicTracerProvider {
  const exporter = new JsonlSpanExporter({ file, fsync: 'no', ...(sessionId !== undefined && { sessionId }) })
  const provider = new BasicTracerProvider({ spanProcessors: [new HiveSpanProcessor({ exporter })] })
  defer(t, () => provider.shutdown())
  return provider
}

/** What a hive in that provider, and spans beside it and under it, leave in the log: the sessions of its lines. */
async function sessionsOf(
  hive: ReturnType<typeof startHive>,
  provider: BasicTracerProvider,
  file: string,
): Promise<string[]> {
  const tracer = provider.getTracer('framework')
  const invoke = { attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'foreign' } }
  const lead = hive.spawn({ agentId: 'lead' })
  tracer.startSpan('invoke_agent foreign', invoke, lead.context).end()
  tracer.startSpan('invoke_agent foreign', invoke).end()
  lead.message({ to: 'a', act: 'inform', subject: 's' })
  hive.log('note')
  lead.end()
  await hive.shutdown()
  await provider.shutdown()
  const lines = linesOf(file)
  assert.equal(lines.filter(({ kind }) => kind === 'spawn').length, 3)
  return [...new Set(lines.map(({ session }) => session))]
}

test('a hive takes over the session of its log, which the plug-in in the application’s provider has opened', async (t) => {
  for (const sessionId of [undefined, 'of-the-plug-in']) {
    captureDiag(t)
    const file = join(tempFolder(t), 'hive.jsonl')
    const provider = appProvider(t, file, sessionId)
    const hive = startHive({ file, fsync: 'no', tracerProvider: provider })
    defer(t, () => hive.shutdown())
    assert.deepEqual(await sessionsOf(hive, provider, file), [hive.sessionId])
    if (sessionId !== undefined) assert.equal(hive.sessionId, sessionId)
  }
})

test('a plug-in that comes after the hive is of the hive’s session', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const hive = startHive({ file, fsync: 'no', otlp: false, sessionId: 'of-the-hive' })
  defer(t, () => hive.shutdown())
  assert.deepEqual(await sessionsOf(hive, appProvider(t, file), file), ['of-the-hive'])
})

test('a session that is asked for is the one that is written', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const provider = appProvider(t, file)
  const hive = startHive({ file, fsync: 'no', tracerProvider: provider, sessionId: 'mine' })
  defer(t, () => hive.shutdown())
  assert.equal(hive.sessionId, 'mine')
  hive.spawn({ agentId: 'lead' })
  await hive.flush()
  assert.equal(linesOf(file).find(({ kind }) => kind === 'spawn')?.session, 'mine')
})

test('the environment names the session of a hive with a log and of one without', async (t) => {
  process.env.AGENT_SESSION_ID = 'inherited'
  defer(t, () => delete process.env.AGENT_SESSION_ID)
  for (const file of [join(tempFolder(t), 'hive.jsonl'), false] as const) {
    const hive = startHive({ file, fsync: 'no', otlp: false })
    assert.equal(hive.sessionId, 'inherited')
    await hive.shutdown()
  }
})
