/** In a list the value stands after its name: options of a command, raw headers, pairs. Lists of words stay. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GrowingRedactor } from '../../src/redact/growing.js'
import { Scrubber } from '../../src/redact/scrub.js'

const scrub = (value: unknown): unknown =>
  new Scrubber(new GrowingRedactor(), () => ({ ref: 'r', bytes: 0 })).custom({ value }).value
const MASK = '[redacted:key]'

test('the item after one that names a secret is masked', () => {
  for (const [given, expected] of [
    [
      ['Host', 'a.example', 'X-Api-Key', 'zzz111222333', 'Accept', '*/*'],
      ['Host', 'a.example', 'X-Api-Key', MASK, 'Accept', '*/*'],
    ],
    [
      [
        ['user', 'ann'],
        ['password', 'hunter'],
      ],
      [
        ['user', 'ann'],
        ['password', MASK],
      ],
    ],
    [
      ['--password', 'hunter2secret', '--verbose'],
      ['--password', MASK, '--verbose'],
    ],
    [
      ['--password', 'hunter'],
      ['--password', MASK],
    ],
    [
      new Map<unknown, unknown>([
        [1, 2],
        ['password', 12345],
      ]),
      [
        [1, 2],
        ['password', MASK],
      ],
    ],
    [
      { rawHeaders: ['Authorization', 'abcdef', 'Accept', 'text'] },
      { rawHeaders: ['Authorization', MASK, 'Accept', 'text'] },
    ],
  ]) {
    assert.deepEqual(scrub(given), expected)
    assert.deepEqual(scrub(expected), expected, 'once more changes nothing')
  }
})

test('lists of words, and values after names of no secrets, stay', () => {
  for (const list of [
    ['token', 'usage'],
    ['password', 'email', 'userName', 'date_of_birth'],
    ['Content-Type', 'Authorization', 'X-Request-Id'],
    ['maxToken', '4000 of them'],
    ['the password', 'hunter', 'is 3 words'],
    [
      ['a', 'password'],
      ['b', 'c2'],
    ],
    ['password', 12, null, { a: 1 }],
    ['password', ''],
  ])
    assert.deepEqual(scrub(list), list)
})
