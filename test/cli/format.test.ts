import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import { FIELD_ORDER, type HiveEvent } from '../../src/format/kinds.js'
import { formatEvent } from '../../src/text/format-event.js'
import { clean, columns, duration, fit } from '../../src/text/terminal.js'
import { hivelog } from '../kit/reader-cli.js'
import { LogWriter, scratch } from '../kit/reader-log.js'

const TS = new Date(2026, 7, 22, 14, 3, 7, 123).getTime()
const line = (kind: string, fields: object, options = {}): string =>
  formatEvent({ ts: TS, kind, ...fields } as HiveEvent, { date: false, ...options })

const LINES: [kind: string, fields: object, expected: string][] = [
  [
    'spawn',
    { agentId: 'lead', name: 'Lead', isGod: true, model: 'm-1' },
    '  spawn     lead  "Lead"  god  m-1',
  ],
  ['spawn', { agentId: 'a', name: 'A', isGod: false, parent: 'lead' }, '  spawn     a  "A"  child of lead'],
  [
    'message',
    { from: 'lead', to: 'coder', act: 'request', subject: 'Need the schema' },
    '  message   lead → coder  request  "Need the schema"',
  ],
  ['drain', { agentId: 'coder', count: 1 }, '  drain     coder  took 1 message'],
  [
    'escalate',
    { from: 'coder', to: 'human', subject: 'Drop it?', id: 'e-1' },
    '▲ escalate  coder → human  e-1  "Drop it?"',
  ],
  [
    'approval',
    { id: 'e-1', approve: false, by: 'ana', note: 'no' },
    '✘ approval  rejected  e-1  by ana  "no"',
  ],
  ['approval', { id: 'e-1', approve: true }, '✔ approval  approved  e-1'],
  ['approval', { id: 'e-1', approve: 'yes' }, '! approval  unclear  e-1'],
  ['exit', { agentId: 'a', exitCode: 1 }, '! exit      a  error  exit code 1'],
  ['exit', { agentId: 'a', exitCode: 0 }, '  exit      a  ok  exit code 0'],
  ['exit', { agentId: 'a', signal: 'SIGTERM' }, '! exit      a  killed  SIGTERM'],
  [
    'usage',
    { agentId: 'a', model: 'm', inputTokens: 1200, outputTokens: 3, costUsd: 0.0123, ms: 1500 },
    '  usage     a  m  1,200 in  3 out  $0.0123  1.5 s',
  ],
  [
    'usage',
    { agentId: 'a', model: 'm', ms: 12, error: '429 too many requests' },
    '! usage     a  m  12 ms  "429 too many requests"',
  ],
  [
    'usage',
    { agentId: 'a', model: 'm', inputTokens: 1200, error: 'aborted' },
    '! usage     a  m  1,200 in  ? out  "aborted"',
  ],
  ['usage', { agentId: 'a', model: 'm' }, '  usage     a  m  ? in  ? out'],
  [
    'call',
    { agentId: 'a', host: 'h.example', method: 'GET', path: '/x', status: 503 },
    '! call      a  GET h.example/x  503',
  ],
  ['tool', { agentId: 'a', name: 'grep', ok: true, ms: 12 }, '  tool      a  grep  ok  12 ms'],
  ['tool', { agentId: 'a', name: 'grep', ok: false, error: 'bad' }, '! tool      a  grep  failed  "bad"'],
  [
    'wait',
    { agentId: 'a', resource: 'db', ms: 90_000, holder: 'b' },
    '  wait      a  waited 1 min 30 s for db, held by b',
  ],
  [
    'snapshot',
    { agentId: 'a', label: 'before', ref: 'ab'.repeat(32), bytes: 2048 },
    '  snapshot  a  "before"  2.0 KiB  abababababab',
  ],
  ['drop', { from: 'a', to: 'b', id: 'm-1', reason: 'gone' }, '! drop      a → b  m-1  "gone"'],
  ['exit', { agentId: 'a', status: 'ok' }, '  exit      a  ok'],
  ['exit', { agentId: 'a', status: 'error', error: 'boom' }, '! exit      a  error  "boom"'],
  ['plan.revised', { agentId: 'a', steps: 4, seq: 9, session: 's' }, '  plan.revised a  steps=4'],
  ['log.gap', { lost: 12, reason: 'disk full' }, '! log.gap   12 events lost  "disk full"'],
]

for (const [kind, fields, expected] of LINES) {
  test(`a line for people: ${expected.trim()}`, () => {
    assert.equal(line(kind, fields), `14:03:07.123 ${expected}`)
    assert.equal(stripVTControlCharacters(line(kind, fields, { color: true })), `14:03:07.123 ${expected}`)
  })
}

test('the date is shown for other days than today', () => {
  assert.match(formatEvent({ ts: TS - 400 * 86_400_000, kind: 'x' }), /^2025-07-18 14:03:07\.123 /)
  assert.match(formatEvent({ ts: Date.now(), kind: 'x' }), /^\d\d:\d\d:\d\d\.\d{3} /)
})

test('a long subject is cut so that the line fits, and keeps its closing quote', () => {
  const subject = 'word '.repeat(50)
  const cut = line('message', { from: 'lead', to: 'coder', act: 'inform', subject }, { width: 80 })
  assert.equal(columns(cut), 80)
  assert.match(cut, /…"$/)
})

test('nothing in a log can command the terminal', async (t) => {
  const evil = '\x1b]0;owned\x07\x1b[2J\u009b31m\u202eabc\x7f\r\n'
  for (const kind of Object.keys(FIELD_ORDER)) {
    const fields = Object.fromEntries(
      FIELD_ORDER[kind as keyof typeof FIELD_ORDER].map((name) => [name, evil]),
    )
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    assert.doesNotMatch(line(kind, fields), /[\x00-\x1f\x7f-\x9f\u202e]/)
  }
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file).event('x.\u009b', { [evil]: evil }).message(evil)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: as above
  assert.doesNotMatch((await hivelog(['cat', file])).stdout, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/)
})

test('any event gives one line of at most the width, whatever its fields are', () => {
  const kind = fc.constantFrom(...Object.keys(FIELD_ORDER), 'custom')
  fc.assert(
    fc.property(
      kind,
      fc.array(fc.jsonValue()),
      fc.integer({ min: 40, max: 120 }),
      fc.boolean(),
      (kind, values, width, color) => {
        const names: readonly string[] =
          kind === 'custom' ? ['a', 'b'] : FIELD_ORDER[kind as keyof typeof FIELD_ORDER]
        const fields = Object.fromEntries(names.map((name, i) => [name, values[i]]))
        const text = formatEvent({ ts: TS, kind, ...fields } as HiveEvent, { width, color })
        assert.ok(columns(stripVTControlCharacters(text)) <= width)
        assert.ok(!text.includes('\n'))
      },
    ),
  )
})

test('a field that cannot be turned into text does not throw', () => {
  for (const kind of Object.keys(FIELD_ORDER)) {
    const odd = Object.fromEntries(
      FIELD_ORDER[kind as keyof typeof FIELD_ORDER].map((name) => [name, { toString: null }]),
    )
    assert.match(line(kind, odd), new RegExp(` ${kind.replace('.', '\\.')} `))
  }
})

test('a field nested a million deep does not throw', () => {
  const event = JSON.parse(`{"ts":1,"kind":"x","a":${'['.repeat(1e6)}${']'.repeat(1e6)}}`)
  assert.match(formatEvent(event), /x {9}a=/)
})

test('wide and combining characters are measured in columns', () => {
  assert.deepEqual(['abc', '日本', 'e\u0301', '🎉', '👩‍👩‍👧'].map(columns), [3, 4, 1, 2, 2])
  assert.deepEqual(
    [fit('日本語', 5), fit('日本語', 6), fit('日本語', 4), fit('abc', 3), fit('abcd', 3)],
    ['日本…', '日本語', '日…', 'abc', 'ab…'],
  )
  assert.equal(fit('abc', 0), '')
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.nat(20),
      (text, width) => columns(fit(clean(text), width)) <= width,
    ),
  )
})

test('durations are read at a glance', () => {
  const times = [0, 999, 1000, 59_949, 61_000, 3_600_000, 100_000_000]
  assert.deepEqual(times.map(duration), [
    '0 ms',
    '999 ms',
    '1.0 s',
    '59.9 s',
    '1 min 1 s',
    '1 h 0 min',
    '1 d 3 h',
  ])
})

test('colour only on a terminal, unless FORCE_COLOR; never with NO_COLOR', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file).message()
  const hasColor = async (env: Record<string, string>): Promise<boolean> =>
    (await hivelog(['cat', file], { env })).stdout.includes('\x1b[')
  assert.equal(await hasColor({}), false)
  assert.equal(await hasColor({ FORCE_COLOR: '1' }), true)
  assert.equal(await hasColor({ FORCE_COLOR: '0' }), false)
  assert.equal(await hasColor({ FORCE_COLOR: '1', NO_COLOR: '1' }), false)
})
