import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeLine, ownSeq } from '../../src/format/decode.js'

const reasonOf = (line: string | Buffer): string => {
  const decoded = decodeLine(line)
  return 'reason' in decoded ? decoded.reason : `an event: ${JSON.stringify(decoded.event)}`
}

test('an event is an object with ts and kind; all other fields come through as they are', () => {
  const line = '{"ts":1,"kind":"archive","agentId":"god","archived":true,"deep":{"seq":9},"seq":3}'
  assert.deepEqual(decodeLine(line), { event: JSON.parse(line) })
  assert.deepEqual(decodeLine(Buffer.from(line)), { event: JSON.parse(line) })
})

test('a carriage return at the end and a byte order mark at the start are skipped', () => {
  const event = { ts: 1, kind: 'x' }
  assert.deepEqual(decodeLine('\ufeff{"ts":1,"kind":"x"}\r'), { event })
  assert.deepEqual(decodeLine(Buffer.from('\ufeff{"ts":1,"kind":"x"}\r')), { event })
})

test('what is no event is told apart with a reason', () => {
  const cases: [string | Buffer, string][] = [
    ['', 'empty line'],
    [' \t\r', 'empty line'],
    ['{"ts":1,"kind":"mess', 'JSON cut short'],
    ['{"ts":1,', 'JSON cut short'],
    ['hello', 'invalid JSON'],
    ['{"ts":1,"kind":"x"}{"ts":2,"kind":"x"}', 'invalid JSON'],
    [Buffer.alloc(100), 'NUL bytes'],
    ['[1]', 'not a JSON object'],
    ['null', 'not a JSON object'],
    ['7', 'not a JSON object'],
    ['{"kind":"x"}', 'no ts'],
    ['{"ts":"2026-08-22","kind":"x"}', 'ts is not epoch milliseconds'],
    ['{"ts":null,"kind":"x"}', 'ts is not epoch milliseconds'],
    ['{"ts":1e300,"kind":"x"}', 'ts is not epoch milliseconds'],
    ['{"ts":1}', 'no kind'],
    ['{"ts":1,"kind":""}', 'kind is not a name'],
    ['{"ts":1,"kind":7}', 'kind is not a name'],
    [Buffer.from('{"ts":1,"kind":"x","a":"\xff"}', 'latin1'), 'invalid UTF-8'],
  ]
  for (const [line, reason] of cases) assert.equal(reasonOf(line), reason, String(line).slice(0, 60))
})

test('a replacement character that was really written is not taken for invalid UTF-8', () => {
  assert.deepEqual(decodeLine(Buffer.from('{"ts":1,"kind":"x","a":"\ufffd"}')), {
    event: { ts: 1, kind: 'x', a: '\ufffd' },
  })
})

test('nesting a million deep does not throw', () => {
  const deep = `{"ts":1,"kind":"x","a":${'['.repeat(1e6)}${']'.repeat(1e6)}}`
  const decoded = decodeLine(deep)
  assert.ok('event' in decoded ? decoded.event.kind === 'x' : decoded.reason === 'nested too deeply')
  assert.notEqual(reasonOf('['.repeat(1e6)), '')
})

test('only a positive whole number is an own seq', () => {
  assert.equal(ownSeq({ ts: 1, kind: 'x', seq: 7 }), 7)
  for (const seq of [0, -1, 1.5, Number.NaN, 2 ** 60])
    assert.equal(ownSeq({ ts: 1, kind: 'x', seq }), undefined)
  assert.equal(ownSeq({ ts: 1, kind: 'x' }), undefined)
})

test('never throws, whatever the bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const decoded = decodeLine(Buffer.from(bytes))
      return 'event' in decoded || decoded.reason !== ''
    }),
  )
  fc.assert(
    fc.property(fc.json(), (json) => {
      const decoded = decodeLine(json)
      return 'event' in decoded || decoded.reason !== ''
    }),
  )
})
