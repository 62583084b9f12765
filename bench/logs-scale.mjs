// node bench/logs-scale.mjs [--lines 500000] [--hives 10] [--only HIVE,SERVE,NODE,KAFKA,CLUSTER]
//
// What carries whole logs away from the machine that wrote them, for docs/scale.md: hivelog serve; a VictoriaLogs node;
// Collector, Kafka and Collector before it; a VictoriaLogs cluster of three. Sends the logs of some hives with hivelog
// ship, gets them back with hivelog pull, compares the bytes, and asks for one session's escalations. All real programs
// (scripts/backends.sh builds them), all on this machine at once, so that CPU time a line says more than lines a second.
// Takes some minutes; measures dist/, so build first.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { backends } from './lib/backends.mjs'
import { writeHiveLogs } from './lib/hive-logs.mjs'
import { hivelog } from './lib/hivelog-run.mjs'
import { machine } from './lib/machine.mjs'
import { answers, cpuSeconds, freePorts, residentMiB, start, until } from './lib/programs.mjs'
import { table } from './lib/report.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const MAIN = join(root, 'dist/cli/bin.js')
const { values } = parseArgs({
  options: {
    lines: { type: 'string', default: '500000' },
    hives: { type: 'string', default: '10' },
    only: { type: 'string', default: 'HIVE,SERVE,NODE,KAFKA,CLUSTER' },
  },
})
const hives = Number(values.hives)
const wanted = new Set(values.only.toUpperCase().split(','))
const binary = backends()
const work = mkdtempSync(join(tmpdir(), 'hivelog-logs-scale-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130))

const { files, lines, bytes } = writeHiveLogs(work, { hives, lines: Number(values.lines) })

const rows = []
const note = (what, name, cpu, rss) =>
  rows.push([
    what,
    name,
    ((cpu / lines) * 1e6).toFixed(1),
    Math.round(lines / cpu).toLocaleString('en-US'),
    rss.toFixed(0),
  ])

async function drive(what, args, programs, arrived) {
  const before = programs.map(({ pid }) => cpuSeconds(pid))
  const from = performance.now()
  const ship = await hivelog('ship', '--once', ...args, ...files)
  await until(`${what}: all is through`, arrived, 600_000)
  const took = (performance.now() - from) / 1000
  note(what, 'hivelog ship', ship.cpu, ship.rss)
  for (const [i, { name, pid }] of programs.entries())
    note(what, name, cpuSeconds(pid) - before[i], residentMiB(pid))
  console.error(
    `logs-scale: ${what}: ${lines} lines in ${took.toFixed(1)} s, ${Math.round(lines / took)} a second`,
  )
}

/** Gets all back, and compares. */
async function back(what, url, programs, ...more) {
  const before = programs.map(({ pid }) => cpuSeconds(pid))
  const from = performance.now()
  let [cpu, rss] = [0, 0]
  for (let i = 0; i < hives; i++) {
    const out = join(work, `${what.replace(/\W+/g, '-')}-${i}`)
    const pulled = await hivelog('pull', '--from', url, '--session', `session-${i}`, '--out', out, ...more)
    cpu += pulled.cpu
    rss = Math.max(rss, pulled.rss)
    if (!readFileSync(join(out, `hive-${i}.jsonl`)).equals(readFileSync(files[i])))
      throw new Error(`${what}: other bytes`)
    rmSync(out, { recursive: true })
  }
  const took = (performance.now() - from) / 1000
  note(`${what}, back`, 'hivelog pull', cpu, rss)
  for (const [i, { name, pid }] of programs.entries())
    note(`${what}, back`, name, cpuSeconds(pid) - before[i], residentMiB(pid))
  console.error(`logs-scale: ${what}: ${hives} of ${hives} logs back, byte for byte, in ${took.toFixed(1)} s`)
}

async function query(url, logsql) {
  const from = performance.now()
  const response = await fetch(`${url}/select/logsql/query`, {
    method: 'POST',
    body: new URLSearchParams({ query: logsql }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return { text, ms: performance.now() - from }
}

async function latency(what, url) {
  const times = []
  for (let i = 0; i < 50; i++) {
    const asked = `{"session.id"="session-${i % hives}"} "hive.kind":="escalate" | fields _time, _msg`
    times.push((await query(url, asked)).ms)
  }
  times.sort((a, b) => a - b)
  console.error(
    `logs-scale: ${what}: escalations of one session: median ${times[25].toFixed(1)} ms, slowest ${times[49].toFixed(1)} ms`,
  )
}

const count = async (url) => {
  const { text } = await query(url, '"hive.offset":* | stats count() n')
  return Number(JSON.parse(text || '{"n":"0"}').n) >= lines
}

async function victoriaLogs(name, args) {
  const [port] = await freePorts(1)
  const own = [`-httpListenAddr=127.0.0.1:${port}`, '-memory.allowedBytes=512MB', ...args]
  const program = await start(name, binary('victorialogs'), own, {}, () =>
    answers(`http://127.0.0.1:${port}/health`),
  )
  return { ...program, url: `http://127.0.0.1:${port}`, address: `127.0.0.1:${port}` }
}

const storage = (name) => [
  `-storageDataPath=${join(work, name)}`,
  '-retentionPeriod=1y',
  '-inmemoryDataFlushInterval=1s',
]

async function disk(what, ...folders) {
  // Small parts are merged soon after.
  await pause(10_000)
  const sizes = folders.map((folder) =>
    Number(spawnSync('du', ['-sb', join(work, folder)], { encoding: 'utf8' }).stdout.split('\t')[0]),
  )
  const sum = sizes.reduce((a, b) => a + b, 0)
  console.error(`logs-scale: ${what}: ${(sum / lines).toFixed(1)} bytes a line on disk`)
}

/** A hive process that records 10,000 events a second, without and with otlpLogs, by turns: what one call takes. */
async function measureHive() {
  const node = await victoriaLogs('VictoriaLogs', storage('hive'))
  const url = `${node.url}/insert/opentelemetry/v1/logs`
  const script = `import { startHive } from ${JSON.stringify(join(root, 'dist/index.js'))}
    const hive = startHive({ file: process.argv[1], otlp: false, otlpLogs: process.argv[2] === 'on' && { url: ${JSON.stringify(url)} }, shutdownTimeoutMs: 60000 })
    const agents = Array.from({ length: 200 }, (_, i) => hive.spawn({ agentId: 'agent-' + i, name: 'Agent ' + i }))
    const calls = []
    const end = Date.now() + 10000
    while (Date.now() < end) {
      for (let i = 0; i < 100; i++) {
        const from = process.hrtime.bigint()
        agents[calls.length % 200].message({ to: 'agent-' + ((calls.length * 7) % 200), act: 'inform', subject: 'Review the schema of table ' + (calls.length % 977) })
        calls.push(Number(process.hrtime.bigint() - from) / 1000)
      }
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await hive.shutdown()
    const { user, system } = process.cpuUsage()
    const events = calls.length
    calls.sort((a, b) => a - b)
    console.log(JSON.stringify({ events, p99: calls[Math.floor(events * 0.99)], cpu: (user + system) / events, rss: process.resourceUsage().maxRSS / 1024 }))`
  const runs = { off: [], on: [] }
  for (let i = 0; i < 3; i++) {
    for (const way of ['off', 'on']) {
      const args = ['--input-type=module', '-e', script, join(work, `own-${way}-${i}.jsonl`), way]
      const run = spawnSync(process.execPath, args, { encoding: 'utf8' })
      if (run.status !== 0 || run.stderr !== '') throw new Error(run.stderr)
      runs[way].push(JSON.parse(run.stdout))
    }
  }
  const median = (way, what) => runs[way].map((run) => run[what]).sort((a, b) => a - b)[1]
  for (const way of ['off', 'on']) {
    const what = `a hive at 10,000 events/s, otlpLogs ${way}`
    const cpu = median(way, 'cpu')
    rows.push([
      what,
      'hive process',
      cpu.toFixed(1),
      Math.round(1e6 / cpu).toLocaleString('en-US'),
      median(way, 'rss').toFixed(0),
    ])
    console.error(`logs-scale: ${what}: p99 of a call ${median(way, 'p99').toFixed(1)} µs`)
  }
  await node.stop()
}

async function measureServe() {
  const [port] = await freePorts(1)
  const tokens = join(work, 'tokens.json')
  const added = spawnSync(
    process.execPath,
    [MAIN, 'token', 'add', 'bench', '--scope', 'ingest,read', '--tokens', tokens],
    { encoding: 'utf8' },
  )
  const token = added.stdout.trim()
  const args = [MAIN, 'serve', '--store', join(work, 'store'), '--tokens', tokens, '--port', String(port)]
  const server = await start('hivelog serve', process.execPath, args, {}, () =>
    answers(`http://127.0.0.1:${port}/healthz`),
  )
  const url = `http://127.0.0.1:${port}`
  await drive('serve', ['--to', url, '--token', token], [server], () => true)
  const known = await fetch(`${url}/api/logs`, { headers: { authorization: `Bearer ${token}` } })
  if (known.ok) await back('serve', url, [server], '--token', token)
  await server.stop()
}

async function measureNode() {
  const node = await victoriaLogs('VictoriaLogs', storage('node'))
  await drive('one node', ['--otlp-logs', `${node.url}/insert/opentelemetry/v1/logs`], [node], () =>
    count(node.url),
  )
  await disk('one node', 'node')
  await latency('one node', node.url)
  await back('one node', node.url, [node])
  await node.stop()
}

async function measureCluster() {
  const storages = []
  for (const i of [1, 2, 3]) storages.push(await victoriaLogs(`storage ${i}`, storage(`storage-${i}`)))
  const nodes = `-storageNode=${storages.map(({ address }) => address).join(',')}`
  const insert = await victoriaLogs('insert', [nodes, '-select.disable'])
  const select = await victoriaLogs('select', [nodes, '-insert.disable'])
  const url = `${insert.url}/insert/opentelemetry/v1/logs`
  await drive('cluster of three', ['--otlp-logs', url], [insert, ...storages], () => count(select.url))
  await disk('cluster of three', 'storage-1', 'storage-2', 'storage-3')
  await latency('cluster of three', select.url)
  await back('cluster of three', select.url, [select, ...storages])
  for (const program of [insert, select, ...storages]) await program.stop()
}

async function collector(name, config, env) {
  const [grpc, http, health, metrics] = await freePorts(4)
  const ports = {
    COLLECTOR_GRPC_PORT: grpc,
    COLLECTOR_HTTP_PORT: http,
    COLLECTOR_HEALTH_PORT: health,
    COLLECTOR_METRICS_PORT: metrics,
  }
  const own = Object.fromEntries(Object.entries(ports).map(([key, port]) => [key, String(port)]))
  const args = ['--config', join(root, 'collector-config', config)]
  const env_ = { COLLECTOR_DATA_DIR: join(work, name), ...own, ...env }
  const program = await start(name, binary('otelcol'), args, env_, () =>
    answers(`http://127.0.0.1:${health}/`),
  )
  return { ...program, http }
}

async function measureKafka() {
  const [port, controller] = await freePorts(2)
  const config = join(root, 'scripts/kafka/server.properties')
  const env = {
    KAFKA_DATA_DIR: join(work, 'kafka'),
    KAFKA_PORT: String(port),
    KAFKA_CONTROLLER_PORT: String(controller),
  }
  const java = [
    '-Xmx512m',
    `-Dlog4j2.configurationFile=${join(root, 'scripts/kafka/log4j2.properties')}`,
    '-cp',
    join(binary('kafka'), 'libs/*'),
  ]
  const run = (...args) =>
    spawnSync('java', [...java, ...args], { env: { ...process.env, ...env }, encoding: 'utf8' })
  const id = run('kafka.tools.StorageTool', 'random-uuid').stdout.trim()
  run('kafka.tools.StorageTool', 'format', '-t', id, '-c', config)
  const isUp = () =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true) ?? socket.destroy())
      socket.on('error', () => resolve(false))
    })
  const broker = await start('Kafka broker', 'java', [...java, 'kafka.Kafka', config], env, isUp)
  const node = await victoriaLogs('VictoriaLogs', storage('behind-kafka'))
  const KAFKA_BROKERS = `[127.0.0.1:${port}]`
  const before = await collector('collector before Kafka', 'logs-kafka.yaml', { KAFKA_BROKERS })
  const behind = await collector('collector behind Kafka', 'logs-kafka-to-victorialogs.yaml', {
    KAFKA_BROKERS,
    VICTORIALOGS_URL: node.url,
  })
  await drive(
    'over Kafka',
    ['--otlp-logs', `http://127.0.0.1:${before.http}`],
    [before, broker, behind, node],
    () => count(node.url),
  )
  // Not its indexes, which are files of one size from the start.
  const du = spawnSync('sh', ['-c', 'cat kafka/otlp_logs-*/*.log | wc -c'], { cwd: work, encoding: 'utf8' })
  console.error(`logs-scale: Kafka: ${(Number(du.stdout) / lines).toFixed(1)} bytes a line in its topic`)
  for (const program of [before, behind, node, broker]) await program.stop()
}

mkdirSync(join(work, 'out'))
if (wanted.has('HIVE')) await measureHive()
if (wanted.has('SERVE')) await measureServe()
if (wanted.has('NODE')) await measureNode()
if (wanted.has('KAFKA')) await measureKafka()
if (wanted.has('CLUSTER')) await measureCluster()

console.log('# Logs at scale\n')
for (const [name, value] of Object.entries(machine(work))) console.log(`- ${name}: ${value}`)
console.log(
  `- ${lines.toLocaleString('en-US')} lines of ${hives} hives, ${(bytes / lines).toFixed(0)} bytes each\n`,
)
console.log(table(['way', 'program', 'CPU µs a line', 'lines a CPU second', 'MiB resident'], rows))
