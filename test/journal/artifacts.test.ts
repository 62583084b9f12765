import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { ArtifactStore } from '../../src/journal/artifacts.js'
import { sha256, tempFolder } from '../kit/journal-kit.js'
import { cases } from '../kit/long-run.js'

function storeIn(t: TestContext, sync = false) {
  const log = join(tempFolder(t), 'hive.jsonl')
  const errors: Error[] = []
  const store = new ArtifactStore(log, sync, (_lines, _ref, error) => errors.push(error))
  const folder = `${log}.artifacts`
  const path = (ref: string) => join(folder, ref.slice(0, 2), ref)
  return { store, folder, path, errors }
}

/** Names of all files below `folder`. */
const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)
    .sort()

test('an artifact is stored under its hash, for its owner only', async (t) => {
  for (const sync of [false, true]) {
    const { store, folder, path } = storeIn(t, sync)
    const old = process.umask(0)
    const text = store.put('content ✓')
    const bytes = store.put(new Uint8Array([0, 255, 10]))
    const empty = store.put('')
    await store.flush()
    process.umask(old)
    assert.deepEqual(text, { ref: sha256('content ✓'), bytes: 11 })
    assert.deepEqual(bytes, { ref: sha256(Buffer.from([0, 255, 10])), bytes: 3 })
    assert.equal(readFileSync(path(text.ref), 'utf8'), 'content ✓')
    assert.deepEqual([...readFileSync(path(bytes.ref))], [0, 255, 10])
    assert.equal(readFileSync(path(empty.ref)).length, 0)
    assert.deepEqual(filesIn(folder), [text.ref, bytes.ref, empty.ref].sort())
    assert.equal(statSync(path(text.ref)).mode & 0o777, 0o600)
    assert.equal(statSync(folder).mode & 0o777, 0o700)
  }
})

test('the same content is stored once and not written again, in this run or a later one', async (t) => {
  const { store, folder, path } = storeIn(t)
  const { ref } = store.put('same')
  assert.equal(store.put('same').ref, ref)
  await store.flush()
  const long = new Date(1_000_000_000_000)
  utimesSync(path(ref), long, long)
  const { ino, mtimeMs } = statSync(path(ref))
  store.put('same')
  await store.flush()
  store.put('same')
  store.flushSync()
  assert.deepEqual(filesIn(folder), [ref])
  assert.deepEqual({ ino: statSync(path(ref)).ino, mtimeMs: statSync(path(ref)).mtimeMs }, { ino, mtimeMs })
})

test('what is put is what is stored, though the caller changes it afterwards', async (t) => {
  const { store, path } = storeIn(t)
  const content = new Uint8Array([1, 2, 3])
  const { ref } = store.put(content)
  content.fill(9)
  await store.flush()
  assert.deepEqual([...readFileSync(path(ref))], [1, 2, 3])
})

test('putting does no I/O; flush waits for what was put before and while it waits', async (t) => {
  const { store, folder, path } = storeIn(t)
  const first = store.put('first')
  assert.throws(() => readdirSync(folder), { code: 'ENOENT' })
  const flushed = store.flush()
  const second = store.put('second')
  await flushed
  assert.equal(readFileSync(path(first.ref), 'utf8'), 'first')
  assert.equal(readFileSync(path(second.ref), 'utf8'), 'second')
  await store.flush()
})

test('flushSync stores everything on the spot, also what is being written', async (t) => {
  for (const turns of [0, 1, 2, 3]) {
    const { store, folder, errors } = storeIn(t, true)
    const refs = Array.from({ length: 20 }, (_, n) => store.put(`content ${n}`).ref)
    for (let n = 0; n < turns; n++) await new Promise((resolve) => setImmediate(resolve))
    store.flushSync()
    assert.deepEqual(
      filesIn(folder).filter((name) => !name.endsWith('.tmp')),
      refs.toSorted(),
    )
    await store.flush()
    assert.deepEqual(filesIn(folder), refs.toSorted(), 'no draft is left')
    assert.deepEqual(errors, [])
  }
})

test('more than may wait in memory is written by the caller', (t) => {
  const { store, folder } = storeIn(t)
  const refs: string[] = []
  for (let n = 0; n < 12; n++) refs.push(store.put(Buffer.alloc(1024 * 1024, n)).ref)
  const stored = filesIn(folder).filter((name) => refs.includes(name))
  assert.ok(stored.length >= 8, `${stored.length} of 12 are stored at once`)
  store.flushSync()
})

test('an artifact that cannot be stored is reported, leaves nothing, and does not hold up the others', async (t) => {
  const { store, folder, path, errors } = storeIn(t)
  const good = store.put('good')
  await store.flush()
  const bad = Array.from({ length: 100 }, (_, n) => `bad ${n}`).find(
    (text) => sha256(text).slice(0, 2) !== good.ref.slice(0, 2),
  ) as string
  // Where its folder should be there is a file.
  writeFileSync(join(folder, sha256(bad).slice(0, 2)), '')
  store.put(bad)
  const next = store.put('next')
  await store.flush()
  assert.equal(errors.length, 1)
  store.put(bad)
  store.flushSync()
  assert.equal(errors.length, 2)
  assert.equal(readFileSync(path(next.ref), 'utf8'), 'next')
  rmSync(join(folder, sha256(bad).slice(0, 2)))
  assert.equal(
    filesIn(folder).some((name) => name.endsWith('.tmp')),
    false,
  )
})

test('any contents in any order: each is there once, and right', async (t) => {
  const content = fc.oneof(fc.string(), fc.uint8Array({ maxLength: 300 }), fc.constantFrom('a', 'b', 'c'))
  const step = fc.oneof(
    { weight: 4, arbitrary: content },
    { weight: 1, arbitrary: fc.constantFrom(null, undefined) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const { store, folder, path } = storeIn(t)
      const refs = new Set<string>()
      for (const each of steps) {
        if (each === null) await store.flush()
        else if (each === undefined) store.flushSync()
        else refs.add(store.put(each).ref)
      }
      await store.flush()
      if (refs.size > 0) assert.deepEqual(filesIn(folder), [...refs].sort())
      for (const ref of refs) assert.equal(sha256(readFileSync(path(ref))), ref)
    }),
    { numRuns: cases(60, 60) },
  )
})
