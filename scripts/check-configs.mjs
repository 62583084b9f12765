// Checks collector-config/ against the real programs: every configuration is valid, and the chains that they make up
// carry spans to a real Jaeger on free ports, with exact counts. Hives' spans are made by hand here, so that what
// arrives when is known; test/backends/ sends real hives.
//
//   node scripts/check-configs.mjs [JAEGER OTELCOL [KAFKA]]     by default what scripts/backends.sh prints
//
// Prints a line `ok …` or `FAILED …` a check and closes with `collector-configs: N passed, N failed, N skipped`.
// Without a binary, what needs it counts as skipped, and the reason is printed. Exit: 0 none failed, 1 some.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { spansIn, storedTrace } from './lib/jaeger.mjs'
import { freePorts, until } from './lib/programs.mjs'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const { jaeger, otelcol, kafka } = process.argv.length > 2 ? fromArguments() : fromBackends()
const work = mkdtempSync(join(tmpdir(), 'hivelog-configs-'))
const running = new Set()
const counts = { passed: 0, failed: 0, skipped: 0 }

function fromArguments() {
  const [jaeger, otelcol, kafka] = process.argv.slice(2)
  return { jaeger, otelcol, kafka }
}

function fromBackends() {
  const run = spawnSync('bash', ['scripts/backends.sh'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const path = (name) => new RegExp(`^${name}=(.+)$`, 'm').exec(run.stdout)?.[1]
  return { jaeger: path('jaeger'), otelcol: path('otelcol'), kafka: path('kafka') }
}

async function check(name, needs, run) {
  const missing = Object.keys(needs).filter((need) => !needs[need])
  if (missing.length > 0) {
    counts.skipped++
    console.log(`skipped ${name}: no ${missing.join(', no ')}`)
    return
  }
  const begin = Date.now()
  try {
    const said = await run()
    counts.passed++
    console.log(`ok      ${name}${said ? `: ${said}` : ''} (${((Date.now() - begin) / 1000).toFixed(1)} s)`)
  } catch (error) {
    counts.failed++
    console.log(`FAILED  ${name}: ${error.stack ?? error}`)
  } finally {
    await Promise.all([...running].map((child) => stop(child)))
  }
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms))

function equal(found, wanted, what) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)]
  if (a !== b) throw new Error(`${what}: ${a}, not ${b}`)
}

function start(command, args, env) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  child.output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      child.output = (child.output + data).slice(-8000)
    })
  }
  running.add(child)
  return child
}

async function stop(child, signal = 'SIGTERM') {
  running.delete(child)
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((done) => child.once('exit', done))
  child.kill(signal)
  const killer = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await gone
  clearTimeout(killer)
}

async function up(child, url) {
  await until(url, async () => {
    if (child.exitCode !== null) return true
    return (await fetch(url)).ok
  }).catch((error) => {
    throw new Error(`${error.message}\n${child.output}`)
  })
  if (child.exitCode !== null) throw new Error(`it ended with exit code ${child.exitCode}\n${child.output}`)
}

/** A Jaeger with collector-config/jaeger.yaml, whose ports are fixed, moved to free ones. */
async function startJaeger(name) {
  const old = [13133, 16686, 16685, 4317, 4318, 8888]
  const ports = await freePorts(old.length)
  let text = readFileSync('collector-config/jaeger.yaml', 'utf8')
  for (const [i, port] of old.entries()) {
    text = text.replace(new RegExp(`(:|port: )${port}\\b`, 'g'), `$1${ports[i]}`)
  }
  const file = join(work, `${name}.yaml`)
  writeFileSync(file, text)
  const at = { health: ports[0], query: ports[1], grpc: ports[3] }
  const env = { JAEGER_DATA_DIR: join(work, name), GOMEMLIMIT: '600MiB' }
  const begin = async () => {
    at.child = start(jaeger, ['--config', file], env)
    await up(at.child, `http://127.0.0.1:${at.health}/status`)
  }
  await begin()
  return {
    ...at,
    otlp: `127.0.0.1:${at.grpc}`,
    begin,
    get child() {
      return at.child
    },
  }
}

/** A collector with one of our configurations, everything that would collide moved by the environment. */
async function startCollector(config, name, more) {
  const [grpc, http, health, metrics] = await freePorts(4)
  const env = {
    COLLECTOR_DATA_DIR: join(work, name),
    COLLECTOR_GRPC_PORT: grpc,
    COLLECTOR_HTTP_PORT: http,
    COLLECTOR_HEALTH_PORT: health,
    COLLECTOR_METRICS_PORT: metrics,
    GOMEMLIMIT: '400MiB',
    ...more,
  }
  const at = {
    grpc: `127.0.0.1:${grpc}`,
    http: `http://127.0.0.1:${http}`,
    async begin() {
      at.child = start(otelcol, ['--config', `collector-config/${config}.yaml`], env)
      await up(at.child, `http://127.0.0.1:${health}/`)
    },
    /** The sum of a metric over its labels. */
    async metric(metricName) {
      const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()
      const found = text.matchAll(new RegExp(`^${metricName}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))
      return [...found].reduce((sum, [, value]) => sum + Number(value), 0)
    },
  }
  await at.begin()
  return at
}

// ---- spans as hivelog sends them

const hex = (text, digits) => createHash('sha256').update(text).digest('hex').slice(0, digits)
const attribute = ([key, value]) => ({
  key,
  value: typeof value === 'boolean' ? { boolValue: value } : { stringValue: String(value) },
})

/** One agent's span: `events` are [name, attributes]. The same names give the same ids. */
function agentSpan(trace, name, events, error) {
  const now = BigInt(Date.now()) * 1_000_000n
  return {
    traceId: hex(trace, 32),
    spanId: hex(`${trace} ${name}`, 16),
    name: `invoke_agent ${name}`,
    kind: 1,
    startTimeUnixNano: String(now - 1_000_000_000n),
    endTimeUnixNano: String(now),
    attributes: [
      ['gen_ai.operation.name', 'invoke_agent'],
      ['gen_ai.agent.id', name],
    ].map(attribute),
    events: events.map(([event, fields], i) => ({
      timeUnixNano: String(now - BigInt(events.length - i) * 1_000_000n),
      name: event,
      attributes: Object.entries(fields ?? {}).map(attribute),
    })),
    status: error ? { code: 2, message: error } : {},
  }
}

const messages = (count) =>
  Array.from({ length: count }, (_, i) => [
    'hive.message',
    { 'hive.id': `m-${i}`, 'hive.subject': `part ${i}` },
  ])

/** A hundred events of 10 kB each: a full span of an agent that writes long subjects. */
const bulk = () =>
  Array.from({ length: 100 }, (_, i) => [
    'hive.message',
    { 'hive.id': `m-${i}`, 'hive.subject': 'x'.repeat(10_000) },
  ])

async function send(collector, spans) {
  const body = JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: [attribute(['service.name', 'check-configs'])] },
        scopeSpans: [{ scope: { name: 'hivelog' }, spans }],
      },
    ],
  })
  // As an SDK does: what is refused for now is sent again.
  await until(`${collector.http} takes spans`, async () => {
    const response = await fetch(`${collector.http}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    if (response.status === 200) return true
    if (response.status !== 503 && response.status !== 429) {
      throw new Error(`HTTP ${response.status}: ${await response.text()}`)
    }
    return false
  })
}

/** Names and numbers of events of a trace's spans in Jaeger, sorted; [] for an unknown trace. */
async function inJaeger(store, trace) {
  return spansIn(await storedTrace(`http://127.0.0.1:${store.query}`, hex(trace, 32)))
    .map((span) => `${span.name.replace('invoke_agent ', '')}:${span.events?.length ?? 0}`)
    .sort()
}

async function spansOf(store, traces) {
  let sum = 0
  for (const trace of traces) sum += (await inJaeger(store, trace)).length
  return sum
}

/** Whether the share of ordinary traces has this one: the collector's hash of the id (FNV-1a over its salt and the id). */
function inShare(trace, percent) {
  let hash = 0xcbf29ce484222325n
  for (const byte of Buffer.concat([Buffer.from('default-hash-seed'), Buffer.from(hex(trace, 32), 'hex')])) {
    hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn
  }
  return Number(hash) <= (percent / 100) * 2 ** 64
}

const names = (prefix, count) => Array.from({ length: count }, (_, i) => `${prefix}-${i}`)

// ---- every configuration is valid

const collectorConfigs = readdirSync('collector-config')
  .filter((file) => file.endsWith('.yaml') && file !== 'builder.yaml')
  .sort()
for (const file of collectorConfigs) {
  const isJaeger = file.startsWith('jaeger')
  await check(`collector-config/${file} is valid`, isJaeger ? { jaeger } : { otelcol }, () => {
    const run = spawnSync(isJaeger ? jaeger : otelcol, ['validate', '--config', `collector-config/${file}`], {
      encoding: 'utf8',
      env: { ...process.env, COLLECTOR_DATA_DIR: work, JAEGER_DATA_DIR: work },
    })
    if (run.status !== 0) throw new Error(run.stderr)
  })
}

// ---- docker-compose.yml, as `docker compose` would read it

const go = spawnSync('go', ['version']).status === 0

function readCompose(file) {
  const run = spawnSync('go', ['-C', 'scripts/check-compose', 'run', '.', file], { encoding: 'utf8' })
  return { lines: run.stdout.trim().split('\n'), status: run.status, stderr: run.stderr }
}

await check('docker-compose.yml is valid with every set of profiles', { go }, () => {
  const { lines, status, stderr } = readCompose(resolve('docker-compose.yml'))
  if (status !== 0) throw new Error(stderr)
  equal(
    lines,
    [
      'default: jaeger',
      'collector: collector jaeger',
      'fleet: jaeger kafka logs-gateway logs-to-victorialogs victorialogs',
      'collector+fleet: collector jaeger kafka logs-gateway logs-to-victorialogs victorialogs',
      'scale: cassandra gateway-1 gateway-2 jaeger jaeger-scale kafka kafka-to-jaeger',
      'collector+scale: cassandra collector gateway-1 gateway-2 jaeger jaeger-scale kafka kafka-to-jaeger',
      'fleet+scale: cassandra gateway-1 gateway-2 jaeger jaeger-scale kafka kafka-to-jaeger logs-gateway logs-to-victorialogs victorialogs',
      'collector+fleet+scale: cassandra collector gateway-1 gateway-2 jaeger jaeger-scale kafka kafka-to-jaeger logs-gateway logs-to-victorialogs victorialogs',
    ],
    'services',
  )
})

await check('that check refuses what the schema does, and names that lead nowhere', { go }, () => {
  const whole = readFileSync('docker-compose.yml', 'utf8')
  const faults = [
    ['mem_limit: 1g', 'memory_limit: 1g'],
    ['restart: unless-stopped', 'restart: [always]'],
    ['    depends_on:\n      cassandra:', '    depends_on:\n      casandra:'],
    ['- kafka-data:/var', '- kafka-date:/var'],
  ]
  for (const [from, to] of faults) {
    const file = join(work, 'docker-compose.yml')
    if (!whole.includes(from)) throw new Error(`no '${from}' to break`)
    writeFileSync(file, whole.replace(from, to))
    if (readCompose(file).status !== 1) throw new Error(`'${to}' was not refused`)
  }
  return `${faults.length} of ${faults.length} faults found`
})

// ---- agent -> two gateways -> Jaeger

await check('agent.yaml -> two gateways (gateway.yaml) -> Jaeger', { jaeger, otelcol }, async () => {
  const store = await startJaeger('jaeger-gateways')
  const storage = { JAEGER_OTLP_ENDPOINT: store.otlp }
  const gateways = [
    await startCollector('gateway', 'gateway-1', storage),
    await startCollector('gateway', 'gateway-2', storage),
  ]
  const GATEWAY_ENDPOINTS = `[${gateways.map(({ grpc }) => grpc).join(', ')}]`
  // Two agents, because a trace that comes through both has to meet in one gateway.
  const agents = [
    await startCollector('agent', 'agent-1', { GATEWAY_ENDPOINTS }),
    await startCollector('agent', 'agent-2', { GATEWAY_ENDPOINTS }),
  ]
  const traces = names('routed', 100)
  for (const [i, agent] of agents.entries()) {
    await send(
      agent,
      traces.map((trace) => agentSpan(trace, `w${i}`, messages(3))),
    )
  }
  const accepted = (gateway) => gateway.metric('otelcol_receiver_accepted_spans')
  await until('all spans in Jaeger', async () => (await spansOf(store, traces)) === 200)
  const shares = [await accepted(gateways[0]), await accepted(gateways[1])]
  equal(shares[0] + shares[1], 200, 'spans that the gateways took')
  if (shares.some((share) => share === 0 || share % 2 === 1)) throw new Error(`traces were torn: ${shares}`)

  // One gateway is gone, then an agent is killed with what it holds for it, then both come back.
  await stop(gateways[1].child, 'SIGKILL')
  const more = names('outage', 100)
  await send(
    agents[0],
    more.map((trace) => agentSpan(trace, 'w0', messages(3))),
  )
  await sleep(500)
  await stop(agents[0].child, 'SIGKILL')
  await agents[0].begin()
  await sleep(500)
  await gateways[1].begin()
  await until('the spans of the outage in Jaeger', async () => (await spansOf(store, more)) === 100)
  // Jaeger is gone: the gateways keep what they accepted, over a kill of their own.
  await stop(store.child, 'SIGKILL')
  const late = names('no-store', 100)
  await send(
    agents[1],
    late.map((trace) => agentSpan(trace, 'w0', messages(3))),
  )
  await until(
    'the agent has passed it on',
    async () => (await agents[1].metric('otelcol_exporter_queue_size')) === 0,
  )
  await Promise.all(gateways.map((gateway) => stop(gateway.child, 'SIGKILL')))
  await Promise.all([store.begin(), ...gateways.map((gateway) => gateway.begin())])
  await until('the spans of the second outage in Jaeger', async () => (await spansOf(store, late)) === 100)
  return `100 traces over two agents met in one gateway each (${shares[0] / 2} + ${shares[1] / 2}); 200 more over three outages, none missing`
})

// ---- agent -> gateway -> Kafka -> collector -> Jaeger

/** One broker in KRaft mode; the second start takes up the first one's data. */
async function startKafka() {
  const [port, controller] = await freePorts(2)
  const env = { KAFKA_DATA_DIR: join(work, 'kafka'), KAFKA_PORT: port, KAFKA_CONTROLLER_PORT: controller }
  const config = 'scripts/kafka/server.properties'
  const java = [
    '-Xmx256m',
    '-Dlog4j2.configurationFile=scripts/kafka/log4j2.properties',
    '-cp',
    `${kafka}/libs/*`,
  ]
  const tool = (...args) =>
    spawnSync('java', [...java, 'kafka.tools.StorageTool', ...args], {
      encoding: 'utf8',
      env: { ...process.env, ...env },
    })
  const formatted = tool('format', '-t', tool('random-uuid').stdout.trim(), '-c', config)
  if (formatted.status !== 0) throw new Error(`${formatted.stdout}${formatted.stderr}`)
  const at = {
    brokers: `[127.0.0.1:${port}]`,
    async begin() {
      at.child = start('java', [...java, 'kafka.Kafka', config], env)
      await until('Kafka', () => at.child.output.includes('Kafka Server started')).catch((error) => {
        throw new Error(`${error.message}\n${at.child.output}`)
      })
    },
  }
  await at.begin()
  return at
}

await check(
  'agent.yaml -> kafka.yaml -> Kafka -> kafka-to-jaeger.yaml -> Jaeger',
  { jaeger, otelcol, kafka },
  async () => {
    const [store, broker] = [await startJaeger('jaeger-kafka'), await startKafka()]
    const KAFKA_BROKERS = broker.brokers
    const gateway = await startCollector('kafka', 'to-kafka', { KAFKA_BROKERS })
    const agent = await startCollector('agent', 'agent-kafka', { GATEWAY_ENDPOINTS: `[${gateway.grpc}]` })
    const consumers = []
    for (const name of ['consumer-1', 'consumer-2']) {
      consumers.push(
        await startCollector('kafka-to-jaeger', name, { KAFKA_BROKERS, JAEGER_OTLP_ENDPOINT: store.otlp }),
      )
    }
    const arrive = async (prefix) => {
      const traces = names(prefix, 100)
      await until(`${prefix} in Jaeger`, async () => (await spansOf(store, traces)) === 200)
    }
    const record = (prefix) =>
      send(
        agent,
        names(prefix, 100).flatMap((trace) =>
          ['lead', 'w1'].map((name) => agentSpan(trace, name, messages(3))),
        ),
      )
    await record('buffered')
    await arrive('buffered')
    // A message of 20 MB, of one trace: over every default on the way.
    const big = Array.from({ length: 20 }, (_, i) => agentSpan('big', `w${i}`, bulk()))
    await send(agent, big)
    await until('the big trace', async () => (await spansOf(store, ['big'])) === 20)

    // Kafka is gone: the gateway's disk holds.
    await stop(broker.child, 'SIGKILL')
    await record('no-broker')
    await until(
      'the agent has passed it on',
      async () => (await agent.metric('otelcol_exporter_queue_size')) === 0,
    )
    await stop(gateway.child, 'SIGKILL')
    await gateway.begin()
    await broker.begin()
    await arrive('no-broker')
    // Jaeger is gone, and a consumer is killed while it waits: Kafka holds, and the other takes over.
    await stop(store.child, 'SIGKILL')
    await record('no-store')
    await sleep(1500)
    await stop(consumers[0].child, 'SIGKILL')
    await store.begin()
    await arrive('no-store')
    return '300 traces of 2 spans and one message of 20 MB; over an outage of Kafka, one of Jaeger, a kill of the gateway and one of a consumer none missing'
  },
)

// ---- tail sampling

const WINDOW_S = 4

await check(
  'tail-sampling.yaml keeps escalations, errors, rejections and a share',
  { jaeger, otelcol },
  async () => {
    const store = await startJaeger('jaeger-tail')
    const tail = await startCollector('tail-sampling', 'tail', {
      JAEGER_OTLP_ENDPOINT: store.otlp,
      TAIL_WINDOW: `${WINDOW_S}s`,
    })
    const outside = (prefix, count) =>
      names(prefix, count * 3)
        .filter((trace) => !inShare(trace, 10))
        .slice(0, count)
    const ordinary = names('ordinary', 300)
    const share = ordinary.filter((trace) => inShare(trace, 10))
    const kinds = {
      escalated: (trace) => agentSpan(trace, 'w1', [...messages(2), ['hive.escalate', { 'hive.id': 'e-1' }]]),
      rejected: (trace) =>
        agentSpan(trace, 'w1', [['hive.approval', { 'hive.id': 'e-1', 'hive.approve': false }]]),
      failed: (trace) => agentSpan(trace, 'w1', messages(2), 'no such table'),
      approved: (trace) =>
        agentSpan(trace, 'w1', [['hive.approval', { 'hive.id': 'e-1', 'hive.approve': true }]]),
    }
    const groups = Object.keys(kinds).map((kind) => [kind, outside(kind, 20)])
    await send(
      tail,
      ordinary.flatMap((trace) => [
        agentSpan(trace, 'lead', messages(1)),
        agentSpan(trace, 'w1', messages(2)),
      ]),
    )
    // The lead's span comes first, and only the worker's shows why the trace matters.
    await send(
      tail,
      groups.flatMap(([, traces]) => traces.map((trace) => agentSpan(trace, 'lead', messages(1)))),
    )
    await send(
      tail,
      groups.flatMap(([kind, traces]) => traces.map(kinds[kind])),
    )

    // A long trace, in parts: the first window has passed when it escalates, and it goes on after that.
    const [long] = outside('long', 1)
    await send(tail, [agentSpan(long, 'part-1', messages(1))])
    await sleep((WINDOW_S + 3) * 1000)
    await send(tail, [agentSpan(long, 'part-2', messages(2))])
    await send(tail, [agentSpan(long, 'part-3', [['hive.escalate', { 'hive.id': 'e-2' }]])])
    await sleep((WINDOW_S + 3) * 1000)
    await send(tail, [agentSpan(long, 'part-4', messages(4))])
    await until('the part after the escalation', async () => (await inJaeger(store, long)).length >= 3)
    equal(await inJaeger(store, long), ['part-2:2', 'part-3:1', 'part-4:4'], 'parts of the long trace')
    // A busy trace: 90 MB wait when it escalates, more than any request may be, and all of it is kept.
    const [busy] = outside('busy', 1)
    for (let part = 0; part < 9; part++) {
      await send(
        tail,
        Array.from({ length: 10 }, (_, i) => agentSpan(busy, `part-${part}-${i}`, bulk())),
      )
    }
    await send(tail, [agentSpan(busy, 'part-9', [['hive.escalate', { 'hive.id': 'e-3' }]])])
    await until('the busy trace', async () => (await spansOf(store, [busy])) === 91)
    // After a restart the collector no longer knows that this trace was kept.
    await stop(tail.child)
    await tail.begin()
    await send(tail, [agentSpan(long, 'part-5', messages(1))])
    await sleep((WINDOW_S + 3) * 1000)
    equal((await inJaeger(store, long)).length, 3, 'parts of the long trace after a restart')

    for (const [kind, traces] of groups) {
      equal(await spansOf(store, traces), kind === 'approved' ? 0 : 40, `spans of 20 ${kind} traces`)
    }
    const kept = []
    for (const trace of ordinary) if ((await inJaeger(store, trace)).length > 0) kept.push(trace)
    equal(kept, share, 'the share of ordinary traces')
    equal(await spansOf(store, kept), 2 * kept.length, 'spans of the share')
    return `20 of 20 escalated, rejected and failed traces each, 0 of 20 approved, ${kept.length} of 300 ordinary ones, all whole; of a long trace everything from the window of its escalation on; of a busy one all 91 spans, 90 MB`
  },
)

for (const child of [...running]) await stop(child)
rmSync(work, { recursive: true, force: true })
console.log(`collector-configs: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = counts.failed === 0 ? 0 : 1
