// Runs a hive against a real Jaeger, directly and through a real collector, and compares what Jaeger's query API
// answers with the hive's file. Usage: node scripts/check-backends.mjs JAEGER OTELCOL
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startHive } from '../dist/index.js'

const [jaeger, otelcol] = process.argv.slice(2)
const work = mkdtempSync(join(tmpdir(), 'hivelog-backends-'))
const children = []
let passed = 0
let failed = 0

async function check(name, run) {
  try {
    await run()
    passed++
    console.log(`ok      ${name}`)
  } catch (error) {
    failed++
    console.log(`FAILED  ${name}: ${error.stack ?? error}`)
  }
}

function start(command, args, env) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  child.output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      child.output = (child.output + data).slice(-4000)
    })
  }
  children.push(child)
  return child
}

async function until(what, probe, ms = 60_000) {
  const end = Date.now() + ms
  let last
  while (Date.now() < end) {
    try {
      const value = await probe()
      if (value) return value
    } catch (error) {
      last = error
    }
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error(`${what} did not happen within ${ms} ms${last ? `: ${last.message}` : ''}`)
}

function validate(command, config, env) {
  const run = spawnSync(command, ['validate', '--config', config], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  })
  if (run.status !== 0) throw new Error(run.stderr)
}

/** A lead, 19 workers and their messages; one worker fails, one escalates. Returns the file's events. */
async function recordHive(url) {
  const file = join(work, `hive-${Date.now()}.jsonl`)
  const hive = startHive({ file, serviceName: 'check-backends', otlp: { url }, shutdownTimeoutMs: 30_000 })
  const lead = hive.spawn({ agentId: 'lead', name: 'Lead', isGod: true })
  for (let w = 1; w < 20; w++) {
    const worker = lead.spawn({ agentId: `w${w}`, name: `Worker ${w}` })
    for (let i = 0; i < 200; i++) {
      const sent = lead.message({ to: worker.agentId, act: 'request', subject: `part ${i}` })
      if (i % 50 === 49) worker.drain([sent])
    }
    worker.tool({ name: 'grep', ok: true, ms: 3 })
    if (w === 7)
      await hive.approve(worker.escalate({ subject: 'Drop the users table?' }).id, false, { by: 'ana' })
    worker.end(w === 9 ? { error: new TypeError('no such table') } : {})
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  lead.end()
  await hive.shutdown()
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** Compares Jaeger's answer with the file: every agent, every event, and their places. */
async function compare(events) {
  const own = events.filter((event) => !event.kind.startsWith('log.'))
  const wantedEvents = own.filter((event) => !['spawn', 'exit', 'tool', 'call'].includes(event.kind))
  const traceId = own[0].trace
  const spans = await until('all spans in Jaeger', async () => {
    const response = await fetch(`http://127.0.0.1:16686/api/traces/${traceId}`)
    if (!response.ok) return undefined
    const found = (await response.json()).data[0].spans
    const count = found.reduce((sum, span) => sum + span.logs.length, 0)
    return count >= wantedEvents.length ? found : undefined
  })
  const names = (span, key) => span.tags.find((tag) => tag.key === key)?.value
  const inJaeger = new Map()
  for (const span of spans) {
    for (const log of span.logs) {
      const fields = Object.fromEntries(log.fields.map((field) => [field.key, field.value]))
      const key = `${span.spanID} ${fields.event} ${Math.trunc(log.timestamp / 1000)} ${fields['hive.id'] ?? fields['hive.ids']}`
      inJaeger.set(key, (inJaeger.get(key) ?? 0) + 1)
    }
  }
  for (const event of wantedEvents) {
    const key = `${event.span} hive.${event.kind} ${event.ts} ${event.id ?? JSON.stringify(event.ids)}`
    if (inJaeger.get(key) !== 1) throw new Error(`${inJaeger.get(key) ?? 0} times in Jaeger: ${key}`)
    inJaeger.delete(key)
  }
  if (inJaeger.size > 0) throw new Error(`${inJaeger.size} events in Jaeger that the file does not have`)
  const lives = spans.filter((span) => names(span, 'gen_ai.operation.name') === 'invoke_agent')
  const agents = new Set(lives.map((span) => names(span, 'gen_ai.agent.id')))
  const firsts = lives.filter((span) => names(span, 'hive.span.part') === undefined)
  if (agents.size !== 20 || firsts.length !== 20)
    throw new Error(`${agents.size} agents, ${firsts.length} lives`)
  const errors = spans.filter((span) => names(span, 'error') === true)
  if (errors.length !== 1 || names(errors[0], 'gen_ai.agent.id') !== 'w9')
    throw new Error(`${errors.length} errors`)
  return `${spans.length} spans, ${wantedEvents.length} events`
}

try {
  const jaegerEnv = { JAEGER_DATA_DIR: join(work, 'jaeger') }
  const collectorEnv = { COLLECTOR_DATA_DIR: join(work, 'otelcol') }
  await check('collector-config/jaeger.yaml is valid', () =>
    validate(jaeger, 'collector-config/jaeger.yaml', jaegerEnv),
  )
  await check('collector-config/local.yaml is valid', () =>
    validate(otelcol, 'collector-config/local.yaml', collectorEnv),
  )
  const jaegerProcess = start(jaeger, ['--config', 'collector-config/jaeger.yaml'], jaegerEnv)
  const collectorProcess = start(otelcol, ['--config', 'collector-config/local.yaml'], collectorEnv)
  await check('Jaeger and the collector start', async () => {
    await until('Jaeger', async () => (await fetch('http://127.0.0.1:13133/status')).ok).catch((error) => {
      throw new Error(`${error.message}\n${jaegerProcess.output}`)
    })
    await until('collector', async () => (await fetch('http://127.0.0.1:13134/')).ok).catch((error) => {
      throw new Error(`${error.message}\n${collectorProcess.output}`)
    })
  })
  for (const [name, port] of [
    ['Jaeger', 4318],
    ['the collector', 4328],
  ]) {
    await check(`a hive's events through ${name} are those of its file`, async () => {
      console.log(`        ${await compare(await recordHive(`http://127.0.0.1:${port}/v1/traces`))}`)
    })
  }
} finally {
  await Promise.all(
    children.map((child) => {
      if (child.exitCode !== null || child.signalCode !== null) return undefined
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      const killer = setTimeout(() => child.kill('SIGKILL'), 10_000)
      return gone.finally(() => clearTimeout(killer))
    }),
  )
  rmSync(work, { recursive: true, force: true })
}
console.log(`backends: ${passed} passed, ${failed} failed, 0 skipped`)
process.exitCode = failed === 0 ? 0 : 1
