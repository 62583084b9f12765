/** Long texts in lines of a width: nothing is lost, nothing is too wide, and no line ends before it must. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { wrapped } from '../../src/cli/wrap.js'

/** Of the characters that these tests use, only these take two columns. */
const WIDE = '漢字🐝'
const columnsOf = (text: string): number =>
  [...text].reduce((sum, each) => sum + (WIDE.includes(each) ? 2 : 1), 0)

const letter = fc.constantFrom('a', 'b', 'é', '-', '/', ...WIDE)
const word = (maxLength: number): fc.Arbitrary<string> =>
  fc.array(letter, { minLength: 1, maxLength }).map((letters) => letters.join(''))
const words = (maxLength: number): fc.Arbitrary<string[]> =>
  fc.array(word(maxLength), { minLength: 1, maxLength: 30 })
const indents = fc.constantFrom('', '  ', '      ')

test('words that fit are broken at spaces, as late as can be', () => {
  fc.assert(
    fc.property(
      words(7),
      fc.integer({ min: 20, max: 60 }),
      indents,
      fc.boolean(),
      (all, width, indent, whole) => {
        const lines = [...wrapped(all.join(' '), width, { indent, whole })]
        const bare = lines.map((line, i) => {
          assert.ok(i === 0 || line.startsWith(indent))
          return i === 0 ? line : line.slice(indent.length)
        })
        assert.deepEqual(bare.join(' ').split(' '), all)
        for (const [i, line] of lines.entries()) {
          assert.ok(columnsOf(line) <= width, line)
          const next = bare[i + 1]?.split(' ')[0]
          if (next !== undefined) assert.ok(columnsOf(`${line} ${next}`) > width, `${line} | ${next}`)
        }
      },
    ),
  )
})

test('a word that is too long is broken anywhere, or stays whole', () => {
  fc.assert(
    fc.property(words(60), fc.integer({ min: 8, max: 30 }), indents, (all, width, indent) => {
      const text = all.join(' ')
      const broken = [...wrapped(text, width, { indent })]
      for (const line of broken) assert.ok(columnsOf(line) <= width, line)
      const bare = broken.map((line, i) => (i === 0 ? line : line.slice(indent.length)))
      assert.equal(bare.join('').replaceAll(' ', ''), text.replaceAll(' ', ''))
      const kept = [...wrapped(text, width, { indent, whole: true })]
      const pieces = kept.flatMap((line, i) => (i === 0 ? line : line.slice(indent.length)).split(' '))
      assert.deepEqual(pieces, all)
      for (const line of kept) {
        assert.ok(columnsOf(line) <= width || !line.trimStart().includes(' '), line)
      }
    }),
  )
})

test('it keeps the beginning of a line, its own line ends and blank lines, and is harmless', () => {
  assert.deepEqual([...wrapped('  give prices\n\nor not\r\n', 9)], ['  give', 'prices', '', 'or not', ''])
  assert.deepEqual([...wrapped('red \x1b[31m', 80)], ['red \\u001b[31m'])
  assert.deepEqual([...wrapped('', 10, { indent: '  ' })], [''])
  assert.deepEqual([...wrapped('ab 漢', 0)], ['a', 'b', '漢'], 'a width that nothing fits still ends')
  assert.deepEqual([...wrapped('abc def', 2, { indent: '    ' })], ['abc', '    d', '    e', '    f'])
})
