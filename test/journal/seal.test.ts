import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Journal, type JournalOptions } from '../../src/journal/journal.js'
import { RunningHash } from '../../src/journal/running-hash.js'
import {
  append,
  captureDiag,
  checkLog,
  ofKind,
  pause,
  sha256,
  tempFolder,
  until,
} from '../kit/journal-kit.js'

const open = (file: string, options: Partial<JournalOptions> = {}): Journal =>
  new Journal({ file, session: 's-1', fsync: 'no', ...options })

const seals = (file: string): number => readFileSync(file, 'utf8').split('"kind":"log.seal"').length - 1

/** Whether a file descriptor of this process is of this file. */
function isOpen(fd: string, file: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`) === file
  } catch {
    return false
  }
}

test('close seals every byte; closing again writes nothing', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const journal = open(file)
  append(journal)
  await journal.close()
  const bytes = readFileSync(file)
  await journal.close()
  journal.closeSync()
  assert.deepEqual(readFileSync(file), bytes)
  const lines = checkLog(file)
  assert.deepEqual(
    lines.map(({ event }) => event.kind),
    ['log.open', 'message', 'log.seal'],
  )
})

test('a seal is written every so many bytes, and not before', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const journal = open(file, { seal: { everyBytes: 2_000 } })
  let sealed = 0
  for (let n = 0; n < 200; n++) {
    append(journal, { n, pad: 'x'.repeat(100) })
    journal.write()
    const bytes = readFileSync(file)
    const last = bytes.lastIndexOf('"kind":"log.seal"')
    if (seals(file) > sealed) {
      const end = bytes.indexOf(10, last) + 1
      assert.equal(end, bytes.length, 'it is written at once')
      sealed++
    }
    const after = last === -1 ? 0 : bytes.indexOf(10, last) + 1
    assert.ok(bytes.length - after < 2_000, 'never as many bytes without a seal')
  }
  assert.ok(sealed > 10)
  await journal.close()
  checkLog(file)
})

test('a seal is written so many milliseconds after a line, without another line, and an idle log gets no more', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const journal = open(file, { seal: { everyMs: 30 } })
  append(journal)
  await until('the seal', () => seals(file) === 1)
  const { size } = statSync(file)
  const start = Date.now()
  await until('time goes by', () => Date.now() - start > 100)
  assert.equal(statSync(file).size, size)
  append(journal)
  await until('the next seal', () => seals(file) === 2)
  await journal.close()
  assert.equal(seals(file), 2, 'nothing was left to seal')
  checkLog(file)
})

test('rotation seals the segment that it archives', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const journal = open(file, { rotate: { maxBytes: 1_000 } })
  for (let n = 0; n < 50; n++) {
    append(journal, { n, pad: 'x'.repeat(100) })
    await journal.flush()
  }
  await journal.close()
  const lines = checkLog(file)
  const segments = new Set(lines.map(({ segment }) => segment))
  assert.ok(segments.size > 3)
  for (const segment of segments) {
    assert.equal(lines.findLast((line) => line.segment === segment)?.event.kind, 'log.seal')
  }
})

test('with a key each seal is signed, and the signature names the segment', async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const other = generateKeyPairSync('ed25519').publicKey
  for (const key of [privateKey, pem]) {
    const file = join(tempFolder(t), 'hive.jsonl')
    for (let life = 0; life < 2; life++) {
      const journal = open(file, { seal: { privateKey: key, everyBytes: 500 }, rotate: { maxBytes: 2_000 } })
      for (let n = 0; n < 30; n++) {
        append(journal, { n, pad: 'x'.repeat(100) })
        journal.write()
      }
      await journal.close()
    }
    assert.ok(ofKind(checkLog(file, publicKey), 'log.seal').length > 4)
    assert.throws(() => checkLog(file, other), /signature/)
  }
})

test('a key that cannot sign is refused, and the log is left free', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const keys: [string | ReturnType<typeof generateKeyPairSync>['privateKey'], RegExp][] = [
    ['no key', /cannot be read: give an Ed25519 private key as PEM/],
    [generateKeyPairSync('ed25519').publicKey, /is ed25519 public/],
    [generateKeyPairSync('x25519').privateKey, /is x25519 private/],
  ]
  for (const [privateKey, message] of keys) {
    assert.throws(() => open(file, { seal: { privateKey } }), { name: 'LogOpenError', message })
  }
  await open(file).close()
})

test('after a reopening the seals cover what was there before, however much it is', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const line = `${JSON.stringify({ ts: 1, kind: 'note', text: 'x'.repeat(1_000) })}\n`
  writeFileSync(file, line.repeat(30_000))
  const isWholeSeal = (event: { [field: string]: unknown }): boolean => {
    const bytes = readFileSync(file).subarray(0, event.bytes as number)
    return event.sha256 === sha256(bytes)
  }
  const lastLine = () => JSON.parse(readFileSync(file, 'utf8').trimEnd().split('\n').at(-1) as string)

  // Closed at once, while the old bytes are still being read.
  const hasty = open(file)
  append(hasty)
  hasty.closeSync()
  assert.equal(lastLine().kind, 'log.seal')
  assert.ok(isWholeSeal(lastLine()))

  // A seal that falls due waits until they are read.
  const patient = open(file, { seal: { everyBytes: 1, everyMs: 10 } })
  append(patient)
  await patient.flush()
  await until('the seal', () => lastLine().kind === 'log.seal')
  assert.ok(isWholeSeal(lastLine()))
  append(patient)
  await patient.close()
  assert.ok(isWholeSeal(lastLine()))
})

test('the hash catches up with a file that grows meanwhile, by itself or when it is asked', async (t) => {
  const file = join(tempFolder(t), 'bytes')
  const old = Buffer.alloc(5_000_000, 'old ')
  for (const hasty of [true, false]) {
    writeFileSync(file, old)
    const hash = new RunningHash(file, old.length)
    assert.equal(hash.isCurrent, false)
    let bytes = old
    for (let n = 0; n < 20; n++) {
      const more = Buffer.from(`line ${n}\n`)
      writeFileSync(file, more, { flag: 'a' })
      hash.update(more)
      bytes = Buffer.concat([bytes, more])
      if (n === 10) {
        if (hasty) assert.equal(hash.digest(), sha256(bytes))
        else await until('it has caught up', () => hash.isCurrent)
      }
    }
    await pause(20) // a reading that was under way ends
    assert.equal(hash.size, bytes.length)
    assert.equal(hash.digest(), sha256(bytes))
    assert.equal(hash.digest(), sha256(bytes), 'asking changes nothing')
    hash.close()
  }
})

test('the hash of a file that became shorter is an error, not a lie', async (t) => {
  const file = join(tempFolder(t), 'bytes')
  writeFileSync(file, Buffer.alloc(3_000_000))
  const hash = new RunningHash(file, 3_000_000)
  truncateSync(file, 1_000)
  assert.throws(() => hash.digest(), /shorter/)
  hash.close()
})

test('of a file that became shorter the hash says so later too, when its reading has long ended', async (t) => {
  const file = join(tempFolder(t), 'bytes')
  writeFileSync(file, Buffer.alloc(3_000_000))
  const hash = new RunningHash(file, 3_000_000)
  truncateSync(file, 1_000)
  const fds = () => readdirSync('/proc/self/fd').filter((fd) => isOpen(fd, file)).length
  if (process.platform === 'linux') await until('the reading has ended', () => fds() === 0)
  for (const _ of [1, 2]) assert.throws(() => hash.digest(), /the file became shorter/)
  assert.equal(hash.isCurrent, false, 'what was not read is not vouched for')
  hash.close()
})

test('a log that somebody cut short behind the writer is still closed, and says so', async (t) => {
  const told = captureDiag(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const line = `${JSON.stringify({ ts: 1, kind: 'note', text: 'x'.repeat(1_000) })}\n`
  writeFileSync(file, line.repeat(10_000))
  const journal = open(file)
  truncateSync(file, line.length * 2)
  append(journal, { after: true })
  await journal.close()
  assert.ok(
    told.some((each) => each.includes('was cut by somebody else')),
    told.join('\n'),
  )
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  assert.ok(lines.some((each) => each.includes('"after":true')))
  const sealed = JSON.parse(lines.at(-1) as string)
  assert.equal(sealed.kind, 'log.seal')
  assert.equal(sealed.sha256, sha256(readFileSync(file).subarray(0, sealed.bytes)))
})
