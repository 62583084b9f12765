/**
 * Whatever a call is given, it takes bounded work, throws nothing, and records what fits with a note of what does not.
 * Work is counted, not timed: how many values are read, and how many characters are looked through.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { type Attributes, type Span, type TimeInput, trace } from '@opentelemetry/api'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import fc from 'fast-check'
import { cutText, describe, MAX_CHARS, MAX_NODES, toPlain } from '../../src/format/quote.js'
import { type Agent, type Hive, NotDurableError } from '../../src/index.js'
import { Redactor } from '../../src/redact/redact.js'
import { Scrubber } from '../../src/redact/scrub.js'
import { captureDiag, eventsOf, linesOf, oneEvent, tempHive, tempReceiver } from '../kit/hive-support.js'
import { cases, seedOfRun } from '../kit/long-run.js'
import { tempProvider, withinAgent } from '../kit/otel-provider.js'

// biome-ignore lint/suspicious/noExplicitAny: these calls are those that TypeScript forbids
type Anything = any

/** Counts what is looked through. */
function counting() {
  const seen = { texts: 0, characters: 0 }
  const string = (text: string): string => {
    seen.texts++
    seen.characters += text.length
    return text
  }
  return { seen, scrub: { string, key: () => undefined } }
}

/** An object, and how often its value was asked for. */
function counted<T>(value: T): { object: { value: T }; reads: () => number } {
  let reads = 0
  const object = {
    get value(): T {
      reads++
      return value
    },
  }
  return { object, reads: () => reads }
}

const revoked = (target: object): object => {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

test('sub-objects that are shared are written as often as the budget allows, and no oftener', () => {
  const { object, reads } = counted(1)
  let shared: object = object
  for (let i = 0; i < 30; i++) shared = i % 2 === 0 ? { a: shared, b: shared } : [shared, shared]
  const { scrub } = counting()
  const json = JSON.stringify(toPlain(shared, scrub))
  assert.ok(reads() > 1_000 && reads() <= MAX_NODES, `${reads()} reads`)
  assert.match(json, /\[cut, 1 more items\]/)
  assert.match(json, /"\[cut\]"/)
  assert.ok(json.length < 10 * MAX_NODES)
})

test('a million fields: the first ones, and how many more there are', () => {
  const many: Record<string, unknown> = {}
  for (let i = 0; i < 1_000_000; i++) many[`f${i}`] = i
  const { seen, scrub } = counting()
  const plain = toPlain(many, scrub) as Record<string, unknown>
  const names = Object.keys(plain)
  assert.ok(names.length <= MAX_NODES)
  assert.deepEqual([plain.f0, plain.f1, plain.f2], [0, 1, 2])
  assert.equal(plain['[cut]'], `${1_000_000 - (names.length - 1)} more fields`)
  assert.ok(seen.texts <= MAX_NODES)
})

for (const [what, list] of [
  ['a sparse list', new Array(2 ** 27)],
  ['a list of numbers', Array.from({ length: 200_000 }, (_, i) => i)],
  ['a set', new Set(Array.from({ length: 200_000 }, (_, i) => i))],
  ['a map of pairs', new Map(Array.from({ length: 200_000 }, (_, i) => [i, i]))],
  [
    'a list that lies about its length',
    new Proxy([1, 2], { get: (of, name) => (name === 'length' ? 2 ** 40 : Reflect.get(of, name)) }),
  ],
  [
    'a list without an end',
    new Proxy([], {
      get: (of, name) => (name === 'length' ? Number.POSITIVE_INFINITY : Reflect.get(of, name)),
    }),
  ],
] as const) {
  test(`${what} is cut, and says how many items are missing`, () => {
    const plain = toPlain(list, counting().scrub) as unknown[]
    assert.ok(plain.length <= MAX_NODES + 1)
    const size = list instanceof Set || list instanceof Map ? list.size : list.length
    assert.equal(plain.at(-1), `[cut, ${size - (plain.length - 1)} more items]`)
  })
}

test('a map with names is cut as an object is', () => {
  const map = new Map(Array.from({ length: 200_000 }, (_, i) => [`f${i}`, i]))
  const plain = toPlain(map, counting().scrub) as Record<string, unknown>
  const kept = Object.keys(plain).length - 1
  assert.ok(kept > 0 && kept <= MAX_NODES)
  assert.equal(plain['[cut]'], `${200_000 - kept} more fields`)
})

test('texts, wherever they are, are looked through up to a number of characters in all', () => {
  const long = 'lorem ipsum '.repeat(100_000)
  const { seen, scrub } = counting()
  const plain = toPlain(Array(20).fill({ [long]: long }), scrub)
  assert.ok(seen.characters <= MAX_CHARS + 50 * 100, `${seen.characters} characters`)
  assert.match(JSON.stringify(plain), /\[cut, \d+ more characters\]/)
})

test('a text that is too long ends where no secret goes on, with how much is missing', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), fc.nat(300), (text, max) => {
      const cut = cutText(text, max)
      if (text.length <= max) assert.equal(cut, text)
      else {
        const [, kept, rest] = /^([\s\S]*)\[cut, (\d+) more characters\]$/.exec(cut) as unknown as string[]
        assert.ok((kept as string).length <= max)
        assert.ok(text.startsWith(kept as string))
        assert.equal((kept as string).length + Number(rest), text.length)
      }
    }),
  )
  const key = `sk-ant-api03-${'aB3dE6gH9jK2mN5p'.repeat(4)}`
  for (let before = 0; before < 200; before++) {
    const text = `${'x '.repeat(1_000)}${'y'.repeat(before)} ${key} and more`
    const cut = new Redactor().string(cutText(text, 2_100))
    assert.ok(!cut.includes('sk-ant-') || cut.includes('[redacted:'), cut.slice(-100))
  }
})

test('values whose own code takes long are given up after a while', () => {
  let now = 0
  const { now: realNow } = performance
  performance.now = () => now
  try {
    let reads = 0
    const slow = Array.from({ length: 10_000 }, () => ({
      get value() {
        reads++
        now += 10
        return 1
      },
    }))
    const plain = toPlain(slow, counting().scrub) as unknown[]
    assert.ok(reads > 20 && reads < 100, `${reads} reads of 10 ms`)
    assert.equal(plain.at(-1), `[cut, ${10_000 - (plain.length - 1)} more items]`)
  } finally {
    performance.now = realNow
  }
})

test('bytes are told by their length, never item by item', () => {
  const { scrub } = counting()
  for (const bytes of [
    Buffer.alloc(1e6),
    new Float64Array(10),
    new ArrayBuffer(7),
    new DataView(new ArrayBuffer(8)),
  ]) {
    assert.equal(toPlain(bytes, scrub), `[binary, ${bytes.byteLength} bytes]`)
    assert.equal(describe(bytes), `[binary, ${bytes.byteLength} bytes]`)
  }
})

test('values in a box are those in it; a number of a million digits is told by its size', () => {
  const { scrub } = counting()
  assert.deepEqual(
    toPlain([new String('text'), new Number(5), new Boolean(true), Object(7n), Object(Symbol('s'))], scrub),
    ['text', 5, true, '7', '[symbol]'],
  )
  assert.equal(toPlain(1n << 4_000_000n, scrub), '[bigint, over 1000 digits]')
  assert.equal(toPlain(-(1n << 4_000_000n), scrub), '[bigint, over 1000 digits]')
})

test('an error with many fields still tells its name and message', () => {
  const error = Object.assign(
    new RangeError('too far'),
    Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`f${i}`, i])),
  )
  const plain = toPlain(error, counting().scrub) as Record<string, unknown>
  assert.deepEqual([plain.name, plain.message], ['RangeError', 'too far'])
  assert.ok(plain['[cut]'])
})

test('a value as a text for people never holds what it holds', () => {
  let shared: unknown[] = ['x']
  for (let i = 0; i < 60; i++) shared = [shared, shared]
  assert.equal(describe(shared), '[list, 2 items]')
  assert.equal(describe(new Array(2 ** 27)), '[list, 134217728 items]')
  assert.equal(describe(Object.assign(Object.create(Array.prototype), { 0: shared, length: 1 })), '[object]')
  assert.equal(describe(revoked([])), 'unknown error')
  assert.equal(describe(Object.assign(new Error(), { message: shared })), '[list, 2 items]')
})

test('in a log: what is too big for any line is in an artifact, as far as the budget goes', async (t) => {
  captureDiag(t)
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'a' })
  const stored = (ref: string): string => readFileSync(`${file}.artifacts/${ref.slice(0, 2)}/${ref}`, 'utf8')
  const text = 'lorem ipsum '.repeat(1_000_000)
  agent.message({ to: 'b', act: 'inform', subject: text })
  agent.log('note', { list: new Array(2 ** 27) })
  const snapshot = agent.snapshot({ content: text })
  const bytes = agent.snapshot({ label: 'heap', content: Buffer.alloc(33 * 1024 * 1024) })
  await hive.shutdown()
  const [, message, note, , heap] = eventsOf(file) as Anything[]
  for (const content of [stored(message.subject.ref), stored(snapshot.ref)]) {
    assert.ok(content.length < MAX_CHARS + 100)
    const kept = content.length - '[cut, 3611392 more characters]'.length
    assert.ok(content.endsWith(`[cut, ${text.length - kept} more characters]`), content.slice(-60))
  }
  assert.match(stored(note.list.ref), /,"\[cut, \d+ more items\]"\]$/)
  assert.equal(bytes.bytes, 32 * 1024 * 1024)
  assert.equal(heap.label, 'heap [cut, 1048576 more bytes]')
})

test('in a log: a drain of more messages than there can be tells how many there were', async (t) => {
  captureDiag(t)
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'a' })
  let asked = 0
  const endless = new Proxy(['m'], {
    get(of, name) {
      asked++
      if (name === 'length') return 2 ** 40
      if (name === Symbol.iterator) throw new Error('no')
      return name === '0' ? 'm' : Reflect.get(of, name)
    },
  })
  agent.drain(endless)
  agent.drain(revoked([]) as Anything)
  agent.drain(Object.assign(['m1'], { map: () => null, filter: null, [Symbol.iterator]: null }) as Anything)
  await hive.shutdown()
  const [endlessLine, revokedLine, oddLine] = eventsOf(file).filter(({ kind }) => kind === 'drain')
  assert.ok(asked <= MAX_NODES + 2, `${asked} reads`)
  assert.equal(endlessLine?.count, 2 ** 40)
  assert.equal(revokedLine?.count, 0)
  assert.deepEqual(oddLine?.ids, ['m1'])
})

const PLAIN_ARGUMENTS: Record<string, unknown[]> = {
  'a bigint of nanoseconds in place of a time': [process.hrtime.bigint()],
  'a bigint for a time': [{ 'hive.a': 1 }, process.hrtime.bigint()],
  'a revoked proxy for a time': [{ 'hive.a': 1 }, revoked([])],
  'a text for a time': [{ 'hive.a': 1 }, 'noon'],
  'a symbol for a time': [{ 'hive.a': 1 }, Symbol('noon')],
  'an invalid date': [{ 'hive.a': 1 }, new Date(Number.NaN)],
  'a time of no numbers': [{ 'hive.a': 1 }, ['a', 'b']],
  'a time beyond all': [{ 'hive.a': 1 }, 1e300],
  'a revoked proxy': [revoked({})],
  'a proxy that throws': [
    new Proxy(
      {},
      {
        ownKeys() {
          throw new Error('no keys')
        },
      },
    ),
  ],
  'a getter that throws': [
    {
      get a() {
        throw new Error('no a')
      },
    },
  ],
  'names of JSON fields without end': [
    {
      'hivelog.json_fields': Array(50_000).fill('x'),
      ...Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`a${i}`, '[]'])),
    },
  ],
}

for (const [what, args] of Object.entries(PLAIN_ARGUMENTS)) {
  test(`a plain event on an agent’s span, given ${what}, throws nothing and is there`, async (t) => {
    captureDiag(t)
    const { hive, file } = tempHive(t)
    hive.spawn({ agentId: 'a' }).run(() => {
      const span = trace.getActiveSpan() as Span
      span.addEvent('hive.note', ...(args as [Attributes, TimeInput]))
      span.addEvent('hive.after', { 'hive.b': 1 })
    })
    await hive.shutdown()
    const kinds = eventsOf(file).map(({ kind }) => kind)
    assert.deepEqual(kinds, ['spawn', 'note', 'after', 'exit'])
    for (const { ts } of eventsOf(file)) assert.ok(Math.abs(ts - Date.now()) < 60_000)
  })

  test(`a plain event on another’s span, given ${what}, is as it is without hivelog`, async (t) => {
    captureDiag(t)
    const exporter = new InMemorySpanExporter()
    const alone = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
    const { provider, tracer, others } = tempProvider(t, 'live')
    const outcomes = [alone.getTracer('test'), tracer].map((each) => {
      try {
        withinAgent(each, 'coder', (span) => span.addEvent('hive.note', ...(args as [Attributes, TimeInput])))
        return 'ok'
      } catch (error) {
        return (error as Error).message
      }
    })
    assert.equal(outcomes[1], outcomes[0])
    const [without, beside] = [exporter, others].map((each) =>
      each
        .getFinishedSpans()
        .map(({ events }) => events.map(({ name, attributes }) => ({ name, attributes }))),
    )
    assert.deepEqual(beside, without)
    await provider.shutdown()
  })
}

/** What plain JavaScript can pass in place of anything. */
function oddValue(): fc.Arbitrary<() => unknown> {
  const circle: Record<string, unknown> = {}
  circle.self = circle
  let shared: unknown[] = []
  for (let i = 0; i < 25; i++) shared = [shared, shared]
  const hostile = new Proxy(() => {}, {
    get() {
      throw new Error('no get')
    },
    ownKeys() {
      throw new Error('no keys')
    },
    getPrototypeOf() {
      throw new Error('no prototype')
    },
  })
  class Liar extends Array {
    override toString = (): string => {
      throw new Error('no text')
    }
    toJSON(): unknown {
      return new Liar()
    }
  }
  const anything = fc.anything({
    withBigInt: true,
    withBoxedValues: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withObjectString: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
  })
  // In a function: what generates them looks into them.
  const oneOf = (...values: unknown[]): fc.Arbitrary<() => unknown> =>
    fc.nat(values.length - 1).map((i) => () => values[i])
  const odd = oneOf(
    circle,
    shared,
    hostile,
    new Liar(3),
    revoked({}),
    revoked([]),
    revoked(() => {}),
    new Array(2 ** 27),
    'x'.repeat(100_000),
    '\ud800',
    Symbol('s'),
    1n << 100_000n,
    Number.NaN,
    -0,
    1e300,
    Number.MIN_VALUE,
    () => {
      throw new Error('called')
    },
    new Error('e', { cause: circle }),
    Object.assign(new Error(), { message: circle, name: Symbol('n') }),
    new Date(Number.NaN),
    Buffer.alloc(10),
    new SharedArrayBuffer(3),
    new WeakMap(),
    Promise.resolve(),
    globalThis,
    undefined,
    null,
  )
  const names =
    'agentId name from to act subject id status error ms ok host method path label content count traceparent inputTokens'
  const fields = fc.array(
    fc.tuple(
      fc.constantFrom(...names.split(' ')),
      fc.oneof(
        odd,
        anything.map((each) => () => each),
      ),
    ),
  )
  return fc.oneof(
    anything.map((each) => () => each),
    odd,
    fields.map((each) => () => Object.fromEntries(each.map(([name, value]) => [name, value()]))),
  )
}

const AGENT_CALLS: ((agent: Agent, a: Anything, b: Anything) => unknown)[] = [
  (agent, a) => agent.message(a),
  (agent, a) => agent.drain(a),
  (agent, a, b) => agent.drain([a, b]),
  (agent, a) => agent.escalate(a),
  (agent, a) => agent.usage(a),
  (agent, a) => agent.tool(a),
  (agent, a) => agent.call(a),
  (agent, a) => agent.wait(a),
  (agent, a) => agent.snapshot(a),
  (agent, a) => agent.snapshot({ content: a }),
  (agent, a) => agent.drop(a),
  (agent, a, b) => agent.log(a, b),
  (agent, a) => agent.log('own.kind', a),
  (agent, a) => agent.spawn(a).end(a),
  (agent) => agent.env(),
  (agent, a) => typeof a !== 'function' && agent.run(a),
  (agent, a, b) => agent.run(() => trace.getActiveSpan()?.addEvent('hive.note', a, b)),
]
const HIVE_CALLS: ((hive: Hive, a: Anything, b: Anything, c: Anything) => unknown)[] = [
  (hive, a) => hive.spawn(a).end(a),
  (hive, a) => hive.message(a),
  (hive, a, b) => hive.log(a, b),
  (hive, a) => hive.log('own.kind', a),
  (hive, a, b, c) => hive.approve(a, b, c),
]

async function tryAll(t: TestContext, hive: Hive, runs: number): Promise<void> {
  const unhandled: unknown[] = []
  const listener = (reason: unknown): number => unhandled.push(reason)
  process.on('unhandledRejection', listener)
  t.after(() => process.off('unhandledRejection', listener))
  const agent = hive.spawn({ agentId: 'a' })
  const calls = [
    ...AGENT_CALLS.map((call) => (a: unknown, b: unknown) => call(agent, a, b)),
    ...HIVE_CALLS.map((call) => (a: unknown, b: unknown, c: unknown) => call(hive, a, b, c)),
  ]
  const settled: Promise<unknown>[] = []
  fc.assert(
    fc.property(fc.constantFrom(...calls), oddValue(), oddValue(), oddValue(), (call, a, b, c) => {
      const given: Anything = call(a(), b(), c())
      for (const each of [given, given?.durable]) if (each instanceof Promise) settled.push(each)
    }),
    { numRuns: runs, seed: seedOfRun() },
  )
  for (const each of await Promise.allSettled([...settled, hive.flush()])) {
    if (each.status === 'rejected') assert.ok(each.reason instanceof NotDurableError, String(each.reason))
  }
  agent.end({ status: 'ok' })
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(unhandled, [])
}

test('no call of an agent or a hive throws, whatever it is given, and what it promises is only ever refused as not durable', async (t) => {
  captureDiag(t)
  const { hive, file } = tempHive(t)
  await tryAll(t, hive, cases(1_500, 500))
  await hive.shutdown()
  const lines = linesOf(file)
  assert.deepEqual(
    lines.map(({ seq }) => seq),
    lines.map((_, i) => i + 1),
    'every line is JSON, none is missing',
  )
})

test('no call throws without a file either, with a backend, or after the end', async (t) => {
  captureDiag(t)
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { file: false, otlp: { url: receiver.url } })
  await tryAll(t, hive, cases(500, 200))
  await hive.shutdown()
  assert.ok(receiver.spans.length > 0)
  const { hive: ended } = tempHive(t)
  await ended.shutdown()
  await tryAll(t, ended, cases(300, 100))
})

test('spans that an agent runs take odd values as they do without hivelog', async (t) => {
  captureDiag(t)
  const work = (
    tracer: ReturnType<BasicTracerProvider['getTracer']>,
    run: (each: () => void) => void,
  ): string[] => {
    const outcomes: string[] = []
    const odd = [
      1n,
      Symbol('s'),
      revoked({}),
      revoked([]),
      {},
      [1, 'a'],
      null,
      undefined,
      Number.NaN,
      () => 1,
      new Date(Number.NaN),
    ]
    for (const value of odd as Anything[]) {
      const tries: ((span: Span) => unknown)[] = [
        (span) => span.setAttribute('a', value),
        (span) => span.setAttributes({ a: value }),
        (span) => span.addEvent('lib.event', value),
        (span) => span.addEvent('lib.event', { a: value }, value),
        (span) => span.recordException(value),
        (span) => span.setStatus(value),
        (span) => span.addLink(value),
      ]
      for (const each of tries) {
        run(() => {
          const span = tracer.startSpan('lib')
          try {
            each(span)
            outcomes.push('ok')
          } catch (error) {
            outcomes.push((error as Error).message)
          }
          span.end()
        })
      }
    }
    return outcomes
  }
  const exporter = new InMemorySpanExporter()
  const alone = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const without = work(alone.getTracer('lib'), (each) => each())
  const receiver = await tempReceiver(t)
  const { hive } = tempHive(t, { otlp: { url: receiver.url } })
  const agent = hive.spawn({ agentId: 'a' })
  assert.deepEqual(
    work(hive.tracerProvider.getTracer('lib'), (each) => agent.run(each)),
    without,
  )
  await hive.shutdown()
  assert.equal(receiver.named('lib').length, exporter.getFinishedSpans().length, 'and all are sent')
})

test('the session that a foreign span names is redacted and short in every line', async (t) => {
  captureDiag(t)
  const key = `ghp_${'aB3dE6gH9jK2mN5p'.repeat(2)}aB3d`
  for (const registration of ['live', 'simple'] as const) {
    const { file, tracer, provider } = tempProvider(t, registration)
    withinAgent(tracer, 'coder', (span) => span.addEvent('hive.note', {}), { 'session.id': key })
    withinAgent(tracer, 'x'.repeat(1_000), () => {}, { 'session.id': 's'.repeat(1_000) })
    await provider.shutdown()
    assert.equal(oneEvent(file, 'note').session, '[redacted:github-token]')
    assert.ok(!readFileSync(file, 'utf8').includes(key))
    const long = eventsOf(file).filter(({ agentId }) => agentId === 'x'.repeat(256))
    assert.equal(long.length, 2)
    assert.equal(long[0]?.session.length, 256)
  }
})

test('a scrubbed event keeps to the budget as a whole', () => {
  const { seen, scrub } = counting()
  class Counting extends Redactor {
    override string(text: string): string {
      return scrub.string(text)
    }
  }
  const scrubber = new Scrubber(new Counting(), (content) => ({ ref: 'r', bytes: content.length }))
  const long = 'lorem ipsum '.repeat(2_000_000)
  assert.deepEqual(Object.keys(scrubber.custom({ a: long, b: long, c: long, d: 1 })), ['a', 'b', 'c', 'd'])
  assert.ok(seen.characters <= MAX_CHARS + 1_000, `${seen.characters}`)
})
