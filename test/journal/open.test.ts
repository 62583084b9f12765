/** What a log can be opened on, what not, and what happens to one that somebody else touches. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { Journal, type JournalOptions } from '../../src/journal/journal.js'
import { VERSION } from '../../src/version.js'
import { append, captureDiag, checkLog, sha256, startChild, tempFolder, until } from '../kit/journal-kit.js'

const open = (file: string, options: Partial<JournalOptions> = {}): Journal =>
  new Journal({ file, session: 's-1', fsync: 'no', ...options })
const linesOf = (file: string) =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

test('a new log: its folder is made, only its owner can read it, and its first line tells what it is', async (t) => {
  const file = join(tempFolder(t), 'logs', 'of', 'today', 'hive.jsonl')
  const old = process.umask(0)
  const before = Date.now()
  const journal = open(file)
  process.umask(old)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.equal(journal.seq, 1)
  await journal.close()
  const [first] = linesOf(file)
  assert.deepEqual(Object.keys(first), [
    'ts',
    'kind',
    'format',
    'segment',
    'writer',
    'pid',
    'host',
    'started',
    'seq',
    'session',
  ])
  assert.ok(first.started >= before && first.started <= first.ts)
  assert.deepEqual(
    { ...first, ts: 0, started: 0 },
    {
      started: 0,
      ts: 0,
      kind: 'log.open',
      format: 1,
      segment: 1,
      writer: `hivelog/${VERSION}`,
      pid: process.pid,
      host: hostname(),
      seq: 1,
      session: 's-1',
    },
  )
})

test('an empty file is a log, and keeps its mode', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  writeFileSync(file, '')
  chmodSync(file, 0o640)
  await open(file).close()
  assert.equal(statSync(file).mode & 0o777, 0o640)
  checkLog(file)
})

test('what is no file for a log is refused with one clear line', (t) => {
  const folder = tempFolder(t)
  const at = (name: string) => join(folder, name)
  mkdirSync(at('folder'))
  writeFileSync(at('notes.txt'), 'these are notes\nand more notes\n')
  writeFileSync(at('array.json'), '[\n1,\n2\n]\n')
  writeFileSync(at('package.json'), '{ "name": "x" }\n')
  // As npm writes it: its first line is how a log begins, too.
  writeFileSync(at('pretty.json'), `${JSON.stringify({ name: 'x', version: '1.0.0' }, null, 2)}\n`)
  writeFileSync(at('notes-then-log'), 'notes\n{"ts":1,"kind":"x","seq":1}\n')
  writeFileSync(at('binary'), Buffer.from([0, 1, 2, 255, 254, 10, 0]))
  symlinkSync('loop', at('loop'))
  const refused: [string, RegExp][] = [
    ['folder', /folder is a directory; name a file for the log/],
    ['notes.txt', /notes\.txt is no hive log: its first line holds no event; give the log a file of its own/],
    ['array.json', /holds no event/],
    ['package.json', /holds no event/],
    ['pretty.json', /holds no event/],
    ['notes-then-log', /holds no event/],
    ['binary', /holds no event/],
    ['loop', /cannot open .*loop for the log: ELOOP/],
    ['notes.txt/hive.jsonl', /cannot open .*notes\.txt\/hive\.jsonl for the log: (EEXIST|ENOTDIR)/],
  ]
  if (process.platform !== 'win32' && spawnSync('mkfifo', [at('pipe')]).status === 0) {
    refused.push(['pipe', /pipe is a pipe; name a file for the log/])
  }
  if (existsSync('/dev/null')) symlinkSync('/dev/null', at('null'))
  if (existsSync('/dev/null')) refused.push(['null', /null is a device; name a file for the log/])
  const before = readdirSync(folder).sort()
  const notes = readFileSync(at('notes.txt'))
  for (const [name, message] of refused) {
    assert.throws(() => open(at(name)), { name: 'LogOpenError', code: 'ERR_HIVELOG_OPEN', message }, name)
    assert.throws(() => open(at(name)), { message: /^[^\n]+$/ })
  }
  assert.deepEqual(readdirSync(folder).sort(), before, 'nothing is left behind')
  assert.deepEqual(readFileSync(at('notes.txt')), notes)
})

test('files and folders without the needed rights are refused with one clear line', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can make files that another user may not touch')
  const folder = tempFolder(t)
  chmodSync(folder, 0o755)
  const line = '{"ts":1,"kind":"note"}\n'
  mkdirSync(join(folder, 'open'))
  chmodSync(join(folder, 'open'), 0o777)
  for (const [name, mode] of [
    ['not-readable.jsonl', 0o622],
    ['not-writable.jsonl', 0o444],
  ] as const) {
    writeFileSync(join(folder, 'open', name), line)
    chmodSync(join(folder, 'open', name), mode)
  }
  const refused = {
    'open/not-readable.jsonl': /^cannot read .*not-readable\.jsonl, the log to go on with: EACCES/,
    'open/not-writable.jsonl': /^cannot open .*not-writable\.jsonl for the log: EACCES/,
    'hive.jsonl': /^cannot lock .*hive\.jsonl.*: EACCES/,
    'new/hive.jsonl': /^cannot open .*hive\.jsonl for the log: EACCES/,
  }
  for (const [name, message] of Object.entries(refused)) {
    const { stdout, stderr } = await startChild(t, 'journal-rights-child', [join(folder, name)]).ended
    assert.equal(stderr, '')
    const [errorName, text] = stdout.trimEnd().split('\t')
    assert.equal(errorName, 'LogOpenError', stdout)
    assert.match(text ?? '', message)
  }
  assert.deepEqual(readdirSync(folder).sort(), ['open'])
  assert.deepEqual(readdirSync(join(folder, 'open')).sort(), ['not-readable.jsonl', 'not-writable.jsonl'])
})

test('a log of another writer is gone on with: seq follows on its line count', async (t) => {
  const spawn = '{"ts":1,"kind":"spawn","agentId":"a","name":"A","isGod":true}'
  const drain = '{"ts":2,"kind":"drain","agentId":"a","count":0}'
  const logs: [text: string, lines: number, torn: number][] = [
    [`${spawn}\n`, 1, 0],
    [`${spawn}\n${drain}\n`, 2, 0],
    [`${spawn}\n${drain}`, 2, 0],
    [`${spawn}\r\n${drain}\r\n`, 2, 0],
    [`\ufeff${spawn}\n`, 1, 0],
    [`${spawn}\nnot an event\n${drain}\n`, 3, 0],
    [`${spawn}\n${drain}\n{"ts":3,"ki`, 3, 11],
    [`${`${spawn}\n`.repeat(50_000)}`, 50_000, 0],
    ['{"ts":1,"kind":"note","seq":0.5}\n{"ts":1,"kind":"note","seq":"x"}\n', 2, 0],
    ['{"ts":1,"kind":"note","seq":0}\n', 1, 0],
    ['{"ts":1,"kind":"note","segment":7}\n', 1, 0],
  ]
  for (const [text, count, torn] of logs) {
    const file = join(tempFolder(t), 'log.jsonl')
    writeFileSync(file, text)
    const journal = open(file)
    append(journal, { first: true })
    await journal.close()
    await open(file).close()
    const bytes = readFileSync(file, 'utf8')
    assert.ok(bytes.startsWith(text))
    const ours = bytes
      .slice(text.length)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      ours.map(({ kind }) => kind),
      [...(torn > 0 ? ['log.torn'] : []), 'log.open', 'message', 'log.seal', 'log.open', 'log.seal'],
    )
    assert.deepEqual(
      ours.map(({ seq }) => seq),
      ours.map((_, index) => count + 1 + index),
    )
    if (torn > 0) assert.equal(ours[0].bytes, torn)
    for (const { kind, segment } of ours) if (kind === 'log.open') assert.equal(segment, 1, 'its ordinal')
  }
})

test('a log whose lines carry a seq is gone on with from there', async (t) => {
  const file = join(tempFolder(t), 'log.jsonl')
  writeFileSync(file, '{"ts":1,"kind":"note","seq":41}\n{"ts":1,"kind":"note","seq":42}\n')
  const journal = open(file, { rotate: { maxBytes: 100 } })
  append(journal)
  journal.write()
  await journal.close()
  assert.ok(readdirSync(dirname(file)).includes('log.000000000041.jsonl'))
  assert.equal(linesOf(join(dirname(file), 'log.000000000041.jsonl'))[2].seq, 43)
})

/** Records until the journal has said something that matches. */
async function recordUntilTold(journal: Journal, told: string[], message: RegExp): Promise<void> {
  await until(`the journal says ${message}`, () => {
    append(journal, { waiting: true })
    return told.some((line) => message.test(line))
  })
}

for (const [what, removes] of [
  ['moved away', false],
  ['removed', true],
] as const) {
  test(`a log that is ${what} while it is written is noticed and gone on with in a new segment`, async (t) => {
    const told = captureDiag(t)
    const file = join(tempFolder(t), 'hive.jsonl')
    const elsewhere = `${file}.moved`
    const journal = open(file, { fsync: 'everysec' })
    append(journal, { before: true })
    await journal.flush()
    if (removes) rmSync(file)
    else renameSync(file, elsewhere)
    await recordUntilTold(
      journal,
      told,
      /was (moved away|removed) while it was written; a new segment begins/,
    )
    append(journal, { after: true })
    await journal.close()

    const lines = linesOf(file)
    assert.equal(lines[0].kind, 'log.open')
    assert.equal(lines[0].segment, 2)
    assert.equal(lines[1].kind, 'log.changed')
    assert.equal(lines[2].kind, 'log.gap')
    const lost = lines[0].seq - 1
    assert.deepEqual([lines[2].from, lines[2].to], [1, lost])
    assert.equal(lines[2].lost, lost - 1, 'the events, without the log.open before them')
    assert.equal(lines.at(-1).kind, 'log.seal')
    assert.ok(lines.some((line) => line.after === true))
    assert.equal(statSync(file).mode & 0o777, 0o600)
    for (const [index, line] of lines.entries()) assert.equal(line.seq, lines[0].seq + index)
    if (!removes) {
      const bytes = readFileSync(elsewhere)
      const moved = linesOf(elsewhere)
      assert.equal(moved.at(-1).seq + 1, lines[0].seq, 'no line is missing between the two files')
      assert.equal(lines[0].prev.sha256, sha256(bytes), 'the new segment names the bytes that were moved')
    }
  })
}

test('a file that was put in place of the log is set aside, whole, and the log begins a new segment', async (t) => {
  const told = captureDiag(t)
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  const journal = open(file)
  append(journal)
  await journal.flush()
  renameSync(file, `${file}.1`)
  writeFileSync(file, '{"ts":1,"kind":"note"}\n')
  await recordUntilTold(journal, told, /was replaced by another file/)
  await journal.close()
  const lines = linesOf(file)
  assert.deepEqual(
    lines.slice(0, 3).map(({ kind }) => kind),
    ['log.open', 'log.changed', 'log.gap'],
  )
  const aside = readdirSync(folder).filter((name) => /^hive\.found-[0-9a-f]{8}\.jsonl$/.test(name))
  assert.equal(aside.length, 1)
  assert.equal(readFileSync(join(folder, aside[0] as string), 'utf8'), '{"ts":1,"kind":"note"}\n')
})

test('an empty file that a log rotation put in place of the log is written on', async (t) => {
  const told = captureDiag(t)
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  const journal = open(file)
  append(journal)
  await journal.flush()
  renameSync(file, `${file}.1`)
  writeFileSync(file, '')
  const { ino } = statSync(file)
  await recordUntilTold(journal, told, /was replaced by another file/)
  await journal.close()
  assert.equal(statSync(file).ino, ino)
  assert.equal(linesOf(file)[0].kind, 'log.open')
})

for (const [what, change] of [
  ['written by somebody else', (file: string) => appendFileSync(file, '{"ts":1,"kind":"stranger"}\n')],
  ['cut short by somebody else', (file: string) => truncateSync(file, 10)],
] as const) {
  test(`a log that is ${what} meanwhile: that segment ends without a seal, and the log says so`, async (t) => {
    const told = captureDiag(t)
    const folder = tempFolder(t)
    const file = join(folder, 'hive.jsonl')
    const journal = open(file)
    append(journal)
    await journal.flush()
    const written = readFileSync(file)
    change(file)
    const changed = readFileSync(file)
    await recordUntilTold(
      journal,
      told,
      /by somebody else: it has \d+ bytes instead of \d+; a new segment begins/,
    )
    await journal.close()

    const [opening, said, ...rest] = linesOf(file)
    assert.equal(said.kind, 'log.changed')
    assert.equal(said.expected - said.found, written.length - changed.length)
    const former = readFileSync(join(folder, said.file))
    assert.deepEqual(former.subarray(0, changed.length), changed, 'what was found keeps its bytes')
    assert.equal(opening.prev.file, said.file)
    const ours = Buffer.concat([written, former.subarray(changed.length)])
    assert.equal(opening.prev.sha256, sha256(ours), 'nothing vouches for what somebody else wrote')
    const isCut = changed.length < written.length
    assert.equal(rest[0].kind === 'log.gap', isCut)
    // Of the lines that were cut off, and of the one that was written to what was left of the first.
    if (isCut)
      assert.deepEqual([rest[0].from, rest[0].to], [1, written.toString().trimEnd().split('\n').length + 1])
    assert.equal(told.length, 1)
  })
}

test('a log whose numbers readers would not take any more is not gone on with', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  writeFileSync(file, '{"ts":1,"kind":"x","seq":999999999999999}\n')
  assert.throws(() => open(file), { name: 'LogOpenError', message: /no numbers left/ })
  assert.equal(readFileSync(file, 'utf8'), '{"ts":1,"kind":"x","seq":999999999999999}\n')
})
