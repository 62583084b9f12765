/** A writer vouches for what it wrote or checked, and says what it merely found. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Journal, type JournalOptions } from '../../src/journal/journal.js'
import { append, captureDiag, checkLog, ofKind, sha256, tempFolder, until } from '../kit/journal-kit.js'

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const KEY_ID = sha256(publicKey.export({ type: 'spki', format: 'der' })).slice(0, 16)

const open = (file: string, options: Partial<JournalOptions> = {}): Journal =>
  new Journal({ file, session: 's-1', fsync: 'no', ...options })

// biome-ignore lint/suspicious/noExplicitAny: lines of any kind
const linesOf = (file: string): any[] =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

/** A log with an approval that was refused, closed as it should be. */
async function closedLog(t: TestContext, options: Partial<JournalOptions> = {}): Promise<string> {
  const file = join(tempFolder(t), 'hive.jsonl')
  const journal = open(file, options)
  append(journal, { approve: false })
  append(journal, { pad: 'x'.repeat(100) })
  await journal.close()
  return file
}

/** What somebody without the key does: the decision turned round, every seal an ordinary line of the same length. */
function forge(file: string): Buffer {
  const forged = readFileSync(file, 'utf8')
    .replace('"approve":false', '"approve":true ')
    .replaceAll('"kind":"log.seal"', '"kind":"my.seals"')
  writeFileSync(file, forged)
  return Buffer.from(forged)
}

for (const [name, options] of [
  ['signed', { seal: { privateKey } }],
  ['unsigned', {}],
] as const) {
  test(`${name}: bytes whose seals were taken away are adopted by the next writer, with their hash`, async (t) => {
    const file = await closedLog(t, options)
    const forged = forge(file)
    const journal = open(file, options)
    append(journal)
    await journal.close()
    const opening = linesOf(file).filter(({ kind }) => kind === 'log.open')[1]
    assert.deepEqual(opening.adopted, { from: 0, bytes: forged.length, sha256: sha256(forged) })
  })

  test(`${name}: what a good seal vouches for is not adopted, what comes after it is`, async (t) => {
    const file = await closedLog(t, options)
    const whole = readFileSync(file)
    await open(file, options).close()
    assert.equal(linesOf(file).filter(({ kind }) => kind === 'log.open')[1].adopted, undefined)

    const later = Buffer.from('{"ts":1,"kind":"late","seq":99}\n{"ts":2,"kind":"later","seq":100}\n')
    const again = await closedLog(t, options)
    const sealed = readFileSync(again)
    writeFileSync(again, later, { flag: 'a' })
    await open(again, options).close()
    const { adopted } = linesOf(again).filter(({ kind }) => kind === 'log.open')[1]
    assert.deepEqual(adopted, { from: sealed.length, bytes: later.length, sha256: sha256(later) })
    assert.ok(whole.length > 0)
  })

  test(`${name}: sealed bytes that were changed before the writer came back are left, and never vouched for`, async (t) => {
    for (const size of [100, 3_000_000]) {
      const told = captureDiag(t)
      const file = join(tempFolder(t), 'hive.jsonl')
      const first = open(file, options)
      append(first, { approve: false, pad: 'x'.repeat(size) })
      await first.close()
      const forged = readFileSync(file, 'utf8').replace('"approve":false', '"approve":true ')
      writeFileSync(file, forged)
      const journal = open(file, options)
      await until('the change is seen', () => {
        append(journal)
        return readdirSync(dirname(file)).some((each) => /^hive\.\d{12}\.jsonl$/.test(each))
      })
      await journal.close()
      const [opening, changed] = linesOf(file)
      assert.equal(opening.kind, 'log.open')
      assert.equal(changed.kind, 'log.changed')
      assert.equal(changed.file, 'hive.000000000001.jsonl')
      assert.match(changed.reason, /not those that its last good seal vouches for/)
      const left = readFileSync(join(dirname(file), changed.file))
      assert.equal(left.toString().slice(0, forged.length), forged, 'its bytes stay as they were found')
      const seals = left
        .toString()
        .slice(forged.length)
        .split('\n')
        .filter((line) => line.includes('log.seal'))
      assert.deepEqual(seals, [], 'no seal of this writer stands over them')
      assert.ok(told.length <= 1)
    }
  })
}

test('seals of somebody else vouch for nothing to a writer that signs', async (t) => {
  const other = generateKeyPairSync('ed25519').privateKey
  for (const options of [{}, { seal: { privateKey: other } }]) {
    const file = await closedLog(t, options)
    const found = readFileSync(file)
    await open(file, { seal: { privateKey } }).close()
    const { adopted } = linesOf(file).filter(({ kind }) => kind === 'log.open')[1]
    assert.deepEqual(adopted, { from: 0, bytes: found.length, sha256: sha256(found) })
  }
})

test('an archived segment that the new live file follows on is checked too', async (t) => {
  for (const gzip of [false, true]) {
    const options = { seal: { privateKey }, rotate: { maxBytes: 600, gzip } }
    const file = join(tempFolder(t), 'hive.jsonl')
    const first = open(file, options)
    for (let n = 0; n < 6; n++) {
      append(first, { approve: false, n, pad: 'x'.repeat(100) })
      first.write()
    }
    await first.close()
    // The live file is gone: the newest archived segment is what the next one follows on.
    rmSync(file)
    const newest = readdirSync(dirname(file))
      .filter((name) => /^hive\.\d{12}\./.test(name))
      .sort()
      .at(-1) as string
    const whole = join(dirname(file), newest)
    const good = open(file, options)
    append(good)
    await good.close()
    assert.equal(linesOf(file)[0].adopted, undefined, 'it ends in a good seal')
    rmSync(file)
    if (gzip) continue
    const forged = forge(whole)
    const journal = open(file, options)
    append(journal)
    await journal.close()
    const [opening] = linesOf(file)
    assert.deepEqual(opening.adopted, {
      from: 0,
      bytes: forged.length,
      sha256: sha256(forged),
      file: newest,
    })
  }
})

test('a writer that signs says so, and its first signature follows its log.open at once', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const journal = open(file, {
    seal: { privateKey, everyBytes: 1_000, everyMs: Infinity },
    rotate: { maxBytes: 500 },
  })
  assert.deepEqual(
    linesOf(file).map(({ kind }) => kind),
    ['log.open', 'log.seal'],
  )
  for (let n = 0; n < 8; n++) {
    append(journal, { n, pad: 'x'.repeat(100) })
    journal.write()
  }
  await journal.close()
  const lines = checkLog(file, publicKey)
  const opens = ofKind(lines, 'log.open')
  assert.ok(opens.length > 2)
  const logId = sha256(lines[0]?.text as string).slice(0, 16)
  for (const [index, each] of opens.entries()) {
    assert.deepEqual(each.signs, { key: KEY_ID, everyBytes: 1_000 })
    assert.equal(each.log, index === 0 ? undefined : logId)
    const at = lines.findIndex(({ event }) => event === each)
    assert.equal(lines[at + 1]?.event.kind, 'log.seal')
  }
})

test('the log keeps its id when its first segments are gone, and when it is written on after that', async (t) => {
  const options = { seal: { privateKey }, rotate: { maxBytes: 500 } }
  const file = join(tempFolder(t), 'hive.jsonl')
  const write = async () => {
    const journal = open(file, options)
    for (let n = 0; n < 8; n++) {
      append(journal, { n, pad: 'x'.repeat(100) })
      journal.write()
    }
    await journal.close()
  }
  await write()
  const id = linesOf(file)[0].log
  assert.match(id, /^[0-9a-f]{16}$/)
  const archived = () => readdirSync(dirname(file)).filter((name) => /^hive\.\d{12}\.jsonl$/.test(name))
  rmSync(join(dirname(file), archived().sort()[0] as string))
  await write()
  for (const name of archived().concat('hive.jsonl')) {
    for (const line of linesOf(join(dirname(file), name))) {
      if (line.kind === 'log.open') assert.equal(line.log, id)
    }
  }
  renameSync(file, join(dirname(file), 'other.jsonl'))
})

test('in a file that is still being read in, what was written meanwhile is compared with what is read back', async (t) => {
  const told = captureDiag(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  writeFileSync(file, `${JSON.stringify({ ts: 1, kind: 'note', text: 'x'.repeat(1_000) })}\n`.repeat(30_000))
  const journal = open(file)
  const { size } = { size: readFileSync(file).length }
  append(journal, { approve: false })
  journal.write()
  // Before the event loop turns, and so before the reading in the background has come there.
  const bytes = readFileSync(file)
  const at = bytes.indexOf('"approve":false', size)
  assert.ok(at > 0)
  bytes.write('"approve":true ', at)
  writeFileSync(file, bytes)
  await until('the change is seen', () => {
    append(journal)
    return told.some((line) => /are not those that were written/.test(line))
  })
  await journal.close()
  assert.equal(linesOf(file)[1].kind, 'log.changed')
})
