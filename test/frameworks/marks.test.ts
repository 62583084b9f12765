/** The lines of a stream that have a mark, found as by looking for each mark in each line. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Marks } from '../../src/frameworks/model-sdks/marks.js'
import { cases } from '../kit/long-run.js'

const SETS = [
  ['"usage":{', '"usage": {', '"error"', ':[DONE]', ' [DONE]'],
  ['response.completed', 'response.incomplete', 'response.failed', '"error"'],
  ['"usage"', '"error"', 'message_stop'],
]

/** Where each line begins that has a mark somewhere which is not the name of a field that is null. */
function expected(text: string, marks: string[], most: number): number[] {
  const begins: number[] = []
  let begin = 0
  for (const line of text.split('\n').slice(0, -1)) {
    const has = marks.some((mark) => {
      for (let at = line.indexOf(mark); at >= 0; at = line.indexOf(mark, at + 1))
        if (!/^[: ]+null/.test(line.slice(at + mark.length))) return true
      return false
    })
    if (has) begins.push(begin)
    begin += line.length + 1
  }
  return begins.slice(-most)
}

for (const set of SETS) {
  const mark = fc.constantFrom(...set)
  // Whole marks, their ends cut off, and what comes after them.
  const piece = fc.oneof(
    mark,
    fc.tuple(mark, fc.nat(12), fc.nat(12)).map(([text, from, less]) => text.slice(from, text.length - less)),
    fc.constantFrom(': null', ':null', ':nul', ' ', 'data: ', '\\"', '{', '}'),
    fc.string({ unit: 'binary-ascii', maxLength: 6 }).map((text) => text.replaceAll('\n', ' ')),
  )
  const line = fc.array(piece, { maxLength: 8 }).map((pieces) => `${pieces.join('')}\n`)
  test(`lines with one of ${set.join(', ')} are found wherever they lie in memory`, () => {
    const marks = new Marks(...set)
    fc.assert(
      fc.property(fc.array(line, { maxLength: 30 }), fc.nat(7), fc.nat(9), (lines, offset, most) => {
        const text = lines.join('')
        const memory = Buffer.alloc(offset + text.length + 8, set[0])
        memory.write(text, offset, 'latin1')
        const found = marks.lastLines(memory.subarray(offset, offset + text.length), most + 1)
        assert.deepEqual(found, expected(text, set, most + 1))
      }),
      { numRuns: cases(1_000, 1_000) },
    )
  })
}
