/** The only copy of a segment is not given up before what replaces it has been read back. */
import assert from 'node:assert/strict'
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { Compressor } from '../../src/journal/compress.js'
import { sha256, tempFolder } from '../kit/journal-kit.js'

async function compress(file: string, hash?: string): Promise<string[]> {
  const told: string[] = []
  const compressor = new Compressor((_, error) => told.push(error.message))
  compressor.add(file, hash)
  await compressor.done()
  return told
}

const TEXT = '{"ts":1,"kind":"note"}\n'.repeat(10_000)

test('a whole segment is replaced by a compressed one of the same bytes, for its owner only', async (t) => {
  const file = join(tempFolder(t), 'hive.000000000001.jsonl')
  writeFileSync(file, TEXT)
  assert.deepEqual(await compress(file, sha256(TEXT)), [])
  assert.deepEqual(readdirSync(dirname(file)), ['hive.000000000001.jsonl.gz'])
  assert.equal(gunzipSync(readFileSync(`${file}.gz`)).toString(), TEXT)
})

test('a segment whose bytes are not those that were written stays as it is', async (t) => {
  const file = join(tempFolder(t), 'hive.000000000001.jsonl')
  writeFileSync(file, TEXT)
  appendFileSync(file, 'more')
  assert.match((await compress(file, sha256(TEXT))).join(), /not those that were written/)
  assert.deepEqual(readdirSync(dirname(file)), ['hive.000000000001.jsonl'])
})

test('a read that ends early costs no byte', async (t) => {
  const file = join(tempFolder(t), 'hive.000000000001.jsonl')
  writeFileSync(file, TEXT)
  // The file says that it is longer than what can be read of it, as a disk with an error does.
  const { default: promises } = await import('node:fs/promises')
  const { syncBuiltinESMExports } = await import('node:module')
  const { stat } = promises
  promises.stat = (async (path: string) =>
    Object.assign(await stat(path), { size: TEXT.length + 1 })) as typeof stat
  syncBuiltinESMExports()
  try {
    assert.match((await compress(file)).join(), /of its \d+ bytes were read/)
  } finally {
    promises.stat = stat
    syncBuiltinESMExports()
  }
  assert.equal(readFileSync(file, 'utf8'), TEXT)
  assert.ok(!existsSync(`${file}.gz`))
})
