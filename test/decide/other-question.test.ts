/**
 * A decision is of the question that the person read, and of no other that is asked under its id, whatever way it comes;
 * what a process that starts again asks in the same words is the same question.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { decisionName } from '../../src/decide/decision-name.js'
import { type Decision, listDecisions, putDecision } from '../../src/decide/decisions.js'
import { type Hive, startHive } from '../../src/index.js'
import type { Desk } from '../../src/serve/api/shapes.js'
import { EventStore } from '../../src/serve/events.js'
import { identityOf } from '../../src/ship/segments.js'
import { tempApi } from '../kit/api-server.js'
import { approvals, isTaken, until } from '../kit/deciding.js'
import { captureDiag, defer, eventsOf, tempFolder, tempHive } from '../kit/hive-support.js'
import { hivelog, MAIN } from '../kit/reader-cli.js'

const ME = userInfo().username
const DOCS = 'Format the docs?'
const DROP = 'Drop production?'
const OTHER =
  /the decision of "x" \(approved by ".*" at .*\) is of another question than the one that was asked since/

function opened(t: TestContext, file: string): Hive {
  const hive = startHive({ file, fsync: 'no', otlp: false })
  defer(t, () => hive.shutdown())
  return hive
}

/** A log in which `x` was asked by a process that has ended, and approved from a shell since. */
async function approvedWhileDown(t: TestContext, subject = DOCS): Promise<string> {
  const { hive, file } = tempHive(t)
  await hive.spawn({ agentId: 'coder' }).escalate({ id: 'x', subject }).durable
  await hive.shutdown()
  assert.equal(
    (await hivelog(['approve', 'x', file])).stdout,
    'sent: waits for the hive, which is not running\n  x  Format the docs?\n',
  )
  return file
}

/** The file in which the decision of `x` waits. */
const waiting = (file: string): string => join(`${file}.decisions`, decisionName('x'))

test('what was approved while the hive was down decides nothing else that it asks under that id', async (t) => {
  const file = await approvedWhileDown(t)
  const said = captureDiag(t)
  await pause(2)
  const hive = opened(t, file)
  const asked = hive.spawn({ agentId: 'coder' }).escalate({ id: 'x', subject: DROP })
  await until(() => isTaken(file))
  await hive.flush()
  assert.deepEqual(approvals(file), [])
  assert.match(said.join('\n'), OTHER)
  // Who reads what is asked now decides that.
  assert.match((await hivelog(['reject', 'x', file])).stdout, /^recorded/)
  assert.equal((await asked.decision).approve, false)
})

test('what is asked again in the same words after a restart is decided by what was given meanwhile, once', async (t) => {
  const file = await approvedWhileDown(t)
  const given = JSON.parse(readFileSync(waiting(file), 'utf8')) as Decision
  // A second passed, and more, so that the line tells when the person decided.
  const earlier = { ...given, ts: given.ts - 5_000 }
  writeFileSync(waiting(file), JSON.stringify(earlier), { mode: 0o600 })
  const hive = opened(t, file)
  const agent = hive.spawn({ agentId: 'coder' })
  const { ts, ...made } = await agent.escalate({ id: 'x', subject: DOCS }).decision
  assert.deepEqual(made, { approve: true, by: ME, via: 'cli', note: undefined, decidedAt: earlier.ts })
  assert.equal(approvals(file)[0]?.decidedAt, earlier.ts)
  await until(() => isTaken(file))
  // It was one answer to one question: the same words after it are another.
  putDecision(file, earlier)
  const again = agent.escalate({ id: 'x', subject: DOCS })
  await until(() => isTaken(file))
  await hive.approve('x', false, { by: 'bo' })
  assert.equal((await again.decision).by, 'bo')
  assert.equal(approvals(file).length, 2)
})

test('the same words of another agent are another question', async (t) => {
  const file = await approvedWhileDown(t)
  const hive = opened(t, file)
  hive.spawn({ agentId: 'tester' }).escalate({ id: 'x', subject: DOCS })
  await until(() => isTaken(file))
  await hive.flush()
  assert.deepEqual(approvals(file), [])
})

test('a decision that names no question is of what waited when it was given', async (t) => {
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'coder' })
  await agent.escalate({ id: 'x', subject: DOCS }).durable
  const old = { id: 'x', approve: true, by: 'ana', via: 'cli' as const }
  await hive.shutdown()
  await pause(2)
  putDecision(file, { ...old, ts: Date.now() })
  await pause(2)
  const next = opened(t, file)
  const other = next.spawn({ agentId: 'coder' }).escalate({ id: 'x', subject: DROP })
  await until(() => isTaken(file))
  await next.flush()
  assert.deepEqual(approvals(file), [])
  putDecision(file, { ...old, by: 'bo', ts: Date.now() })
  assert.equal((await other.decision).by, 'bo')
})

test('a clock that was set back loses no decision that names its question', async (t) => {
  const { hive, file } = tempHive(t)
  const asked = hive.spawn({ agentId: 'coder' }).escalate({ id: 'x', subject: DOCS })
  await asked.durable
  await hive.shutdown()
  await hivelog(['approve', 'x', file])
  const given = JSON.parse(readFileSync(waiting(file), 'utf8')) as Decision
  writeFileSync(waiting(file), JSON.stringify({ ...given, ts: given.ts - 3_600_000 }), { mode: 0o600 })
  opened(t, file)
  await until(() => isTaken(file))
  assert.deepEqual(
    approvals(file).map(({ by, decidedAt }) => [by, decidedAt]),
    [[ME, given.ts - 3_600_000]],
  )
})

test('while the hive runs: what is asked anew before it takes the decision waits, and the person hears why', async (t) => {
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'coder' })
  await agent.escalate({ id: 'x', subject: DOCS }).durable
  const shell = spawn(process.execPath, [MAIN, 'approve', 'x', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exit = once(shell, 'exit')
  // This process is busy while the shell reads the log and puts its decision.
  while (!existsSync(waiting(file))) {
    // As above.
  }
  const asked = agent.escalate({ id: 'x', subject: DROP })
  const [out] = (await once(createInterface(shell.stdout), 'line')) as [string]
  assert.match(
    out,
    /^not taken: "x" was asked anew at .*: "Drop production\?"; decide that, see hivelog pending$/,
  )
  assert.deepEqual(await exit, [1, null])
  assert.deepEqual(approvals(file), [])
  await hive.approve('x', false, { by: 'bo' })
  assert.equal((await asked.decision).by, 'bo')
})

test('a decision of the question before keeps nobody from deciding, and is not shown as sent', async (t) => {
  const file = await approvedWhileDown(t)
  const stale = readFileSync(waiting(file))
  const hive = opened(t, file)
  await hive.spawn({ agentId: 'coder' }).escalate({ id: 'x', subject: DROP }).durable
  await until(() => isTaken(file))
  await hive.shutdown()
  // As if the hive had ended before it took it away.
  mkdirSync(dirname(waiting(file)), { recursive: true, mode: 0o700 })
  writeFileSync(waiting(file), stale, { mode: 0o600 })
  assert.doesNotMatch((await hivelog(['pending', file])).stdout, /not in the log yet/)
  const api = await tempApi(t, { logs: [file] })
  const log = await api.log('hive.jsonl')
  assert.equal((await api.get<Desk>(`${log}/desk`)).pending[0]?.sent, undefined)
  assert.equal((await hivelog(['reject', 'x', file])).code, 0)
  assert.deepEqual(
    listDecisions(file).map(({ approve }) => approve),
    [false],
  )
  assert.match((await hivelog(['pending', file])).stdout, /rejected by .*: sent, not in the log yet/)
})

test('a page that shows the question before decides nothing; told which, it does', async (t) => {
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'coder' })
  await agent.escalate({ id: 'x', subject: DOCS }).durable
  const api = await tempApi(t, { logs: [file] })
  const log = await api.log('hive.jsonl')
  const decide = async (question: unknown) => {
    const body = JSON.stringify({ id: 'x', approve: true, question })
    const answer = await api.ask(`${log}/decisions`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    })
    return [answer.status, ((await answer.json()) as { error?: string }).error]
  }
  const shown = (await api.get<Desk>(`${log}/desk`)).pending[0]?.question
  assert.match(shown as string, /^\d+-[0-9a-f]{32}$/)
  const asked = agent.escalate({ id: 'x', subject: DROP })
  await asked.durable
  await until(async () => (await api.get<Desk>(`${log}/desk`)).pending[0]?.subject === DROP)
  assert.deepEqual(await decide(shown), [
    409,
    'something else was asked since under "x": look, and decide that',
  ])
  assert.equal((await decide(7))[0], 400)
  assert.deepEqual(listDecisions(file), [])
  const now = (await api.get<Desk>(`${log}/desk`)).pending[0]?.question
  assert.equal((await decide(now))[0], 202)
  assert.equal((await asked.decision).via, 'page')
})

test('what a child that has ended asked is decided above it, and nothing that its next process asks instead', async (t) => {
  const { hive, file } = tempHive(t)
  hive.spawn({ agentId: 'lead', isGod: true }).env()
  const log = join(`${file}.agents`, 'coder.jsonl')
  const child = startHive({ file: log, fsync: 'no' })
  const agent = child.spawn({ agentId: 'coder' })
  await agent.escalate({ id: 'x', subject: DOCS }).durable
  await agent.escalate({ id: 'y', subject: DOCS }).durable
  await child.shutdown()
  const question = (id: string, ts: unknown) => ({
    id,
    approve: true,
    by: 'ana',
    via: 'cli' as const,
    ts: ts as number,
  })
  // That of x is of what was asked an hour before, that of y of what waits.
  const [, y] = eventsOf(log).filter(({ kind }) => kind === 'escalate')
  putDecision(log, question('x', (y?.ts as number) - 3_600_000))
  putDecision(log, question('y', Date.now()))
  await until(() => isTaken(log) && isTaken(file) && approvals(file).length > 0)
  await hive.flush()
  assert.deepEqual(
    approvals(file).map(({ id }) => id),
    ['y'],
  )
})

test('the server’s own logs: who waits for what was asked before under an id is let go, and not told yes', async (t) => {
  const said: string[] = []
  const store = new EventStore(tempFolder(t), (message) => said.push(message))
  defer(t, () => store.close())
  const ask = (subject: string, ts: number) =>
    store.add([{ kind: 'escalate', session: 's', id: 'x', from: 'coder', to: 'human', subject, ts }])
  await ask(DOCS, 1_790_000_000_000)
  const heard: [string, boolean | undefined][] = []
  await store.with('s', (log) => log.onDecision('x', (made) => void heard.push(['first', made?.approve])))
  const file = store.pathOf('s')
  await ask(DROP, 1_790_000_001_000)
  assert.deepEqual(heard, [['first', undefined]])
  const old = { id: 'x', approve: true, by: 'ana', via: 'page' as const }
  putDecision(file, { ...old, ts: 1_790_000_000_500 })
  await until(() => isTaken(file))
  assert.deepEqual(approvals(file), [])
  assert.match(said.join('\n'), OTHER)
  await store.with('s', (log) => log.onDecision('x', (made) => void heard.push(['second', made?.approve])))
  putDecision(file, { ...old, approve: false, ts: Date.now() })
  await until(() => isTaken(file))
  assert.deepEqual(heard.slice(1), [['second', false]])
})

test('what waits at a server for the sender of a copy goes when the copy asks something else under that id', async (t) => {
  const { hive, file } = tempHive(t, { sessionId: 's-copy' })
  const agent = hive.spawn({ agentId: 'coder' })
  await agent.escalate({ id: 'x', subject: DOCS }).durable
  const api = await tempApi(t, { store: tempFolder(t) })
  const identity = await identityOf(file)
  assert.ok(identity !== undefined)
  let from = 0
  const ship = async () => {
    const bytes = readFileSync(file)
    const response = await api.ask('/v1/ingest', {
      method: 'POST',
      body: bytes.subarray(from),
      headers: {
        'hivelog-session': 's-copy',
        'hivelog-log': identity.log,
        'hivelog-name': 'hive.jsonl',
        'hivelog-segment': '1',
        'hivelog-offset': String(from),
      },
    })
    from = bytes.length
    return ((await response.json()) as { decisions?: Decision[] }).decisions
  }
  const asks = async (subject: string) => {
    await until(async () => (await api.get<Desk>(`${log}/desk`)).pending[0]?.subject === subject)
  }
  const decide = (approve: boolean) =>
    api.ask(`${log}/decisions`, {
      method: 'POST',
      body: JSON.stringify({ id: 'x', approve }),
      headers: { 'content-type': 'application/json' },
    })
  await ship()
  const log = await api.log('hive.jsonl')
  await asks(DOCS)
  assert.equal((await decide(true)).status, 202)
  await agent.escalate({ id: 'x', subject: DROP }).durable
  assert.equal(await ship(), undefined)
  await asks(DROP)
  assert.equal((await api.get<Desk>(`${log}/desk`)).pending[0]?.sent, undefined)
  assert.equal((await decide(false)).status, 202)
  hive.log('more')
  await hive.flush()
  assert.deepEqual(
    (await ship())?.map(({ approve }) => approve),
    [false],
  )
})
