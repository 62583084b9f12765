// Checks `hivelog export` against the real Jaeger and OpenTelemetry Collector, on free ports: what an export of a
// hive's file puts into one Jaeger, directly and through the collector, is what the hive itself sent to another one
// while it lived; and a log of another harness shows one span an agent life, in one trace.
// Usage: node scripts/check-export.mjs [JAEGER OTELCOL [BUILD]]; by default what scripts/backends.sh builds, and dist/.
// Closes with `export-to-jaeger: N passed, N failed`.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { spansIn, storedTrace } from './lib/jaeger.mjs'
import { freePorts, until } from './lib/programs.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
process.chdir(root)
const [jaeger, otelcol, build = 'dist'] = process.argv.length > 2 ? process.argv.slice(2) : backends()
const { startHive } = await import(pathToFileURL(resolve(build, 'index.js')).href)
const MAIN = resolve(build, 'cli/bin.js')
const work = mkdtempSync(join(tmpdir(), 'hivelog-export-'))
const children = []
let passed = 0
let failed = 0

function backends() {
  const run = spawnSync('bash', ['scripts/backends.sh'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (run.status === 3) {
    console.log('skipped: there is no Go to build the backends with')
    console.log('export-to-jaeger: 0 passed, 0 failed, 1 skipped')
    process.exit(0)
  }
  if (run.status !== 0) {
    console.log('export-to-jaeger: 0 passed, 1 failed')
    process.exit(1)
  }
  return ['jaeger', 'otelcol'].map((name) => new RegExp(`^${name}=(.+)$`, 'm').exec(run.stdout)[1])
}

async function check(name, run) {
  try {
    const said = await run()
    passed++
    console.log(`ok      ${name}${said ? `: ${said}` : ''}`)
  } catch (error) {
    failed++
    console.log(`FAILED  ${name}: ${error.stack ?? error}`)
  }
}

/** Starts a backend with its configuration moved to free ports. Returns the new port of each old one. */
async function start(name, command, config, oldPorts, env) {
  const ports = await freePorts(oldPorts.length)
  const at = Object.fromEntries(oldPorts.map((old, i) => [old, ports[i]]))
  let text = readFileSync(config, 'utf8')
  for (const old of oldPorts) text = text.replace(new RegExp(`(:|port: )${old}\\b`, 'g'), `$1${at[old]}`)
  const moved = join(work, `${name}.yaml`)
  writeFileSync(moved, text)
  const child = spawn(command, ['--config', moved], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      child.output = (child.output + data).slice(-4000)
    })
  }
  children.push(child)
  return { at, child }
}

const JAEGER_PORTS = [13133, 16686, 16685, 4317, 4318, 8888]

async function startJaeger(name) {
  const env = { JAEGER_DATA_DIR: join(work, name) }
  const { at, child } = await start(name, jaeger, 'collector-config/jaeger.yaml', JAEGER_PORTS, env)
  await until(name, async () => (await fetch(`http://127.0.0.1:${at[13133]}/status`)).ok).catch((error) => {
    throw new Error(`${error.message}\n${child.output}`)
  })
  return { otlp: `http://127.0.0.1:${at[4318]}`, grpc: at[4317], query: `http://127.0.0.1:${at[16686]}` }
}

async function startCollector(grpc) {
  const env = { COLLECTOR_DATA_DIR: join(work, 'otelcol'), JAEGER_OTLP_ENDPOINT: `127.0.0.1:${grpc}` }
  const ports = [4327, 4328, 13134, 8889]
  const { at, child } = await start('otelcol', otelcol, 'collector-config/local.yaml', ports, env)
  await until('collector', async () => (await fetch(`http://127.0.0.1:${at[13134]}/`)).ok).catch((error) => {
    throw new Error(`${error.message}\n${child.output}`)
  })
  return `http://127.0.0.1:${at[4328]}`
}

/** A trace as Jaeger tells it, when it has `count` spans. */
async function traceOf(query, id, count) {
  const trace = await until(`${count} spans of trace ${id}`, async () => {
    const found = spansIn(await storedTrace(query, id))
    return found.length >= count ? found : undefined
  })
  const byKey = (a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)
  const spans = trace.map((span) => ({
    id: span.spanId,
    name: span.name,
    kind: span.kind,
    parent: span.parentSpanId,
    links: (span.links ?? []).map(({ spanId }) => spanId),
    start: Number(BigInt(span.startTimeUnixNano) / 1000n),
    duration: Number((BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1000n),
    status: span.status,
    tags: (span.attributes ?? []).sort(byKey),
    logs: (span.events ?? [])
      .map(({ name, timeUnixNano, attributes = [] }) => ({
        name,
        timestamp: timeUnixNano,
        fields: attributes.sort(byKey),
      }))
      .sort(byKey),
    service: span.resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue,
  }))
  return spans.sort((a, b) => (a.id < b.id ? -1 : 1))
}

const tag = (span, key) => span.tags.find((each) => each.key === key)?.value.stringValue

/** Agents that outgrow a span, tools, calls, an approval, an error, and the session's own events. */
async function recordHive(name, otlp) {
  const file = join(work, `${name}.jsonl`)
  const hive = startHive({ file, serviceName: 'check-export', otlp: { url: `${otlp}/v1/traces` } })
  const lead = hive.spawn({ agentId: 'lead', name: 'Lead', isGod: true })
  for (let w = 1; w < 6; w++) {
    const worker = lead.spawn({ agentId: `w${w}`, name: `Worker ${w}`, model: 'm-1' })
    for (let i = 0; i < 130; i++) {
      const sent = lead.message({ to: worker.agentId, act: 'request', subject: `part ${i}` })
      if (i % 10 === 9) worker.drain([sent])
    }
    worker.tool({ name: 'grep', ok: w !== 2, ms: 3 })
    worker.call({ host: 'api.local', method: 'GET', path: '/x', status: w === 3 ? 503 : 200, ms: 5 })
    worker.usage({ model: 'm-1', inputTokens: 10 * w, outputTokens: w, costUsd: 0.01 })
    if (w === 4)
      await hive.approve(worker.escalate({ subject: 'Drop the users table?' }).id, false, { by: 'ana' })
    worker.end(w === 5 ? { error: 'no such table' } : {})
    await new Promise((done) => setTimeout(done, 5))
  }
  hive.message({ from: 'human', to: 'lead', act: 'inform', subject: 'Thanks' })
  lead.end()
  await hive.shutdown()
  const own = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map(JSON.parse)
    .filter((line) => line.trace)
  return { file, trace: own[0].trace, spans: new Set(own.map((line) => line.span)).size }
}

function exportTo(file, otlp, ...more) {
  const args = [MAIN, 'export', file, '--otlp', otlp, '--service-name', 'check-export', '--json', ...more]
  const run = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`exit code ${run.status}: ${run.stdout}${run.stderr}`)
  return JSON.parse(run.stdout)
}

/** The session's span ends with the hive, which the file tells to a few milliseconds. */
function assertSame(found, wanted) {
  if (found.length !== wanted.length) throw new Error(`${found.length} spans, not ${wanted.length}`)
  for (const [i, span] of wanted.entries()) {
    const other = found[i]
    const isNear = span.name === 'hive.session' && Math.abs(span.duration - other.duration) < 250_000
    const same = isNear ? { ...other, duration: span.duration } : other
    if (isDeepStrictEqual(same, span)) continue
    throw new Error(`exported: ${JSON.stringify(other)}\nlive:     ${JSON.stringify(span)}`)
  }
}

async function sameInBoth(name, live, target, exported) {
  const { file, trace, spans } = await recordHive(name, live.otlp)
  const report = exportTo(file, target)
  if (report.spans !== spans) throw new Error(`${report.spans} spans sent, not ${spans}`)
  const [wanted, found] = [
    await traceOf(live.query, trace, spans),
    await traceOf(exported.query, trace, spans),
  ]
  assertSame(found, wanted)
  return `${found.length} spans, ${report.events} events`
}

/** The kinds of another harness: no ids, an agent spawned again and again, senders that never spawn. */
const FOREIGN = [
  '{"ts":TS,"kind":"spawn","agentId":"god","name":"Nitya","isGod":true}',
  '{"ts":TS,"kind":"archive","agentId":"god","archived":true}',
  '{"ts":TS,"kind":"message","from":"scheduler","to":"god","act":"request","subject":"Standup","id":"m-1"}',
  '{"ts":TS,"kind":"spawn","agentId":"god","name":"Nitya","isGod":true}',
  '{"ts":TS,"kind":"archive","agentId":"god","archived":true}',
  '{"ts":TS,"kind":"message","from":"human","to":"god","act":"request","subject":"Task","id":"m-2","delivered":[]}',
  '{"ts":TS,"kind":"spawn","agentId":"jim","name":"Jim","isGod":false}',
  '{"ts":TS,"kind":"rename","agentId":"jim","previousName":"Jim","name":"James"}',
  '{"ts":TS,"kind":"spawn","agentId":"god","name":"Nitya","isGod":true}',
  '{"ts":TS,"kind":"drain","agentId":"god","count":2}',
]

async function foreignLives(target, exported) {
  const file = join(work, 'foreign.jsonl')
  const begin = Date.now() - 60_000
  writeFileSync(
    file,
    `${FOREIGN.map((line, i) => line.replace('TS', String(begin + i * 1000))).join('\n')}\n`,
  )
  const dry = spawnSync(process.execPath, [MAIN, 'export', file, '--format', 'otlp-json'], {
    encoding: 'utf8',
  })
  const { traceId } = JSON.parse(dry.stdout.split('\n')[0]).resourceSpans[0].scopeSpans[0].spans[0]
  const report = exportTo(file, target)
  if (report.traces !== 1) throw new Error(`${report.traces} traces`)
  const spans = await traceOf(exported.query, traceId, report.spans)
  const lives = spans.filter((span) => tag(span, 'gen_ai.operation.name') === 'invoke_agent')
  const counts = ['god', 'jim'].map(
    (id) => lives.filter((span) => tag(span, 'gen_ai.agent.id') === id).length,
  )
  if (!isDeepStrictEqual(counts, [3, 1])) throw new Error(`${counts} lives, not 3,1`)
  if (spans.length !== 5) throw new Error(`${spans.length} spans, not 4 lives and the session`)
  return `${lives.length} lives, ${spans.length} spans, 1 trace`
}

try {
  let live
  let exported
  let collector
  await check('two Jaegers and a collector start on free ports', async () => {
    ;[live, exported] = await Promise.all([startJaeger('live'), startJaeger('exported')])
    collector = await startCollector(exported.grpc)
  })
  if (collector !== undefined) {
    await check('an export into an empty Jaeger is what the live hive gave another', () =>
      sameInBoth('direct', live, exported.otlp, exported),
    )
    await check('the same through the collector', () => sameInBoth('collected', live, collector, exported))
    await check('a log of another harness is one span an agent life, in one trace', () =>
      foreignLives(exported.otlp, exported),
    )
  }
} finally {
  await Promise.all(
    children.map((child) => {
      if (child.exitCode !== null || child.signalCode !== null) return undefined
      const gone = new Promise((done) => child.once('exit', done))
      child.kill('SIGTERM')
      const killer = setTimeout(() => child.kill('SIGKILL'), 10_000)
      return gone.finally(() => clearTimeout(killer))
    }),
  )
  rmSync(work, { recursive: true, force: true })
}
console.log(`export-to-jaeger: ${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
