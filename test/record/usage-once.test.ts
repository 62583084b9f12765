/** A model call that two tell of is one call, and two calls that one tells of are two. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { LogRecorder } from '../../src/record/log-recorder.js'
import { Owners } from '../../src/record/owners.js'
import { addSeen, type ModelCall, UsageOnce } from '../../src/record/usage-once.js'
import { defer, eventsOf, packageRoot, runNode, tempFolder, until } from '../kit/hive-support.js'

/** Parents of spans by id; of none that is an agent's or a tool's. */
const treeOf = (parents: Record<string, string>) => (spanId: string) => parents[spanId]

const noTree = (): undefined => undefined

const call = (given: Partial<ModelCall>): ModelCall => ({
  source: 'one',
  agentId: 'a',
  session: 's',
  model: 'gpt-4o',
  inputTokens: 10,
  outputTokens: 5,
  startTs: 1_000,
  endTs: 1_100,
  ...given,
})

/** Which of these are calls that were not told before. */
function newOnes(calls: Partial<ModelCall>[], parents: Record<string, string> = {}): boolean[] {
  const once = new UsageOnce(treeOf(parents))
  return calls.map((each) => once.isNew(call(each)))
}

test('the id of the response says that two tell of one call, whoever tells it and of whichever agent', () => {
  const one = { responseId: 'r-1' }
  assert.deepEqual(newOnes([one, { ...one, source: 'two', agentId: 'b', model: 'other' }]), [true, false])
  assert.deepEqual(newOnes([one, { source: 'two', responseId: 'r-2' }]), [true, true], 'two ids, two calls')
  assert.deepEqual(newOnes([one, { ...one, source: 'two', startTs: 1_105, endTs: 1_110 }]), [true, false])
})

test('one source tells a response twice only of spans that lie under each other', () => {
  const one = { responseId: 'r', spanId: 'inner', parentSpanId: 'http' }
  const outer = { responseId: 'r', spanId: 'outer', startTs: 990, endTs: 1_101, inputTokens: 30 }
  const parents = { http: 'outer' }
  assert.deepEqual(newOnes([one, outer], parents), [true, false])
  assert.deepEqual(newOnes([outer, one], parents), [true, false])
  assert.deepEqual(newOnes([one, outer]), [true, true], 'a span beside it, at the same time')
  assert.deepEqual(newOnes([{ responseId: 'r' }, { responseId: 'r' }]), [true, true], 'no spans')
})

/** Calls at once to a server that gives all its answers one id, or plays an answer back. */
const ALIKE: readonly Partial<ModelCall>[] = [
  { responseId: 'chatcmpl-7', inputTokens: 107, outputTokens: 13 },
  { responseId: 'chatcmpl-7', inputTokens: 114, outputTokens: 16, startTs: 1_001 },
  { responseId: 'chatcmpl-7', inputTokens: 121, outputTokens: 19, startTs: 999, endTs: 1_105 },
  { responseId: 'chatcmpl-7', inputTokens: 121, outputTokens: 19 },
]

test('answers with one id to calls at once are as many calls, however many tell of them', () => {
  assert.deepEqual(newOnes([...ALIKE]), [true, true, true, true])
  const spans = ALIKE.map((each, i) => ({ ...each, source: 'spans', spanId: `s${i}`, parentSpanId: 'run' }))
  assert.deepEqual(newOnes(spans), [true, true, true, true])
  assert.deepEqual(newOnes([...ALIKE, ...spans.slice().reverse()]), [
    ...Array(4).fill(true),
    ...Array(4).fill(false),
  ])
  const once = new UsageOnce(noTree)
  const written: unknown[] = []
  const whose = (agentId: string, isImplicit: boolean) => ({ agentId, isImplicit, mayWait: isImplicit })
  const at = (each: Partial<ModelCall>) => ({ ...each, startTs: 1_000, endTs: 1_100 })
  for (const each of ALIKE) {
    once.tell(call({ ...at(each), ...whose('main', true), known: each }), () => written.push('wire'))
  }
  // What it knows of tokens says which answer is whose.
  for (const each of ALIKE) {
    once.tell(call({ ...at(each), ...whose('a', false), source: 'two', known: each }), (seen) => {
      written.push([each.inputTokens, seen?.inputTokens])
    })
  }
  assert.deepEqual(written, [
    [107, 107],
    [114, 114],
    [121, 121],
    [121, 121],
  ])
  assert.equal(once.isHolding, false)
})

test('a call is known by all that anybody told of it', () => {
  const parents = { inner: 'two', two: 'above' }
  const calls = [
    { source: 'one', spanId: 'one' },
    { source: 'two', spanId: 'two', parentSpanId: 'above', responseId: 'r' },
  ]
  const by: Partial<ModelCall>[] = [
    { source: 'three', agentId: 'b', responseId: 'r', model: 'other' },
    { source: 'three', agentId: 'b', spanId: 'two', model: 'other' },
    { source: 'three', agentId: 'b', spanId: 'inner', parentSpanId: 'two', inputTokens: 7 },
    { source: 'three', agentId: 'b', spanId: 'above', inputTokens: 7 },
  ]
  for (const third of by) assert.deepEqual(newOnes([...calls, third], parents), [true, false, false])
})

test('ids of spans that come again in another trace are other spans', () => {
  const calls = Array.from({ length: 16 }, (_, trace) =>
    Array.from({ length: 32 }, (_, i) => ({
      traceId: `t${trace}`,
      spanId: `${i + 1}`,
      parentSpanId: i === 0 ? undefined : `${i}`,
      responseId: `r-${trace}-${i}`,
      // As far apart as spans that nobody takes for one by their time.
      startTs: (trace * 32 + i) * 10_000,
      endTs: (trace * 32 + i) * 10_000 + 100,
      outputTokens: trace * 32 + i,
    })),
  ).flat()
  assert.deepEqual(newOnes(calls), Array(16 * 32).fill(true))
})

test('spans that name each other as parents end nothing', () => {
  const inner = { spanId: 'x', parentSpanId: 'y' }
  assert.deepEqual(newOnes([inner, { spanId: 'z', parentSpanId: 'x', endTs: 5 }], { x: 'y', y: 'x' }), [
    true,
    false,
  ])
})

test('a server that gives one id to all its responses makes no one call of all', () => {
  const later = { responseId: 'r', startTs: 9_000, endTs: 9_100 }
  const calls = [{ responseId: 'r' }, { responseId: 'r', source: 'two' }, later, { ...later, source: 'two' }]
  assert.deepEqual(newOnes(calls), [true, false, true, false])
})

test('of spans that lie under each other the one told first is the call, through spans between them', () => {
  const parents = { inner: 'http', http: 'outer', outer: 'agent' }
  const inner = { spanId: 'inner', parentSpanId: 'http', inputTokens: 3 }
  const outer = { spanId: 'outer', parentSpanId: 'agent', startTs: 900, endTs: 1_200 }
  assert.deepEqual(newOnes([inner, outer], parents), [true, false])
  assert.deepEqual(newOnes([outer, inner], parents), [true, false], 'a stream ends its outer span early')
  const second = { spanId: 'second', parentSpanId: 'outer' }
  const sum = { ...outer, inputTokens: 13, outputTokens: 10, responseId: 'r-2' }
  assert.deepEqual(
    newOnes([{ ...inner, responseId: 'r-1' }, { ...second, responseId: 'r-2' }, sum], parents),
    [true, true, false],
    'a sum over two calls',
  )
})

test('under a tool, or an agent, there are other calls', () => {
  const owners = new Owners()
  const owner = { traceId: 't', session: 's', life: undefined, isLife: false, writer: 'processor' } as const
  const context = (spanId: string) => ({ traceId: 't', spanId, traceFlags: 1 })
  for (const isOver of [false, true]) {
    owners.claim(context('tool'), { ...owner, parentId: 'outer', isTool: true })
    owners.claim(context('between'), { ...owner, parentId: 'outer' })
    if (isOver) for (const id of ['tool', 'between']) owners.end(context(id))
    const once = new UsageOnce(owners.parentOf)
    assert.ok(once.isNew(call({ spanId: `a-${isOver}`, parentSpanId: 'tool', startTs: 1_090 })))
    assert.ok(once.isNew(call({ spanId: 'outer', inputTokens: 99 })))
    assert.ok(!once.isNew(call({ spanId: `b-${isOver}`, parentSpanId: 'between', inputTokens: 98 })))
  }
})

test('a call in the span of another that runs on is a call of its own where ids and tokens say so', () => {
  const first = { spanId: 'x', responseId: 'r-1' }
  const nested = { spanId: 'y', parentSpanId: 'x', responseId: 'r-2', inputTokens: 77 }
  assert.deepEqual(newOnes([nested, first]), [true, true])
  assert.deepEqual(newOnes([first, nested]), [true, true])
})

test('without ids it is agent, model, tokens and time that count', () => {
  const two = { source: 'two' }
  const rows: [Partial<ModelCall>, boolean, string][] = [
    [two, false, 'the same'],
    [{ ...two, startTs: 1_002, endTs: 1_099 }, false, 'within it'],
    [{ ...two, model: 'openai/gpt-4o-2024-08-06' }, false, 'the model that answered'],
    [{ ...two, startTs: undefined }, false, 'whoever knows the end only'],
    [{ ...two, startTs: undefined, endTs: 1_130 }, false, 'and noticed it late'],
    [{ ...two, isImplicit: true, agentId: 'main' }, false, 'whoever does not know whose it is'],
    [{ ...two, model: undefined }, false, 'whoever does not know the model'],
    [{}, true, 'the same source: a parallel call'],
    [{ ...two, agentId: 'b' }, true, 'another agent'],
    [{ ...two, session: 's-2' }, true, 'another session'],
    [{ ...two, model: 'gpt-4o-mini' }, true, 'another model'],
    [{ ...two, inputTokens: 11 }, true, 'other tokens'],
    [{ ...two, startTs: 1_100, endTs: 1_200 }, true, 'the next call'],
    [{ ...two, startTs: 1_080, endTs: 1_180 }, true, 'a call that lies within it for a fifth'],
    [{ ...two, startTs: undefined, endTs: 1_200 }, true, 'an end too late'],
    [{ ...two, startTs: undefined, endTs: 990 }, true, 'an end too early'],
    [{ ...two, isFailed: true }, false, 'the same tokens of one that failed in the end'],
    [{ ...two, isFailed: true, inputTokens: undefined }, true, 'one that failed, of which less is known'],
    [{ ...two, isFailed: true, inputTokens: undefined, outputTokens: undefined }, true, 'one that failed'],
  ]
  for (const [other, isNew, what] of rows) {
    assert.deepEqual(newOnes([{}, other]), [true, isNew], what)
    assert.deepEqual(newOnes([other, {}]), [true, isNew], `${what}, the other way round`)
  }
})

test('a call that failed and one of whose end nothing is known are one if they ended together', () => {
  const none = { inputTokens: undefined, outputTokens: undefined }
  const failed = { ...none, isFailed: true, startTs: 1_002, endTs: 1_098 }
  const two = { source: 'two' }
  const rows: [Partial<ModelCall>, boolean, string][] = [
    [{ ...two, ...none }, false, 'a stream that was left'],
    [{ ...two, outputTokens: undefined }, false, 'of which the input is known'],
    [{ ...two, ...none, isImplicit: true, agentId: 'main' }, false, 'whoever does not know whose it is'],
    [{ ...two, ...none, endTs: 1_500 }, true, 'a call whose first attempt failed'],
    [{ ...two }, true, 'a call that came to its end'],
    [{ ...two, ...none, agentId: 'b' }, true, 'another agent'],
    [{ ...two, ...none, model: 'gpt-4o-mini' }, true, 'another model'],
    [none, true, 'the same source'],
  ]
  for (const [other, isNew, what] of rows) {
    assert.deepEqual(newOnes([failed, other]), [true, isNew], what)
    assert.deepEqual(newOnes([other, failed]), [true, isNew], `${what}, the other way round`)
  }
  const [line, ...more] = linesOf([
    [
      call({ ...failed, source: 'wire', agentId: 'main', isImplicit: true, mayWait: true }),
      { error: 'aborted', ms: 96 },
    ],
    [call({ ...none, source: 'spans' }), { ms: 100 }],
  ])
  assert.deepEqual([line, more], [{ of: 'a', ms: 96, error: 'aborted' }, []])
})

test('a call that failed is told twice like any other', () => {
  const failed = { isFailed: true, inputTokens: undefined, outputTokens: undefined }
  assert.deepEqual(newOnes([failed, { ...failed, source: 'two' }, failed]), [true, false, true])
})

/** A call as it was, and which of its sources tell of it. */
const trueCall = fc.record({
  agentId: fc.constantFrom('a', 'b'),
  model: fc.constantFrom('m', 'n'),
  inputTokens: fc.constantFrom(1, 2),
  startTs: fc.integer({ min: 0, max: 200 }),
  ms: fc.integer({ min: 0, max: 100 }),
  late: fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 3, maxLength: 3 }),
  tellers: fc.subarray(['one', 'two', 'three'], { minLength: 1 }),
})

test('with ids of responses as many are recorded as there were, in whatever order they are told', () => {
  fc.assert(
    fc.property(fc.array(trueCall, { maxLength: 30 }), (calls) => {
      const tellings = calls.flatMap(({ tellers, late, startTs, ms, ...rest }, n) =>
        tellers.map((source, i) => ({
          at: startTs + ms + (late[i] ?? 0),
          told: call({ ...rest, source, startTs, endTs: startTs + ms, responseId: `r-${n}` }),
        })),
      )
      tellings.sort((x, y) => x.at - y.at)
      const once = new UsageOnce(noTree)
      assert.equal(tellings.filter(({ told }) => once.isNew(told)).length, calls.length)
    }),
  )
})

test('without ids as many are recorded as there were, of sources that tell all calls as they end', () => {
  fc.assert(
    fc.property(
      fc.array(trueCall, { maxLength: 30 }),
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
      (calls, sources, knowsStart) => {
        const tellings = calls.flatMap(({ startTs, ms, ...rest }, n) =>
          ['one', 'two', 'three'].slice(0, sources).map((source, i) => ({
            at: startTs + ms,
            n,
            told: call({
              ...rest,
              source,
              startTs: knowsStart[i] ? startTs : undefined,
              endTs: startTs + ms,
            }),
          })),
        )
        tellings.sort((x, y) => x.at - y.at || x.n - y.n)
        const once = new UsageOnce(noTree)
        assert.equal(tellings.filter(({ told }) => once.isNew(told)).length, calls.length)
      },
    ),
  )
})

test('of nested spans as many are recorded as there are leaves, in whatever order they end', () => {
  // Each node lies under one before it, or under none; all of them say that they are calls.
  const forest = fc.array(fc.integer({ min: -1, max: 12 }), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(forest, fc.boolean(), (above, isInnerFirst) => {
      const parentOf = above.map((parent, i) => (parent < i ? parent : -1))
      // No more than one level of calls around a leaf, as instrumentations have it: a leaf, and all above it.
      const isLeaf = parentOf.map((_, i) => !parentOf.includes(i))
      const parents = Object.fromEntries(
        parentOf.flatMap((parent, i) => (parent < 0 ? [] : [[`n${i}`, `n${parent}`]])),
      )
      const once = new UsageOnce(treeOf(parents))
      const order = parentOf.map((_, i) => i)
      if (isInnerFirst) order.reverse()
      let count = 0
      for (const i of order) {
        const told = call({
          spanId: `n${i}`,
          parentSpanId: parents[`n${i}`],
          inputTokens: i + 100,
          source: `s${i % 3}`,
        })
        if (once.isNew(told)) count++
      }
      const leaves = isLeaf.filter(Boolean).length
      const roots = parentOf.filter((parent) => parent < 0).length
      assert.equal(count, isInnerFirst ? leaves : roots)
    }),
  )
})

test('a call without tokens waits for who knows them, and is written when nobody does', async () => {
  const once = new UsageOnce(noTree)
  const written: string[] = []
  const vague = { inputTokens: undefined, outputTokens: undefined }
  once.tell(call({ ...vague, responseId: 'r-1' }), () => written.push('vague'))
  assert.deepEqual([written, once.isHolding], [[], true])
  once.tell(call({ source: 'two', responseId: 'r-1' }), () => written.push('full'))
  assert.deepEqual([written, once.isHolding], [['full'], false])
  once.tell(call({ ...vague, source: 'three', responseId: 'r-1' }), () => written.push('late'))
  once.tell(call({ ...vague, responseId: 'r-2' }), () => written.push('alone'))
  const began = performance.now()
  while (written.length < 2) await new Promise((resolve) => setTimeout(resolve, 1))
  assert.ok(performance.now() - began < 1_000)
  assert.deepEqual(written, ['full', 'alone'])
  once.tell(call({ ...vague, responseId: 'r-3' }), () => written.push('at the end'))
  once.flush()
  once.flush()
  assert.deepEqual(written, ['full', 'alone', 'at the end'])
  once.tell(call({ ...vague, responseId: 'r-4' }), () => written.push('later'))
  await until(() => written.length === 4, 'the call that waits is written')
})

test('a call that is told late waits less, so that its line is there soon after its end', (t) => {
  let now = 5_000
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_787_000_000_000 })
  t.mock.method(performance, 'now', () => now)
  const once = new UsageOnce(noTree)
  const written: string[] = []
  const tell = (responseId: string, agoMs: number): void => {
    const vague = { inputTokens: undefined, outputTokens: undefined, startTs: undefined }
    once.tell(call({ ...vague, responseId, endTs: Date.now() - agoMs }), () => written.push(responseId))
  }
  const pass = (ms: number): void => {
    for (let i = 0; i < ms; i++) {
      now++
      t.mock.timers.tick(1)
    }
  }
  tell('of former times', 3_600_000)
  tell('just now', 0)
  tell('44 ms ago', 44)
  tell('60 ms ago', 60)
  pass(2)
  assert.deepEqual(written.slice().sort(), ['44 ms ago', '60 ms ago'])
  pass(10)
  assert.deepEqual([written.length, once.isHolding], [2, true])
  pass(38)
  assert.deepEqual([written[2], written[3], once.isHolding], ['of former times', 'just now', false])
})

test('what a call is known by is what the one who knew its tokens told', () => {
  const once = new UsageOnce(noTree)
  const written: string[] = []
  const tell = (given: Partial<ModelCall>, as: string): void => once.tell(call(given), () => written.push(as))
  tell({ inputTokens: undefined, outputTokens: undefined }, 'vague')
  tell({ source: 'two' }, 'full')
  tell({ source: 'three', inputTokens: 99 }, 'another')
  tell({ source: 'four' }, 'again')
  assert.deepEqual(written, ['full', 'another'])
})

test('of calls that wait the oldest is written when there are too many', () => {
  const once = new UsageOnce(noTree)
  const written: number[] = []
  for (let n = 0; n < 1_003; n++) {
    const vague = { inputTokens: undefined, outputTokens: undefined, responseId: `r-${n}` }
    once.tell(call(vague), () => written.push(n))
  }
  assert.deepEqual(written, [0, 1, 2])
  once.flush()
  assert.equal(written.length, 1_003)
})

function tempRecorder(t: TestContext): { recorder: LogRecorder; file: string } {
  const file = join(tempFolder(t), 'hive.jsonl')
  const recorder = LogRecorder.open({ file, fsync: 'no', sessionId: 's' }, 'JsonlSpanExporter')
  defer(t, () => recorder.release())
  return { recorder, file }
}

test('who waited gives what it knows to the line of who knows whose the call is, which failed or not', () => {
  const once = new UsageOnce(() => undefined)
  const written: unknown[] = []
  const known = { cacheReadTokens: 3 }
  const at = { session: 's', startTs: 1_000, endTs: 1_100, inputTokens: 5, outputTokens: 2 }
  for (const isFailed of [false, true]) {
    const responseId = `r-${isFailed}`
    const wire = {
      ...at,
      source: 'wire',
      agentId: 'main',
      isImplicit: true,
      mayWait: true,
      responseId,
      known,
    }
    once.tell(wire, () => written.push('wire'))
    once.tell({ ...at, source: 'spans', agentId: 'a', responseId, isFailed }, (more) => written.push(more))
  }
  assert.deepEqual(written, [known, known])
})

/** The lines that are written of tellings, as each source has its own. */
function linesOf(tellings: readonly [ModelCall, Record<string, unknown>][]): Record<string, unknown>[] {
  const once = new UsageOnce(noTree)
  const lines: Record<string, unknown>[] = []
  for (const [told, fields] of tellings) {
    once.tell({ ...told, known: fields }, (seen) => {
      const line = { of: told.agentId, ...fields }
      addSeen(line, seen)
      lines.push(line)
    })
  }
  once.flush()
  return lines
}

test('a call whose end one source saw failing has failed, where the other saw none, whoever tells it first', () => {
  const wire = call({
    source: 'wire',
    responseId: 'r',
    mayWait: true,
    isFailed: true,
    inputTokens: undefined,
    outputTokens: undefined,
  })
  const seen = { ms: 136, ttftMs: 135, error: 'aborted' }
  for (const agentId of ['main', 'a']) {
    for (const inputTokens of [5_000, undefined]) {
      const isImplicit = agentId === 'main'
      const span = call({ agentId, isImplicit, responseId: 'r', inputTokens, outputTokens: undefined })
      const told = { ms: 97, ttftMs: 140, ...(inputTokens !== undefined && { inputTokens }) }
      const tellings: [ModelCall, Record<string, unknown>][] = [
        [{ ...wire, agentId: 'main', isImplicit: true }, seen],
        [span, told],
      ]
      const line = { of: agentId, ...told, ...seen }
      const what = `${agentId}, ${inputTokens}`
      for (const order of [tellings, tellings.slice().reverse()]) {
        const [found, ...more] = linesOf(order)
        assert.deepEqual(more, [], what)
        assert.equal(found?.of, agentId, what)
        for (const name of ['ms', 'ttftMs', 'error'] as const) assert.equal(found?.[name], line[name], what)
      }
      const [whole, ...others] = linesOf([
        tellings[0] as [ModelCall, Record<string, unknown>],
        [
          { ...span, inputTokens: 5_000, outputTokens: 20 },
          { inputTokens: 5_000, outputTokens: 20, ms: 97 },
        ],
      ])
      assert.deepEqual([whole?.error, whole?.ms, others], [undefined, 97, []], 'it came to its end')
    }
  }
})

test('a call is of the agent whose it is, also where who does not know that knows more', () => {
  const fields = { inputTokens: 10, outputTokens: 5, cacheReadTokens: 3 }
  const vague = call({ inputTokens: undefined, outputTokens: undefined })
  const wire = call({ source: 'wire', agentId: 'main', isImplicit: true, mayWait: true })
  const tellings: [ModelCall, Record<string, unknown>][] = [
    [vague, { model: 'gpt-4o' }],
    [wire, fields],
  ]
  const expected = [{ of: 'a', model: 'gpt-4o', ...fields }]
  assert.deepEqual(linesOf(tellings), expected)
  assert.deepEqual(linesOf(tellings.slice().reverse()), expected)
  const streamed = { ...wire, inputTokens: undefined, outputTokens: undefined }
  const both: [ModelCall, Record<string, unknown>][] = [
    [streamed, { ttftMs: 7 }],
    [vague, { model: 'gpt-4o' }],
  ]
  for (const order of [both, both.slice().reverse()]) {
    assert.equal(linesOf(order).length, 1)
    assert.equal(linesOf(order)[0]?.of, 'a')
  }
  const [line, ...more] = linesOf([...both, [{ ...call({ source: 'three' }) }, fields]])
  assert.deepEqual([line?.of, line?.inputTokens, line?.ttftMs, more], ['a', 10, 7, []])
})

test('what waits is written before the exit of its agent, and before the log is closed', async (t) => {
  const { recorder, file } = tempRecorder(t)
  const context = { traceId: '0a'.repeat(16), spanId: '0b'.repeat(8), traceFlags: 1 }
  const life = recorder.owners.beginLife('a', 's')
  const origin = { context, session: 's', life }
  const tell = (responseId: string): void =>
    recorder.usageOnce.tell(call({ responseId, inputTokens: undefined, outputTokens: undefined }), () =>
      recorder.write(1_100, 'usage', { responseId }, origin),
    )
  tell('r-1')
  recorder.write(1_200, 'exit', { status: 'ok' }, origin)
  tell('r-2')
  await recorder.release()
  assert.deepEqual(
    eventsOf(file).map(({ kind, responseId }) => responseId ?? kind),
    ['r-1', 'exit', 'r-2'],
  )
})

test('what waits is written when the process ends', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const ran = await runNode(
    [
      '--input-type=module',
      '-e',
      `import { LogRecorder } from ${JSON.stringify(new URL('../../src/record/log-recorder.js', import.meta.url))}
       const recorder = LogRecorder.open({ sessionId: 's' }, 'JsonlSpanExporter')
       const context = { traceId: '0a'.repeat(16), spanId: '0b'.repeat(8), traceFlags: 1 }
       const tell = (endTs) => recorder.usageOnce.tell({ source: 'x', agentId: 'a', session: 's', endTs }, () =>
         recorder.write(endTs, 'usage', { agentId: 'a' }, { context, session: 's', life: undefined }))
       tell(5)
       recorder.usageOnce.flush()
       tell(6)
       process.exit(0)`,
    ],
    { HIVELOG_FILE: file },
    packageRoot(),
  )
  assert.equal(ran.stderr, '')
  assert.deepEqual(
    eventsOf(file).map(({ kind, ts }) => [kind, ts]),
    [
      ['usage', 5],
      ['usage', 6],
    ],
  )
})

test('what it holds is bounded', () => {
  const once = new UsageOnce(noTree)
  // Whenever it were collected by itself, what is garbage would be measured too.
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const heap = (): number => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const before = heap()
  let most = 0
  for (let n = 0; n < 300_000; n++) {
    const told = call({
      spanId: `s${n}`,
      parentSpanId: `p${n}`,
      responseId: `r${n}`,
      session: `s${n % 3_000}`,
      startTs: n,
      endTs: n + 1,
    })
    assert.ok(once.isNew(told))
    if (n >= 150_000 && n % 50_000 === 0) most = Math.max(most, heap())
  }
  assert.ok(most - before < 20e6, `${Math.round((most - before) / 1e6)} MB`)
})
