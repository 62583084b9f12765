/** Before anybody is told that a line is on disk it is looked whether it is where it belongs. */
import assert from 'node:assert/strict'
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { Journal } from '../../src/journal/journal.js'
import { append, captureDiag, tempFolder } from '../kit/journal-kit.js'

// biome-ignore lint/suspicious/noExplicitAny: lines of any kind
const linesOf = (file: string): any[] =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line)]
      } catch {
        return []
      }
    })

const DEEDS: Record<string, (file: string) => void> = {
  'its folder is removed': (file) => rmSync(dirname(file), { recursive: true }),
  'its folder is replaced by another': (file) => {
    renameSync(dirname(file), `${dirname(file)}.old`)
    mkdirSync(dirname(file))
  },
  'the file is deleted': (file) => rmSync(file),
  'the file is replaced': (file) => {
    writeFileSync(`${file}.new`, '{"ts":1,"kind":"x"}\n')
    renameSync(`${file}.new`, file)
  },
  'the file is cut': (file) => truncateSync(file, 5),
  'the file is overwritten by a shorter one': (file) => {
    const fd = openSync(file, 'w')
    writeSync(fd, '{"ts":1,"kind":"x"}\n')
    closeSync(fd)
  },
}

for (const [what, deed] of Object.entries(DEEDS)) {
  for (const fsync of ['always', 'everysec', 'no'] as const) {
    test(`${fsync}: ${what}: no line is promised that is not there, and the log goes on`, async (t) => {
      const told = captureDiag(t)
      const file = join(tempFolder(t), 'logs', 'hive.jsonl')
      const journal = new Journal({ file, session: 's-1', fsync })
      const first = append(journal, { n: -1 })
      await journal.durable(first)
      deed(file)
      const promised = new Set<number>()
      for (let n = 0; n < 25; n++) {
        const ticket = append(journal, { n })
        await journal.durable(ticket).then(
          () => promised.add(n),
          (error) => assert.equal(error.code, 'ERR_HIVELOG_NOT_DURABLE'),
        )
      }
      assert.ok(promised.size >= 20, `the log goes on: ${promised.size} of 25 are promised`)
      await assert.rejects(journal.durable(first), { code: 'ERR_HIVELOG_NOT_DURABLE' })
      await journal.close()

      const lines = linesOf(file)
      const there = new Set(lines.filter(({ kind }) => kind === 'message').map(({ n }) => n))
      for (const n of promised) assert.ok(there.has(n), `event ${n} was promised`)
      const gap = lines.find(({ kind }) => kind === 'log.gap')
      assert.ok(gap !== undefined && gap.lost >= 1, 'what is gone is told of')
      for (let n = -1; n < 25; n++) {
        if (there.has(n)) continue
        assert.ok(!promised.has(n))
      }
      assert.ok(told.some((line) => /a new segment begins/.test(line)))
      for (const [index, line] of lines.entries()) assert.equal(line.seq, lines[0].seq + index)

      const again = new Journal({ file, session: 's-2', fsync })
      append(again)
      await again.close()
    })
  }
}

test('a line that was synced before its file went is not promised afterwards', async (t) => {
  captureDiag(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const journal = new Journal({ file, session: 's-1', fsync: 'always' })
  const ticket = append(journal)
  await journal.flush()
  rmSync(file)
  await assert.rejects(journal.durable(ticket), { code: 'ERR_HIVELOG_NOT_DURABLE', message: /was removed/ })
  await journal.close()
})

test('events that wait when the file goes are in the new one, in their order', async (t) => {
  captureDiag(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const journal = new Journal({ file, session: 's-1', fsync: 'no' })
  await journal.durable(append(journal, { n: 0 }))
  rmSync(file)
  // One of them looks as if it had a `seq` of its own.
  for (let n = 1; n <= 50; n++)
    append(journal, { n, inner: { a: 1, seq: n + 2, session: 's-1' }, text: '"seq":3,' })
  await assert.rejects(journal.durable(1))
  await assert.rejects(journal.flush(), { code: 'ERR_HIVELOG_NOT_DURABLE' })
  await journal.flush()
  await journal.close()
  const events = linesOf(file).filter(({ kind }) => kind === 'message')
  assert.deepEqual(
    events.map(({ n }) => n),
    Array.from({ length: 50 }, (_, index) => index + 1),
  )
  for (const { n, inner } of events) assert.equal(inner.seq, n + 2, 'what an event holds is not touched')
})
