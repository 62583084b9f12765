/** A query that a span and a client's own channel tell of is one `call`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ApiCall, CallOnce } from '../../src/record/call-once.js'

const call = (given: Partial<ApiCall>): ApiCall => ({
  source: 'one',
  host: 'api.example',
  method: 'POST',
  path: '/v1/chat',
  startTs: 1_000,
  endTs: 1_100,
  ...given,
})

test('host, method, path and time say that two sources tell of one query', () => {
  const two = { source: 'two' }
  const rows: [Partial<ApiCall>, boolean, string][] = [
    [two, false, 'the same'],
    [{ ...two, host: 'API.example:443', method: 'post' }, false, 'in other letters, with the usual port'],
    [{ ...two, path: undefined }, false, 'who does not know the path'],
    [{ ...two, startTs: 1_001, endTs: 1_098 }, false, 'a little within it'],
    [{ ...two, startTs: undefined, endTs: 1_101 }, false, 'who knows the end only'],
    [{}, true, 'the same source: a parallel query'],
    [{ ...two, host: 'api.example:8443' }, true, 'another port'],
    [{ ...two, method: 'GET' }, true, 'another method'],
    [{ ...two, path: '/v1/models' }, true, 'another path'],
    [{ ...two, startTs: 1_100, endTs: 1_200 }, true, 'the next query'],
  ]
  for (const [other, isNew, what] of rows) {
    const once = new CallOnce()
    assert.deepEqual([once.isNew(call({})), once.isNew(call(other))], [true, isNew], what)
  }
})

test('as many are recorded as there were, of two sources that tell all of them', () => {
  const query = fc.record({
    host: fc.constantFrom('a', 'b'),
    path: fc.constantFrom('/x', '/y'),
    startTs: fc.integer({ min: 0, max: 200 }),
    ms: fc.integer({ min: 0, max: 100 }),
    isTwoFirst: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(query, { maxLength: 40 }), (queries) => {
      const once = new CallOnce()
      const inOrder = [...queries].sort((x, y) => x.startTs + x.ms - y.startTs - y.ms)
      const told = inOrder.flatMap(({ isTwoFirst, ms, ...rest }) => {
        const tellings = ['one', 'two'].map((source) => call({ ...rest, source, endTs: rest.startTs + ms }))
        return isTwoFirst ? tellings.reverse() : tellings
      })
      assert.equal(told.filter((each) => once.isNew(each)).length, queries.length)
    }),
  )
})

test('calls of hosts without end are remembered in bounded memory', () => {
  const once = new CallOnce()
  for (let n = 0; n < 5_000; n++) assert.ok(once.isNew(call({ host: `h${n}` })))
  assert.ok(!once.isNew(call({ host: 'h4999', source: 'two' })))
  assert.ok(once.isNew(call({ host: 'h0', source: 'two' })), 'the oldest are forgotten')
})
