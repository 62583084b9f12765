/**
 * Lines of hives over Collector, Kafka and Collector into VictoriaLogs, each part killed meanwhile: what comes back is
 * byte for byte what was written. HIVELOG_TEST_LOG_LINES says how many events (default 100,000; with a cluster
 * 50,000).
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { cleanEnvironment, defer, tempFolder } from '../kit/hive-support.js'
import { MAIN } from '../kit/reader-cli.js'
import { kafka, type Name, without } from './harness/backends.js'
import { cluster, logsFromKafka, logsToKafka, node, type Store } from './harness/logs.js'
import { type Program, pause, until } from './harness/program.js'

const EVENTS = Number(process.env.HIVELOG_TEST_LOG_LINES ?? 100_000)
const EVENTS_CLUSTER = Number(process.env.HIVELOG_TEST_LOG_LINES ?? 50_000)
const HIVES = 4
/** Events a second: what leaves the machine's two cores time for everybody. */
const RATE = 8_000

interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

function run(t: TestContext, args: string[]): Promise<Ran> {
  const child = spawn(process.execPath, args, { env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] })
  defer(t, () => {
    if (child.exitCode === null) child.kill('SIGKILL')
  })
  const ran: Ran = { code: null, stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    ran.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    ran.stderr += text
  })
  return once(child, 'close').then(([code]) => ({ ...ran, code: code as number }))
}

/** All files of a log, unpacked: what `pull` has to bring. */
function filesOf(folder: string, stem: string): Map<string, Buffer> {
  const names = readdirSync(folder).filter(
    (name) => name.startsWith(`${stem}.`) && /\.jsonl(\.gz)?$/.test(name),
  )
  return new Map(
    names.map((name) => {
      const bytes = readFileSync(join(folder, name))
      return [name.replace(/\.gz$/, ''), name.endsWith('.gz') ? gunzipSync(bytes) : bytes]
    }),
  )
}

async function query(store: Store, logsql: string): Promise<{ rows: Record<string, string>[]; ms: number }> {
  const begun = performance.now()
  const response = await fetch(`${store.select}/select/logsql/query`, {
    method: 'POST',
    body: new URLSearchParams({ query: logsql }),
  })
  const text = await response.text()
  const ms = performance.now() - begun
  if (!response.ok) throw new Error(text)
  return {
    rows: text
      .split('\n')
      .slice(0, -1)
      .map((row) => JSON.parse(row)),
    ms,
  }
}

interface Pulled {
  file: string
  lines: number
  missing: { after?: number; before?: number }[]
  artifactsMissing: string[]
}

async function pull(t: TestContext, store: Store, session: string, out: string): Promise<Pulled> {
  const ran = await run(t, [
    MAIN,
    'pull',
    '--from',
    store.select,
    '--session',
    session,
    '--out',
    out,
    '--json',
  ])
  assert.ok(ran.code === 0 || ran.code === 1, ran.stderr)
  assert.equal(ran.stderr, '')
  const [log] = ran.stdout.split('\n')
  const pulled = JSON.parse(log as string) as Pulled
  assert.equal(ran.code, pulled.missing.length + pulled.artifactsMissing.length > 0 ? 1 : 0)
  return pulled
}

/** Lines of a log that the store has, however often. */
async function stored(store: Store, session: string): Promise<number> {
  const by = '"hive.segment", "hive.offset"'
  const { rows } = await query(
    store,
    `{"session.id"="${session}"} "hive.offset":* | uniq by (${by}) | stats count() n`,
  )
  return Number(rows[0]?.n ?? 0)
}

const linesIn = (files: Map<string, Buffer>): number =>
  [...files.values()].reduce((sum, bytes) => sum + bytes.toString('latin1').split('\n').length - 1, 0)

/** Waits until the store has so many lines, or no more come. */
async function settled(store: Store, session: string, lines: number): Promise<number> {
  let last = -1
  let since = Date.now()
  for (;;) {
    const found = await stored(store, session)
    if (found !== last) since = Date.now()
    last = found
    if (found >= lines || Date.now() - since > 12_000) return found
    await pause(1_000)
  }
}

async function lose(parts: Program[], betweenMs: number): Promise<void> {
  for (const part of parts) {
    await pause(betweenMs)
    await part.kill()
    await pause(500)
    await part.start()
  }
}

const options = (...names: Name[]) => ({
  skip: without(...names),
  timeout: Math.max(240_000, EVENTS * 2),
})

for (const [shape, make, events] of [
  ['one node', node, EVENTS],
  ['a cluster of three', cluster, EVENTS_CLUSTER],
] as const) {
  test(`hive → Collector → Kafka → Collector → VictoriaLogs, ${shape}, each killed`, {
    ...options('OTELCOL', 'KAFKA', 'VICTORIALOGS'),
  }, async (t) => {
    const folder = tempFolder(t)
    const logs = join(folder, 'logs')
    mkdirSync(logs)
    const [store, broker] = [await make(t, folder), await kafka(t, folder)]
    await Promise.all([...store.parts.map((part) => part.start()), broker.start()])
    const [writer, reader] = [
      await logsToKafka(t, folder, broker),
      await logsFromKafka(t, folder, broker, store),
    ]
    await Promise.all([writer.start(), reader.start()])

    const program = fileURLToPath(new URL('hive/record-lines.js', import.meta.url))
    const begun = Date.now()
    const paceMs = (events / RATE) * 1000
    const url = `${writer.endpoint}/v1/logs`
    const recording = run(t, [program, logs, String(HIVES), String(events / HIVES), url, String(paceMs)])
    const stores = store.parts
    // The store first: until a reader that was killed is given its partitions again, nothing is on its way to it.
    const killed = [...stores.slice(0, 1), ...stores.slice(3), writer, broker, reader]
    await lose(killed, Math.max(500, paceMs / (killed.length + 1) - 2_500))
    const { code, stdout, stderr } = await recording
    assert.equal(code, 0, stderr)
    assert.doesNotMatch(stderr, /not sent|refuse|reject/)
    const { recordMs, shutdownMs } = JSON.parse(stdout)

    let [lines, before, missing, pulls] = [0, 0, 0, 0]
    const found = await Promise.all(
      Array.from({ length: HIVES }, (_, i) =>
        settled(store, `session-${i}`, linesIn(filesOf(logs, `hive-${i}`))),
      ),
    )
    for (const [i, there] of found.entries()) {
      const session = `session-${i}`
      const file = join(logs, `hive-${i}.jsonl`)
      const original = filesOf(logs, `hive-${i}`)
      const wanted = linesIn(original)
      lines += wanted
      before += there
      const first = await pull(t, store, session, join(folder, `first-${i}`))
      // What a store lost that was killed is named, or is the very end of the log.
      assert.equal(first.lines, there)
      const isCut = first.missing.length > 0 || there < wanted || first.artifactsMissing.length > 0
      missing += wanted - there
      if (isCut) {
        const again = [
          MAIN,
          'ship',
          '--once',
          '--otlp-logs',
          url,
          '--missing-in',
          store.select,
          '--json',
          file,
        ]
        const filled = await run(t, again)
        assert.equal(filled.code, 0, filled.stderr)
        const { lines: sent, present } = JSON.parse(filled.stdout)
        assert.deepEqual([sent, present], [wanted - there, there], 'only what is missing is sent')
        await until(async () => (await stored(store, session)) === wanted, `${wanted} lines of ${session}`)
        const artifacts = `{"session.id"="${session}"} "hive.artifact":*`
        await until(async () => (await query(store, artifacts)).rows.length > 0, `the artifact of ${session}`)
      }
      const out = join(folder, `copy-${i}`)
      const from = performance.now()
      const pulled = await pull(t, store, session, out)
      pulls += performance.now() - from
      assert.deepEqual(pulled.missing, [])
      const copy = filesOf(out, `hive-${i}`)
      assert.deepEqual([...copy.keys()].sort(), [...original.keys()].sort())
      for (const [name, bytes] of original) assert.ok(copy.get(name)?.equals(bytes), `${name} is the same`)
      const verified = await run(t, [MAIN, 'verify', join(out, `hive-${i}.jsonl`)])
      assert.equal(verified.code, 0, verified.stdout)
    }
    const times: number[] = []
    for (let i = 0; i < 20; i++) {
      const session = `{"session.id"="session-${i % HIVES}"}`
      const { rows, ms } = await query(store, `${session} "hive.kind":="escalate" | fields _time, _msg`)
      assert.ok(rows.length > 0)
      times.push(ms)
    }
    times.sort((a, b) => a - b)
    const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
    console.log(
      [
        `${t.name}: ${lines.toLocaleString('en')} lines of ${HIVES} hives`,
        `  recorded in ${seconds(recordMs)}, sent ${seconds(shutdownMs)} later; all in ${seconds(Date.now() - begun)}`,
        `  in the store after ${killed.length} kills: ${before.toLocaleString('en')}, missing ${missing}, filled again`,
        `  pulled, ${HIVES} of ${HIVES} byte for byte, in ${seconds(pulls)}`,
        `  escalations of one session: median ${times[10]?.toFixed(0)} ms, slowest ${times.at(-1)?.toFixed(0)} ms`,
      ].join('\n'),
    )
  })
}

test('a real store keeps lines of any kind as they are', options('VICTORIALOGS'), async (t) => {
  const folder = tempFolder(t)
  const store = await node(t, folder)
  await Promise.all(store.parts.map((part) => part.start()))
  const file = join(folder, 'odd.jsonl')
  const odd: (string | Buffer)[] = [
    '{"ts":1000,"kind":"first","session":"a \\"b\\" \\\\ \\u00fc/{}|"}',
    '',
    ' ',
    '\r',
    'no json at all',
    '\u0000\u0001\u001b[2J\u2028\u{1f41d}',
    Buffer.from([0xff, 0xfe, 0x00, 0x80]),
    '\ufeff{"ts":5,"kind":"bom"}',
    '{"ts":-1,"kind":"old"}',
    '{"ts":8.64e15,"kind":"far"}',
    `{"ts":2000,"kind":"long","text":"${'\u{1f41d}"ü'.repeat(300_000).replaceAll('"', '\\"')}"}`,
    Buffer.alloc(1_500_000, 0xfe),
    `{"ts":3000,"kind":"${'k'.repeat(5_000)}","agentId":"${'a'.repeat(5_000)}"}`,
    `{"ts":3000,"kind":"${'\u0007\u{1f41d}'.repeat(20)}"}`,
    '{"ts":4000,"kind":"_msg","_msg":"x","_time":"y","hive.offset":"7"}',
    ...Array.from({ length: 300 }, (_, i) => `{"ts":${5000 + i},"kind":"k${i}","session":"s${i}"}`),
  ]
  writeFileSync(file, Buffer.concat(odd.flatMap((each) => [Buffer.from(each as string), Buffer.from('\n')])))
  const url = `${store.insert}/insert/opentelemetry/v1/logs`
  const sent = await run(t, [MAIN, 'ship', '--once', '--otlp-logs', url, file])
  assert.equal(sent.code, 0, sent.stderr)
  await pause(2_500)
  const out = join(folder, 'copy')
  const ran = await run(t, [
    MAIN,
    'pull',
    '--from',
    store.select,
    '--session',
    'a "b" \\ ü/{}|',
    '--out',
    out,
    '--json',
  ])
  const { missing, conflicts } = JSON.parse(ran.stdout)
  assert.deepEqual([ran.code, missing, conflicts], [0, [], []], ran.stderr)
  assert.ok(readFileSync(join(out, 'odd.jsonl')).equals(readFileSync(file)))
})
