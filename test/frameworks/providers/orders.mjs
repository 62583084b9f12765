/**
 * The application's own telemetry with hivelog beside it: its backend gets what it gets without hivelog, byte for byte
 * but ids, times and what names the process, and the log has every event. For the *.run.mjs of each major of the SDK.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const HERE = dirname(fileURLToPath(import.meta.url))
const AFTER = './.build-programs/start-after.mjs'
const LANGFUSE = './.build-programs/start-langfuse.mjs'

/** What the application does, and where its provider is started: an --import, or the application itself. */
const ORDERS = {
  'NodeSDK after': { way: 'after', before: [], after: [] },
  'NodeSDK first': { way: 'before', before: [AFTER], after: [] },
  'NodeSDK next': { way: 'before', before: [], after: [AFTER] },
  Langfuse: { way: 'langfuse', before: [], after: [] },
  'Langfuse first': { way: 'before', before: [LANGFUSE], after: [] },
  'Langfuse next': { way: 'before', before: [], after: [LANGFUSE] },
}
const HOWS = {
  register: 'hivelog/register',
  startHive: new URL('../kit/preload/start-hive.mjs', import.meta.url).href,
}

const PROGRAMS = ['app.mjs', 'start-after.mjs', 'start-langfuse.mjs']

/** @param otherApi another version of the API that parts of the application use */
export async function suite(url, { framework, orders = Object.keys(ORDERS), otherApi }) {
  const cwd = dirname(fileURLToPath(url))
  const programs = join(cwd, '.build-programs')
  // Where they find the packages of that folder.
  for (const name of PROGRAMS) cpSync(join(HERE, name), join(programs, name))
  const { version } = JSON.parse(
    readFileSync(join(cwd, 'node_modules/@opentelemetry/sdk-node/package.json'), 'utf8'),
  )
  for (const order of orders) {
    const { way, before, after } = ORDERS[order]
    const alone = await run(cwd, way, [...before, ...after])
    for (const [mode, hivelog] of Object.entries(HOWS)) {
      const beside = await run(cwd, way, [...before, hivelog, ...after])
      tell({ framework, version, scenario: order, mode, problems: compared(alone, beside) })
      if (mode !== 'register') continue
      const agent = await run(cwd, way, [...before, hivelog, ...after], { AGENT_ID: 'solo' })
      tell({ framework, version, scenario: `${order}, AGENT_ID`, mode, problems: nested(agent) })
    }
  }
  for (const [mode, hivelog] of Object.entries(HOWS)) {
    const ours = await run(cwd, 'none', [hivelog])
    tell({ framework, version, scenario: 'no provider', mode, problems: recorded(ours) })
    if (otherApi === undefined) continue
    const env = { API: otherApi, ...(mode === 'register' && { AGENT_ID: 'solo' }) }
    const judge = mode === 'register' ? nested : recorded
    for (const way of ['none', 'after']) {
      const mixed = await run(cwd, way, [hivelog], env)
      const problems = judge(mixed)
      if (way === 'after' && mixed.spans.length < 4)
        problems.push(`their backend got ${mixed.spans.length} spans`)
      tell({ framework, version, scenario: `${otherApi}, ${way}`, mode, problems })
    }
  }
}

function tell(row) {
  const whole = { node: process.versions.node, counts: {}, slowestMs: 0, ...row }
  if (process.send) process.send({ row: whole })
  else
    console.log(
      [row.problems.length === 0 ? 'ok' : 'FAILED', row.scenario, row.mode, ...row.problems].join('  '),
    )
  if (row.problems.length > 0) process.exitCode = 1
}

async function run(cwd, way, imports, env = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'hivelog-providers-'))
  const bodies = []
  const server = createServer((request, response) => {
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      bodies.push({ path: request.url, text: Buffer.concat(chunks).toString() })
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const file = join(folder, 'hive.jsonl')
    const own = /^(OTEL_|AGENT_|HIVELOG_|LANGFUSE_|TRACEPARENT$|NODE_OPTIONS$)/
    const child = spawn(
      process.execPath,
      [...imports.flatMap((each) => ['--import', each]), join(cwd, '.build-programs/app.mjs'), way],
      {
        cwd,
        env: {
          ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name))),
          HIVELOG_FILE: file,
          THEIR_BACKEND: `http://127.0.0.1:${server.address().port}/v1/traces`,
          ...env,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: 60_000,
      },
    )
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        said += text
      })
    }
    const [code] = await once(child, 'close')
    return { code, said, spans: bodies.flatMap(spansOf), lines: linesOf(file) }
  } finally {
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

function linesOf(file) {
  try {
    return readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ kind }) => !kind.startsWith('log.'))
  } catch {
    return []
  }
}

const isOfProcess = ({ key }) => /^process\.|^host\.|^service\.instance\.id$/.test(key)

function spansOf({ path, text }) {
  return JSON.parse(text).resourceSpans.flatMap(({ resource, scopeSpans, ...more }) =>
    scopeSpans.flatMap(({ spans, scope, ...others }) =>
      spans.map((span) => ({
        path,
        more,
        others,
        scope,
        resource: { ...resource, attributes: resource.attributes.filter((each) => !isOfProcess(each)) },
        span,
      })),
    ),
  )
}

/** What is the same in every run: names for ids, in the order of the spans' names, and no times. */
function normalised(spans) {
  const sorted = [...spans].sort((a, b) => (a.span.name < b.span.name ? -1 : 1))
  const names = new Map()
  for (const { span } of sorted) names.set(span.spanId, span.name)
  const traces = new Map()
  for (const { span } of sorted) if (!traces.has(span.traceId)) traces.set(span.traceId, traces.size)
  return sorted.map((each) => {
    const text = JSON.stringify(each, (key, value) => {
      if (key === 'traceId') return traces.get(value)
      if (key === 'spanId' || key === 'parentSpanId') return names.get(value) ?? value
      return /UnixNano$/.test(key) ? '' : value
    })
    return text
  })
}

function compared(alone, beside) {
  const [a, b] = [normalised(alone.spans), normalised(beside.spans)]
  const problems = [...recorded(beside)]
  if (a.length < 4) problems.push(`without hivelog there are ${a.length} spans only: ${alone.said}`)
  if (alone.code !== beside.code) problems.push(`exit code ${beside.code}, not ${alone.code}`)
  if (alone.said !== beside.said) problems.push(`says ${beside.said}, not ${alone.said}`)
  if (a.length !== b.length) problems.push(`their backend got ${b.length} spans, not ${a.length}`)
  for (const [i, text] of a.entries()) if (text !== b[i]) problems.push(`sent ${b[i]}, not ${text}`)
  return problems
}

/** What the log has to say, in this order, of one agent. */
function recorded({ lines, said }) {
  const of = lines.filter((line) => (line.agentId ?? line.from) === 'planner').map(({ kind }) => kind)
  const expected = ['spawn', 'message', 'tool.start', 'tool', 'exit']
  return JSON.stringify(of) === JSON.stringify(expected) ? [] : [`recorded ${of}, not ${expected}: ${said}`]
}

function nested(run) {
  const problems = recorded(run)
  const solo = run.lines.find(({ kind, agentId }) => kind === 'spawn' && agentId === 'solo')
  const planner = run.lines.find(({ kind, agentId }) => kind === 'spawn' && agentId === 'planner')
  if (planner?.parent !== 'solo') problems.push(`planner's parent is ${planner?.parent}, not solo`)
  for (const { span } of run.spans) {
    if (span.traceId !== solo?.trace) problems.push(`${span.name} is in a trace of its own`)
  }
  return problems
}
