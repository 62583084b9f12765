/** Taking flat lines apart gives what parsing all lines gives, whatever the bytes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { HiveEvent } from '../../src/format/kinds.js'
import { FlatReader } from '../../src/read/flat.js'
import { FLAT_BYTES } from '../../src/read/flat-scan.js'
import { isMalformed, type LogItem } from '../../src/read/items.js'
import { ItemReader } from '../../src/read/lines.js'
import { lines as anyLines } from '../kit/any-lines.js'
import { cases } from '../kit/long-run.js'

const START = { offset: 100, line: 7, count: 20 }

const parsing = (): ItemReader => new ItemReader('f', START, {})
const takingApart = (): ItemReader => new FlatReader('f', START, {}, { warm: 0 })

/** Pushes the bytes in pieces of these sizes. */
function read(bytes: Buffer, pieces: readonly number[], reader: ItemReader): LogItem[] {
  const items: LogItem[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = Math.max(1, pieces[i % pieces.length] ?? bytes.length)
    items.push(...reader.push(Buffer.from(bytes.subarray(at, at + size))))
    at += size
  }
  items.push(...reader.end())
  assert.equal(reader.offset, START.offset + bytes.length)
  return items
}

/** Whether an event was made without parsing: only those have fields that are not there. */
const isTakenApart = ({ event }: { event: HiveEvent }): boolean => Object.values(event).includes(undefined)

/** As its line says it. */
function plain(item: LogItem): LogItem {
  if (isMalformed(item)) return item
  const fields = Object.entries(item.event).filter(([, value]) => value !== undefined)
  return { ...item, event: Object.fromEntries(fields) as unknown as HiveEvent }
}

/** Compares, and counts the events that were taken apart. */
function same(bytes: Buffer, pieces: readonly number[] = []): number {
  const given = read(bytes, pieces, takingApart())
  assert.deepEqual(given.map(plain), read(bytes, pieces, parsing()).map(plain))
  return given.filter((item) => !isMalformed(item) && isTakenApart(item)).length
}

const text = (lines: readonly string[]): Buffer => Buffer.from(lines.map((line) => `${line}\n`).join(''))

const NAMES = [
  ...['ts', 'kind', 'seq', 'session', 'checkpoint', 'trace', 'span', 'agentId', 'from', 'to', 'act'],
  ...['subject', 'id', 'inReplyTo', 'conversation', 'requiresReply', 'model', 'provider', 'inputTokens'],
  ...['outputTokens', 'cacheReadTokens', 'cacheWriteTokens', 'costUsd', 'task', 'responseId', 'ms', 'ttftMs'],
  ...['error', 'host', 'method', 'path', 'status', 'name', 'ok', 'toolCallId', 'argsBytes', 'resultBytes'],
  ...['count', 'ids', 'approve'],
]
const FOREIGN = [
  'note',
  'constructor',
  '__proto__',
  'toString',
  '',
  'tss',
  't',
  'a name of 16 ch',
  'x'.repeat(40),
]

/** Texts at the limit of what is told by number, few and many different ones; and some that are written with escapes. */
const plainTexts = fc.oneof(
  fc.constantFrom('', 'a', 'agent-1', 'x'.repeat(31), 'x'.repeat(32), 'x'.repeat(33), 'y'.repeat(32)),
  fc.nat(9999).map((n) => `agent-${n}`),
  fc.stringMatching(/^[ !#-[\]-~]{0,60}$/),
)
const values = fc.oneof(
  { weight: 60, arbitrary: plainTexts },
  { weight: 20, arbitrary: fc.nat() },
  { weight: 10, arbitrary: fc.nat(999_999_999).map((n) => n / 1e6) },
  { weight: 10, arbitrary: fc.boolean() },
  { weight: 10, arbitrary: fc.array(plainTexts, { maxLength: 4 }) },
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.double(),
  fc.maxSafeInteger(),
  fc.constant(null),
  fc.jsonValue({ maxDepth: 2 }),
)
const members = fc.array(
  fc.tuple(
    fc.oneof({ weight: 60, arbitrary: fc.constantFrom(...NAMES) }, fc.constantFrom(...FOREIGN)),
    values,
  ),
  { maxLength: 12 },
)
const object = (given: readonly (readonly [string, unknown])[]): string =>
  `{${given.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`
const events = fc
  .tuple(fc.nat(1e13), fc.constantFrom('message', 'tool', 'usage', 'x'), members)
  .map(([ts, kind, more]) => object([['ts', ts], ['kind', kind], ...more]))
/** An event of which one character is another, or is missing, or is there twice. */
const broken = fc
  .tuple(
    events,
    fc.nat(),
    fc.constantFrom(
      '',
      ' ',
      '"',
      '\\',
      ',',
      '}',
      '{',
      '[',
      ']',
      ':',
      '0',
      'e',
      '.',
      '-',
      '\0',
      '\x1f',
      '\x7f',
      '\r',
      'é',
      '\t',
    ),
    fc.nat(2),
  )
  .map(
    ([line, at, char, cut]) => line.slice(0, at % line.length) + char + line.slice((at % line.length) + cut),
  )

test('the same items as parsing gives, from whatever lines in whatever pieces', () => {
  const runs = cases(50_000, 700)
  let takenApart = 0
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 3, arbitrary: events }, broken, members.map(object)), { maxLength: 30 }),
      fc.array(fc.integer({ min: 1, max: 900 }), { maxLength: 4 }),
      fc.boolean(),
      (given, pieces, isEnded) => {
        const bytes = text(given)
        takenApart += same(isEnded ? bytes : bytes.subarray(0, -1), pieces)
      },
    ),
    { numRuns: runs },
  )
  assert.ok(takenApart > runs, `${takenApart} were taken apart`)
  fc.assert(
    fc.property(anyLines, (given) => {
      same(Buffer.concat(given.flatMap((line) => [line, Buffer.from('\n')])))
    }),
    { numRuns: cases(20_000, 200) },
  )
})

test('every number as JSON.parse reads it, to the last bit', () => {
  const digits = fc.stringMatching(/^[0-9]{1,17}$/)
  const written = fc.oneof(
    digits,
    fc.tuple(digits, digits).map(([whole, part]) => `${whole}.${part}`),
    fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map(String),
    fc.constantFrom(
      '0',
      '-0',
      '00',
      '01',
      '0.0',
      '1.',
      '.5',
      '1e3',
      '1E-3',
      '0.1',
      '0.3',
      '999999999999999',
      '-1',
    ),
    fc.constantFrom(
      '9007199254740993',
      '1.0000000000000002',
      '123456789.123456',
      '0.000000000000001',
      '5e-324',
    ),
  )
  const runs = cases(20_000, 350)
  let takenApart = 0
  fc.assert(
    fc.property(fc.array(written, { minLength: 1, maxLength: 20 }), (given) => {
      takenApart += same(
        text(given.map((number) => `{"ts":1,"kind":"usage","costUsd":${number},"ms":${number}}`)),
      )
    }),
    { numRuns: runs },
  )
  assert.ok(takenApart > 1.5 * runs, `${takenApart} were taken apart`)
})

test('each field is the one of its name', () => {
  for (const name of NAMES) {
    const value = name === 'ts' ? 5 : name === 'kind' ? 'tool' : `value of ${name}`
    const line = object([
      ['ts', 1],
      ['kind', 'x'],
      [name, value],
    ])
    assert.equal(same(text([line])), 1, name)
    const [item] = read(text([line]), [], takingApart())
    assert.equal((item as unknown as { event: Record<string, unknown> }).event[name], value)
  }
})

test('more texts than have numbers, lines of all lengths, and lines that are longer than what is looked at', () => {
  const many = Array.from({ length: 30_000 }, (_, i) =>
    object([
      ['ts', i],
      ['kind', 'message'],
      ['from', `agent-${(i * 7919) % 9000}`],
      ['to', `agent-${i % 50}`],
    ]),
  )
  // Those that two pieces share are parsed.
  assert.ok(same(text(many), [100_000]) > 29_900)
  const long = [10, 1000, FLAT_BYTES - 60, FLAT_BYTES, 3 * FLAT_BYTES].flatMap((length) => [
    object([
      ['ts', 1],
      ['kind', 'message'],
      ['subject', 'x'.repeat(length)],
      ['from', 'agent-1'],
    ]),
    object([
      ['ts', 2],
      ['kind', 'message'],
      ['from', 'agent-1'],
    ]),
  ])
  assert.ok(same(text(long)) > 7)
  same(text(long), [70_000, 1])
})

test('where most lines have to be parsed, those after them are parsed for a while', () => {
  const flat = (i: number): string =>
    object([
      ['ts', i],
      ['kind', 'message'],
      ['from', `agent-${i % 50}`],
    ])
  const escaped = (i: number): string =>
    object([
      ['ts', i],
      ['kind', 'message'],
      ['subject', `"${i}"`],
    ])
  const many = (count: number, line: (i: number) => string): string[] =>
    Array.from({ length: count }, (_, i) => line(i))
  const [before, after] = [5000, 200_000]
  const bytes = text([...many(before, flat), ...many(3000, escaped), ...many(after, flat)])
  assert.ok(bytes.length > 5 * 1024 * 1024)
  const count = same(bytes, [256 * 1024])
  assert.ok(count > before && count < before + 0.75 * after, `${count} were taken apart`)
})
