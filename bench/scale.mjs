// node bench/scale.mjs [--seconds 20] [--only FILE,COLLECTOR,KAFKA,JAEGER]
//
// What one process of each kind carries, for docs/scale.md: a hive that records, with and without OTLP; a collector
// with its queue on disk (gateway.yaml); a Kafka partition between two of them (kafka.yaml, kafka-to-jaeger.yaml); a
// Jaeger with its embedded database. All real programs (scripts/backends.sh builds them), all on this machine at once,
// so that a figure per CPU second says more than one per second. Takes some minutes; measures dist/, so build first.
import { spawnSync } from 'node:child_process'
import { createReadStream, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { backends } from './lib/backends.mjs'
import { writeHiveLog } from './lib/hive-log.mjs'
import { machine } from './lib/machine.mjs'
import { answers, cpuSeconds, freePorts, residentMiB, start, until } from './lib/programs.mjs'
import { table } from './lib/report.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const MAIN = join(root, 'dist/cli/bin.js')
const SENDERS = 4
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    only: { type: 'string', default: 'FILE,COLLECTOR,KAFKA,JAEGER' },
  },
})
const seconds = Number(values.seconds)
const wanted = new Set(values.only.toUpperCase().split(','))
const binary = backends()
const work = mkdtempSync(join(tmpdir(), 'hivelog-scale-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130))

/** The requests that an export of a hive's log makes, to be sent again and again. */
async function requests() {
  const file = join(work, 'hive.jsonl')
  const events = writeHiveLog(file, 100_000)
  const out = join(work, 'spans.jsonl')
  const run = spawnSync(process.execPath, [MAIN, 'export', '--format', 'otlp-json', '-o', out, file], {
    stdio: 'pipe',
  })
  if (run.status !== 0) throw new Error(`export: ${run.stderr}`)
  const bodies = []
  for await (const line of createInterface({ input: createReadStream(out) })) {
    const body = Buffer.from(line)
    let spans = 0
    let points = 0
    for (const { scopeSpans } of JSON.parse(line).resourceSpans)
      for (const scope of scopeSpans)
        for (const span of scope.spans) {
          spans++
          // A tool or a call is an event too: its span is its line.
          points +=
            span.name.startsWith('invoke_agent') || span.name === 'hive.session' ? span.events.length : 1
        }
    bodies.push({ body, spans, events: points })
  }
  const bytes = statSync(file).size
  const gzipped = gzipSync(spawnSync('cat', [file], { maxBuffer: 1 << 30 }).stdout).length
  const sent = bodies.reduce((sum, each) => sum + each.body.length, 0)
  return { bodies, line: bytes / events, gzipped: gzipped / events, otlp: sent / events }
}

/** Sends the requests for a time, from several connections at once; a refusal is waited out, as SDKs do. */
async function send(port, bodies) {
  const agent = new Agent({ keepAlive: true, maxSockets: SENDERS })
  const sum = { events: 0, spans: 0, refused: 0 }
  const end = Date.now() + seconds * 1000
  let next = 0
  const post = (body) =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': body.length }
      const call = request(
        { host: '127.0.0.1', port, path: '/v1/traces', method: 'POST', agent, headers },
        (response) => {
          response.resume().on('end', () => resolve(response.statusCode))
        },
      )
      call.on('error', reject).end(body)
    })
  const sender = async () => {
    while (Date.now() < end) {
      const { body, events, spans } = bodies[next++ % bodies.length]
      if ((await post(body)) === 200) {
        sum.events += events
        sum.spans += spans
      } else {
        sum.refused++
        await pause(200)
      }
    }
  }
  await Promise.all(Array.from({ length: SENDERS }, sender))
  agent.destroy()
  return sum
}

async function metric(port, name) {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  const rows = text.split('\n').filter((line) => line.startsWith(name))
  return rows.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

/** A collector with one of the shipped configurations. */
async function collector(name, config, env) {
  const [grpc, http, health, metrics] = await freePorts(4)
  const ports = {
    COLLECTOR_GRPC_PORT: grpc,
    COLLECTOR_HTTP_PORT: http,
    COLLECTOR_HEALTH_PORT: health,
    COLLECTOR_METRICS_PORT: metrics,
  }
  const data = join(work, name)
  const program = await start(
    name,
    binary('otelcol'),
    ['--config', config.startsWith('/') ? config : join(root, 'collector-config', config)],
    {
      COLLECTOR_DATA_DIR: data,
      ...Object.fromEntries(Object.entries(ports).map(([key, port]) => [key, String(port)])),
      ...env,
    },
    () => answers(`http://127.0.0.1:${health}/`),
  )
  return { ...program, grpc, http, metrics }
}

/** Where everything ends that is not measured: counts spans and forgets them. */
function sinkConfig() {
  const path = join(work, 'sink.yaml')
  writeFileSync(
    path,
    `extensions: {health_check: {endpoint: "127.0.0.1:\${env:COLLECTOR_HEALTH_PORT}"}}
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:\${env:COLLECTOR_GRPC_PORT}", max_recv_msg_size_mib: 64}, http: {endpoint: "127.0.0.1:\${env:COLLECTOR_HTTP_PORT}", max_request_body_size: 67108864}}}}
exporters: {debug: {verbosity: basic, sampling_initial: 1, sampling_thereafter: 1000000}}
service:
  extensions: [health_check]
  pipelines: {traces: {receivers: [otlp], exporters: [debug]}}
  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: "\${env:COLLECTOR_METRICS_PORT}"}}}}]}}
`,
  )
  return path
}

const SUNK = 'otelcol_receiver_accepted_spans'
const rows = []

/** Drives a chain until all that was accepted has come out of it, and notes what each program in it cost. */
async function drive(what, port, bodies, programs, arrived) {
  const before = programs.map(({ pid }) => cpuSeconds(pid))
  const from = performance.now()
  const sum = await send(port, bodies)
  await until(`${what}: all is through`, async () => (await arrived()) >= sum.spans, 300_000)
  const took = (performance.now() - from) / 1000
  for (const [i, { name, pid }] of programs.entries()) {
    const cpu = cpuSeconds(pid) - before[i]
    rows.push([
      what,
      name,
      Math.round(sum.events / took).toLocaleString('en-US'),
      ((cpu / sum.events) * 1e6).toFixed(1),
      Math.round(sum.events / cpu).toLocaleString('en-US'),
      residentMiB(pid).toFixed(0),
    ])
  }
  console.error(
    `scale: ${what}: ${sum.events} events in ${took.toFixed(1)} s, ${sum.refused} requests refused`,
  )
}

async function measureCollector(bodies, sink) {
  const gateway = await collector('gateway', 'gateway.yaml', {
    JAEGER_OTLP_ENDPOINT: `127.0.0.1:${sink.grpc}`,
  })
  const start = await metric(sink.metrics, SUNK)
  await drive(
    'collector, queue on disk',
    gateway.http,
    bodies,
    [gateway],
    async () => (await metric(sink.metrics, SUNK)) - start,
  )
  await gateway.stop()
}

async function measureKafka(bodies, sink) {
  const libs = join(binary('kafka'), 'libs/*')
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
    libs,
  ]
  const run = (...args) =>
    spawnSync('java', [...java, ...args], { env: { ...process.env, ...env }, encoding: 'utf8' })
  const id = run('kafka.tools.StorageTool', 'random-uuid').stdout.trim()
  run('kafka.tools.StorageTool', 'format', '-t', id, '-c', config)
  const broker = await start(
    'broker, one partition',
    'java',
    [...java, 'kafka.Kafka', config],
    env,
    async () => {
      const { connect } = await import('node:net')
      return new Promise((resolve) => {
        const socket = connect(port, '127.0.0.1', () => resolve(true) ?? socket.destroy())
        socket.on('error', () => resolve(false))
      })
    },
  )
  run(
    'org.apache.kafka.tools.TopicCommand',
    '--bootstrap-server',
    `127.0.0.1:${port}`,
    '--create',
    '--topic',
    'otlp_spans',
    '--partitions',
    '1',
  )
  const brokers = `[127.0.0.1:${port}]`
  const producer = await collector('collector before Kafka', 'kafka.yaml', { KAFKA_BROKERS: brokers })
  const consumer = await collector('collector behind Kafka', 'kafka-to-jaeger.yaml', {
    KAFKA_BROKERS: brokers,
    JAEGER_OTLP_ENDPOINT: `127.0.0.1:${sink.grpc}`,
  })
  const start_ = await metric(sink.metrics, SUNK)
  await drive(
    'through Kafka',
    producer.http,
    bodies,
    [producer, broker, consumer],
    async () => (await metric(sink.metrics, SUNK)) - start_,
  )
  const disk = spawnSync('du', ['-sm', env.KAFKA_DATA_DIR], { encoding: 'utf8' }).stdout.split('\t')[0]
  console.error(`scale: Kafka's log: ${disk} MB`)
  for (const program of [producer, consumer, broker]) await program.stop()
}

async function measureJaeger(bodies) {
  const [status, ui, query, grpc, http, metrics] = await freePorts(6)
  const { readFileSync } = await import('node:fs')
  const config = join(work, 'jaeger.yaml')
  let text = readFileSync(join(root, 'collector-config/jaeger.yaml'), 'utf8')
  const moved = { 13133: status, 16686: ui, 16685: query, 4317: grpc, 4318: http, 8888: metrics }
  for (const [from, to] of Object.entries(moved))
    text = text.replace(new RegExp(`(:|port: )${from}\\b`, 'g'), `$1${to}`)
  writeFileSync(config, text)
  const env = { JAEGER_DATA_DIR: join(work, 'jaeger'), OTEL_TRACES_SAMPLER: 'always_off' }
  const jaeger = await start('Jaeger, badger', binary('jaeger'), ['--config', config], env, () =>
    answers(`http://127.0.0.1:${status}/status`),
  )
  await drive('Jaeger', http, bodies, [jaeger], () => metric(metrics, 'otelcol_exporter_sent_spans'))
  const disk = spawnSync('du', ['-sm', env.JAEGER_DATA_DIR], { encoding: 'utf8' }).stdout.split('\t')[0]
  console.error(`scale: Jaeger's database: ${disk} MB`)
  await jaeger.stop()
}

/** A hive of 200 agents in a process of its own, that records as fast as it can for a time. */
async function measureHive(what, endpoint) {
  const script = `import { startHive } from ${JSON.stringify(join(root, 'dist/index.js'))}
    const hive = startHive({ file: process.argv[1], otlp: ${JSON.stringify(endpoint === undefined ? false : { url: endpoint })}, shutdownTimeoutMs: 60000 })
    const agents = Array.from({ length: 200 }, (_, i) => hive.spawn({ agentId: 'agent-' + i, name: 'Agent ' + i }))
    let events = 200
    const from = performance.now()
    const end = Date.now() + ${seconds * 1000}
    const batch = ${endpoint === undefined ? 1000 : 100}
    while (Date.now() < end) {
      for (let i = 0; i < batch; i++) agents[events % 200].message({ to: 'agent-' + ((events++ * 7) % 200), act: 'inform', subject: 'Review the schema of table ' + (events % 977) })
      await new Promise((resolve) => setTimeout(resolve, ${endpoint === undefined ? 0 : 10}))
    }
    await hive.shutdown()
    const { user, system } = process.cpuUsage()
    console.log(JSON.stringify({ events, took: (performance.now() - from) / 1000, cpu: (user + system) / 1e6, rss: process.resourceUsage().maxRSS / 1024 }))`
  const file = join(work, `hive-${rows.length}.jsonl`)
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script, file], { encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`${what}: ${run.stderr}`)
  if (run.stderr !== '') console.error(run.stderr.slice(0, 2000))
  const { events, took, cpu, rss } = JSON.parse(run.stdout)
  rows.push([
    what,
    'hive process',
    Math.round(events / took).toLocaleString('en-US'),
    ((cpu / events) * 1e6).toFixed(1),
    Math.round(events / cpu).toLocaleString('en-US'),
    rss.toFixed(0),
  ])
}

const { bodies, line, gzipped, otlp } = await requests()
const sink = await collector('sink', sinkConfig(), {})
if (wanted.has('FILE')) {
  await measureHive('a hive, file alone')
  await measureHive('a hive, file and OTLP', `http://127.0.0.1:${sink.http}/v1/traces`)
}
if (wanted.has('COLLECTOR')) await measureCollector(bodies, sink)
if (wanted.has('KAFKA')) await measureKafka(bodies, sink)
if (wanted.has('JAEGER')) await measureJaeger(bodies)
await sink.stop()

console.log('# Scale\n')
for (const [name, value] of Object.entries(machine(work))) console.log(`- ${name}: ${value}`)
console.log(
  `- bytes an event: ${line.toFixed(0)} in the file, ${gzipped.toFixed(0)} of them gzipped, ${otlp.toFixed(0)} as OTLP JSON\n`,
)
console.log(
  table(['chain', 'program', 'events/s', 'CPU µs an event', 'events a CPU second', 'MiB resident'], rows),
)
