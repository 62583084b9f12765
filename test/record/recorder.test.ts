/** The one inbox and the one door to a line: order, counting and scrubbing of all that is recorded. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { INVALID_SPAN_CONTEXT, ROOT_CONTEXT, type SpanContext, trace } from '@opentelemetry/api'
import fc from 'fast-check'
import { LogRecorder } from '../../src/record/log-recorder.js'
import { Owners, recordOf } from '../../src/record/owners.js'
import { Recorder } from '../../src/record/recorder.js'
import { Redactor } from '../../src/redact/redact.js'
import { captureDiag, defer, eventsOf, linesOf, tempFolder, tempHive } from '../kit/hive-support.js'
import { cases } from '../kit/long-run.js'

const contextOf = (n: number): SpanContext => ({
  traceId: '0a'.repeat(16),
  spanId: (n + 1).toString(16).padStart(16, '0'),
  traceFlags: 1,
})

function tempRecorder(t: TestContext): { recorder: LogRecorder; file: string } {
  const file = join(tempFolder(t), 'hive.jsonl')
  const recorder = LogRecorder.open({ file, fsync: 'no', sessionId: 's-1' }, 'JsonlSpanExporter')
  defer(t, () => recorder.release())
  return { recorder, file }
}

test('whatever is recorded in whichever way, lines and what is to happen after them come in that order', async (t) => {
  const { recorder, file } = tempRecorder(t)
  let n = 0
  const way = fc.constantFrom('held', 'now', 'foreign', 'after', 'acts', 'turn')
  await fc.assert(
    fc.asyncProperty(fc.array(way, { maxLength: 40 }), async (ways) => {
      const before = eventsOf(file).length
      const life = recorder.owners.beginLife('a', 's-1')
      const expected: number[] = []
      const happened: number[] = []
      const place = recorder.placeOf(contextOf(0), 's-1', (_ts, _kind, fields) =>
        happened.push(fields.n as number),
      )
      const heard: number[] = []
      for (const each of ways) {
        n++
        if (each === 'turn') await new Promise(setImmediate)
        else if (each === 'after') {
          const mine = n
          recorder.after(Date.now(), () => happened.push(mine))
          heard.push(n)
        } else if (each === 'acts') {
          // What it records stands where it was held.
          const mine = n
          recorder.after(Date.now(), () => {
            recorder.record(place, Date.now(), 'note', { n: mine }, life)
            recorder.after(Date.now(), () => happened.push(-mine))
          })
          expected.push(n)
          heard.push(n, -n)
        } else {
          expected.push(n)
          if (each === 'held') recorder.record(place, Date.now(), 'note', { n }, life)
          else if (each === 'now') recorder.recordNow(place, Date.now(), 'note', { n }, life)
          else {
            const context = contextOf(1)
            assert.equal(recorder.write(Date.now(), 'note', { n }, { context, session: 's-1', life }), true)
          }
          if (each !== 'foreign') heard.push(n)
        }
      }
      await recorder.journal.flush()
      const lines = eventsOf(file).slice(before)
      assert.deepEqual(
        lines.map((line) => line.n),
        expected,
      )
      assert.deepEqual(
        lines.map(({ checkpoint }) => checkpoint),
        expected.map((_, i) => i),
      )
      assert.deepEqual(happened, heard)
    }),
    { numRuns: cases(60, 60) },
  )
})

test('an event of a kind that is no agent’s does not count among the agent’s, and one that is refused neither', async (t) => {
  const said = captureDiag(t)
  const { recorder, file } = tempRecorder(t)
  const life = recorder.owners.beginLife('a', 's-1')
  const origin = { context: contextOf(0), session: 's-1', life }
  recorder.write(1, 'escalate', { id: 'e', to: 'human', subject: 's' }, origin)
  recorder.write(2, 'approval', { id: 'e', approve: true }, origin)
  assert.equal(recorder.write(3, 'log.gap', { lost: 1 }, origin), false)
  recorder.write(4, 'note', {}, origin)
  await recorder.journal.flush()
  assert.deepEqual(
    eventsOf(file).map(({ kind, checkpoint, from, agentId }) => [kind, checkpoint, from ?? agentId]),
    [
      ['escalate', 0, 'a'],
      ['approval', undefined, undefined],
      ['note', 1, 'a'],
    ],
  )
  assert.equal(said.length, 1)
})

test('what cannot be done to one event or after it keeps nothing else from its line', async (t) => {
  const said = captureDiag(t)
  const { recorder, file } = tempRecorder(t)
  const place = recorder.placeOf(contextOf(0), 's-1', (_ts, _kind, { n }) => {
    if (n === 1) throw new Error('no ear')
  })
  recorder.record(place, 1, 'note', { n: 1 }, undefined)
  recorder.after(1, () => {
    throw new Error('no end')
  })
  recorder.record(place, 1, 'note', { n: 2 }, undefined)
  await recorder.journal.flush()
  assert.deepEqual(
    eventsOf(file).map(({ n }) => n),
    [1, 2],
  )
  assert.equal(said.length, 2)
  assert.match(said[0] as string, /^hivelog: an event of kind "note" could not be recorded: .*no ear/)
  assert.match(
    said[1] as string,
    /^hivelog: the end of a span or of a request could not be recorded: .*no end/,
  )
})

test('each text is looked through once, in a call of any kind and in a plain event', async (t) => {
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'a' })
  const { string } = Redactor.prototype
  const seen = new Map<string, number>()
  t.mock.method(Redactor.prototype, 'string', function (this: Redactor, text: string) {
    seen.set(text, (seen.get(text) ?? 0) + 1)
    return string.call(this, text)
  })
  const texts = [
    'of a message',
    'of a custom event',
    'of a tool',
    'of a hive’s event',
    'of a plain event',
    'of an end',
  ]
  agent.message({ to: 'b', act: 'inform', subject: texts[0] as string })
  agent.log('note', { text: texts[1] })
  agent.tool({ name: 'grep', ok: false, error: texts[2] as string })
  hive.log('note', { text: texts[3] })
  agent.run(() => trace.getActiveSpan()?.addEvent('hive.note', { 'hive.text': texts[4] as string }))
  agent.end({ error: texts[5] as string })
  await hive.shutdown()
  assert.equal(eventsOf(file).length, 7)
  for (const text of texts) assert.equal(seen.get(text), 1, text)
})

test('what comes when the log is closed is refused at once, and loudly', async (t) => {
  const said = captureDiag(t)
  const { recorder, file } = tempRecorder(t)
  await recorder.release()
  const { length } = linesOf(file)
  recorder.write(1, 'note', {}, { context: contextOf(0), session: 's-1', life: undefined })
  assert.equal(said.length, 1)
  assert.match(said[0] as string, /the log is closed/)
  assert.equal(linesOf(file).length, length)
})

test('without a log an event is told to whoever listens, at once', () => {
  const recorder = new Recorder(new Redactor(), undefined)
  const heard: unknown[] = []
  const place = recorder.placeOf(contextOf(0), 's', (ts, kind, fields) => heard.push([ts, kind, fields]))
  recorder.record(place, 7, 'note', { key: 'x'.repeat(3) }, undefined)
  assert.deepEqual(heard, [[7, 'note', { key: 'xxx' }]])
})

test('a span is owned in each log by who writes it there, and a copy of its context tells whose it was', () => {
  const [one, two] = [new Owners(), new Owners()]
  const context = contextOf(0)
  const life = one.beginLife('a', 's-1')
  one.own(context, 's-1', life)
  two.claim(context, {
    traceId: context.traceId,
    session: 's-2',
    life: undefined,
    isLife: false,
    writer: 'processor',
  })
  assert.deepEqual([one.of(context)?.writer, two.of(context)?.writer], ['hive', 'processor'])
  assert.deepEqual([one.of(context)?.life, two.of(context)?.session], [life, 's-2'])
  assert.ok(one.isLive(context) && two.isLive(context) && !new Owners().isLive(context))
  const copy = { ...context }
  assert.equal(one.isLive(copy), false)
  assert.equal(one.of(copy)?.life, life)
  assert.equal(one.end(copy)?.life, life)
  assert.equal(one.end(copy), undefined, 'it ends once')
  assert.equal(one.of(context)?.life, life, 'work goes on in the context of a span that has ended')
  assert.equal(one.of(copy)?.life, life, 'a resumed run names a parent that has ended')
  assert.equal(one.of({ ...context, traceId: '0b'.repeat(16) }), undefined, 'in its trace only')
  assert.equal(two.of(copy)?.session, 's-2', 'in the other log it has not ended')
})

test('whose a span is lies on its context where nobody sees it, also on a frozen one', () => {
  for (const context of [contextOf(7), Object.freeze(contextOf(8))]) {
    const [one, two] = [new Owners(), new Owners()]
    const [before, names] = [{ ...context }, Reflect.ownKeys(context)]
    const shown = inspect(context, { showHidden: true })
    const { traceId } = context
    const owner = { traceId, session: 's', life: undefined, isLife: false, writer: 'processor' } as const
    one.claim(context, owner)
    two.claim(context, { ...owner, session: 's-2' })
    assert.deepEqual([one.of(context)?.session, two.of(context)?.session], ['s', 's-2'])
    assert.deepEqual(context, before)
    assert.deepEqual(Reflect.ownKeys(context), names)
    assert.equal(inspect(context, { showHidden: true }), shown)
    assert.equal(recordOf({ ...context }), undefined, 'not on a copy')
  }
  assert.equal(recordOf(undefined as never), undefined)
  assert.equal(recordOf('x' as never), undefined)
})

test('the context that all spans of a tracer have that does not trace is nobody’s', () => {
  const owners = new Owners()
  owners.own(INVALID_SPAN_CONTEXT, 's-1', owners.beginLife('a', 's-1'))
  assert.equal(recordOf(INVALID_SPAN_CONTEXT), undefined)
  assert.equal(owners.of(INVALID_SPAN_CONTEXT), undefined)
  assert.ok(owners.isMarked(owners.mark(ROOT_CONTEXT)))
  assert.ok(!new Owners().isMarked(owners.mark(ROOT_CONTEXT)))
})
