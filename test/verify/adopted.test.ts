/** What a writer found and did not write is told apart from what it vouches for. */
import assert from 'node:assert/strict'
import { appendFileSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { auditTrail } from '../../src/analyse/audit.js'
import { verifyLog } from '../../src/verify/verify.js'
import { hivelog } from '../kit/reader-cli.js'
import { editLine, scratch } from '../kit/reader-log.js'
import { privateKey, publicKey, SealedLog } from '../kit/sealed-log.js'

const key = { key: privateKey }
const kinds = (report: Awaited<ReturnType<typeof verifyLog>>): string[] =>
  report.findings.map(({ kind }) => kind)

/** What issue and attacker do: flips the answer, and makes each seal an ordinary line of the same `seq`. */
function flip(file: string, { keepFirst = false } = {}): void {
  let seals = 0
  const lines = readFileSync(file, 'utf8').split('\n')
  const forged = lines.map((line) => {
    if (line.includes('"kind":"approval"')) return line.replace('"approve":false', '"approve":true')
    if (!line.includes('"kind":"log.seal"') || (keepFirst && seals++ === 0)) return line
    const { ts, seq, session } = JSON.parse(line)
    return JSON.stringify({ ts, kind: 'note', text: 'nothing', seq, session })
  })
  writeFileSync(file, forged.join('\n'))
}

test('a signed log with a clean end, rotated, compressed and gone on with, is fine', async (t) => {
  const log = new SealedLog(join(scratch(t), 'hive.jsonl'), key)
  log.events(5).seal().events(3).rotate()
  log.events(2).rotate({ gzip: true })
  log.events(2).seal().goOn().events(1)
  const report = await verifyLog(log.file, { publicKey })
  assert.deepEqual([report.findings, report.adopted], [[], []])
  assert.match(report.log ?? '', /^[0-9a-f]{16}$/)
})

test('lines that were forged before the writer’s next start are adopted, and with the key a finding', async (t) => {
  const log = new SealedLog(join(scratch(t), 'hive.jsonl'), key)
  log.decision('e-1', false).events(3).seal()
  flip(log.file)
  log.goOn().events(2).seal()
  const plain = await verifyLog(log.file)
  assert.deepEqual(plain.findings, [])
  const [stretch] = plain.adopted
  assert.deepEqual(
    { ...stretch, bytes: 0 },
    { file: log.file, line: 1, toLine: 8, offset: 0, bytes: 0, fits: true, byFile: log.file, byLine: 9 },
  )
  const report = await verifyLog(log.file, { publicKey })
  assert.deepEqual(
    report.findings.map(({ kind, line, toLine }) => [kind, line, toLine]),
    [['unsealed', 1, 8]],
  )
  assert.equal(report.ok, false)
})

test('a crash leaves a short adopted stretch, which is no finding, and is shown', async (t) => {
  const cwd = scratch(t)
  const log = new SealedLog(join(cwd, 'hive.jsonl'), key)
  log.events(5).seal().events(3)
  appendFileSync(log.file, '{"ts":17873')
  log.goOn().events(2).seal()
  const report = await verifyLog(log.file, { publicKey })
  assert.deepEqual([report.findings, report.torn], [[], 1])
  assert.deepEqual(
    report.adopted.map(({ line, toLine, fits }) => [line, toLine, fits]),
    [[9, 12, true]],
  )
  const { code, stdout } = await hivelog(['verify'], { cwd })
  assert.equal(code, 0)
  assert.match(
    stdout.replace(/\s+/g, ' '),
    /hive\.jsonl:9-12: adopted, [0-9.]+ ?[a-zA-Z]+: found by its writer/,
  )
})

test('with the key, an adopted stretch longer than its writer leaves unsealed is a finding', async (t) => {
  const folder = scratch(t)
  for (const [name, options, count] of [
    ['bytes', { everyBytes: 1000, everyMs: 60_000 }, 9000],
    ['time', { everyMs: 60_000, step: 60_000 }, 10],
    ['time by default', { step: 60_000 }, 10],
  ] as const) {
    const log = new SealedLog(join(folder, `${name}.jsonl`), { ...key, ...options })
    if (name === 'bytes')
      appendFileSync(
        log.file,
        Array.from({ length: count }, () => log.line('note', { a: 'x'.repeat(150) })).join(''),
      )
    else log.events(count)
    log.goOn().seal()
    const found = await verifyLog(log.file, { publicKey })
    // Without `everyMs` and `everyBytes` its seals fall due never.
    assert.deepEqual(kinds(found), name === 'time by default' ? [] : ['unsealed'], name)
    assert.equal((await verifyLog(log.file)).ok, true)
  }
})

test('with the key, an unsealed rest longer than its writer leaves one is a finding', async (t) => {
  const folder = scratch(t)
  const short = new SealedLog(join(folder, 'short.jsonl'), { ...key, everyMs: 1000 }).events(9)
  assert.deepEqual(kinds(await verifyLog(short.file, { publicKey })), [])
  const long = new SealedLog(join(folder, 'long.jsonl'), { ...key, everyMs: 1000, step: 60_000 }).events(9)
  const { findings } = await verifyLog(long.file, { publicKey })
  assert.deepEqual(
    findings.map(({ kind, line, toLine }) => [kind, line, toLine]),
    [['unsealed', 3, 11]],
  )
})

test('a rest does not become shorter by a log.open that somebody writes into it', async (t) => {
  const log = new SealedLog(join(scratch(t), 'hive.jsonl'), { ...key, everyMs: 1000, step: 60_000 }).events(9)
  log.options.key = undefined as never
  log.open({ adopted: { from: log.bytes.length, bytes: 0, sha256: '' } })
  log.events(1)
  const { findings } = await verifyLog(log.file, { publicKey })
  assert.ok(
    findings.some(({ kind, line }) => kind === 'unsealed' && line === 3),
    JSON.stringify(findings),
  )
})

test('with the key, a segment that its writer signs and that has no signed seal is a finding', async (t) => {
  const log = new SealedLog(join(scratch(t), 'hive.jsonl'), key)
  log.events(3).rotate()
  log.decision('e-1', false)
  flip(log.file)
  assert.deepEqual(kinds(await verifyLog(log.file, { publicKey })), ['unsealed'])
})

test('with the key, a log in which nothing is signed is a finding, however short', async (t) => {
  const log = new SealedLog(join(scratch(t), 'hive.jsonl'), { old: true })
  log.decision('e-1', true)
  assert.deepEqual(kinds(await verifyLog(log.file, { publicKey })), ['unsealed'])
  assert.deepEqual(kinds(await verifyLog(log.file)), [])
})

test('adopted bytes that were changed since are found, even with no seal behind them', async (t) => {
  const log = new SealedLog(join(scratch(t), 'hive.jsonl'))
  log.events(5).seal().events(3).goOn().events(1)
  editLine(log.file, 9, (line) => line.replace('part', 'pant'))
  const report = await verifyLog(log.file)
  assert.deepEqual(kinds(report), ['adopted-changed'])
  assert.equal(report.adopted[0]?.fits, false)
})

test('what does not fit before a writer’s start stays found after it, and new seals vouch again', async (t) => {
  const log = new SealedLog(join(scratch(t), 'hive.jsonl'), key)
  log.events(3).seal().events(3).seal().events(3).seal()
  editLine(log.file, 8, (line) => line.replace('part', 'pant'))
  log.goOn().events(3).seal()
  const report = await verifyLog(log.file, { publicKey })
  assert.deepEqual(
    report.findings.map(({ kind, line, toLine }) => [kind, line, toLine]),
    [['changed', 6, 10]],
  )
  assert.equal(report.unsealed.lines, 0, 'the seal at the end vouches')
  log.options.key = undefined as never
  log.events(2)
  editLine(log.file, 17, (line) => line.replace('part', 'pant'))
  assert.deepEqual(kinds(await verifyLog(log.file, { publicKey })), ['changed', 'changed'])
})

test('a segment that a writer gave up to another has no end, and that is no damage', async (t) => {
  for (const torn of ['', '{"ts":1,"ki']) {
    const log = new SealedLog(join(scratch(t), 'hive.jsonl'), key)
    log.events(3).seal().events(2)
    appendFileSync(log.file, torn)
    const archived = log.fence()
    log.events(2)
    const report = await verifyLog(log.file, { publicKey })
    assert.deepEqual(report.findings, [])
    assert.deepEqual(
      report.adopted.map(({ file, line, toLine, byFile }) => [file, line, toLine, byFile]),
      [[archived, 7, torn === '' ? 8 : 9, log.file]],
    )
    appendFileSync(archived, `${log.line('note')}`)
    log.seq--
    assert.notDeepEqual(kinds(await verifyLog(log.file)), [], 'what the old writer adds later is found')
  }
})

test('an archived segment that lost its end is still found where nobody says why', async (t) => {
  const log = new SealedLog(join(scratch(t), 'hive.jsonl'), key)
  const archived = log.events(3).rotate()
  log.events(3)
  truncateSync(archived, readFileSync(archived).length - 30)
  assert.deepEqual(kinds(await verifyLog(log.file)), ['truncated'])
})

test('log.changed is a finding that names the segment, once', async (t) => {
  const log = new SealedLog(join(scratch(t), 'hive.jsonl'), key)
  log.decision('e-1', false).seal().events(2)
  const written = log.bytes
  editLine(log.file, 8, () => undefined)
  const archived = log.notice(written)
  log.events(2).seal()
  const { findings } = await verifyLog(log.file, { publicKey })
  assert.deepEqual(
    findings.map(({ kind, file }) => [kind, file]),
    [['changed-while-open', archived]],
  )
  assert.match(findings[0]?.message ?? '', /changed by somebody else.*bytes instead of/)
  rmSync(archived)
  assert.deepEqual(kinds(await verifyLog(log.file)), ['changed-while-open'])
})

test('log.gap with from and to explains lines that are missing, and no others', async (t) => {
  for (const [cut, expected] of [
    [0, []],
    [2, []],
    [4, ['truncated']],
  ] as const) {
    const log = new SealedLog(join(scratch(t), 'hive.jsonl'))
    log.events(4).seal().events(5)
    const archived = log.refused(log.seq - 2)
    log.events(2).seal()
    const lines = readFileSync(archived, 'utf8').split('\n')
    writeFileSync(archived, [...lines.slice(0, lines.length - 1 - cut), ''].join('\n'))
    const report = await verifyLog(log.file)
    assert.deepEqual(kinds(report), expected, `${cut} lines are missing`)
    if (cut === 2) assert.equal(report.gaps.missing, 2)
  }
})

test('a log.gap does not explain away what a seal covers', async (t) => {
  const log = new SealedLog(join(scratch(t), 'hive.jsonl'))
  log.events(4).seal()
  editLine(log.file, 3, () => undefined)
  log.event('log.gap', { lost: 0, reason: 'nothing', from: 3, to: 3 })
  assert.deepEqual(kinds(await verifyLog(log.file)), ['changed'])
})

test('another log’s segment does not pass for this one’s, of the same key and name', async (t) => {
  const folder = scratch(t)
  const mine = new SealedLog(join(folder, 'a', '..', 'hive.jsonl'), key)
  const other = new SealedLog(join(scratch(t), 'hive.jsonl'), { ...key, step: 2 })
  const [a, b] = [mine, other].map((log) => log.events(3).rotate()) as [string, string]
  for (const log of [mine, other]) log.events(3).seal()
  assert.equal(basename(a), basename(b))
  const { log: id } = await verifyLog(mine.file)
  writeFileSync(mine.file, readFileSync(other.file))
  const report = await verifyLog(mine.file, { publicKey })
  assert.ok(kinds(report).includes('other-log'), kinds(report).join())
  assert.ok(kinds(report).includes('bad-signature'))
  // All of the other log in its place is whole; whoever noted the id sees it.
  writeFileSync(a, readFileSync(b))
  assert.equal((await verifyLog(mine.file, { publicKey })).ok, true)
  assert.deepEqual(kinds(await verifyLog(mine.file, { publicKey, ...(id !== undefined && { logId: id }) })), [
    'other-log',
  ])
  const cli = await hivelog(['verify', '--log-id', id ?? '', 'hive.jsonl'], { cwd: folder })
  assert.deepEqual([cli.code, /other-log/.test(cli.stdout)], [1, true])
  assert.equal((await hivelog(['verify', '--log-id', 'x', 'hive.jsonl'], { cwd: folder })).code, 2)
})

test('logs of writers before all this verify as they did', async (t) => {
  const log = new SealedLog(join(scratch(t), 'hive.jsonl'), { ...key, old: true })
  log.events(4).seal().events(2).rotate()
  log.events(2).seal().open().events(3)
  const report = await verifyLog(log.file, { publicKey })
  assert.deepEqual([report.findings, report.adopted], [[], []])
})

test('audit: lines that were adopted are not vouched for, and it says which', async (t) => {
  const cwd = scratch(t)
  const log = new SealedLog(join(cwd, 'hive.jsonl'), key)
  log.decision('e-1', false)
  flip(log.file)
  log.goOn().decision('e-2', true).seal()
  const trail = await auditTrail(log.file)
  assert.deepEqual(
    trail.cases.map(({ place, decisions }) => [place.sealed, decisions[0]?.place.sealed, place.unsealed]),
    [
      [false, false, 'adopted'],
      [true, true, undefined],
    ],
  )
  const { stdout } = await hivelog(['audit'], { cwd })
  assert.match(stdout, /seals vouch for 2 of these 4 lines/)
  assert.match(stdout, /hive\.jsonl:3, hive\.jsonl:4/)
  assert.match(stdout, /found by its writer at opening/)
})

test('audit: nothing on either side of a break in the chain is vouched for, and one line tells of it', async (t) => {
  const cwd = scratch(t)
  const log = new SealedLog(join(cwd, 'hive.jsonl'), key)
  log.decision('e-1', true)
  log.rotate()
  const middle = log.events(2).rotate()
  log.decision('e-2', true).seal()
  rmSync(middle)
  assert.ok(!existsSync(middle))
  const trail = await auditTrail(log.file)
  assert.deepEqual(
    trail.broken?.map(({ file }) => file),
    [log.file],
  )
  assert.ok(trail.cases.every(({ place }) => !place.sealed && place.unsealed === 'broken'))
  const { stdout } = await hivelog(['audit'], { cwd })
  assert.match(stdout, /hive\.jsonl: the chain of segments is broken/)
  assert.doesNotMatch(stdout, /seals vouch for all/)
})
