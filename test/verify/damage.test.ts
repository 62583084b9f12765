import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { verifyLog } from '../../src/verify/verify.js'
import { editLine, LogWriter, scratch } from '../kit/reader-log.js'

/** The log under test; lines (and seqs) of its segments: 1-22 (seals at 11 and 22), 23-44 (33, 44), 45-66 (55, 66). */
interface Subject {
  first: string
  second: string
  file: string
  log: LogWriter
}

const { publicKey, privateKey } = generateKeyPairSync('ed25519')

function write(file: string, signed = false): Subject {
  const log = new LogWriter(file, signed ? privateKey : undefined)
  const half = (): LogWriter => log.messages(9).seal()
  const first = half().messages(10).rotate()
  const second = half().messages(10).rotate()
  half().messages(10).seal()
  return { first, second, file, log }
}

/** Changes one character in the value of `field`, so that the line stays well-formed. */
const flipIn = (field: string) => (line: string) =>
  line.replace(new RegExp(`("${field}":"?.*?)([0-9a-z])(?=["},])`), (_, head: string, last: string) => {
    return head + (last === '1' ? '2' : '1')
  })

type Expected = [kind: string, file: 'first' | 'second' | 'file', line?: number, toLine?: number]

const DAMAGE: [name: string, damage: (subject: Subject) => void, expected: Expected[]][] = [
  ['a letter', ({ file }) => void editLine(file, 5, flipIn('subject')), [['changed', 'file', 1, 11]]],
  [
    'a letter after a good seal',
    ({ first }) => void editLine(first, 15, flipIn('subject')),
    [['changed', 'first', 11, 22]],
  ],
  [
    'a line broken',
    ({ first }) => void editLine(first, 15, (line) => line.replace('"', '#')),
    [['changed', 'first', 15]],
  ],
  [
    'a brace broken',
    ({ first }) => void editLine(first, 15, (line) => line.slice(0, -1)),
    [['changed', 'first', 15]],
  ],
  ['a line emptied', ({ first }) => void editLine(first, 15, () => ''), [['changed', 'first', 15]]],
  [
    'a seq altered',
    ({ file }) => void editLine(file, 5, (line) => line.replace(/"seq":\d+/, '"seq":97')),
    [['changed', 'file', 5]],
  ],
  [
    'a seq altered to one that is there',
    ({ first }) => void editLine(first, 5, (line) => line.replace('"seq":5', '"seq":3')),
    [['changed', 'first', 5]],
  ],
  [
    'a line removed',
    ({ first }) => void editLine(first, 5, () => undefined),
    [['missing-lines', 'first', 5]],
  ],
  [
    'a line removed in the live file',
    ({ file }) => void editLine(file, 15, () => undefined),
    [['missing-lines', 'file', 15]],
  ],
  [
    'a first line removed',
    ({ first }) => void editLine(first, 1, () => undefined),
    [['missing-lines', 'first', 1]],
  ],
  [
    'a seal removed',
    ({ first }) => void editLine(first, 11, () => undefined),
    [['missing-lines', 'first', 11]],
  ],
  ['two neighbours swapped', ({ first }) => swap(first, 5, 6), [['swapped', 'first', 5, 6]]],
  ['two distant lines swapped', ({ first }) => swap(first, 4, 9), [['swapped', 'first', 4, 9]]],
  ['a line swapped with a seal', ({ first }) => swap(first, 10, 11), [['swapped', 'first', 10, 11]]],
  ['a line moved', ({ first }) => move(first, 4, 8), [['out-of-order', 'first', 8]]],
  ['a line doubled', ({ first }) => insert(first, 6, lineOf(first, 5)), [['duplicate', 'first', 6]]],
  ['a line copied elsewhere', ({ first }) => insert(first, 9, lineOf(first, 3)), [['duplicate', 'first', 9]]],
  [
    'three lines doubled',
    ({ first }) => insert(first, 7, [4, 5, 6].map((n) => lineOf(first, n)).join('\n')),
    [['duplicate', 'first', 7, 9]],
  ],
  [
    'a line slipped in',
    ({ first }) => insert(first, 6, '{"ts":1,"kind":"forged"}'),
    [['changed', 'first', 6]],
  ],
  [
    'a numbered line slipped in',
    ({ first }) => insert(first, 6, '{"ts":1,"kind":"forged","seq":900}'),
    [['out-of-order', 'first', 6]],
  ],
  [
    'two lines joined',
    ({ first }) => void editLine(first, 6, (line) => `${line}\x0b${take(first, 7)}`),
    [['changed', 'first', 6]],
  ],
  [
    'a newline put in',
    ({ first }) => void editLine(first, 6, (line) => line.replace('schema', '\n').replace('part', 'pa\nt')),
    [['changed', 'first', 6, 7]],
  ],
  ['a seal’s hash', ({ first }) => void editLine(first, 11, flipIn('sha256')), [['bad-seal', 'first', 11]]],
  [
    'a seal’s hash, beyond hex',
    ({ first }) => void editLine(first, 11, (line) => line.replace(/("sha256":"..)./, '$1X')),
    [['bad-seal', 'first', 11]],
  ],
  [
    'a seal’s hash, taken out',
    ({ first }) => void editLine(first, 11, (line) => line.replace(/"sha256":"[^"]*",/, '')),
    [['bad-seal', 'first', 11]],
  ],
  [
    'a seal’s hash, put in an object',
    ({ first }) =>
      void editLine(first, 11, (line) => line.replace(/"sha256":"[^"]*"/, '"sha256":{"toString":null}')),
    [['bad-seal', 'first', 11]],
  ],
  [
    'a seal’s byte count, put in an object',
    ({ first }) =>
      void editLine(first, 11, (line) => line.replace(/"bytes":\d+/, '"bytes":{"toString":null}')),
    [['bad-seal', 'first', 11]],
  ],
  [
    'a seal’s byte count',
    ({ first }) => void editLine(first, 11, (line) => line.replace(/"bytes":\d+/, '"bytes":9')),
    [['bad-seal', 'first', 11]],
  ],
  ['a seal’s time', ({ first }) => void editLine(first, 11, flipIn('ts')), [['changed', 'first', 11, 22]]],
  [
    'a seal’s kind',
    ({ first }) => void editLine(first, 11, (line) => line.replace('log.seal', 'log.seam')),
    [['changed', 'first', 1, 22]],
  ],
  [
    'a seal’s form',
    ({ first }) => void editLine(first, 11, (line) => line.replace('{', '(')),
    [['changed', 'first', 11]],
  ],
  [
    'the last seal’s time, which only the next segment vouches for',
    ({ first }) => void editLine(first, 22, flipIn('ts')),
    [['segment-changed', 'first']],
  ],
  ['a first segment removed', ({ first }) => rmSync(first), [['missing-segment', 'first']]],
  ['a middle segment removed', ({ second }) => rmSync(second), [['missing-segment', 'second']]],
  [
    'all archived segments removed',
    ({ first, second }) => void [rmSync(first), rmSync(second)],
    [['missing-segment', 'second']],
  ],
  ['the live file removed', ({ file }) => rmSync(file), [['missing-segment', 'file']]],
  [
    'an archived segment cut in a line',
    ({ second }) => truncateSync(second, readFileSync(second).length - 40),
    [['truncated', 'second', 22]],
  ],
  ['an archived segment cut after a line', ({ second }) => keep(second, 15), [['truncated', 'second', 15]]],
  ['an archived segment cut after a seal', ({ second }) => keep(second, 11), [['truncated', 'second']]],
  ['an archived segment emptied', ({ second }) => writeFileSync(second, ''), [['truncated', 'second']]],
  [
    'lines added to an archived segment',
    ({ second }) => appendFileSync(second, '{"ts":1,"kind":"forged","seq":45}\n'),
    [['truncated', 'second', 23]],
  ],
  [
    'a segment replaced by one that is well sealed',
    ({ second }) => reseal(second),
    [['segment-changed', 'second']],
  ],
  [
    'a bad line after the last seal',
    ({ file }) => appendFileSync(file, 'nonsense\n'),
    [['malformed', 'file', 23]],
  ],
  [
    'a line after the last seal that looks well but is not',
    ({ log }) => void log.raw(log.line('x', { a: 1 }).replace(':1,', ':01,')),
    [['malformed', 'file', 23]],
  ],
  [
    'a torn line for which nothing accounts',
    ({ log }) => void log.raw('{"ts":1,\n').message().seal(),
    [['unaccounted-torn', 'file', 23]],
  ],
  [
    'a torn line for which log.torn accounts wrongly',
    ({ log }) => void log.raw('{"ts":1,\n').event('log.torn', { bytes: 5 }).seal(),
    [['unaccounted-torn', 'file', 23]],
  ],
  [
    'a log.torn without a torn line',
    ({ log }) => void log.event('log.torn', { bytes: 5 }).seal(),
    [['unaccounted-torn', 'file', 23]],
  ],
  [
    'two damaged places in two segments',
    ({ first, file }) => void [editLine(first, 5, () => undefined), editLine(file, 5, flipIn('subject'))],
    [
      ['missing-lines', 'first', 5],
      ['changed', 'file', 1, 11],
    ],
  ],
  [
    'two damaged places in one window',
    ({ first }) =>
      void [editLine(first, 15, () => undefined), editLine(first, 18, (line) => line.replace('{', ''))],
    [
      ['missing-lines', 'first', 15],
      ['changed', 'first', 18],
    ],
  ],
]

for (const [name, damage, expected] of DAMAGE) {
  test(`is found once, with its place: ${name}`, async (t) => {
    const subject = write(join(scratch(t), 'hive.jsonl'))
    assert.deepEqual((await verifyLog(subject.file)).findings, [])
    damage(subject)
    const report = await verifyLog(subject.file)
    const found = report.findings.map(({ kind, file, line, toLine }) => ({
      kind,
      file: basename(file),
      line,
      toLine,
    }))
    assert.deepEqual(
      found,
      expected.map(([kind, of, line, toLine]) => ({ kind, file: basename(subject[of]), line, toLine })),
      JSON.stringify(report.findings, null, 1),
    )
    assert.equal(report.ok, false)
    for (const { message } of report.findings) assert.ok(message.length > 10)
  })
}

test('a damaged first segment does not hide that the others are good', async (t) => {
  const subject = write(join(scratch(t), 'hive.jsonl'))
  editLine(subject.first, 5, flipIn('subject'))
  const { files, unsealed } = await verifyLog(subject.file)
  assert.equal(files[0]?.sealedBytes, 0)
  assert.ok((files[1]?.sealedBytes ?? 0) > 0)
  assert.equal(unsealed.lines, 22)
})

test('once a changed seal is known, the seals after it vouch again', async (t) => {
  const subject = write(join(scratch(t), 'hive.jsonl'))
  subject.log.messages(9).seal()
  editLine(subject.file, 11, flipIn('sha256'))
  editLine(subject.file, 25, flipIn('subject'))
  const { findings } = await verifyLog(subject.file)
  assert.deepEqual(
    findings.map(({ kind, line, toLine }) => [kind, line, toLine]),
    [
      ['bad-seal', 11, undefined],
      ['changed', 22, 32],
    ],
  )
})

test('with a key, a wrong, altered or missing signature is found', async (t) => {
  const folder = scratch(t)
  const signed = write(join(folder, 'signed.jsonl'), true)
  const other = generateKeyPairSync('ed25519').publicKey
  const wrong = await verifyLog(signed.file, { publicKey: other })
  assert.deepEqual(
    wrong.findings.map(({ kind, line }) => [kind, line]),
    [
      ['bad-signature', 11],
      ['bad-signature', 11],
      ['bad-signature', 11],
    ],
  )
  editLine(signed.file, 11, (line) =>
    line.replace(/"sig":"./, (head) => head.slice(0, -1) + (head.endsWith('A') ? 'B' : 'A')),
  )
  const altered = await verifyLog(signed.file, { publicKey })
  assert.deepEqual(
    altered.findings.map(({ kind, line }) => [kind, line]),
    [['bad-signature', 11]],
  )
  const unsigned = write(join(folder, 'unsigned.jsonl'))
  const report = await verifyLog(unsigned.file, { publicKey })
  assert.deepEqual(
    report.findings.map(({ kind, line }) => [kind, line]),
    [
      ['unsigned', 11],
      ['unsigned', 11],
      ['unsigned', 11],
    ],
  )
})

test('a signed segment under another name does not pass', async (t) => {
  const folder = scratch(t)
  const { first, file } = write(join(folder, 'hive.jsonl'), true)
  const posing = join(folder, basename(first).replace('hive', 'other'))
  writeFileSync(posing, readFileSync(first))
  assert.equal((await verifyLog(posing)).ok, true)
  assert.equal((await verifyLog(posing, { publicKey })).findings[0]?.kind, 'bad-signature')
  assert.equal((await verifyLog(file, { publicKey })).ok, true)
})

test('damaged compressed data is found', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file).messages(500)
  const archived = log.rotate({ gzip: true })
  log.seal()
  truncateSync(archived, readFileSync(archived).length >> 1)
  const { findings } = await verifyLog(file)
  assert.deepEqual(
    findings.map(({ kind, file }) => [kind, file]),
    [['unreadable', archived]],
  )
})

test('a shuffled log does not give thousands of findings', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  new LogWriter(file).messages(9000).seal()
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  writeFileSync(file, `${lines.toReversed().join('\n')}\n`)
  const { findings } = await verifyLog(file)
  assert.ok(findings.length > 0 && findings.length <= 1001, `${findings.length} findings`)
})

const read = (file: string): string[] => readFileSync(file, 'latin1').split('\n')
const lineOf = (file: string, number: number): string => read(file)[number - 1] as string

function rewrite(file: string, edit: (lines: string[]) => void): void {
  const lines = read(file)
  edit(lines)
  writeFileSync(file, lines.join('\n'), 'latin1')
}

function take(file: string, number: number): string {
  const line = lineOf(file, number)
  rewrite(file, (lines) => void lines.splice(number - 1, 1))
  return line
}

function insert(file: string, number: number, line: string): void {
  rewrite(file, (lines) => void lines.splice(number - 1, 0, line))
}

function move(file: string, from: number, to: number): void {
  insert(file, to, take(file, from))
}

function swap(file: string, a: number, b: number): void {
  rewrite(file, (lines) => {
    const first = lines[a - 1] as string
    lines[a - 1] = lines[b - 1] as string
    lines[b - 1] = first
  })
}

function keep(file: string, count: number): void {
  rewrite(file, (lines) => void lines.splice(count, lines.length, ''))
}

/** Changes a line and seals anew, as somebody without a key can. */
function reseal(file: string): void {
  const lines = read(file)
  rmSync(file)
  const log = new LogWriter(file)
  writeFileSync(file, `${[...lines.slice(0, 20), lines[20]?.replace('part', 'forg')].join('\n')}\n`)
  log.seq = 43
  log.seal()
}

test('a line that looks like another than a parser reads is told of, where no seal vouches for it', async (t) => {
  const folder = scratch(t)
  const cases: [name: string, line: string, reason: RegExp][] = [
    [
      'seq',
      '{"ts":1,"kind":"x","seq":7,"a":{"b":1,"seq":2}}',
      /its seq is 7, and something in it looks like 2/,
    ],
    [
      'kind',
      '{"ts":1,"kind":"x","kind":"log.seal","sha256":"00","bytes":3,"seq":2}',
      /a log\.seal that looks like/,
    ],
  ]
  for (const [name, line, reason] of cases) {
    const file = join(folder, `${name}.jsonl`)
    writeFileSync(file, `{"ts":1,"kind":"x","seq":1}\n${line}\n{"ts":1,"kind":"x","seq":3}\n`)
    const { findings } = await verifyLog(file)
    assert.deepEqual(
      findings.map(({ kind, line }) => [kind, line]),
      [['malformed', 2]],
    )
    assert.match(findings[0]?.message ?? '', reason)
  }
  const honest = join(folder, 'honest.jsonl')
  writeFileSync(
    honest,
    '{"ts":1,"kind":"x","a":{"b":1,"seq":9},"seq":1}\n{"ts":1,"kind":"x","seq":2,"a":{"b":1,"seq":1}}\n',
  )
  assert.deepEqual((await verifyLog(honest)).findings, [])
})
