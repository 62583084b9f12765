/** What frameworks give the adapters can be anything, in any order: nothing of it gets back to them as an exception. */
import assert from 'node:assert/strict'
import { tracingChannel } from 'node:diagnostics_channel'
import { afterEach, test } from 'node:test'
import fc from 'fast-check'
import { adapter as aiSdk } from '../../src/frameworks/ai-sdk/adapter.js'
import { adapter as openaiAgents } from '../../src/frameworks/openai-agents/adapter.js'
import { Stage } from '../../src/frameworks/stage.js'
import { captureDiag, eventsOf, tempHive } from '../kit/hive-support.js'
import { cases } from '../kit/long-run.js'

const INTEGRATIONS = 'AI_SDK_TELEMETRY_INTEGRATIONS'
const PROVIDER = Symbol.for('openai.agents.core.traceProvider')
const globals = globalThis as unknown as Record<string | symbol, unknown>

afterEach(() => {
  delete globals[INTEGRATIONS]
  delete globals[PROVIDER]
})

const throwing = new Proxy(
  {},
  {
    get: () => {
      throw new Error('not yours')
    },
    ownKeys: () => {
      throw new Error('not yours')
    },
  },
)
const { proxy: revoked, revoke } = Proxy.revocable([], {})
revoke()
const cyclic: Record<string, unknown> = {}
cyclic.self = cyclic

const HOSTILE = [throwing, revoked, cyclic, Symbol('s'), 10n, Number.NaN, '', 'a', 'x'.repeat(100_000)]

/** The values with the hostile ones in their places. */
function revive(given: unknown): unknown {
  if (Array.isArray(given)) return given.map(revive)
  if (typeof given !== 'object' || given === null) return given
  if ('hostile' in given) return HOSTILE[given.hostile as number]
  const proto = Object.getPrototypeOf(given)
  if (proto !== null && proto !== Object.prototype) return given
  return Object.fromEntries(Object.entries(given).map(([name, each]) => [name, revive(each)]))
}

/** Anything, and some of what is expected, so that the code gets further in. */
const value = fc.oneof(
  fc.anything(),
  // What makes the values looks into them.
  fc.nat(HOSTILE.length - 1).map((hostile) => ({ hostile })),
)
const likely = (expected: fc.Arbitrary<unknown>, ...others: fc.Arbitrary<unknown>[]) =>
  fc.oneof({ weight: 8, arbitrary: expected }, ...others)
const MANY = { minLength: 20, maxLength: 60 }
const CALLS = ['a', 'b']
const event = fc.record(
  {
    callId: likely(fc.constantFrom(...CALLS), value),
    operationId: likely(fc.constantFrom('ai.generateText', 'ai.embed'), value),
    functionId: likely(fc.constant('agent'), value),
    headers: value,
    tools: value,
    messages: fc.oneof(
      fc.array(value),
      fc.constant([{ role: 'tool', content: [{ hostile: 0 }, { hostile: 1 }] }]),
      value,
    ),
    toolCall: fc.oneof(
      fc.record({ toolCallId: fc.constantFrom('t', 'u'), toolName: value, input: value }),
      value,
    ),
    toolOutput: likely(fc.record({ type: fc.constant('tool-error'), error: value }), value),
    usage: likely(fc.record({ inputTokens: value, outputTokens: value, inputTokenDetails: value }), value),
    content: fc.oneof(
      fc.array(fc.record({ type: fc.constant('tool-approval-request'), approvalId: value })),
      value,
    ),
    error: value,
    responseId: value,
    performance: value,
  },
  { requiredKeys: [] },
)

test('the AI SDK may tell anything', async (t) => {
  const said = captureDiag(t)
  const { hive, file } = tempHive(t)
  aiSdk.install(new Stage(hive))
  const [integration] = globals[INTEGRATIONS] as Record<string, (event: unknown) => unknown>[]
  assert.ok(integration)
  const channel = tracingChannel('ai:telemetry')
  const names = Object.keys(integration)
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(...names, 'channel'), likely(event, value)), MANY),
      (told) => {
        for (const [name, each] of told) {
          const given = revive(each)
          if (name !== 'channel') integration[name]?.(given)
          else {
            const message = { type: 'executeTool', event: given, result: given }
            channel.start.runStores(message, () => {})
            channel.asyncEnd.publish(message)
          }
        }
      },
    ),
    { numRuns: cases(300, 300) },
  )
  await hive.shutdown()
  assert.deepEqual(
    said.filter((line) => line.includes('AI SDK')),
    [],
    'each is read as what it is, and none is given up',
  )
  const lines = eventsOf(file)
  assert.ok(lines.length > 20, 'some of it is recorded')
  assert.ok(lines.every((line) => JSON.stringify(line).length < 20_000))
})

class TraceProvider {
  processors: Record<string, (what: unknown) => Promise<unknown>>[] = []
  registerProcessor(processor: never): void {
    this.processors.push(processor)
  }
  setProcessors(processors: never[]): void {
    this.processors = processors
  }
  createTrace(): object {
    return {}
  }
  createSpan(): object {
    return {}
  }
}

test("OpenAI's Agents SDK may tell anything", async (t) => {
  const said = captureDiag(t)
  const { hive, file } = tempHive(t)
  openaiAgents.install(new Stage(hive))
  const provider = new TraceProvider()
  globals[PROVIDER] = provider
  assert.equal(globals[PROVIDER], provider)
  const [processor] = provider.processors
  assert.ok(processor)
  const id = fc.constantFrom('1', '2', '3')
  const span = fc.record(
    {
      traceId: likely(fc.constantFrom('t', 'u'), value),
      spanId: fc.oneof(id, value),
      parentId: fc.oneof(id, value),
      spanData: fc.oneof(
        fc.record(
          {
            type: fc.constantFrom(
              'agent',
              'function',
              'response',
              'generation',
              'handoff',
              'guardrail',
              'turn',
              'task',
            ),
            name: value,
            to_agent: value,
            output: value,
            usage: value,
            _response: value,
          },
          { requiredKeys: ['type'] },
        ),
        value,
      ),
      error: fc.option(value, { nil: null }),
    },
    { requiredKeys: [] },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.tuple(
          fc.constantFrom('onTraceStart', 'onTraceEnd', 'onSpanStart', 'onSpanEnd'),
          likely(span, value),
        ),
        MANY,
      ),
      async (told) => {
        for (const [name, given] of told) await processor[name]?.(revive(given))
      },
    ),
    { numRuns: cases(300, 300) },
  )
  await hive.shutdown()
  assert.deepEqual(
    said.filter((line) => line.includes('OpenAI Agents')),
    [],
    'each is read as what it is, and none is given up',
  )
  assert.ok(eventsOf(file).length > 20, 'some of it is recorded')
})

test('an application that sets its processors keeps them, and hivelog goes on to hear', async (t) => {
  const { hive, file } = tempHive(t)
  openaiAgents.install(new Stage(hive))
  const provider = new TraceProvider()
  globals[PROVIDER] = provider
  const mine: unknown[] = [{ onSpanStart: async () => {} }]
  provider.setProcessors(mine as never[])
  assert.equal(mine.length, 1, 'the list of the application is its own')
  assert.equal(provider.processors.length, 2)
  for (const each of provider.processors) {
    await each.onSpanStart?.({ traceId: 't', spanId: '1', spanData: { type: 'agent', name: 'lead' } })
  }
  await hive.shutdown()
  assert.deepEqual(
    eventsOf(file)
      .filter(({ kind, pid }) => kind === 'spawn' && pid === undefined)
      .map(({ name }) => name),
    ['lead'],
  )
})
