/** Exact copies: whatever comes, in whatever pieces and how often, what is stored is a beginning of the log, byte for byte. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { isStorable } from '../../src/format/beside.js'
import { type CopyBatch, CopyError, CopyStore } from '../../src/serve/copies.js'
import { tempFolder } from '../kit/hive-support.js'
import { cases } from '../kit/long-run.js'

const NAME = 'hive.jsonl'
const SESSION = 'sess_1'
const idOf = (line: string): string => createHash('sha256').update(line).digest('hex').slice(0, 16)
const sha256 = (bytes: string): string => createHash('sha256').update(bytes).digest('hex')

/** A log of several segments, as its writer makes one: each names the hash of the one before. */
function logOf(counts: readonly number[]): { log: string; segments: { first: number; text: string }[] } {
  const segments: { first: number; text: string }[] = []
  let seq = 0
  for (const count of counts) {
    const before = segments.at(-1)
    const prev = before && { file: `hive.${before.first}.jsonl`, sha256: sha256(before.text) }
    const first = seq + 1
    const lines = Array.from({ length: count }, (_, i) =>
      JSON.stringify(
        i === 0
          ? {
              ts: 1,
              kind: 'log.open',
              format: 1,
              segment: segments.length + 1,
              ...(prev && { prev }),
              seq: ++seq,
            }
          : { ts: seq, kind: 'note', text: 'ä'.repeat(seq % 7), seq: ++seq },
      ),
    )
    segments.push({ first, text: lines.map((line) => `${line}\n`).join('') })
  }
  const [firstLine = ''] = (segments[0]?.text ?? '').split('\n')
  return { log: idOf(firstLine), segments }
}

/** What is stored of the log, segment after segment. */
function stored(root: string, log: string): string {
  const folder = join(root, SESSION)
  const names = readdirSync(folder).filter((name) => name.startsWith(log) && name.endsWith('.jsonl'))
  const archived = names.filter((name) => name !== `${log}.jsonl`).sort()
  return [...archived, `${log}.jsonl`]
    .filter((name) => names.includes(name))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('')
}

const piece = fc.record({
  what: fc.constantFrom('next', 'next', 'next', 'again', 'ahead', 'changed', 'restart', 'torn'),
  lines: fc.integer({ min: 1, max: 5 }),
  back: fc.integer({ min: 1, max: 6 }),
})

test('whatever pieces come, the copy is a beginning of the log, and in the end the log', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 4 }),
      fc.array(piece, { maxLength: 25 }),
      async (counts, pieces) => {
        const root = tempFolder(t)
        const { log, segments } = logOf(counts)
        const whole = segments.map(({ text }) => text).join('')
        const batchOf = (segment: number, offset: number, bytes: string): CopyBatch => ({
          ...{ session: SESSION, log, name: NAME, segment, offset },
          bytes: Buffer.from(bytes),
        })
        let store = new CopyStore(root)
        let acknowledged = 0
        const check = (): void => {
          const text = acknowledged === 0 ? '' : stored(root, log)
          assert.ok(whole.startsWith(text), 'a beginning of the log')
          assert.ok(Buffer.byteLength(text) >= acknowledged, 'nothing that was acknowledged is missing')
        }
        /** The bytes of lines from a place on. */
        const linesAt = (segment: number, offset: number, count: number): string => {
          const text = segments.find(({ first }) => first === segment)?.text ?? ''
          const rest = Buffer.from(text).subarray(offset).toString()
          return rest
            .split(/(?<=\n)/)
            .slice(0, count)
            .join('')
        }
        const sendNext = async (count: number): Promise<boolean> => {
          const at = await store.position(SESSION, log)
          let { segment, offset } = at
          if (linesAt(segment, offset, 1) === '') {
            const next = segments.find(({ first }) => first > segment)
            if (next === undefined) return false
            segment = next.first
            offset = 0
          }
          const result = await store.append(batchOf(segment, offset, linesAt(segment, offset, count)))
          const before = segments.filter(({ first }) => first < result.segment)
          acknowledged = before.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0) + result.offset
          const present = segments.find(({ first }) => first === result.segment)?.text ?? ''
          assert.equal(result.sha256, sha256(Buffer.from(present).subarray(0, result.offset).toString()))
          return true
        }
        for (const { what, lines, back } of pieces) {
          const at = await store.position(SESSION, log)
          if (what === 'next') await sendNext(lines)
          else if (what === 'restart') {
            await store.close()
            store = new CopyStore(root)
          } else if (what === 'torn' && acknowledged > 0) {
            // Killed in the middle of a batch that nobody was told of.
            await store.close()
            const { size } = statSync(store.pathOf(SESSION, log))
            const rest = linesAt(at.segment, size, 1)
            appendFileSync(store.pathOf(SESSION, log), Buffer.from(rest).subarray(0, Math.min(back, 3)))
            store = new CopyStore(root)
          } else if (what === 'again' && at.offset > 0) {
            const text = segments.find(({ first }) => first === at.segment)?.text ?? ''
            const starts = [0, ...[...Buffer.from(text)].flatMap((byte, i) => (byte === 10 ? [i + 1] : []))]
            const from = starts.filter((start) => start < at.offset).at(-back) ?? 0
            await store.append(batchOf(at.segment, from, linesAt(at.segment, from, lines)))
            acknowledged = Math.max(acknowledged, 0)
          } else if (what === 'ahead') {
            const bytes = '{"ts":1,"kind":"note"}\n'
            await assert.rejects(
              store.append(batchOf(at.segment, at.offset + 1_000 + back, bytes)),
              CopyError,
            )
          } else if (what === 'changed' && at.offset > 0) {
            const line = linesAt(at.segment, 0, 1).replace('log.open', 'log.Open')
            const error = await store.append(batchOf(at.segment, 0, line)).then(
              () => undefined,
              (e) => e,
            )
            assert.equal((error as CopyError | undefined)?.refusal, 'differs')
          }
          check()
        }
        while (await sendNext(3)) check()
        assert.equal(stored(root, log), whole)
        await store.close()
      },
    ),
    { numRuns: cases(60, 60) },
  )
})

test('bytes that are no beginning of the log are not stored under its id', async (t) => {
  const root = tempFolder(t)
  const store = new CopyStore(root)
  const { log, segments } = logOf([3])
  const [{ text = '' } = {}] = segments
  const bytes = Buffer.from(text.replace('log.open', 'log.opem'))
  await assert.rejects(
    store.append({ session: SESSION, log, name: NAME, segment: 1, offset: 0, bytes }),
    (error: CopyError) => error.refusal === 'other-log',
  )
  assert.deepEqual(readdirSync(root), [])
})

test('a copy whose first segments the origin removed begins with the one that is left', async (t) => {
  const root = tempFolder(t)
  const store = new CopyStore(root)
  const log = '0123456789abcdef'
  const bytes = Buffer.from(
    `{"ts":1,"kind":"log.open","segment":7,"log":"${log}","seq":500}\n{"ts":2,"kind":"x","seq":501}\n`,
  )
  const batch = { session: SESSION, log, name: NAME, segment: 500, offset: 0, bytes }
  assert.deepEqual(await store.append(batch).then(({ offset, seq }) => [offset, seq]), [bytes.length, 501])
  await store.close()
  assert.deepEqual(await new CopyStore(root).position(SESSION, log), {
    segment: 500,
    offset: bytes.length,
    seq: 501,
    sha256: sha256(bytes.toString()),
  })
})

test('between the two steps of a rotation the copy goes on where it was', async (t) => {
  const root = tempFolder(t)
  const { log, segments } = logOf([2, 2])
  const [first, second] = segments as [(typeof segments)[0], (typeof segments)[0]]
  const path = new CopyStore(root).pathOf(SESSION, log)
  mkdirSync(dirname(path))
  writeFileSync(path.replace(/jsonl$/, '000000000001.jsonl'), first.text)
  const store = new CopyStore(root)
  assert.deepEqual(await store.position(SESSION, log), {
    segment: 1,
    offset: Buffer.byteLength(first.text),
    seq: 2,
    sha256: sha256(first.text),
  })
  const bytes = Buffer.from(second.text)
  await store.append({ session: SESSION, log, name: NAME, segment: 3, offset: 0, bytes })
  assert.equal(stored(root, log), first.text + second.text)
})

test('names that a file system, a reader or a device would take for something else are none', () => {
  const bad = [
    '',
    '.',
    '..',
    '.x',
    'x.',
    'a/b',
    'a\\b',
    'a\0',
    'con',
    'NUL',
    'com1.x',
    'x'.repeat(129),
    'ä',
    'a b',
    'hive.000000000001',
    'tokens.json',
    'spans.waiting',
    'x.JSONL',
  ]
  for (const name of bad) assert.equal(isStorable(name), false, JSON.stringify(name))
  for (const name of ['sess_1', 'a.b', 'A-1', 'x'.repeat(128)]) assert.equal(isStorable(name), true, name)
})

test('lines that come again are counted once, in a log without numbers too', async (t) => {
  const root = tempFolder(t)
  const store = new CopyStore(root)
  const line = (i: number): string => `{"ts":${i},"kind":"note"}\n`
  const log = idOf(line(1).trim())
  const send = (...lines: number[]): Promise<number> =>
    store
      .append({
        session: SESSION,
        log,
        name: NAME,
        segment: 1,
        offset: 0,
        bytes: Buffer.from(lines.map(line).join('')),
      })
      .then(({ seq }) => seq)
  assert.equal(await send(1, 2), 2)
  assert.equal(await send(1, 2, 3), 3)
  assert.equal(await send(1), 3)
})

test('half a first line that a kill left is no beginning', async (t) => {
  const root = tempFolder(t)
  const { log, segments } = logOf([2, 2])
  const [first, second] = segments as [(typeof segments)[0], (typeof segments)[0]]
  const path = new CopyStore(root).pathOf(SESSION, log)
  mkdirSync(dirname(path))
  writeFileSync(path.replace(/jsonl$/, '000000000001.jsonl'), first.text)
  writeFileSync(path, second.text.slice(0, 10))
  const store = new CopyStore(root)
  assert.equal((await store.position(SESSION, log)).segment, 1)
  const bytes = Buffer.from(second.text)
  await store.append({ session: SESSION, log, name: NAME, segment: 3, offset: 0, bytes })
  assert.equal(stored(root, log), first.text + second.text)
})

test('half a receipt that a kill left takes no other with it', async (t) => {
  const root = tempFolder(t)
  const { log, segments } = logOf([4])
  const { text } = segments[0] as (typeof segments)[0]
  const receipts = `${new CopyStore(root).pathOf(SESSION, log)}.receipts`
  const lines = text.split(/(?<=\n)/)
  const expected: string[] = []
  for (let i = 0; i < lines.length; i++) {
    const before = lines.slice(0, i).join('')
    const bytes = Buffer.from(lines[i] as string)
    // Each time by a server that was started anew.
    await new CopyStore(root).append({
      session: SESSION,
      log,
      name: NAME,
      segment: 1,
      offset: Buffer.byteLength(before),
      bytes,
    })
    expected.push(sha256(before + lines[i]))
    appendFileSync(receipts, '{"ts":1,"log":"'.slice(0, i * 5))
  }
  const read = readFileSync(receipts, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line).sha256]
      } catch {
        return []
      }
    })
  assert.deepEqual(read, expected)
})
