/** An artifact is checked against the line that names it, and what lies beside a log's content against what is read. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { isMalformed } from '../../src/read/items.js'
import { readLog } from '../../src/read/read.js'
import { RefFinder } from '../../src/verify/refs.js'
import { verifyLog } from '../../src/verify/verify.js'
import { hivelog } from '../kit/reader-cli.js'
import { collect, scratch } from '../kit/reader-log.js'
import { SealedLog } from '../kit/sealed-log.js'

const found = async (file: string, artifacts = true): Promise<(string | number | undefined)[][]> =>
  (await verifyLog(file, { artifacts })).findings.map(({ kind, line }) => [kind, line])

test('artifacts that are whole are counted, and each is read once', async (t) => {
  const log = new SealedLog(join(scratch(t), 'hive.jsonl'))
  log.artifact('a'.repeat(9000))
  log.artifact('a'.repeat(9000))
  log.rotate({ gzip: true })
  log.artifact(Buffer.alloc(3_000_000, 7), 'plan')
  const content = 'window'
  const ref = createHash('sha256').update(content).digest('hex')
  mkdirSync(join(`${log.file}.artifacts`, ref.slice(0, 2)), { recursive: true })
  writeFileSync(join(`${log.file}.artifacts`, ref.slice(0, 2), ref), content)
  log.event('snapshot', { agentId: 'coder', label: 'x', ref, bytes: content.length }).seal()
  const report = await verifyLog(log.file)
  assert.deepEqual([report.findings, report.artifacts], [[], { named: 3, checked: 3, lost: 0, unnamed: 0 }])
})

test('a changed, cut, longer, or missing artifact is a finding at the line that names it', async (t) => {
  for (const [damage, kind] of [
    [(path: string) => writeFileSync(path, 'b'.repeat(9000)), 'artifact-changed'],
    [(path: string) => writeFileSync(path, 'a'.repeat(8999)), 'artifact-changed'],
    [(path: string) => appendFileSync(path, 'a'), 'artifact-changed'],
    [(path: string) => rmSync(path), 'artifact-missing'],
    [(path: string) => [rmSync(path), mkdirSync(path)], 'artifact-changed'],
  ] as const) {
    const log = new SealedLog(join(scratch(t), 'hive.jsonl')).events(2)
    const path = log.artifact('a'.repeat(9000))
    log.artifact('other')
    log.artifact('a'.repeat(9000))
    log.seal()
    damage(path)
    assert.deepEqual(await found(log.file), [[kind, 4]])
    assert.deepEqual(await found(log.file, false), [])
  }
})

test('where all artifacts are elsewhere, that is one finding', async (t) => {
  const cwd = scratch(t)
  const log = new SealedLog(join(cwd, 'hive.jsonl'))
  for (let i = 0; i < 50; i++) log.artifact(`content ${i}`)
  log.seal()
  rmSync(`${log.file}.artifacts`, { recursive: true })
  const { findings } = await verifyLog(log.file)
  assert.deepEqual(
    findings.map(({ kind, line }) => [kind, line]),
    [['artifact-missing', 2]],
  )
  assert.match(findings[0]?.message ?? '', /50 of them/)
  assert.equal((await hivelog(['verify'], { cwd })).code, 1)
  assert.equal((await hivelog(['verify', '--no-artifacts'], { cwd })).code, 0)
})

test('an artifact that no line names is a note', async (t) => {
  const log = new SealedLog(join(scratch(t), 'hive.jsonl'))
  const path = log.artifact('one')
  const stray = join(dirname(path), `${path.slice(-64, -1)}0`)
  writeFileSync(stray, 'nobody')
  writeFileSync(`${path}.0badcafe.tmp`, 'a draft')
  const report = await verifyLog(log.file)
  assert.deepEqual([report.ok, report.artifacts.unnamed], [true, 1])
  assert.match(report.notes.join(), /no line names one artifact/)
})

test('what only looks like a reference is none', async (t) => {
  const ref = 'a'.repeat(64)
  const log = new SealedLog(join(scratch(t), 'hive.jsonl'))
  log.event('deploy', {
    ref: 'main',
    commit: { ref, bytes: 1, more: true },
    text: `{"ref":"${ref}","bytes":1}`,
  })
  log.event('deploy', { note: { ref: 'not-stored', bytes: 12_000 }, deep: { er: { ref, bytes: 1 } } })
  log.event('deploy', { ref, bytes: 5 })
  assert.deepEqual((await verifyLog(log.file)).artifacts, { named: 0, checked: 0, lost: 0, unnamed: 0 })
})

test('an archived segment alone finds the artifacts of its log', async (t) => {
  const log = new SealedLog(join(scratch(t), 'hive.jsonl'))
  const path = log.artifact('one')
  const archived = log.rotate({ gzip: true })
  assert.deepEqual((await verifyLog(archived)).artifacts, { named: 1, checked: 1, lost: 0, unnamed: 0 })
  writeFileSync(path, 'two')
  assert.deepEqual(await found(archived), [['artifact-changed', 2]])
})

test('names are found however the bytes are cut into chunks', () => {
  const ref = 'b'.repeat(64)
  const lines = [
    `{"ts":1,"kind":"x"}`,
    `{"ts":1,"kind":"x","a":{"ref":"${ref}","bytes":3},"b":{"ref":"${ref}","bytes":4}}`,
  ]
  const bytes = Buffer.from([...lines, lines[0], lines[1], ''].join('\n'))
  for (let size = 1; size < 40; size++) {
    const finder = new RefFinder(true)
    let start = 0
    let line = 0
    for (let at = 0; at < bytes.length; at += size) {
      const chunk = bytes.subarray(at, at + size)
      finder.begin(chunk, at)
      for (
        let end = bytes.indexOf(10, start);
        end !== -1 && end < at + chunk.length;
        end = bytes.indexOf(10, start)
      ) {
        line++
        if (end > finder.next)
          finder.line(JSON.parse(bytes.toString('utf8', start, end)), start, end - start, line)
        start = end + 1
      }
    }
    assert.deepEqual(
      finder.take().map((each) => [each.line, each.bytes]),
      [
        [2, 3],
        [2, 4],
        [4, 3],
        [4, 4],
      ],
      `chunks of ${size}`,
    )
  }
})

/** A compressed segment with a header of somebody's making: another time, a file name, an extra field. */
function withHeader(gz: Buffer): Buffer {
  const name = Buffer.from('../../etc/passwd\0')
  const extra = Buffer.from([5, 0, 1, 2, 3, 4, 5])
  const head = Buffer.concat([
    gz.subarray(0, 3),
    Buffer.from([4 | 8, 9, 9, 9, 9]),
    gz.subarray(8, 10),
    extra,
    name,
  ])
  return Buffer.concat([head, gz.subarray(10)])
}

test('of a compressed segment the content counts: its header is no part of the log', async (t) => {
  const log = new SealedLog(join(scratch(t), 'hive.jsonl')).events(5)
  const archived = log.rotate({ gzip: true })
  log.events(2).seal()
  const original = readFileSync(archived)
  const content = gunzipSync(original)
  for (const same of [
    withHeader(original),
    gzipSync(content, { level: 1 }),
    Buffer.concat([original, gzipSync('')]),
    Buffer.concat([gzipSync(content.subarray(0, 100)), gzipSync(content.subarray(100))]),
    Buffer.concat([original, Buffer.alloc(100)]),
  ]) {
    writeFileSync(archived, same)
    assert.deepEqual(await found(log.file), [])
    assert.equal((await collect(readLog(log.file))).length, log.seq)
  }
})

test('what a reader would read or stumble over behind the data is damage', async (t) => {
  const log = new SealedLog(join(scratch(t), 'hive.jsonl')).events(5)
  const archived = log.rotate({ gzip: true })
  log.events(2).seal()
  const original = readFileSync(archived)
  for (const [more, kind] of [
    [gzipSync('{"ts":1,"kind":"approval","id":"e-1","approve":true,"seq":8}\n'), 'truncated'],
    [Buffer.from('trailing garbage'), 'unreadable'],
    [Buffer.from([0x1f, 0x8b, 8, 0]), 'unreadable'],
  ] as const) {
    writeFileSync(archived, Buffer.concat([original, more]))
    const kinds = (await found(log.file)).map(([each]) => each)
    assert.ok(kinds.includes(kind), `${kinds}`)
    const broken = (await collect(readLog(log.file))).filter(isMalformed)
    assert.notEqual(broken.length, 0)
  }
})

test('what a file alone cannot show is not found, and this is the whole list of it', async (t) => {
  const { privateKey, publicKey } = await import('../kit/sealed-log.js')
  const write = (): SealedLog => {
    const log = new SealedLog(join(scratch(t), 'hive.jsonl'), { key: privateKey })
    log.events(3).seal().events(3).rotate()
    return log.events(3).seal().events(3).seal()
  }
  const findings = async (log: SealedLog): Promise<unknown[]> =>
    (await verifyLog(log.file, { publicKey })).findings
  const cut = write()
  const lines = readFileSync(cut.file, 'utf8').split('\n')
  writeFileSync(cut.file, [...lines.slice(0, 6), ''].join('\n'))
  assert.deepEqual(await findings(cut), [], 'the live file cut at an earlier seal')
  const back = write()
  rmSync(back.file)
  renameSync(join(dirname(back.file), 'hive.000000000001.jsonl'), back.file)
  assert.deepEqual(await findings(back), [], 'an archived segment renamed to live')
  const tail = write()
  tail.decision('e-1', false)
  writeFileSync(tail.file, readFileSync(tail.file, 'utf8').replace('"approve":false', '"approve":true'))
  const report = await verifyLog(tail.file, { publicKey })
  assert.deepEqual([report.findings, report.unsealed.lines], [[], 2], 'the end since the last seal rewritten')
  tail.goOn().seal()
  const after = await verifyLog(tail.file, { publicKey })
  assert.deepEqual(
    [after.findings, after.adopted.length],
    [[], 1],
    'and adopted by the writer, after a crash',
  )
})
