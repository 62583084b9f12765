import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isMalformed, type LogItem } from '../../src/read/items.js'
import { readLog } from '../../src/read/read.js'
import { tailLog } from '../../src/read/tail.js'
import { collect, scratch } from '../kit/reader-log.js'

const GOOD = '{"ts":1,"kind":"x"}'
const told = (items: LogItem[]): string[] =>
  items.map((item) => (isMalformed(item) ? item.reason : item.event.kind))

const FILES: [name: string, content: string | Buffer, expected: string[]][] = [
  ['empty', '', []],
  ['no final newline', `${GOOD}\n${GOOD}`, ['x', 'x']],
  ['cut off in the last line', `${GOOD}\n{"ts":1,`, ['x', 'last line is unfinished: JSON cut short']],
  ['CRLF', `${GOOD}\r\n${GOOD}\r\n`, ['x', 'x']],
  ['byte order mark', `\ufeff${GOOD}\n${GOOD}\n`, ['x', 'x']],
  ['empty lines', `\n${GOOD}\n\n`, ['empty line', 'x', 'empty line']],
  [
    'invalid UTF-8',
    Buffer.from(`${GOOD}\n{"ts":1,"kind":"\xe9"}\n${GOOD}\n`, 'latin1'),
    ['x', 'invalid UTF-8', 'x'],
  ],
  ['NUL bytes', `${GOOD}\n${'\0'.repeat(5000)}\n${GOOD}\n`, ['x', 'NUL bytes', 'x']],
  [
    'binary',
    Buffer.from([0xff, 0xfe, 0, 1, 2, 0x0a, 0x1f, 0x8b]),
    ['invalid UTF-8', 'last line is unfinished: invalid UTF-8'],
  ],
  ['another format', 'level=info msg="hello"\n', ['invalid JSON']],
  ['array', `[${GOOD}]\n`, ['not a JSON object']],
  ['unclosed nesting', `${'['.repeat(1e5)}\n${GOOD}\n`, ['invalid JSON', 'x']],
]

for (const [name, content, expected] of FILES) {
  test(`a hostile file is read to its end, forward and backward: ${name}`, async (t) => {
    const file = join(scratch(t), 'hive.jsonl')
    writeFileSync(file, content)
    const forward = await collect(readLog(file))
    assert.deepEqual(told(forward), expected)
    const backward = await collect(tailLog(file, 100))
    assert.deepEqual(
      backward,
      forward.map(({ line: _, ...item }) => item),
    )
  })
}

test('a malformed line says where it is, how long it is, and how it begins', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  writeFileSync(file, `${GOOD}\n${'é'.repeat(1000)}\n`)
  const [, bad] = await collect(readLog(file))
  assert.deepEqual(bad, {
    malformed: 'é'.repeat(200),
    reason: 'invalid JSON',
    offset: GOOD.length + 1,
    file,
    line: 2,
    bytes: 2000,
  })
})

test('a line over the bound is skipped and counted, forward and backward', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const long = `{"ts":1,"kind":"long","a":"${'a'.repeat(700_000)}"}`
  writeFileSync(file, `${GOOD}\n${long}\n${GOOD}\n`)
  for (const read of [readLog(file, { maxLineBytes: 1000 }), tailLog(file, 9, { maxLineBytes: 1000 })]) {
    const items = await collect(read)
    assert.deepEqual(told(items), ['x', `line of ${long.length} bytes is too long`, 'x'])
    const bad = items[1] as LogItem
    assert.ok(isMalformed(bad))
    assert.equal(bad.malformed, long.slice(0, 200))
    assert.equal(bad.bytes, long.length)
    assert.equal(bad.offset, GOOD.length + 1)
  }
  assert.deepEqual(told(await collect(readLog(file))), ['x', 'long', 'x'])
})

test('a line far over the bound is not held in memory', (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  writeFileSync(file, `${GOOD}\n`)
  const url = new URL('../../src/read/', import.meta.url)
  const script = `import { truncateSync, appendFileSync } from 'node:fs'
    const { readLog } = await import('${url}read.js')
    const { tailLog } = await import('${url}tail.js')
    truncateSync(${JSON.stringify(file)}, 600e6)
    appendFileSync(${JSON.stringify(file)}, '\\n')
    for (const read of [readLog, (file) => tailLog(file, 5)])
      for await (const item of read(${JSON.stringify(file)})) console.log(item.reason ?? item.event.kind)
    console.log(process.resourceUsage().maxRSS < 400e3 ? 'flat' : 'maxRSS ' + process.resourceUsage().maxRSS)`
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  const skipped = 'line of 599999980 bytes is too long'
  assert.equal(run.stdout, `x\n${skipped}\nx\n${skipped}\nflat\n`, run.stderr)
})

test('a directory is refused with one clear line', async (t) => {
  const folder = scratch(t)
  mkdirSync(join(folder, 'hive.jsonl'))
  const message = `cannot read ${join(folder, 'hive.jsonl')}: it is a directory; name the log file in it`
  await assert.rejects(collect(readLog(join(folder, 'hive.jsonl'))), { message })
  await assert.rejects(collect(tailLog(join(folder, 'hive.jsonl'), 1)), { message })
})

test('a file that must not be read is refused with one clear line', (t) => {
  const folder = scratch(t)
  const file = join(folder, 'hive.jsonl')
  writeFileSync(file, GOOD)
  chmodSync(folder, 0o755)
  chmodSync(file, 0)
  // Root may read everything, so the child becomes nobody.
  const script = `const { readLog } = await import('${new URL('../../src/read/read.js', import.meta.url)}')
    if (process.getuid?.() === 0) process.setuid(65534)
    try { for await (const item of readLog(${JSON.stringify(file)})) console.log(item) }
    catch (error) { console.log(error.message) }`
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  assert.equal(run.stdout, `cannot read ${file}: no permission to read it\n`, run.stderr)
})
