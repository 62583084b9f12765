import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { LogLockedError, LogOpenError } from '../../src/journal/errors.js'
import { Journal } from '../../src/journal/journal.js'
import { acquireLock, STALE_MS } from '../../src/journal/lock.js'
import {
  checkLog,
  lockFiles,
  lockRecord,
  makeOld,
  ofKind,
  ownRecord,
  putLock,
  startChild,
  tempFolder,
} from '../kit/journal-kit.js'
import { cases } from '../kit/long-run.js'

const open = (file: string): Journal => new Journal({ file, session: 's-1', fsync: 'no' })

test('a second process gets an error that names the pid, the host and the time', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const before = Date.now()
  const holder = startChild(t, 'journal-lock-child', ['hold', file])
  await holder.says('held')
  const bytes = readFileSync(file)
  assert.throws(
    () => open(file),
    (error) => {
      assert.ok(error instanceof LogLockedError)
      assert.equal(error.code, 'ERR_HIVELOG_LOCKED')
      assert.equal(error.holder.pid, holder.process.pid)
      assert.equal(error.holder.host, hostname())
      const since = Date.parse(error.holder.since)
      assert.ok(since >= before && since <= Date.now())
      for (const part of [file, String(holder.process.pid), hostname(), error.holder.since]) {
        assert.ok(error.message.includes(part), `"${error.message}" names ${part}`)
      }
      assert.doesNotMatch(error.message, /\n/)
      return true
    },
  )
  assert.deepEqual(readFileSync(file), bytes, 'the loser wrote nothing')
  assert.deepEqual(lockFiles(file), ['hive.jsonl.lock'])
})

test('a second journal of the same process is refused as well, and gets the log after the first', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const first = open(file)
  assert.throws(() => open(file), {
    name: 'LogLockedError',
    message: new RegExp(`process ${process.pid} on `),
  })
  await first.close()
  await open(file).close()
  assert.equal(ofKind(checkLog(file), 'log.open').length, 2)
  assert.deepEqual(lockFiles(file), [])
})

test('the log is one log by whatever path it is named', async (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  const link = join(folder, 'link.jsonl')
  const folderLink = join(folder, 'other')
  symlinkSync(folder, folderLink)
  symlinkSync('hive.jsonl', link)
  const paths = [
    file,
    link,
    relative(process.cwd(), file),
    join(folderLink, 'hive.jsonl'),
    join(folderLink, 'link.jsonl'),
  ]
  for (const first of paths) {
    const journal = open(first)
    for (const second of paths)
      assert.throws(() => open(second), LogLockedError, `${second} while ${first} is open`)
    await journal.close()
  }
  assert.equal(ofKind(checkLog(file), 'log.open').length, paths.length)
})

test('a link to a log that is not there yet is that log too', async (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'logs', 'hive.jsonl')
  const link = join(folder, 'link.jsonl')
  symlinkSync(file, link)
  const journal = open(link)
  assert.equal(journal.file, file)
  assert.throws(() => open(file), LogLockedError)
  assert.throws(() => open(link), LogLockedError)
  await journal.close()
  checkLog(file)
})

test('after SIGKILL of the holder the next writer has the log open within a second', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const rounds = cases(5, 2)
  for (let round = 0; round < rounds; round++) {
    const holder = startChild(t, 'journal-lock-child', ['hold', file])
    await holder.says('held')
    const next = await startChild(t, 'journal-lock-child', ['reopen', file, String(holder.process.pid)]).ended
    assert.equal(next.code, 0, next.stderr)
    assert.ok(Number(next.stdout) < 1_000, `open after ${next.stdout} ms`)
    assert.deepEqual(lockFiles(file), [])
  }
  assert.equal(ofKind(checkLog(file), 'message').length, rounds)
})

const record = (fields: object): string =>
  JSON.stringify({
    pid: process.pid,
    host: hostname(),
    since: '2026-01-01T00:00:00.000Z',
    nonce: 'ab12',
    ...fields,
  })

test('a pid that is used again is not taken for the holder', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  open(file).closeSync()
  const mine = ownRecord(file)
  if (mine.startTime === undefined) return t.skip('this system does not tell when a process started')

  putLock(file, mine)
  assert.throws(() => open(file), LogLockedError, 'the same start time: the holder lives')
  putLock(file, { ...mine, startTime: `${mine.startTime}0` })
  await open(file).close()
  putLock(file, { ...mine, startTime: mine.startTime.replace(/^./, 'x') })
  await open(file).close()
})

test('a lock whose holder does not run is taken over', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const gone = startChild(t, 'journal-lock-child', ['hold', file])
  await gone.says('held')
  gone.process.kill('SIGKILL')
  await gone.ended
  assert.ok(existsSync(`${file}.lock`))
  await open(file).close()
  assert.deepEqual(lockFiles(file), [])
})

test('a lock of another host is respected while it is touched, and taken over when it is not', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const lock = `${file}.lock`
  writeFileSync(lock, record({ pid: 1, host: 'elsewhere' }))
  assert.throws(() => open(file), {
    name: 'LogLockedError',
    message: /process 1 on elsewhere since 2026-01-01/,
  })
  const almost = new Date(Date.now() - STALE_MS + 10_000)
  utimesSync(lock, almost, almost)
  assert.throws(() => open(file), LogLockedError)
  const stale = new Date(Date.now() - STALE_MS - 1_000)
  utimesSync(lock, stale, stale)
  await open(file).close()
  assert.deepEqual(lockFiles(file), [])
})

test('the holder touches its lock, and only its own', (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const lock = acquireLock(file)
  const path = lockRecord(file)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const text = readFileSync(path, 'utf8')
  makeOld(path, 60_000)
  lock.touch()
  assert.ok(Date.now() - statSync(path).mtimeMs < 30_000)
  assert.equal(readFileSync(path, 'utf8'), text)

  const other = putLock(file, { pid: 1, host: 'elsewhere' }, 60_000)
  const before = readFileSync(other, 'utf8')
  lock.touch()
  lock.abandon({ assigned: 1, refused: 1, reason: 'x', own: [] })
  lock.release()
  assert.equal(readFileSync(other, 'utf8'), before)
  assert.ok(Date.now() - statSync(other).mtimeMs > 30_000)
})

test('a holder knows when the lock is no longer its own', (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const lock = acquireLock(file)
  assert.equal(lock.isHeld(), true)
  assert.equal(lock.byHeartbeat, false)
  rmSync(`${file}.lock`, { recursive: true })
  assert.equal(lock.isHeld(), false)
  assert.equal(lock.retake(), true, 'it is free')
  assert.equal(lock.isHeld(), true)
  assert.throws(() => acquireLock(file), LogLockedError)
  lock.release()
  assert.equal(lock.isHeld(), false)
  assert.deepEqual(lockFiles(file), [])
})

test('a lock that another has, or left, is not taken again', (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const lock = acquireLock(file)
  for (const fields of [{ pid: process.pid }, { pid: -1 }]) {
    const other = putLock(file, fields)
    const text = readFileSync(other, 'utf8')
    assert.equal(lock.isHeld(), false)
    assert.equal(lock.retake(), false)
    assert.equal(readFileSync(other, 'utf8'), text)
    assert.deepEqual(lockFiles(file), ['hive.jsonl.lock'])
  }
  rmSync(dirname(file), { recursive: true })
  assert.equal(lock.isHeld(), false)
  assert.equal(lock.retake(), false, 'there is no folder')
  mkdirSync(dirname(file))
  assert.equal(lock.retake(), true)
  lock.release()
})

test('a lock says when its former holder was only silent', (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  for (const [fields, ageMs, byHeartbeat] of [
    [{ pid: 1, host: 'elsewhere' }, STALE_MS + 1_000, true],
    [{ pid: 1, host: 'elsewhere', lost: { assigned: 3, own: [], refused: 1, reason: 'full' } }, 0, false],
    [{ ...ownRecord(file), pid: 2 ** 31 - 1 }, 0, false],
  ] as const) {
    putLock(file, fields, ageMs)
    const lock = acquireLock(file)
    assert.equal(lock.byHeartbeat, byHeartbeat, JSON.stringify(fields))
    assert.deepEqual(lock.inherited, 'lost' in fields ? fields.lost : undefined)
    lock.release()
  }
})

test('a damaged lock holds nobody off', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '"x"',
    '{"pid":"1"}',
    '\0\0\0\0',
    record({ nonce: 7 }),
    record({ pid: -1 }),
  ]) {
    writeFileSync(`${file}.lock`, text)
    await open(file).close()
    assert.deepEqual(lockFiles(file), [], JSON.stringify(text))
  }
})

test('drafts of openers that were killed are removed in time', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const old = `${file}.lock.00112233aabbccdd.new`
  const fresh = `${file}.lock.ffeeddccbbaa9988.new`
  const stranger = `${file}.lock.notes.new`
  for (const path of [old, fresh, stranger]) writeFileSync(path, '{}')
  const longAgo = new Date(Date.now() - 3_600_000)
  utimesSync(old, longAgo, longAgo)
  utimesSync(stranger, longAgo, longAgo)
  await open(file).close()
  assert.deepEqual([old, fresh, stranger].map(existsSync), [false, true, true])
})

test('where no lock can be made, one clear line says so and nothing is left', (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  mkdirSync(`${file}.lock`)
  writeFileSync(join(`${file}.lock`, 'notes'), 'mine')
  assert.throws(
    () => open(file),
    (error) =>
      error instanceof LogOpenError &&
      /hive\.jsonl\.lock holds "notes"/.test(error.message) &&
      !/\n/.test(error.message),
  )
  assert.deepEqual(readdirSync(folder), ['hive.jsonl.lock'])
  assert.deepEqual(readdirSync(`${file}.lock`), ['notes'])
})

test('a journal that cannot be opened gives its lock back', (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'notes.jsonl')
  writeFileSync(file, 'these are notes\n')
  assert.throws(() => open(file), LogOpenError)
  assert.deepEqual(readdirSync(folder), ['notes.jsonl'])
})

test('20 processes race for a stale lock: one holds it at a time', async (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  const side = join(folder, 'side')
  writeFileSync(`${file}.lock`, record({ pid: -1 }))
  const racers = Array.from({ length: 20 }, () =>
    startChild(t, 'journal-lock-child', ['race', file, side, '30']),
  )
  await Promise.all(racers.map((racer) => racer.says('ready')))
  for (const racer of racers) racer.process.stdin?.write('go\n')
  for (const ended of await Promise.all(racers.map((racer) => racer.ended))) {
    assert.equal(ended.stderr, '')
    assert.ok(ended.code === 0 || ended.signal === 'SIGKILL')
  }

  const notes = readFileSync(side, 'utf8').trimEnd().split('\n')
  let inside: string | undefined
  let wins = 0
  for (const note of notes) {
    const [pid, word] = note.split(' ') as [string, string]
    if (word === 'enter') {
      assert.equal(inside, undefined, `${pid} entered while ${inside} was inside`)
      inside = pid
      wins++
    } else if (word === 'exit') {
      assert.equal(inside, pid)
      inside = undefined
    }
  }
  assert.ok(wins > 0)
  await open(file).close()
  assert.equal(ofKind(checkLog(file), 'message').length, wins)
})

test('8 processes take over one dead lock after the other: none is ever taken by two', async (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  const side = join(folder, 'side')
  const rounds = cases(60, 25)
  const fighters = Array.from({ length: 8 }, () =>
    startChild(t, 'journal-lock-child', ['fight', file, side, String(rounds)]),
  )
  await Promise.all(fighters.map((fighter) => fighter.says('ready')))
  for (const fighter of fighters) fighter.process.stdin?.write('go\n')
  for (const { code, stderr } of await Promise.all(fighters.map((fighter) => fighter.ended))) {
    assert.equal(stderr, '')
    assert.equal(code, 0)
  }
  const notes = readFileSync(side, 'utf8').trimEnd().split('\n')
  assert.equal(notes.length, 8 * rounds * 2)
  for (let turn = 1; turn <= 8 * rounds; turn++) {
    const [enter = '', exit] = notes.splice(0, 2)
    assert.match(enter, new RegExp(` enter ${turn}$`))
    assert.equal(exit, enter.replace('enter', 'exit'), 'nobody enters before the one inside is out')
  }
})
