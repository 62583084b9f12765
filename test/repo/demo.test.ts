import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { type HiveEvent, isKind, type KnownKind } from '../../src/index.js'
import { readLog, verifyLog } from '../../src/read.js'

// The demo is run as it is, against dist/.
const DEMO = join(process.cwd(), 'examples/review-hive')
const SECRET = `ghp_${'a1B2c3D4e5'.repeat(3)}f6G7h8`
const PASSWORD = 'correct-h0rse-battery'

const folder = mkdtempSync(join(tmpdir(), 'hivelog-'))
after(() => rmSync(folder, { recursive: true }))

const SOURCES = {
  'app/start.js': `import { save } from '../store/save.js'
export function start(settings) {
  save(settings)
  return eval(settings)
}
`,
  'store/save.js': `import { rmSync } from 'node:fs'
const token = '${SECRET}'
export async function save(settings) {
  rmSync('old', { recursive: true })
  await fetch('https://store.example', { headers: { token }, body: settings })
}
`,
  'setup/config.py': `db_password = "${PASSWORD}"\n`,
  'setup/patterns.js': 'export const make = (text) => new RegExp(text)\n',
  'tools/clean.js': 'export function clean() {}\n',
}

before(() => {
  for (const [path, text] of Object.entries(SOURCES)) {
    mkdirSync(dirname(join(folder, 'code', path)), { recursive: true })
    writeFileSync(join(folder, 'code', path), text)
  }
})

interface Run {
  code: number | null
  stdout: string
  stderr: string
  /** The folder that the run left. */
  left: string
}

/** Starts the demo in a working directory of its own, without a terminal. */
function start(args: string[], env: NodeJS.ProcessEnv = {}): { child: ChildProcess; ended: Promise<Run> } {
  const cwd = mkdtempSync(join(folder, 'run-'))
  const { OTEL_EXPORTER_OTLP_ENDPOINT: _, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: __, ...inherited } = process.env
  const child = spawn(process.execPath, [join(DEMO, 'main.mjs'), ...args], {
    cwd,
    env: { ...inherited, ...env },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = once(child, 'close').then(([code]) => {
    const [run] = readdirSync(cwd).includes('hive-demo') ? readdirSync(join(cwd, 'hive-demo')) : []
    return {
      code: code as number | null,
      stdout,
      stderr,
      left: run === undefined ? '' : join(cwd, 'hive-demo', run),
    }
  })
  return { child, ended }
}

async function eventsOf(run: Run): Promise<HiveEvent[]> {
  const events: HiveEvent[] = []
  for await (const item of readLog(join(run.left, 'hive.jsonl'))) {
    if ('malformed' in item) assert.fail(item.reason)
    events.push(item.event)
  }
  return events
}

const all = <K extends KnownKind>(events: HiveEvent[], kind: K) =>
  events.filter((event) => isKind(event, kind))

function everythingIn(path: string): string {
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return files.map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8')).join('\n')
}

interface OtlpSpan {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
}

/** An OTLP/HTTP endpoint that keeps what it gets. */
async function receiver() {
  const bodies: string[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    bodies.push(Buffer.concat(chunks).toString())
    response.setHeader('content-type', 'application/json').end('{}')
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const spans = (): OtlpSpan[] =>
    bodies.flatMap((body) =>
      JSON.parse(body).resourceSpans.flatMap((resource: { scopeSpans: { spans: OtlpSpan[] }[] }) =>
        resource.scopeSpans.flatMap((scope) => scope.spans),
      ),
    )
  return { server, bodies, spans, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

test('without a terminal a policy decides, and the log tells the whole story', async () => {
  const run = await start(['--fast', join(folder, 'code')]).ended
  assert.equal(run.stderr, '')
  assert.equal(run.code, 0)
  const file = join(run.left, 'hive.jsonl')
  const report = await verifyLog(file)
  assert.deepEqual([report.ok, report.unsealed.lines], [true, 0])

  const events = await eventsOf(run)
  const agents = all(events, 'spawn').map(({ agentId }) => agentId)
  assert.equal(agents.length, 5)
  const exits = all(events, 'exit')
  assert.deepEqual(exits.map(({ agentId }) => agentId).sort(), [...agents].sort())
  assert.ok(exits.every(({ status }) => status === 'ok'))

  const approvals = new Map(all(events, 'approval').map((approval) => [approval.id, approval]))
  const decided = all(events, 'escalate').map(({ id, subject }) => {
    const approval = approvals.get(id)
    assert.equal(approval?.by, 'policy')
    return `${/^\S+/.exec(subject)?.[0]} ${approval.approve}`
  })
  assert.deepEqual(decided.sort(), [
    'config.py:1 true',
    'patterns.js:1 false',
    'save.js:2 true',
    'save.js:4 true',
    'start.js:4 true',
  ])

  const messages = all(events, 'message')
  const drained = all(events, 'drain').flatMap(({ ids }) => ids)
  assert.deepEqual(drained.sort(), messages.map(({ id }) => id).sort(), 'each message is drained once')
  const question = messages.find(({ act }) => act === 'query')
  assert.match(question?.subject ?? '', /save of .*save\.js/)
  const answer = messages.find(({ inReplyTo }) => inReplyTo === question?.id)
  assert.deepEqual(
    [answer?.from, answer?.subject],
    [question?.to, 'save returns a promise, blocks in rmSync'],
  )

  const notebook = readFileSync(join(run.left, 'review.md'), 'utf8')
  assert.match(notebook, /start\.js does not await save\(\)/)
  const numbers = (notebook.match(/^\d+(?=\. )/gm) ?? []).map(Number)
  assert.deepEqual(
    numbers,
    Array.from(numbers, (_, i) => i + 1),
    'no number is given twice',
  )

  const fed = run.stdout.match(/^\d\d:\d\d:\d\d\.\d{3} /gm) ?? []
  assert.equal(fed.length, report.lines, 'the feed shows each line of the file once')
  assert.match(run.stdout, new RegExp(`verify +ok: ${report.lines} lines`))
})

test('secrets reach neither the log, the notebook, the terminal nor OTLP, and each reviewer is one span', async () => {
  const otlp = await receiver()
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: otlp.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }
  const run = await start(['--yes', '--fast', join(folder, 'code')], env).ended
  otlp.server.close()
  assert.equal(run.stderr, '')
  assert.equal(run.code, 0)

  const left = everythingIn(run.left)
  for (const text of [left, run.stdout, otlp.bodies.join('\n')]) {
    assert.ok(!text.includes(SECRET) && !text.includes(PASSWORD))
    assert.match(text, /\[redacted:/)
  }

  const spans = otlp.spans()
  const events = await eventsOf(run)
  const ofAgents = spans.filter(({ name }) => name.startsWith('invoke_agent '))
  const names = all(events, 'spawn').map(({ name }) => `invoke_agent ${name}`)
  // The lead has no parent and drains, so its life is told in parts.
  const lead = ofAgents.find(({ name, parentSpanId }) => name === 'invoke_agent Lead' && !parentSpanId)
  const lives = ofAgents.filter((span) => span === lead || span.name !== 'invoke_agent Lead')
  assert.deepEqual(lives.map(({ name }) => name).sort(), names.sort())
  for (const span of ofAgents) if (span !== lead) assert.equal(span.parentSpanId, lead?.spanId)
  const agentSpans = new Set(ofAgents.map(({ spanId }) => spanId))
  const tools = spans.filter(({ name }) => name.startsWith('execute_tool '))
  assert.equal(tools.length, all(events, 'tool').length)
  assert.ok(tools.length > 0 && tools.every(({ parentSpanId }) => agentSpans.has(parentSpanId ?? '')))
  assert.deepEqual([...new Set(spans.map(({ traceId }) => traceId))], [lead?.traceId])
  assert.ok(run.stdout.includes(`http://localhost:16686/trace/${lead?.traceId}`))
})

test('a backend that takes nothing is told so, and not that it has the trace', async () => {
  const closed = await receiver()
  await new Promise((done) => closed.server.close(done))
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: closed.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }
  const run = await start(['--yes', '--fast', join(folder, 'code')], env).ended
  assert.equal(run.code, 0)
  assert.match(run.stderr, /spans (?:are|were) not sent/)
  assert.match(run.stdout, /Not all of the trace was sent: .*did not take it/)
  assert.ok(!run.stdout.includes('(sent to'))
})

test('Ctrl-C ends the reviewers, and leaves a sealed log that says so', async () => {
  const { child, ended } = start([join(folder, 'code')])
  child.stdout?.on('data', (text: string) => {
    // The feed is live: this is long before the end.
    if (text.includes('run_checks')) child.kill('SIGINT')
  })
  const run = await ended
  assert.equal(run.code, 130)
  const report = await verifyLog(join(run.left, 'hive.jsonl'))
  assert.deepEqual([report.ok, report.unsealed.lines], [true, 0])
  const events = await eventsOf(run)
  const exits = all(events, 'exit')
  assert.equal(exits.length, all(events, 'spawn').length)
  assert.ok(exits.some(({ agentId, status }) => agentId !== 'lead' && status === 'killed'))
  assert.deepEqual(
    exits.filter(({ agentId }) => agentId === 'lead').map(({ status }) => status),
    ['killed'],
  )
})

const wrong: [why: string, args: string[], says: RegExp][] = [
  ['a path that is not there', ['nowhere'], /^review-hive: there is no nowhere\n$/],
  ['a folder without source files', ['.'], /^review-hive: no source files in \.; .+\n$/],
  ['an unknown option', ['--nope'], /^review-hive: .*'--nope'.*; see --help\n$/],
]
for (const [why, args, says] of wrong) {
  test(`${why} is told in one line`, async () => {
    const run = await start(args).ended
    assert.match(run.stderr, says)
    assert.deepEqual([run.code, run.stdout, run.left], [2, '', ''])
  })
}

test('--help tells the usage', async () => {
  const run = await start(['--help']).ended
  assert.match(run.stdout, /^Usage: npm run demo/)
  assert.deepEqual([run.code, run.stderr, run.left], [0, '', ''])
})

test('the lock is given in the order of asking, and tells who held it', async () => {
  const { Lock } = await import(pathToFileURL(join(DEMO, 'lock.mjs')).href)
  const lock = new Lock()
  assert.deepEqual(await lock.acquire('a'), { ms: 0 })
  const order: string[] = []
  const waiting = ['b', 'c', 'd'].map(async (who) => {
    const { ms, holder } = await lock.acquire(who)
    assert.ok(ms > 0)
    order.push(`${who} after ${holder}`)
    lock.release(who)
  })
  lock.release('c') // has died, and leaves the queue
  lock.release('a')
  await Promise.all([waiting[0], waiting[2]])
  assert.deepEqual(order, ['b after a', 'd after a'])
})

test('a human is asked one question at a time, and can leave one to the policy', async () => {
  const { approver } = await import(pathToFileURL(join(DEMO, 'approvals.mjs')).href)
  const answers = ['y it leaks', 'N', '', undefined]
  let open = 0
  const screen = {
    async ask(question: string) {
      assert.equal(++open, 1)
      assert.match(question, /block cleanup\.sh:3, deletes\?/)
      await new Promise(setImmediate)
      open--
      return answers.shift()
    },
  }
  const decide = approver(true, screen)
  const risk = { id: 'e1', path: 'ops/cleanup.sh', line: 3, check: 'deletes', tree: true }
  const by = process.env.USER || 'human'
  assert.deepEqual(await Promise.all([decide(risk), decide(risk), decide(risk), decide(risk)]), [
    { approve: true, by, note: 'it leaks' },
    { approve: false, by },
    { approve: false, by },
    { approve: true, by: 'policy', note: 'deletes whole folders' },
  ])
})
