/** A file whose first line has no end within what a line may have is no log, and is said to be none. */
import assert from 'node:assert/strict'
import { closeSync, ftruncateSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { identityOf } from '../../src/ship/segments.js'
import { tempFolder } from '../kit/hive-support.js'
import { hivelog } from '../kit/reader-cli.js'

/** As docs/format.md has it. */
const BOUND = 64 * 1024 * 1024

/** So many bytes without a newline, which take no room on the disk; then `rest`. */
function endless(file: string, bytes: number, rest = ''): string {
  const fd = openSync(file, 'w')
  ftruncateSync(fd, bytes)
  if (rest !== '') writeSync(fd, rest, bytes)
  closeSync(fd)
  return file
}

const REFUSAL = /its first line does not end within 64 MiB, so it is no log/

test('the first line is as long as a line may be, and no byte longer', async (t) => {
  const folder = tempFolder(t)
  const longest = await identityOf(endless(join(folder, 'longest.jsonl'), BOUND, '\n'))
  assert.match(longest?.log ?? '', /^[0-9a-f]{16}$/)
  await assert.rejects(identityOf(endless(join(folder, 'longer.jsonl'), BOUND + 1, '\n')), REFUSAL)
})

test('an archived segment that unpacks without an end is held no further', async (t) => {
  const folder = tempFolder(t)
  writeFileSync(join(folder, 'hive.000000000001.jsonl.gz'), gzipSync(Buffer.alloc(300 * 1024 * 1024)))
  writeFileSync(join(folder, 'hive.jsonl'), '{"ts":1,"kind":"note","seq":2}\n')
  await assert.rejects(identityOf(join(folder, 'hive.jsonl')), REFUSAL)
})

test('ship says so in one line', async (t) => {
  const file = endless(join(tempFolder(t), 'hive.jsonl'), 2 * BOUND)
  const { code, stdout, stderr } = await hivelog(['ship', '--to', 'http://127.0.0.1:9', file])
  assert.deepEqual([code, stdout], [2, ''])
  assert.match(
    stderr,
    /^hivelog: cannot read [^\n]*hive\.jsonl: its first line does not end within 64 MiB, so it is no log\n$/,
  )
})
