/** A second thread that takes the lines of a file apart gives what parsing them gives, also where it cannot go on. */
import assert from 'node:assert/strict'
import { appendFileSync, closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { FlatReader, flatProgram, flatThread } from '../../src/read/flat.js'
import { FLAT_BYTES, type FlatProgram } from '../../src/read/flat-scan.js'
import { FlatThread } from '../../src/read/flat-thread.js'
import { isMalformed, type LogItem } from '../../src/read/items.js'
import { ItemReader } from '../../src/read/lines.js'
import { itemsOf } from '../../src/read/read.js'
import { openSource, type Source } from '../../src/read/sources.js'
import { lines as anyLines } from '../kit/any-lines.js'
import { cases, seedOfRun } from '../kit/long-run.js'
import { scratch } from '../kit/reader-log.js'

const messages = (count: number): string =>
  Array.from({ length: count }, (_, i) =>
    JSON.stringify({
      ts: 1_700_000_000_000 + i,
      kind: i % 7 === 0 ? 'usage' : 'message',
      seq: i + 1,
      from: `agent-${i % 50}`,
      to: [`agent-${(i * 7) % 50}`, 'reader'],
      subject: `what number ${i} asks`,
      id: `m-${i}`,
      costUsd: i / 8,
    }),
  ).join('\n')

/** As its line says it: fields that a line has not are `undefined` in events that were taken apart. */
function plain(item: LogItem): LogItem {
  if (isMalformed(item)) return item
  const fields = Object.entries(item.event).filter(([, value]) => value !== undefined)
  return { ...item, event: Object.fromEntries(fields) } as LogItem
}

interface Reading {
  items: LogItem[]
  /** Events that were taken apart. */
  apart: number
  offset: number
}

async function read(source: Source, reader: ItemReader, during = () => {}): Promise<Reading> {
  const items: LogItem[] = []
  let apart = 0
  for await (const some of itemsOf(source, reader)) {
    during()
    for (const item of some) {
      if (!isMalformed(item) && Object.values(item.event).includes(undefined)) apart++
      items.push(plain(item))
    }
  }
  return { items, apart, offset: reader.offset }
}

interface Given {
  offset?: number
  /** Where reading ends. Default: with the file. */
  end?: number
  /** What the thread reads. Default: the file. */
  fd?: number
  /** Called with each batch of the thread's items. */
  during?: () => void
}

const threadFor = (source: Source, from: number, fd = source.handle.fd): FlatThread =>
  new FlatThread(fd, from, flatProgram(false) as FlatProgram)

/** Reads a file from an offset on both ways. */
async function both(
  file: string,
  { offset = 0, end, fd, during }: Given = {},
): Promise<{ threaded: Reading; parsed: Reading }> {
  const start = { offset, line: 3, count: 5 }
  const source = (await openSource(file)) as Source
  if (end !== undefined) source.end = end
  try {
    const thread = threadFor(source, offset, fd)
    const threaded = await read(source, new FlatReader(file, start, {}, { thread }), during)
    return { threaded, parsed: await read(source, new ItemReader(file, start, {})) }
  } finally {
    await source.handle.close()
  }
}

function written(t: TestContext, content: string | Buffer): string {
  const file = join(scratch(t), 'hive.jsonl')
  writeFileSync(file, content)
  return file
}

test('whatever the bytes of a file are', async (t) => {
  const file = written(t, '')
  const long = `{"ts":1,"kind":"note","text":"${'x'.repeat(2 * FLAT_BYTES)}"}`
  const pieces = fc.oneof(
    {
      arbitrary: anyLines.map((lines) => Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]))),
      weight: 4,
    },
    {
      arbitrary: fc.integer({ min: 1, max: 3000 }).map((count) => Buffer.from(`${messages(count)}\n`)),
      weight: 4,
    },
    {
      arbitrary: fc.constantFrom(`${long}\n`, long, '\n\n', '{"ts":').map((text) => Buffer.from(text)),
      weight: 1,
    },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(pieces, { maxLength: 6 }).map(Buffer.concat), fc.nat(), async (bytes, cut) => {
      writeFileSync(file, bytes)
      const { threaded, parsed } = await both(file, { end: cut % (bytes.length + 1) })
      assert.deepEqual(threaded, { ...parsed, apart: threaded.apart })
    }),
    { numRuns: cases(3000, 25), seed: seedOfRun() },
  )
})

test('a long file, from a line within it: each event is taken apart', async (t) => {
  const content = `${messages(40_000)}\n`
  const offset = content.indexOf('\n', 1000) + 1
  const { threaded, parsed } = await both(written(t, content), { offset })
  assert.ok(content.length > 16 * FLAT_BYTES)
  assert.deepEqual(threaded.items, parsed.items)
  assert.equal(threaded.apart, parsed.items.length)
  assert.equal(threaded.offset, content.length)
})

test('what is written meanwhile is read too', async (t) => {
  const file = written(t, `${messages(5000)}\n`)
  let added = 0
  const during = (): void => {
    if (added++ < 5) appendFileSync(file, `{"ts":9,"kind":"late"}\n`)
  }
  const { threaded } = await both(file, { during })
  assert.ok(added > 5)
  assert.equal(threaded.items.length, 5005)
})

test('a thread that cannot read', async (t) => {
  const fd = openSync(join(scratch(t), 'unreadable'), 'w')
  const { threaded, parsed } = await both(written(t, `${messages(3000)}\n`), { fd })
  closeSync(fd)
  assert.equal(threaded.apart, 0)
  assert.deepEqual(threaded.items, parsed.items)
})

test('a thread that comes to an end within a line, and within one that is longer than it can take', async (t) => {
  const long = `{"ts":1,"kind":"note","text":"${'x'.repeat(3 * FLAT_BYTES)}"}\n`
  for (const content of [`${messages(3000)}\n`, `${messages(300)}\n${long}${messages(3)}\n`]) {
    const part = openSync(written(t, content.slice(0, 150_000)), 'r')
    const { threaded, parsed } = await both(written(t, content), { fd: part })
    closeSync(part)
    assert.ok(threaded.apart > 100 && threaded.apart < parsed.items.length)
    assert.deepEqual(threaded.items, parsed.items)
  }
})

test('who reads no further leaves no thread', async (t) => {
  const file = written(t, `${messages(20_000)}\n`)
  const source = (await openSource(file)) as Source
  const start = { offset: 0, line: 0, count: 0 }
  const thread = threadFor(source, 0)
  for await (const items of itemsOf(source, new FlatReader(file, start, {}, { thread }))) {
    assert.ok(items.length > 0)
    assert.ok(process.getActiveResourcesInfo().includes('MessagePort'))
    break
  }
  assert.ok(!process.getActiveResourcesInfo().includes('MessagePort'))
  await source.handle.close()
})

test('only a long plain file is worth a thread', async (t) => {
  const source = (await openSource(written(t, `${messages(10)}\n`))) as Source
  assert.equal(flatThread(source, 0, true), undefined)
  await source.handle.close()
})
