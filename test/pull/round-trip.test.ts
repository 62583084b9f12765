/** What was sent as log records comes back byte for byte: every line, each once, with its segments and artifacts. */
import assert from 'node:assert/strict'
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { startHive } from '../../src/index.js'
import { type PulledLog, pullSession } from '../../src/pull/pull.js'
import { verifyLog } from '../../src/read.js'
import { shipOtlpLogs } from '../../src/ship/otlp-logs.js'
import { anyText } from '../kit/any-text.js'
import { packageRoot, tempFolder } from '../kit/hive-support.js'
import { LogStore } from '../kit/log-store.js'
import { cases } from '../kit/long-run.js'

/** The files of a hive, unpacked, but for what belongs to its writer and readers of the moment. */
function filesOf(folder: string, under = ''): Map<string, string> {
  const files = new Map<string, string>()
  for (const entry of readdirSync(join(folder, under), { withFileTypes: true })) {
    const path = join(under, entry.name)
    if (/\.(lock|otlp-logs|index|cursors)$/.test(entry.name)) continue
    if (entry.isDirectory()) for (const [name, bytes] of filesOf(folder, path)) files.set(name, bytes)
    else {
      const bytes = readFileSync(join(folder, path))
      files.set(
        path.replace(/\.gz$/, ''),
        (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('latin1'),
      )
    }
  }
  return files
}

const sorted = (files: Map<string, string>): [string, string][] =>
  [...files].sort(([a], [b]) => (a < b ? -1 : 1))

function assertSame(copy: string, original: string): void {
  const [found, wanted] = [filesOf(copy), filesOf(original)]
  assert.deepEqual([...found.keys()].sort(), [...wanted.keys()].sort())
  for (const [name, bytes] of wanted) assert.ok(found.get(name) === bytes, `${name} is the same`)
}

const ship = (store: LogStore, file: string) => shipOtlpLogs([file], { url: store.logsUrl, once: true })

async function pull(store: LogStore, session: string, out: string): Promise<PulledLog[]> {
  return pullSession({ url: store.url, session, out })
}

test('a hive with segments, packed ones, artifacts and a child process', async (t) => {
  const [store, folder] = [await LogStore.start(t), tempFolder(t)]
  const file = join(folder, 'hive', 'hive.jsonl')
  mkdirSync(join(folder, 'hive'))
  const rotate = { maxBytes: 20_000, gzip: true }
  const hive = startHive({ file, sessionId: 'S "1" \\ ü', rotate })
  const lead = hive.spawn({ agentId: 'lead', name: 'Lead' })
  for (let i = 0; i < 400; i++) {
    lead.message({
      to: 'coder',
      act: 'inform',
      subject: `step ${i}: grüße \u{1f41d} "q" \\ \t\u0000${'x'.repeat(i)}`,
    })
    if (i % 50 === 0) await hive.flush()
  }
  lead.snapshot({ label: 'text', content: 'state '.repeat(100) })
  lead.snapshot({ label: 'long', content: 'ü'.repeat(700_000) })
  const coder = lead.spawn({ agentId: 'coder', name: 'Coder' })
  const child = startHive({ file: coder.env().HIVELOG_FILE as string, sessionId: 'S "1" \\ ü' })
  child.log('child.note', { of: 'a child' })
  await child.shutdown()
  await hive.shutdown()

  const shipped = await ship(store, file)
  const original = filesOf(join(folder, 'hive'))
  const lines = [...original]
    .filter(([name]) => name.endsWith('.jsonl'))
    .map(([, text]) => text.split('\n').length - 1)
  assert.ok(lines.length > 3, 'several segments')
  assert.equal(
    shipped.reduce((sum, each) => sum + each.lines, 0),
    lines.reduce((sum, each) => sum + each, 0),
  )
  const out = join(folder, 'copy')
  const pulled = await pull(store, 'S "1" \\ ü', out)
  assert.deepEqual(
    pulled.map(({ missing, conflicts }) => [...missing, ...conflicts]),
    [[], []],
  )
  assertSame(out, join(folder, 'hive'))
  const report = await verifyLog(join(out, 'hive.jsonl'))
  assert.deepEqual(report.findings, [])
  assert.equal(report.artifacts.checked, 2)

  // An artifact that is gone is named, and sent again without any line.
  const [lost] = store.rows.flatMap((row) => row['hive.artifact'] ?? []) as [string]
  store.rows = store.rows.filter((row) => row['hive.artifact'] !== lost)
  const [without] = await pull(store, 'S "1" \\ ü', join(folder, 'without'))
  assert.deepEqual(without?.artifactsMissing, [lost])
  const filled = await shipOtlpLogs([file], {
    url: store.logsUrl,
    once: true,
    present: async () => ({ hasLine: () => true, hasArtifact: (ref) => ref !== lost }),
  })
  assert.deepEqual(
    filled.map(({ lines, artifacts }) => [lines, artifacts]),
    [
      [0, 1],
      [0, 0],
    ],
  )
  await pull(store, 'S "1" \\ ü', join(folder, 'again'))
  assertSame(join(folder, 'again'), join(folder, 'hive'))
})

test('logs of other writers: no seq, no session, no text at all', async (t) => {
  const [store, folder] = [await LogStore.start(t), tempFolder(t)]
  mkdirSync(join(folder, 'hive'))
  const file = join(folder, 'hive', 'other.jsonl')
  writeFileSync(file, readFileSync(join(packageRoot(), 'test/fixtures/munder-difflin.log.jsonl')))
  appendFileSync(file, Buffer.from([0xff, 0x00, 0xc3, 0x28, 10]))
  appendFileSync(file, '\n\r\n \ufeff{"ts":-5,"kind":"x"}\n{"ts":9e15,"kind":"far"}\n')
  appendFileSync(
    file,
    `{"ts":1,"kind":"long","text":"${'\u{1f41d}ü'.repeat(400_000)}"}\n${'\xff'.repeat(100)}\n`,
  )
  appendFileSync(file, Buffer.concat([Buffer.alloc(1_000_001, 0xfe), Buffer.from('\n')]))
  const [shipped] = await ship(store, file)
  const session = shipped?.session as string
  assert.match(session, /^log_[0-9a-f]{16}$/)
  const out = join(folder, 'copy')
  const [pulled] = await pull(store, session, out)
  assert.deepEqual(pulled?.missing, [])
  assertSame(out, join(folder, 'hive'))
})

test('any lines at all, in requests of any size', async (t) => {
  const [store, folder] = [await LogStore.start(t), tempFolder(t)]
  let run = 0
  const line = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    anyText({ maxLength: 40 }).map((text) => Buffer.from(text)),
    fc.json().map((text) => Buffer.from(`{"ts":${run},"kind":"k","v":${text}}`)),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 500 }),
      async (lines, maxBytes) => {
        const name = `run-${run++}`
        mkdirSync(join(folder, name))
        const file = join(folder, name, 'hive.jsonl')
        const first = Buffer.from(`{"ts":1,"kind":"first","session":"${name}"}\n`)
        const bytes = lines.map((each) => Buffer.from(each).filter((byte) => byte !== 10))
        writeFileSync(file, Buffer.concat([first, ...bytes.flatMap((each) => [each, Buffer.from('\n')])]))
        await shipOtlpLogs([file], { url: store.logsUrl, once: true, maxBytes })
        const [pulled] = await pull(store, name, join(folder, `${name}-copy`))
        assert.equal(pulled?.lines, lines.length + 1)
        assertSame(join(folder, `${name}-copy`), join(folder, name))
        store.rows = []
      },
    ),
    { numRuns: cases(60, 60) },
  )
})

test('what was sent twice comes once, and a second pull goes on', async (t) => {
  const [store, folder] = [await LogStore.start(t), tempFolder(t)]
  mkdirSync(join(folder, 'hive'))
  const file = join(folder, 'hive', 'hive.jsonl')
  const lines = (from: number, to: number): string =>
    Array.from(
      { length: to - from },
      (_, i) => `{"ts":${from + i},"kind":"k","session":"s","i":${from + i}}\n`,
    ).join('')
  writeFileSync(file, lines(1, 50))
  await ship(store, file)
  store.rows = [...store.rows, ...store.rows]
  const out = join(folder, 'copy')
  assert.equal((await pull(store, 's', out))[0]?.lines, 49)
  assertSame(out, join(folder, 'hive'))
  appendFileSync(file, lines(50, 80))
  await ship(store, file)
  assert.equal((await pull(store, 's', out))[0]?.lines, 79)
  assertSame(out, join(folder, 'hive'))
})

test('what is missing is named, in the middle and where a segment ends', async (t) => {
  const [store, folder] = [await LogStore.start(t), tempFolder(t)]
  const file = join(folder, 'hive.jsonl')
  const hive = startHive({ file, sessionId: 's', rotate: { maxBytes: 4_000 } })
  for (let i = 0; i < 60; i++) {
    hive.log('note', { i, text: 'x'.repeat(100) })
    await hive.flush()
  }
  await hive.shutdown()
  await ship(store, file)
  const all = store.rows
  const starts = [...new Set(all.map((row) => Number(row['hive.segment'])))].sort((a, b) => a - b)
  assert.ok(starts.length > 2)
  const [, second, third] = starts as [number, number, number]
  // Two lines in the middle of a segment, and the last two of the one before the third.
  const gone = new Set([second + 3, second + 4, third - 1, third - 2].map(String))
  store.rows = all.filter((row) => !gone.has(row['hive.seq'] as string))
  const [pulled] = await pull(store, 's', join(folder, 'copy'))
  assert.deepEqual(
    pulled?.missing.map(({ after, before }) => [after, before]),
    [
      [second + 2, second + 5],
      [third - 3, third],
    ],
  )
  // All of the first segment.
  store.rows = all.filter((row) => Number(row['hive.segment']) !== 1)
  const [headless] = await pull(store, 's', join(folder, 'headless'))
  assert.deepEqual(
    headless?.missing.map(({ after, before }) => [after, before]),
    [[0, second]],
  )
  // Filled again: only what is missing goes.
  store.rows = all.filter((row) => !gone.has(row['hive.seq'] as string))
  const places = new Set(store.rows.map((row) => `${row['hive.segment']} ${row['hive.offset']}`))
  const [filled] = await shipOtlpLogs([file], {
    url: store.logsUrl,
    once: true,
    present: async () => ({
      hasLine: (segment, offset) => places.has(`${segment} ${offset}`),
      hasArtifact: () => false,
    }),
  })
  assert.deepEqual([filled?.lines, filled?.present], [gone.size, all.length - gone.size])
  const [whole] = await pull(store, 's', join(folder, 'whole'))
  assert.deepEqual(whole?.missing, [])
  assert.ok(readFileSync(join(folder, 'whole', 'hive.jsonl')).equals(readFileSync(file)))
})

test('an answer that is cut short is asked for again', async (t) => {
  const [store, folder] = [await LogStore.start(t), tempFolder(t)]
  const file = join(folder, 'hive.jsonl')
  writeFileSync(
    file,
    Array.from({ length: 20 }, (_, i) => `{"ts":${i + 1},"kind":"k","session":"s"}\n`).join(''),
  )
  await ship(store, file)
  const logs = store.rows.length
  assert.equal(logs, 20)
  // Not the question for logs, nor that for segments.
  let asked = 0
  Object.defineProperty(store, 'cutAfter', {
    get: () => (++asked === 3 ? 5 : undefined),
    set: () => {},
  })
  const [pulled] = await pull(store, 's', join(folder, 'copy'))
  assert.deepEqual(pulled?.missing, [])
  assert.ok(readFileSync(join(folder, 'copy', 'hive.jsonl')).equals(readFileSync(file)))
})

test('names that a stranger gave lead nowhere else', async (t) => {
  const [store, folder] = [await LogStore.start(t), tempFolder(t)]
  const names = [
    '../../evil.jsonl',
    '/etc/evil.jsonl',
    'a/b.jsonl',
    'x.jsonl.agents/../../evil.jsonl',
    'con.jsonl',
    '.hidden.jsonl',
    'a\u0000b.jsonl',
    '-rf.jsonl/..',
    'hive.000000000001.jsonl',
    'C:\\evil.jsonl',
    'ok.jsonl',
    'ok.jsonl.agents/child.jsonl',
    'OK.jsonl',
  ]
  store.rows = names.map((name, i) => ({
    'session.id': 's',
    'hive.log': i.toString(16).padStart(16, '0'),
    'hive.file': name,
    'hive.segment': '1',
    'hive.offset': '0',
    'hive.bytes': '1',
    'hive.seq': '1',
    _msg: 'x',
    _time: '1',
  }))
  const out = join(folder, 'in', 'copy')
  mkdirSync(join(folder, 'in'))
  const pulled = await pull(store, 's', out)
  assert.equal(pulled.length, names.length)
  const logs = sorted(filesOf(out))
    .map(([name]) => name)
    .filter((name) => !name.endsWith('.origin'))
  assert.equal(logs.length, names.length)
  const odd = logs.filter((name) => !/^[0-9a-f]{16}\.jsonl$/.test(name))
  assert.deepEqual(odd.map((name) => name.toLowerCase()).sort(), ['ok.jsonl', 'ok.jsonl.agents/child.jsonl'])
  assert.deepEqual(readdirSync(folder), ['in'])
  assert.deepEqual(readdirSync(join(folder, 'in')), ['copy'])
})

test('what is there with other bytes stays, unless it is to be replaced', async (t) => {
  const [store, folder] = [await LogStore.start(t), tempFolder(t)]
  const file = join(folder, 'hive.jsonl')
  writeFileSync(file, '{"ts":1,"kind":"k","session":"s"}\n')
  await ship(store, file)
  const out = join(folder, 'copy')
  mkdirSync(out)
  writeFileSync(join(out, 'hive.jsonl'), 'mine\n')
  await assert.rejects(pull(store, 's', out), /hive\.jsonl is there with other bytes; .*--replace/)
  assert.equal(readFileSync(join(out, 'hive.jsonl'), 'utf8'), 'mine\n')
  assert.deepEqual(readdirSync(out), ['hive.jsonl'])
  await pullSession({ url: store.url, session: 's', out, replace: true })
  assert.equal(readFileSync(join(out, 'hive.jsonl'), 'utf8'), readFileSync(file, 'utf8'))
  assert.equal(existsSync(join(out, '.hive.jsonl.pulling')), false)
})

test('a store that cannot be asked, or says what makes no sense', async (t) => {
  const [store, folder] = [await LogStore.start(t), tempFolder(t)]
  const out = join(folder, 'copy')
  store.rows = [
    {
      'session.id': 's',
      'hive.log': 'a'.repeat(16),
      'hive.file': 'a.jsonl',
      'hive.segment': 'x',
      'hive.bytes': '1',
      'hive.offset': '0',
      _msg: '',
      _time: '1',
    },
  ]
  await assert.rejects(pull(store, 's', out), /says no number where it should/)
  const { url } = store
  await store.close()
  await assert.rejects(
    pullSession({ url, session: 's', out }),
    /^PullError: cannot ask http:\/\/127.*ECONNREFUSED/,
  )
})
