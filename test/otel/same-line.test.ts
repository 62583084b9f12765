/** A line says the same whether a hive wrote it or the plug-in found the event on the hive's span. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { BasicTracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace-base'
import fc from 'fast-check'
import { type Agent, type Hive, HiveSpanProcessor, JsonlSpanExporter, startHive } from '../../src/index.js'
import { anyText } from '../kit/any-text.js'
import { eventsOf, type Line, tempFolder, tempHive } from '../kit/hive-support.js'
import { cases } from '../kit/long-run.js'
import { REGISTRATIONS } from '../kit/otel-provider.js'

const text = fc.oneof(fc.string({ unit: 'grapheme' }), anyText())
const id = fc.string({ minLength: 1, maxLength: 8 })
const count = fc.nat()
const ms = fc.oneof(fc.nat(1_000), fc.double({ min: 0, max: 1_000, noNaN: true }))
/** Fields that may be left out are; then the line must not have them. */
const some = <T extends Record<string, unknown>>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(model, { requiredKeys: [] })

type Call = { run(agent: Agent, hive: Hive): unknown; toString(): string }
const call = <T>(
  name: string,
  input: fc.Arbitrary<T>,
  run: (agent: Agent, input: T, hive: Hive) => unknown,
) =>
  input.map(
    (given): Call => ({
      run: (agent, hive) => run(agent, given, hive),
      toString: () => `${name}(${fc.stringify(given)})`,
    }),
  )

const both = <A, B>(a: fc.Arbitrary<A>, b: fc.Arbitrary<B>) =>
  fc.tuple(a, b).map(([x, y]) => ({ ...x, ...y }))

const anyCall: fc.Arbitrary<Call> = fc.oneof(
  call(
    'message',
    both(
      fc.record({ to: id, act: text, subject: text }),
      some({ id, inReplyTo: id, conversation: text, requiresReply: fc.boolean() }),
    ),
    (agent, input) => agent.message({ id: 'm', ...input }),
  ),
  call('drain', fc.oneof(fc.nat(), fc.array(id)), (agent, input) => agent.drain(input)),
  call('escalate', fc.record({ subject: text, id }), (agent, input) => agent.escalate(input)),
  call('approve', fc.record({ id, approve: fc.boolean(), by: text }), (agent, input, hive) => {
    void agent.escalate({ subject: 's', id: input.id })
    return hive.approve(input.id, input.approve, { by: input.by })
  }),
  call(
    'usage',
    both(
      fc.record({ inputTokens: count, outputTokens: count }),
      some({
        model: text,
        provider: text,
        cacheReadTokens: count,
        cacheWriteTokens: count,
        costUsd: ms,
        task: text,
        decision: text,
        ms,
      }),
    ),
    (agent, input) => agent.usage(input),
  ),
  call('tool', both(fc.record({ name: text, ok: fc.boolean() }), some({ ms, error: text })), (agent, input) =>
    agent.tool(input),
  ),
  call(
    'call',
    both(fc.record({ host: text }), some({ method: text, path: text, status: fc.nat(599), ms, error: text })),
    (agent, input) => agent.call(input),
  ),
  call('wait', both(fc.record({ resource: text, ms }), some({ holder: id })), (agent, input) =>
    agent.wait(input),
  ),
  call('drop', fc.record({ to: id, id, reason: text }), (agent, input) => agent.drop(input)),
  call(
    'log',
    fc.dictionary(
      fc.oneof(id, fc.constantFrom('ts', 'seq', '_ts', '__proto__', 'agentId', '7')),
      fc.jsonValue(),
      {
        maxKeys: 8,
      },
    ),
    (agent, input) => agent.log('own.kind', input),
  ),
)

const life = fc.record({
  calls: fc.array(anyCall, { maxLength: 12 }),
  spawn: some({ name: text, isGod: fc.boolean(), role: text, model: text, pid: fc.nat() }),
  end: some({ status: fc.constantFrom('ok', 'error', 'killed', 'lost' as const), error: text }),
})

/** What a line says, without its place in the file and the ids of its span. */
function said({ seq, span, trace, ...line }: Line): string {
  return JSON.stringify(line)
}

let lives = 0

async function live(
  hive: Hive,
  { calls, spawn, end }: typeof life extends fc.Arbitrary<infer T> ? T : never,
) {
  const lead = hive.spawn({ agentId: `lead-${++lives}` })
  const agent = lead.spawn({ agentId: `agent-${lives}`, ...spawn })
  for (const each of calls) await each.run(agent, hive)
  agent.end(end as object)
  lead.end()
}

function provider(
  t: TestContext,
  processors: (exporter: JsonlSpanExporter) => SpanProcessor[],
  sessionId: string,
) {
  const file = join(tempFolder(t), 'found.jsonl')
  const exporter = new JsonlSpanExporter({ file, fsync: 'no', sessionId })
  return { file, tracerProvider: new BasicTracerProvider({ spanProcessors: processors(exporter) }) }
}

test('the plug-in finds on the spans of a hive what the hive itself writes, to the byte and the millisecond', async (t) => {
  const found = provider(t, (exporter) => [new HiveSpanProcessor({ exporter })], 'unused')
  const { hive, file } = tempHive(t, { tracerProvider: found.tracerProvider, maxEventsPerSpan: 3 })
  let checked = 0
  await fc.assert(
    fc.asyncProperty(life, async (given) => {
      await live(hive, given)
      await Promise.all([hive.flush(), found.tracerProvider.forceFlush()])
      const [direct, other] = [eventsOf(file).slice(checked), eventsOf(found.file).slice(checked)]
      checked += direct.length
      assert.ok(direct.length >= 4)
      assert.deepEqual(other.map(said), direct.map(said))
    }),
    { numRuns: cases(150, 150) },
  )
  await hive.shutdown()
  await found.tracerProvider.shutdown()
})

/** Without the time, which differs when the same is done twice. */
const saidAnyTime = (line: Line): string => said({ ...line, ts: 0 })

for (const registration of ['live', 'batch'] as const) {
  test(`a hive without a file, in a provider with the plug-in ${registration}, is recorded as one with a file`, async (t) => {
    const given = fc.sample(life, 40)
    const linesOf = async (hive: Hive, file: string, end: () => Promise<unknown>) => {
      lives = 0
      for (const each of given) await live(hive, each)
      hive.log('of.the.session', { x: [1] })
      await hive.shutdown()
      await end()
      return eventsOf(file)
    }
    const sessionId = 'sess_same'
    const { hive, file } = tempHive(t, { sessionId })
    const direct = await linesOf(hive, file, async () => {})
    const found = provider(t, REGISTRATIONS[registration], 'sess_other')
    const without = startHive({ file: false, tracerProvider: found.tracerProvider, sessionId })
    const other = await linesOf(without, found.file, () => found.tracerProvider.shutdown())

    if (registration === 'live') assert.deepEqual(other.map(saidAnyTime), direct.map(saidAnyTime))
    else {
      // Written at the end of each span, so in another order and counted in that.
      const sorted = (lines: Line[]) =>
        lines.map(({ checkpoint, ...line }) => saidAnyTime(line as Line)).sort()
      assert.deepEqual(sorted(other), sorted(direct))
    }
  })
}
