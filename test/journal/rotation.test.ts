import assert from 'node:assert/strict'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { Journal, type JournalOptions } from '../../src/journal/journal.js'
import {
  append,
  captureDiag,
  checkLog,
  ofKind,
  pause,
  segmentsOf,
  tempFolder,
  until,
} from '../kit/journal-kit.js'

const PAD = 'x'.repeat(200)

const open = (file: string, options: Partial<JournalOptions> = {}): Journal =>
  new Journal({ file, session: 's-1', fsync: 'no', ...options })

/** Records `events` events, a turn each, and closes. */
async function life(file: string, events: number, options: Partial<JournalOptions>): Promise<void> {
  const journal = open(file, options)
  for (let n = 0; n < events; n++) {
    append(journal, { n, pad: PAD })
    await journal.flush()
  }
  await journal.close()
}

const archivedNames = (file: string): string[] =>
  readdirSync(dirname(file))
    .filter((name) => /\.\d{12}\./.test(name))
    .sort()

test('by size: segments chain, are named for their first seq, and seq goes on across restarts', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  for (let round = 0; round < 4; round++) await life(file, 25, { rotate: { maxBytes: 2_000 } })
  const lines = checkLog(file)
  assert.equal(ofKind(lines, 'message').length, 100)
  const segments = segmentsOf(file)
  assert.ok(segments.length > 10)
  for (const { name, bytes } of segments) {
    const first = JSON.parse(bytes.subarray(0, bytes.indexOf(10)).toString())
    assert.equal(first.kind, 'log.open')
    if (name !== 'hive.jsonl') {
      assert.equal(name, `hive.${String(first.seq).padStart(12, '0')}.jsonl`)
      assert.equal(statSync(join(dirname(file), name)).mode & 0o777, 0o600)
      const last = JSON.parse(bytes.subarray(bytes.lastIndexOf(10, -2) + 1).toString())
      assert.equal(last.kind, 'log.seal', `${name} is sealed at its end`)
    }
  }
})

test('each log.open says when its writer opened the log: one time for all segments of an opening', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const from = Date.now()
  await life(file, 25, { rotate: { maxBytes: 2_000 } })
  const between = Date.now()
  // Another opening is another writer, though it is this process with the same session.
  await pause(5)
  await life(file, 25, { rotate: { maxBytes: 2_000 } })
  const opens = ofKind(checkLog(file), 'log.open')
  const times = [...new Set(opens.map(({ started }) => started as number))]
  assert.ok(opens.length > 6)
  assert.equal(times.length, 2)
  const [first = 0, second = 0] = times
  assert.ok(from <= first && first <= between && between < second && second <= Date.now())
})

test('by size: nothing is rotated before the limit, and one batch goes into one segment', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const journal = open(file, { rotate: { maxBytes: 50_000 } })
  while (statSync(file).size < 49_000) {
    append(journal, { pad: PAD })
    journal.write()
    if (statSync(file).size < 50_000) assert.deepEqual(archivedNames(file), [])
  }
  for (let n = 0; n < 10; n++) append(journal, { pad: PAD })
  journal.write()
  assert.deepEqual(archivedNames(file), ['hive.000000000001.jsonl'])
  await journal.close()
  checkLog(file)
})

test('by age: the age is that of the first line, also after a restart', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const rotate = { maxAgeMs: 80 }
  const journal = open(file, { rotate })
  append(journal)
  await journal.flush()
  assert.deepEqual(archivedNames(file), [])
  await until('the segment is old', () => {
    append(journal)
    journal.write()
    return archivedNames(file).length > 0
  })
  await journal.close()

  await pause(80)
  const before = archivedNames(file).length
  const next = open(file, { rotate })
  append(next)
  await next.flush()
  assert.equal(archivedNames(file).length, before + 1)
  await next.close()
  checkLog(file)
})

test('a log in which nothing happens is not rotated, however old', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const journal = open(file, { rotate: { maxAgeMs: 1 }, seal: { everyMs: 1 } })
  await pause(60)
  journal.write()
  assert.deepEqual(archivedNames(file), [])
  await journal.close()
})

test('gzip: the archived segments are compressed, their bytes and their chain are the same', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const options = { rotate: { maxBytes: 3_000, gzip: true } }
  for (let round = 0; round < 3; round++) await life(file, 40, options)
  assert.ok(archivedNames(file).length > 5)
  for (const name of archivedNames(file)) {
    assert.match(name, /\.jsonl\.gz$/)
    assert.equal(statSync(join(dirname(file), name)).mode & 0o777, 0o600)
  }
  assert.equal(ofKind(checkLog(file), 'message').length, 120)
})

test('gzip: close waits for compressions that still run', async (t) => {
  for (const fsync of ['no', 'everysec', 'always'] as const) {
    const file = join(tempFolder(t), 'hive.jsonl')
    const journal = open(file, { fsync, rotate: { maxBytes: 400_000, gzip: true } })
    for (let n = 0; n < 5_000; n++) {
      append(journal, { n, pad: PAD })
      if (n % 500 === 0) journal.write()
    }
    journal.write()
    await journal.close()
    assert.ok(archivedNames(file).length > 0)
    for (const name of archivedNames(file)) assert.match(name, /\.gz$/, fsync)
    checkLog(file)
  }
})

test('gzip: what a compression that was cut off left is cleared away, and the plain file counts', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  await life(file, 30, { rotate: { maxBytes: 3_000 } })
  const newest = join(dirname(file), archivedNames(file).at(-1) as string)
  const halfGzip = gzipSync(readFileSync(newest)).subarray(0, 100)
  // Cut off while it wrote its draft, and between the renaming of the draft and the removal of the plain file.
  writeFileSync(`${newest}.gz.tmp`, halfGzip)
  const oldest = join(dirname(file), archivedNames(file)[0] as string)
  writeFileSync(`${oldest}.gz`, gzipSync(readFileSync(oldest)))
  rmSync(file)
  await life(file, 1, {})
  assert.ok(!existsSync(`${newest}.gz.tmp`))
  checkLog(file)
  const before = archivedNames(file)
  await life(file, 1, { rotate: { gzip: true } })
  assert.deepEqual(
    archivedNames(file),
    [...new Set(before.map((name) => `${name.replace(/\.gz$/, '')}.gz`))],
    'the next writer that compresses makes up for it',
  )
  checkLog(file)
})

test('a crash between the renaming and the new file: the next writer begins it, chained', async (t) => {
  for (const gzip of [false, true]) {
    const file = join(tempFolder(t), 'hive.jsonl')
    await life(file, 30, { rotate: { maxBytes: 3_000, gzip } })
    const first = JSON.parse(readFileSync(file, 'utf8').split('\n')[0] as string)
    renameSync(file, join(dirname(file), `hive.${String(first.seq).padStart(12, '0')}.jsonl`))
    await life(file, 1, {})
    assert.equal(ofKind(checkLog(file), 'message').length, 31)

    // The new file was created, but its first line was not written.
    const again = JSON.parse(readFileSync(file, 'utf8').split('\n')[0] as string)
    renameSync(file, join(dirname(file), `hive.${String(again.seq).padStart(12, '0')}.jsonl`))
    writeFileSync(file, '')
    await life(file, 1, {})
    assert.equal(ofKind(checkLog(file), 'message').length, 32)
  }
})

test('the ordinal of a segment goes on where old ones were removed', async (t) => {
  for (const gzip of [false, true]) {
    const file = join(tempFolder(t), 'hive.jsonl')
    await life(file, 30, { rotate: { maxBytes: 3_000, gzip } })
    const names = archivedNames(file)
    for (const name of names.slice(0, -1)) rmSync(join(dirname(file), name))
    rmSync(file)
    await life(file, 1, {})
    const opened = JSON.parse(readFileSync(file, 'utf8').split('\n')[0] as string)
    assert.equal(opened.segment, names.length + 1)
  }
})

test('an archived segment is never written over', async (t) => {
  const told = captureDiag(t)
  for (const suffix of ['', '.gz']) {
    const file = join(tempFolder(t), 'hive.jsonl')
    await life(file, 3, {})
    const taken = join(dirname(file), `hive.000000000001.jsonl${suffix}`)
    const bytes = suffix === '' ? readFileSync(file) : gzipSync(readFileSync(file))
    writeFileSync(taken, bytes)
    await life(file, 20, { rotate: { maxBytes: 1_000, gzip: suffix !== '' } })
    assert.ok(readFileSync(taken).equals(bytes))
    assert.ok(told.some((line) => line.includes('cannot be rotated and goes on growing')))
    assert.equal(ofKind(checkLogWithout(taken, file), 'message').length, 23)
  }
})

/** The log as it is without a file that does not belong to it. */
function checkLogWithout(stranger: string, file: string) {
  const folder = join(dirname(file), 'alone')
  mkdirSync(folder)
  for (const name of readdirSync(dirname(file))) {
    const path = join(dirname(file), name)
    if (path !== stranger && name !== 'alone') copyFileSync(path, join(folder, name))
  }
  return checkLog(join(folder, basename(file)))
}

test('where the folder does not let a segment be archived, the log goes on growing and says so', async (t) => {
  const told = captureDiag(t)
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  const journal = open(file, { rotate: { maxBytes: 1_000 } })
  mkdirSync(join(folder, 'hive.000000000001.jsonl'))
  for (let n = 0; n < 20; n++) {
    append(journal, { n, pad: PAD })
    journal.write()
  }
  await journal.close()
  assert.equal(told.filter((line) => line.includes('cannot be rotated')).length, 1)
  rmSync(join(folder, 'hive.000000000001.jsonl'), { recursive: true })
  assert.equal(ofKind(checkLog(file), 'message').length, 20)
})

test('the next writer need not read a compressed archive to go on with the live segment', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  await life(file, 30, { rotate: { maxBytes: 3_000, gzip: true } })
  const newest = join(dirname(file), archivedNames(file).at(-1) as string)
  const good = readFileSync(newest)
  writeFileSync(newest, 'damaged')
  await life(file, 1, {})
  writeFileSync(newest, good)
  assert.equal(ofKind(checkLog(file), 'message').length, 31)
})

test('where the last segment must be read and cannot, one clear line says so', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  await life(file, 30, { rotate: { maxBytes: 3_000, gzip: true } })
  const newest = join(dirname(file), archivedNames(file).at(-1) as string)
  writeFileSync(newest, gunzipSync(readFileSync(newest)))
  rmSync(file)
  assert.throws(() => open(file), { name: 'LogOpenError', message: /cannot be read/ })
  assert.ok(!existsSync(`${file}.lock`))
})
