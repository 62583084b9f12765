/** Lines of logs as anybody may have written and damaged them, and selections of them, for property tests. */
import fc from 'fast-check'
import type { Selection } from '../../src/read/select.js'

const KINDS = ['escalate', 'call', 'log.gap', 'a-kind-that-is-longer', 'kind', 'ts', 'k', 'tool', 'toolbox']
const ODD_KINDS = ['a/b', 'a"b', 'ä', 'a\\b', 'log.*', '\u0001']
const NAMES = ['a', 'coder', 'a/b', 'ä', 'kind', 'escalate', 'a"b', 'ab']
const HEX = ['ab12', 'AB12', 'Ab12', 'ffff', '0', 'g']

const name = fc.constantFrom(...NAMES)
const aKind = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...KINDS) },
  { weight: 1, arbitrary: fc.constantFrom(...ODD_KINDS) },
)
const ts = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 30 }) },
  fc.constantFrom(1_787_386_181_194, 999_999_999_999_999, 1e15, 8.64e15, 9e15, -5, 1.5, 1e-7),
)
const value = fc.oneof(
  name,
  aKind,
  fc.constantFrom(...HEX),
  fc.json({ maxDepth: 2 }).map((text) => JSON.parse(text)),
  fc.constantFrom(
    '"kind":"escalate"',
    '\\u006bind',
    { kind: 'escalate', ts: 3 },
    [{ kind: 'call' }],
    '\u001b[1m',
  ),
)
const key = fc.constantFrom(
  ...[
    'agentId',
    'from',
    'to',
    'trace',
    'span',
    'id',
    'inReplyTo',
    'ids',
    'delivered',
    'subject',
    'seq',
    'kind',
    'ts',
  ],
)
const seq = fc.oneof(fc.integer({ min: 1, max: 99 }), value)

/** Writes a text as JSON, some letters as escapes. */
const quoted = (text: string, escapes: readonly boolean[]): string => {
  const letters = [...JSON.stringify(text).slice(1, -1)]
  if (letters.includes('\\')) return JSON.stringify(text)
  const written = letters.map((letter, i) => {
    if (escapes[i % escapes.length] !== true || letter.length > 1) return letter
    if (letter === '/') return '\\/'
    return `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
  return `"${written.join('')}"`
}
const never = fc.constant([false])
const escapes = fc.oneof(
  { weight: 6, arbitrary: never },
  { weight: 1, arbitrary: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }) },
)
const space = fc.oneof({ weight: 8, arbitrary: fc.constant('') }, fc.constantFrom(' ', '\t', '  ', '\r'))

const member = fc
  .tuple(key, value, escapes, escapes, space, space, space)
  .map(([name, given, inName, inValue, a, b, c]) => {
    const text = typeof given === 'string' ? quoted(given, inValue) : JSON.stringify(given)
    return `${a}${quoted(name, inName)}${b}:${c}${text}`
  })

/** As our own writer writes them. */
const ownLine = fc
  .tuple(ts, aKind, fc.array(fc.tuple(key, value), { maxLength: 4 }), seq)
  .map(([time, kind, fields, n]) =>
    JSON.stringify({
      ts: time,
      kind,
      ...Object.fromEntries(fields.filter(([k]) => k !== 'kind' && k !== 'ts')),
      seq: n,
    }),
  )
const ownHead = fc
  .tuple(ts, aKind, escapes, fc.array(member, { maxLength: 4 }))
  .map(
    ([time, kind, inKind, members]) =>
      `{"ts":${time},"kind":${[quoted(kind, inKind), ...members].join(',')}}`,
  )
const foreignLine = fc
  .tuple(fc.array(member, { maxLength: 5 }), ts, aKind, escapes, space, fc.nat({ max: 5 }))
  .map(([members, time, kind, inKind, blank, at]) => {
    const all = [...members]
    all.splice(at, 0, `"kind"${blank}:${blank}${quoted(kind, inKind)}`, `"ts":${time}`)
    return `{${blank}${all.join(',')}}${blank}`
  })
const anEvent = fc.oneof({ weight: 4, arbitrary: ownLine }, { weight: 3, arbitrary: ownHead }, foreignLine)

/** What may have happened to a line. */
const spoiled = fc
  .tuple(
    anEvent,
    fc.constantFrom('none', 'none', 'none', 'cut', 'bom', 'cr', 'glued', 'byte', 'zeros'),
    fc.nat(),
    anEvent,
  )
  .map(([line, how, at, other]) => {
    const bytes = Buffer.from(line)
    const place = at % (bytes.length + 1)
    if (how === 'cut') return bytes.subarray(0, place)
    if (how === 'bom') return Buffer.from(`\ufeff${line}`)
    if (how === 'cr') return Buffer.from(`${line}\r`)
    if (how === 'glued') return Buffer.from(line + other)
    if (how === 'zeros')
      return Buffer.concat([bytes.subarray(0, place), Buffer.alloc(3), bytes.subarray(place)])
    if (how === 'byte' && place < bytes.length) bytes[place] = at % 256 === 10 ? 11 : at % 256
    return bytes
  })
const garbage = fc.oneof(
  fc
    .uint8Array({ maxLength: 40 })
    .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 10 ? 11 : byte)))),
  fc
    .constantFrom('', '\r', '{}', 'null', '{"ts":1,"kind":""}', '{"ts":01,"kind":"x"}', '{"ts":,"kind":"x"}')
    .map((text) => Buffer.from(text)),
)
/** Lines of one log, without newlines: events of hivelog's and of other writers', and what may have become of them. */
export const lines = fc.array(
  fc.oneof({ weight: 9, arbitrary: spoiled }, { weight: 1, arbitrary: garbage }),
  {
    maxLength: 12,
  },
)

const listOf = (each: fc.Arbitrary<string>): fc.Arbitrary<string[]> =>
  fc.array(each, { minLength: 0, maxLength: 3 })
/** Of such lines. */
export const selections: fc.Arbitrary<Selection> = fc.record(
  {
    kinds: listOf(fc.oneof(aKind, fc.constantFrom('log.*', 'esc*', '*', 'ä*'))),
    agents: listOf(name),
    traces: listOf(fc.constantFrom(...HEX)),
    spans: listOf(fc.constantFrom(...HEX)),
    ids: listOf(name),
    since: fc.oneof(ts, fc.constant(Number.NEGATIVE_INFINITY)),
    until: fc.oneof(ts, fc.constant(Number.POSITIVE_INFINITY)),
    last: fc.boolean(),
  },
  { requiredKeys: [] },
)
