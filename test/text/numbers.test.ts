/** Numbers as people read them: made by hand where that is quick, and always what the language's own format makes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { dollars, grouped } from '../../src/text/terminal.js'
import { cases } from '../kit/long-run.js'

const inGroups = new Intl.NumberFormat('en-US')
const cents = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })

test('any number is grouped as the format of the language groups it', () => {
  const special = [0, -0, 999, 1000, -1000, 999_999, 1_000_000, 2 ** 53, 1e21, 0.5, Number.NaN, Infinity]
  const numbers = fc.oneof(fc.constantFrom(...special), fc.maxSafeInteger(), fc.integer(), fc.double())
  fc.assert(fc.property(numbers, (value) => grouped(value) === inGroups.format(value)))
  for (const value of special) assert.equal(grouped(value), inGroups.format(value))
})

test('dollars from one on are rounded to cents as the format of the language rounds them', () => {
  const special = [1, 1.005, 1.995, 2.675, 9.999, 999.995, 999_999.995, 12_345.674_999, 999_999_999.99]
  for (const value of special) assert.equal(dollars(value), `$${cents.format(value)}`)
  const amounts = fc.oneof(
    fc.double({ min: 1, max: 999_999_999.99, noNaN: true }),
    fc.integer({ min: 1000, max: 99_999_999 }).map((mills) => mills / 1000),
    fc.integer({ min: 10_000, max: 2 ** 40 }).map((parts) => parts / 10_000),
  )
  fc.assert(
    fc.property(amounts, (value) => value >= 1e9 || dollars(value) === `$${cents.format(value)}`),
    { numRuns: cases(2000, 2000) },
  )
})
