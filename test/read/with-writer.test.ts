/** The readers beside the real writer: while it writes, rotates and compresses, and across its crashes. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { followLog } from '../../src/read/follow.js'
import { isMalformed, type LogItem } from '../../src/read/items.js'
import { readLog } from '../../src/read/read.js'
import { tailLog } from '../../src/read/tail.js'
import { verifyLog } from '../../src/verify/verify.js'
import { pause, tempFolder } from '../kit/journal-kit.js'

const LIVES = 5
const WRITER = fileURLToPath(new URL('../programs/reader-writer-child.js', import.meta.url))

function startWriter(file: string): ChildProcess {
  const options = JSON.stringify({ fsync: 'no', rotate: { maxBytes: 500_000, gzip: true } })
  return spawn(process.execPath, [WRITER, file, options], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

async function all(items: AsyncIterable<LogItem>): Promise<LogItem[]> {
  const list: LogItem[] = []
  for await (const item of items) list.push(item)
  return list
}

const seqOf = (item: LogItem): number | undefined => (isMalformed(item) ? undefined : item.seq)

test('five writers killed one after the other, rotating and compressing: nobody reads a false line', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const stop = new AbortController()
  t.after(() => stop.abort())
  const followed: LogItem[] = []
  const following = (async () => {
    for await (const item of followLog(file, { signal: stop.signal })) followed.push(item)
  })()
  for (let life = 1; life <= LIVES; life++) {
    const writer = startWriter(file)
    t.after(() => writer.kill('SIGKILL'))
    const lines = followed.length
    while (followed.length < lines + 2_000) {
      assert.equal(writer.exitCode, null, 'the writer runs')
      await pause(5)
    }
    const [report, last] = await Promise.all([verifyLog(file), all(tailLog(file, 10))])
    assert.deepEqual(report.findings, [], 'a log that is being written is no damaged log')
    const seqs = last.map(seqOf).filter((seq) => seq !== undefined)
    assert.deepEqual(
      seqs,
      seqs.map((_, i) => (seqs[0] as number) + i),
    )
    await kill(writer)
  }

  const report = await verifyLog(file)
  const read = await all(readLog(file))
  assert.deepEqual(
    report.findings.filter(({ kind }) => kind !== 'malformed'),
    [],
    'a torn tail is all there may be',
  )
  assert.ok(report.files.length > 1, `rotated: ${report.files.length} segments`)
  assert.equal(
    report.lastSeq,
    read.map(seqOf).findLast((seq) => seq !== undefined),
  )
  const whole = read.map(seqOf).filter((seq) => seq !== undefined)
  assert.deepEqual(
    whole,
    whole.map((_, i) => i + 1),
    'readLog gives each line once',
  )
  while ((followed.map(seqOf).findLast((seq) => seq !== undefined) ?? 0) < whole.length) await pause(5)
  stop.abort()
  await following
  assert.deepEqual(
    followed.map(seqOf).filter((seq) => seq !== undefined),
    whole,
    'followLog gives each line once',
  )
})
