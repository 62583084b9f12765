/** After a crash, the next hive on the same file ends what the dead process left open: in the file and in the backend. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import { exportLog } from '../../src/analyse.js'
import { verifyLog } from '../../src/read.js'
import { door } from '../kit/doors.js'
import {
  captureDiag,
  cleanEnvironment,
  eventsOf,
  type Line,
  linesOf,
  tempFolder,
  tempHive,
  tempReceiver,
  until,
} from '../kit/hive-support.js'
import type { ReceivedSpan } from '../kit/otlp-receiver.js'

const INDEX = door('index')

/** A hive that lives on until it is killed: a lead, a coder in its third part, one that ended, and a session event. */
const APP = `
import { startHive } from '${INDEX}'
const [file, url] = process.argv.slice(2)
const hive = startHive({ file, otlp: { url }, fsync: 'always', maxEventsPerSpan: 3 })
const lead = hive.spawn({ agentId: 'lead', name: 'Lead', isGod: true })
const coder = lead.spawn({ agentId: 'coder', model: 'm' })
lead.spawn({ agentId: 'done' }).end()
for (let i = 0; i < 8; i++) coder.drain([lead.message({ to: 'coder', act: 'inform', subject: 'part ' + i })])
coder.tool({ name: 'grep', ok: true, ms: 2 })
hive.log('session.event')
await hive.flush()
await hive.tracerProvider.forceFlush()
console.log('ready ' + hive.sessionId)
setInterval(() => {}, 1000)
`

/** Records until it is killed. Returns the session of the killed hive, and its process. */
async function crash(t: TestContext, file: string, url: string) {
  const app = join(tempFolder(t), 'app.mjs')
  writeFileSync(app, APP)
  const child = spawn(process.execPath, [app, file, url], {
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (data) => {
    said += data
  })
  await until(() => said.includes('ready'), 'the recording')
  child.kill('SIGKILL')
  await once(child, 'close')
  return { session: said.trim().split(' ')[1], pid: child.pid }
}

const ids = (spans: ReceivedSpan[]) => new Set(spans.map(({ spanId }) => spanId))
const readText = (file: string): string => readFileSync(file, 'utf8')
/** A log with a torn line in it has lines that are none. */
const exits = (file: string): Line[] =>
  readText(file)
    .split('\n')
    .filter((line) => line.includes('"kind":"exit"'))
    .map((line) => JSON.parse(line) as Line)

test('the agents of a killed process get their exit, and their open spans are sent with the ids that they had', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const live = await tempReceiver(t)
  const { session, pid } = await crash(t, file, live.url)
  const before = eventsOf(file)
  appendFileSync(file, '{"ts":17873')
  const diag = captureDiag(t)
  const again = await tempReceiver(t)
  const { hive } = tempHive(t, { file, recover: true, otlp: { url: again.url } })
  const mine = hive.spawn({ agentId: 'coder', name: 'the next one' })
  await hive.shutdown()

  // The file: an exit each, in the old session, on the old span, counted on.
  const lost = exits(file).filter(({ status }) => status === 'lost')
  assert.deepEqual(lost.map(({ agentId }) => agentId).sort(), ['coder', 'lead'])
  for (const line of lost) {
    const own = before.filter(
      (each) => each.session === session && (each.agentId ?? each.from) === line.agentId,
    )
    const parts = own.filter(({ kind }) => kind !== 'tool')
    assert.equal(line.session, session)
    assert.equal(line.span, parts.at(-1)?.span)
    assert.equal(line.trace, parts.at(-1)?.trace)
    assert.equal(line.checkpoint, (own.at(-1)?.checkpoint as number) + 1)
    assert.equal(line.error, `process ${pid} ended without it`)
  }
  assert.equal((await verifyLog(file)).ok, true)
  const [told, ...more] = diag.filter((line) => line.includes('recovered'))
  assert.match(told as string, /; as lost: (coder, lead|lead, coder); spans sent: 3$/)
  assert.deepEqual(more, [])

  // The backend: exactly the spans that were never sent, and those of the new hive.
  const mySpan = mine.spanContext.spanId
  const sent = again.spans.filter(({ spanId }) => spanId !== mySpan)
  assert.deepEqual(sent.map(({ name }) => name).sort(), [
    'hive.session',
    'invoke_agent Lead',
    'invoke_agent coder',
  ])
  for (const { spanId } of sent) assert.ok(!ids(live.spans).has(spanId))
  const whole = await tempReceiver(t)
  await exportLog(file, { otlp: { url: whole.url }, ...(session && { session }) })
  assert.deepEqual(ids([...live.spans, ...sent]), ids(whole.spans))

  // What was sent is what an export of the file sends.
  for (const span of sent) {
    const { resource, ...same } = whole.spans.find(({ spanId }) => spanId === span.spanId) as ReceivedSpan
    const { resource: _, ...found } = span
    if (span.name !== 'hive.session') {
      assert.equal(found.attributes['hive.agent.exit_status'], 'lost')
      assert.equal(found.status.code, 2)
      same.status = found.status
    }
    assert.deepEqual(found, same)
  }
})

test('recovering again does nothing', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const live = await tempReceiver(t)
  await crash(t, file, live.url)
  const first = await tempReceiver(t)
  const { hive } = tempHive(t, { file, recover: true, otlp: { url: first.url } })
  await hive.shutdown()
  assert.equal(first.spans.length, 3)
  const lines = linesOf(file)
  const diag = captureDiag(t)
  const second = await tempReceiver(t)
  const next = tempHive(t, { file, recover: true, otlp: { url: second.url } })
  await next.hive.shutdown()
  assert.deepEqual(second.spans, [])
  assert.deepEqual(
    linesOf(file)
      .slice(lines.length)
      .map(({ kind }) => kind),
    ['log.open', 'log.seal'],
  )
  assert.deepEqual(diag, [])
})

test('without `recover` a crash leaves everything as it is', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const live = await tempReceiver(t)
  await crash(t, file, live.url)
  const { hive } = tempHive(t, { file })
  await hive.shutdown()
  assert.equal(exits(file).length, 1)
})

test('a hive that lives in this process on the same file is left alone', async (t) => {
  const { hive, file } = tempHive(t)
  hive.spawn({ agentId: 'alive' })
  await hive.flush()
  const other = tempHive(t, { file, recover: true })
  await other.hive.shutdown()
  assert.equal(exits(file).length, 0)
})

test('with a tracer provider of the application’s own, the file gets its exits and no span a new id', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const live = await tempReceiver(t)
  await crash(t, file, live.url)
  const said = captureDiag(t)
  const { hive } = tempHive(t, { file, recover: true, tracerProvider: new BasicTracerProvider() })
  await hive.shutdown()
  assert.equal(exits(file).filter(({ status }) => status === 'lost').length, 2)
  assert.equal(said.length, 1)
  assert.match(said[0] ?? '', /hivelog export/)
})

test('agents that a rotation left in an older segment are found', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const live = await tempReceiver(t)
  await crash(t, file, live.url)
  const small = tempHive(t, { file, rotate: { maxBytes: 2_000 } })
  small.hive.log('fill', { text: 'x'.repeat(3_000) })
  await small.hive.flush()
  small.hive.log('after', {})
  await small.hive.shutdown()
  const { hive } = tempHive(t, { file, recover: true })
  await hive.shutdown()
  const lost = exits(file).filter(({ status }) => status === 'lost')
  assert.deepEqual(lost.map(({ agentId }) => agentId).sort(), ['coder', 'lead'])
})

test('a log that is damaged or foreign does no harm', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const foreign = '{"ts":1787386181194,"kind":"spawn","agentId":"god","name":"Nitya","isGod":true}'
  writeFileSync(file, `${foreign}\n{"ts":1,"kind":"spawn","span":3,"trace":[],"session":{}}\nnot JSON\n`)
  const said = captureDiag(t)
  const { hive } = tempHive(t, { file, recover: true })
  await hive.shutdown()
  assert.deepEqual(said, [])
  assert.equal(readText(file).includes('lost'), false)
})

/** A hive whose agent runs in a process of its own, which lives on when the hive's is killed. */
const PARENT = `
import { spawn } from 'node:child_process'
import { startHive } from '${INDEX}'
const [file, url, child] = process.argv.slice(2)
const hive = startHive({ file, otlp: { url }, fsync: 'always' })
const lead = hive.spawn({ agentId: 'lead' })
const coder = lead.spawn({ agentId: 'coder' })
const idle = lead.spawn({ agentId: 'idle' })
await hive.flush()
const started = spawn(process.execPath, [child], {
  env: { ...process.env, ...coder.env() }, stdio: ['pipe', 'inherit', 'inherit'], detached: true,
})
console.log(started.pid)
setInterval(() => {}, 1000)
`
const CHILD = `
import { startHive } from '${INDEX}'
const hive = startHive({ otlp: false })
hive.self.log('step')
await hive.flush()
console.log('ready')
setTimeout(() => {}, 60_000)
`

test('an agent that lives on in a process of its own is not told as lost', async (t) => {
  captureDiag(t)
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  const receiver = await tempReceiver(t)
  const [app, childApp] = [join(folder, 'app.mjs'), join(folder, 'child.mjs')] as const
  writeFileSync(app, PARENT)
  writeFileSync(childApp, CHILD)
  const parent = spawn(process.execPath, [app, file, receiver.url, childApp], {
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  parent.stdout.on('data', (data) => {
    said += data
  })
  await until(() => said.includes('ready'), 'the child')
  const childPid = Number(said.split('\n')[0])
  t.after(() => process.kill(childPid, 'SIGKILL'))
  parent.kill('SIGKILL')
  await once(parent, 'exit')
  const again = await tempReceiver(t)
  const { hive } = tempHive(t, { file, recover: true, otlp: { url: again.url } })
  await hive.shutdown()
  assert.deepEqual(
    exits(file).map(({ agentId, status }) => [agentId, status]),
    [
      ['idle', 'lost'],
      ['lead', 'lost'],
    ],
  )
  const [coder] = again.named('invoke_agent coder')
  assert.equal(coder?.attributes['hive.agent.exit_status'], 'alive')
  assert.equal(coder?.status.code ?? 0, 0, 'no error')
  const third = await tempReceiver(t)
  const { hive: next } = tempHive(t, { file, recover: true, otlp: { url: third.url } })
  await next.shutdown()
  assert.deepEqual(third.named('invoke_agent coder'), [], 'it was sent before')
})
