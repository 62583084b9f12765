/** What a reopening makes of every end that a crash can leave. The crashed states are made by cutting a real log. */
import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { archiveName } from '../../src/format/beside.js'
import { Journal } from '../../src/journal/journal.js'
import type { WriteCalls } from '../../src/journal/segment-file.js'
import { append, checkLog, lostIn, ofKind, sha256, tempFolder } from '../kit/journal-kit.js'
import { cases, isInTurn, seedOfRun } from '../kit/long-run.js'

const SUBJECT = 'Need the schema ✓ "quoted"'

/** The bytes of a log that was written and not closed: without a last seal. */
async function unclosedLog(t: TestContext, events: number): Promise<Buffer> {
  const file = join(tempFolder(t), 'source.jsonl')
  const journal = new Journal({ file, session: 's-1', fsync: 'no' })
  for (let n = 0; n < events; n++) append(journal, { n, subject: SUBJECT })
  await journal.flush()
  const bytes = readFileSync(file)
  await journal.close()
  return bytes
}

/** Opens the log, records one event, closes it; returns every buffer that was written. */
async function reopen(file: string, events = 1): Promise<Buffer[]> {
  const writes: Buffer[] = []
  const calls: WriteCalls = {
    writeSync(fd, buffer, offset, length) {
      writes.push(Buffer.from(buffer.subarray(offset, offset + length)))
      return writeSync(fd, buffer, offset, length)
    },
  }
  const journal = new Journal({ file, session: 's-1', fsync: 'no', calls })
  for (let n = 0; n < events; n++) append(journal, { after: true })
  await journal.close()
  return writes
}

const lastLineStart = (bytes: Buffer): number => bytes.lastIndexOf(10, bytes.length - 2) + 1

test('a final line cut at any byte is closed and accounted for in a single write', async (t) => {
  const whole = await unclosedLog(t, 3)
  const folder = tempFolder(t)
  const start = lastLineStart(whole)
  for (let cut = start; cut <= whole.length; cut++) {
    const file = join(folder, `${cut}.jsonl`)
    writeFileSync(file, whole.subarray(0, cut))
    const first = (await reopen(file))[0]?.toString() ?? ''
    const lines = checkLog(file)
    assert.deepEqual(readFileSync(file).subarray(0, cut), whole.subarray(0, cut), 'nothing is cut off')
    const tornBytes = cut - start
    if (tornBytes === 0 || cut === whole.length) {
      assert.match(first, /^\{"ts":\d+,"kind":"log\.open".*\n$/)
    } else if (cut === whole.length - 1) {
      assert.match(first, /^\n\{"ts":\d+,"kind":"log\.open".*\n$/, 'a whole line only lacked its newline')
    } else {
      assert.match(
        first,
        new RegExp(`^\\n.*"kind":"log\\.torn","bytes":${tornBytes},.*\\n.*"kind":"log\\.open".*\\n$`),
      )
    }
    const kept = cut >= whole.length - 1 ? 3 : 2
    assert.equal(ofKind(lines, 'message').length, kept + 1, `events after a cut at ${cut}`)
    assert.equal(ofKind(lines, 'log.torn').length, kept === 2 && tornBytes > 0 ? 1 : 0)
    assert.equal(lostIn(lines), 0)
  }
})

test('a crash at any byte of the recovery is recovered from, and so is a crash in that recovery', async (t) => {
  const whole = await unclosedLog(t, 3)
  const torn = whole.subarray(0, whole.length - 20)
  const folder = tempFolder(t)
  const file = join(folder, 'first.jsonl')
  writeFileSync(file, torn)
  const recovery = (await reopen(file))[0] as Buffer
  for (let cut = 0; cut <= recovery.length; cut++) {
    if (!isInTurn(cut) && cut < recovery.length - 1) continue
    const again = join(folder, `${cut}.jsonl`)
    const state = Buffer.concat([torn, recovery.subarray(0, cut)])
    writeFileSync(again, state)
    const second = (await reopen(again))[0] as Buffer
    assert.ok(ofKind(checkLog(again), 'log.torn').length <= 2, 'at most one for each crash')
    for (const part of [0.3, 0.8]) {
      const third = join(folder, `${cut}-${part}.jsonl`)
      writeFileSync(third, Buffer.concat([state, second.subarray(0, Math.floor(second.length * part))]))
      await reopen(third)
      assert.ok(ofKind(checkLog(third), 'log.torn').length <= 3, 'at most one for each crash')
      rmSync(third)
    }
    // A folder of a thousand logs is slow to look through, which each opening does.
    rmSync(again)
  }
})

test('any number of crashes at any bytes leave a log that is sound', async (t) => {
  const folder = tempFolder(t)
  let run = 0
  const lives = fc.array(fc.record({ events: fc.nat(4), lose: fc.nat(400) }), { minLength: 1, maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(lives, async (crashes) => {
      const file = join(folder, `${++run}.jsonl`)
      for (const { events, lose } of crashes) {
        const before = bytesOf(file)
        await reopen(file, events)
        const after = readFileSync(file)
        assert.deepEqual(after.subarray(0, before.length), before)
        // The crash takes away only what this life wrote.
        writeFileSync(file, after.subarray(0, Math.max(before.length, after.length - lose)))
      }
      await reopen(file)
      assert.ok(ofKind(checkLog(file), 'log.torn').length <= crashes.length)
    }),
    { numRuns: cases(80, 30), seed: seedOfRun() },
  )
})

test('the very first write cut at any byte is a log all the same', async (t) => {
  const whole = await unclosedLog(t, 0)
  const folder = tempFolder(t)
  for (let cut = 1; cut < whole.length; cut++) {
    if (!isInTurn(cut) && cut < whole.length - 1) continue
    const file = join(folder, `${cut}.jsonl`)
    writeFileSync(file, whole.subarray(0, cut))
    const second = (await reopen(file))[0] as Buffer
    assert.equal(ofKind(checkLog(file), 'message').length, 1)
    // And the next writer's first one too, right after it closed the line.
    for (const part of [1, 10]) {
      writeFileSync(file, Buffer.concat([whole.subarray(0, cut), second.subarray(0, part)]))
      await reopen(file)
      assert.equal(ofKind(checkLog(file), 'message').length, 1)
    }
  }
})

test('the first write of a new segment cut at any byte keeps the chain to the segment before', async (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  await reopen(file)
  const archived = join(folder, archiveName(file, 1))
  renameSync(file, archived)
  const first = (await reopen(file))[0] as Buffer
  assert.match(
    first.toString(),
    new RegExp(`"prev":{"file":"[^"]*","sha256":"${sha256(readFileSync(archived))}"}`),
  )
  for (let cut = 0; cut <= first.length; cut++) {
    if (!isInTurn(cut) && cut < first.length - 1) continue
    const there = join(tempFolder(t), 'hive.jsonl')
    copyFileSync(archived, join(there, '..', archiveName(there, 1)))
    writeFileSync(there, first.subarray(0, cut))
    await reopen(there)
    assert.equal(ofKind(checkLog(there), 'message').length, 2)
  }
})

test('what a power cut leaves is closed too: zeros, a piece of binary, a lone byte', async (t) => {
  const whole = await unclosedLog(t, 3)
  for (const rest of [
    Buffer.alloc(5_000),
    Buffer.from([0xff, 0xfe, 10, 0xc3]),
    Buffer.from('{'),
    Buffer.from('\r'),
  ]) {
    const file = join(tempFolder(t), 'hive.jsonl')
    writeFileSync(file, Buffer.concat([whole, rest]))
    await reopen(file)
    assert.equal(ofKind(checkLog(file), 'message').length, 4)
  }
})

test('a torn line of many megabytes is accounted for', async (t) => {
  const whole = await unclosedLog(t, 1)
  const file = join(tempFolder(t), 'hive.jsonl')
  writeFileSync(file, Buffer.concat([whole, Buffer.from(`{"ts":1,"kind":"${'x'.repeat(9_000_000)}`)]))
  await reopen(file)
  assert.equal(ofKind(checkLog(file), 'log.torn')[0]?.bytes, 9_000_016)
})

function bytesOf(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch {
    return Buffer.alloc(0)
  }
}
