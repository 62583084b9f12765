/** Ids are shown so that no two of them look alike because of characters that are not seen. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { givenId, likenessOf, shownId } from '../../src/text/clean.js'

const SHOWN: [id: string, shown: string][] = [
  ['e-1', 'e-1'],
  ['b 7', 'b 7'],
  ['Ünï→ 日本 "x"', 'Ünï→ 日本 "x"'],
  ['b\n7', '"b\\u000a7"'],
  ['b\t7', '"b\\u00097"'],
  ['b\r\n7', '"b\\u000d\\u000a7"'],
  ['b\u00a07', '"b\\u00a07"'],
  ['b\u30007', '"b\\u30007"'],
  ['b\u28007', '"b\\u28007"'],
  ['b  7', '"b \\u00207"'],
  [' b 7', '"\\u0020b 7"'],
  ['b 7 ', '"b 7\\u0020"'],
  [' ', '"\\u0020"'],
  // What would be obeyed, or not be seen, is an escape as everywhere.
  ['b\u001b[2J', 'b\\u001b[2J'],
  ['b\u200b7', 'b\\u200b7'],
  // These would look like one of the above.
  ['b\\u000a7', '"b\\\\u000a7"'],
  ['b\\u200b7', '"b\\\\u200b7"'],
  ['"b\\u000a7"', '"\\"b\\\\u000a7\\""'],
  ['"b 7"', '"\\"b 7\\""'],
  ['', ''],
]

test('an id with white space that is not seen is shown with quotation marks and escapes', () => {
  for (const [id, shown] of SHOWN) assert.equal(shownId(id), shown)
  assert.equal(new Set(SHOWN.map(([, shown]) => shown)).size, SHOWN.length)
})

test('what is shown in quotation marks is given back as that id', () => {
  for (const [id, shown] of SHOWN) if (shown.startsWith('"')) assert.equal(givenId(shown), id)
  for (const id of ['e-1', 'b 7', '"', '"b', '"b\n7"', '']) assert.equal(givenId(id), id)
})

test('ids that look the same have the same likeness', () => {
  const alike = ['b 7', 'b\n7', ' b\u00a0\t7 ', 'b\u200b 7', '\uff42 7']
  assert.deepEqual(new Set(alike.map(likenessOf)), new Set(['b 7']))
  assert.notEqual(likenessOf('b7'), likenessOf('b 7'))
})
