/** The desk over HTTP: decisions of a page reach the hive, and those for a copy ride back to its sender. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { appendFileSync, readdirSync, readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AuditTrail } from '../../src/analyse/audit/report.js'
import { type Decision, listDecisions } from '../../src/decide/decisions.js'
import { startHive } from '../../src/index.js'
import type { Desk, EventPage } from '../../src/serve/api/shapes.js'
import { Tokens } from '../../src/serve/tokens.js'
import { identityOf } from '../../src/ship/segments.js'
import { type Api, busyLog, tempApi } from '../kit/api-server.js'
import { defer, eventsOf, type Line, oneEvent, tempFolder, tempHive } from '../kit/hive-support.js'
import { hivelog, MAIN } from '../kit/reader-cli.js'

const ME = userInfo().username
const approvals = (log: string): Line[] => eventsOf(log).filter(({ kind }) => kind === 'approval')

const decide = ({ ask }: Api, log: string, body: object, headers: Record<string, string> = {}) =>
  ask(`${log}/decisions`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  })

test('a decision of a page is taken by the hive, and the desk tells what waits, is sent and was decided', async (t) => {
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'coder' })
  agent.tool({ name: 'grep', ok: true })
  const asked = agent.escalate({ id: 'e1', subject: 'Drop it?' })
  await asked.durable
  const api = await tempApi(t, { logs: [file] })
  const log = await api.log('hive.jsonl')
  const before = await api.get<Desk>(`${log}/desk`)
  assert.deepEqual(before.decided, [])
  const [waiting] = before.pending
  assert.deepEqual(
    [waiting?.id, waiting?.from, waiting?.subject, waiting?.position],
    ['e1', 'coder', 'Drop it?', 4],
  )
  assert.deepEqual(
    waiting?.before.map(({ event }) => event.kind),
    ['spawn', 'tool'],
  )
  const sent = await decide(api, log, { id: 'e1', approve: false, note: 'never' })
  const { status, decision } = (await sent.json()) as { status: string; decision: Decision }
  assert.deepEqual(
    [sent.status, status, { ...decision, ts: 0 }],
    [
      202,
      'sent',
      { id: 'e1', approve: false, by: ME, via: 'page', note: 'never', ts: 0, question: waiting?.question },
    ],
  )
  const { ts: _, ...made } = await asked.decision
  assert.deepEqual(made, { approve: false, by: ME, via: 'page', note: 'never' })
  const line = approvals(file)[0] as Line
  while ((await api.get<Desk>(`${log}/desk`)).decided.length === 0)
    await new Promise((done) => setTimeout(done, 5))
  const after = await api.get<Desk>(`${log}/desk`)
  assert.deepEqual(after.pending, [])
  assert.deepEqual(after.decided, [
    {
      id: 'e1',
      from: 'coder',
      subject: 'Drop it?',
      by: ME,
      via: 'page',
      note: 'never',
      approve: false,
      askedTs: waiting?.ts,
      decidedTs: line.ts,
      askedPosition: 4,
      decidedPosition: line.seq,
    },
  ])
  assert.equal((await api.get<Desk>(`${log}/desk?at=4`)).pending.length, 1)
  const again = await decide(api, log, { id: 'e1', approve: true })
  assert.equal(again.status, 409)
  const { earlier } = (await again.json()) as { earlier: { by: string; approve: boolean; via: string } }
  assert.deepEqual([earlier.by, earlier.approve, earlier.via], [ME, false, 'page'])
})

test('for a hive that is down it waits, is shown as sent, and the second hears of it', async (t) => {
  const { hive, file } = tempHive(t)
  await hive.spawn({ agentId: 'coder' }).escalate({ id: 'e1', subject: '?' }).durable
  await hive.shutdown()
  const api = await tempApi(t, { logs: [file] })
  const log = await api.log('hive.jsonl')
  assert.equal((await decide(api, log, { id: 'e1', approve: true })).status, 202)
  const { sent } = (await api.get<Desk>(`${log}/desk`)).pending[0] as Desk['pending'][number]
  assert.deepEqual([sent?.approve, sent?.by, sent?.via], [true, ME, 'page'])
  const second = await decide(api, log, { id: 'e1', approve: false })
  assert.deepEqual([second.status, ((await second.json()) as { earlier: object }).earlier], [409, sent])
})

test('what a child process asked that has ended is decided by the process above it, and is shown as sent until then', async (t) => {
  const { hive, file } = tempHive(t)
  hive.spawn({ agentId: 'lead', isGod: true })
  const child = startHive({ file: join(`${file}.agents`, 'coder.jsonl'), fsync: 'no' })
  await child.spawn({ agentId: 'coder' }).escalate({ id: 'e1', subject: '?' }).durable
  await child.shutdown()
  const api = await tempApi(t, { logs: [file] })
  const log = await api.log('hive.jsonl')
  assert.equal((await decide(api, log, { id: 'e1', approve: true })).status, 202)
  // Nobody in the process above has asked yet: it looks now and then whether there is something for it.
  const [waiting] = (await api.get<Desk>(`${log}/desk`)).pending
  if (waiting !== undefined) assert.equal(waiting.sent?.by, ME)
  while (approvals(file).length === 0) await new Promise((done) => setTimeout(done, 20))
  const line = oneEvent(file, 'approval')
  assert.deepEqual([line.id, line.approve, line.by, line.via], ['e1', true, ME, 'page'])
})

test('whatever a question is called, of blanks too, a page decides it; without a name nothing is asked', async (t) => {
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'coder' })
  const ids = ['\n', ' ', '\t \u00a0', '\u202e', '__proto__']
  const asked = ids.map((id) => agent.escalate({ id, subject: 'May I?' }))
  await Promise.all(asked.map(({ durable }) => durable))
  const api = await tempApi(t, { logs: [file] })
  const log = await api.log('hive.jsonl')
  for (const [i, id] of ids.entries()) {
    const sent = await decide(api, log, { id, approve: i % 2 === 0 })
    assert.equal(sent.status, 202, await sent.text())
    assert.equal((await asked[i]?.decision)?.approve, i % 2 === 0)
  }
  assert.deepEqual(
    approvals(file).map(({ id, by, via }) => [id, by, via]),
    ids.map((id) => [id, ME, 'page']),
  )
  assert.equal((await decide(api, log, { id: '', approve: true })).status, 400)
})

test('who may not, and what is no decision, is refused', async (t) => {
  const { hive, file } = tempHive(t)
  await hive.spawn({ agentId: ME }).escalate({ id: 'e1', subject: '?' }).durable
  const tokens = join(tempFolder(t), 'tokens.json')
  const made = new Tokens(tokens)
  const reader = made.add('reader', ['read'])
  const ana = made.add('ana', ['read', 'decide'])
  const agent = made.add(ME, ['decide', 'read'])
  const api = await tempApi(t, { logs: [file], tokens })
  const as = (token: string) => ({ authorization: `Bearer ${token}` })
  const { logs } = (await (await api.ask('/api/logs', { headers: as(reader) })).json()) as {
    logs: { id: string }[]
  }
  const log = `/api/logs/${logs[0]?.id}`
  const good = { id: 'e1', approve: true }
  assert.equal((await decide(api, log, good, as(reader))).status, 403)
  assert.equal((await decide(api, log, good, as('nobody'))).status, 401)
  assert.equal((await decide(api, '/api/logs/0000000000000000', good, as(ana))).status, 404)
  assert.equal((await decide(api, log, { id: 'e2', approve: true }, as(ana))).status, 404)
  for (const bad of [
    {},
    { id: 'e1' },
    { id: 'e1', approve: 'yes' },
    { id: 1, approve: true },
    { ...good, note: 'x'.repeat(5_000) },
  ])
    assert.equal((await decide(api, log, bad, as(ana))).status, 400)
  const refused = await decide(api, log, good, as(agent))
  assert.equal(refused.status, 403)
  assert.match(((await refused.json()) as { error: string }).error, /only people decide/)
  assert.deepEqual(listDecisions(file), [])
  assert.equal((await decide(api, log, good, as(ana))).status, 202)
  while (approvals(file).length === 0) await new Promise((done) => setTimeout(done, 5))
  assert.deepEqual([approvals(file)[0]?.by, approvals(file)[0]?.via], ['ana', 'page'])
})

test('at any position the desk says what hivelog audit says of the log up to there', async (t) => {
  const folder = tempFolder(t)
  const file = busyLog(folder, 1_500)
  const api = await tempApi(t, { logs: [file] })
  const log = await api.log('busy.jsonl')
  const { cases } = JSON.parse((await hivelog(['audit', '--json', file])).stdout) as AuditTrail
  for (const at of [1, 40, 333, 900, 1_499]) {
    const { pending, decided } = await api.get<Desk>(`${log}/desk?at=${at}`)
    const asked = cases.filter(({ place }) => place.seq <= at)
    const madeBy = (each: (typeof cases)[number]) => each.decisions.find(({ place }) => place.seq <= at)
    assert.deepEqual(
      pending.map(({ id, position }) => [id, position]),
      asked.filter((each) => madeBy(each) === undefined).map(({ id, place }) => [id, place.seq]),
    )
    assert.deepEqual(
      decided
        .map(({ id, approve, by, via, decidedPosition }) => [id, approve, by, via, decidedPosition])
        .reverse(),
      asked
        .flatMap((each) => {
          const made = madeBy(each)
          return made === undefined
            ? []
            : [[each.id, made.outcome === 'approved', made.by, made.via, made.place.seq] as const]
        })
        .sort((a, b) => a[4] - b[4]),
    )
  }
})

test('a decision for a copy rides back to the sender, until its line is in the copy', async (t) => {
  const { hive, file } = tempHive(t, { sessionId: 's-copy' })
  const asked = hive.spawn({ agentId: 'coder' }).escalate({ id: 'e1', subject: '?' })
  await asked.durable
  const api = await tempApi(t, { store: tempFolder(t) })
  const identity = await identityOf(file)
  assert.ok(identity !== undefined)
  let from = 0
  const ship = async (): Promise<{ decisions?: { id: string; by: string }[] }> => {
    const bytes = readFileSync(file)
    const response = await api.ask('/v1/ingest', {
      method: 'POST',
      body: bytes.subarray(from),
      headers: {
        'hivelog-session': identity.session ?? 's-copy',
        'hivelog-log': identity.log,
        'hivelog-name': 'hive.jsonl',
        'hivelog-segment': '1',
        'hivelog-offset': String(from),
      },
    })
    assert.equal(response.status, 200)
    from = bytes.length
    return response.json() as never
  }
  assert.equal((await ship()).decisions, undefined)
  const poll = (wait: number) =>
    api.get<{ decisions: { id: string; by: string; via: string; approve: boolean }[] }>(
      `/v1/decisions?session=${identity.session}&log=${identity.log}&wait=${wait}`,
    )
  assert.deepEqual(await poll(0), { decisions: [] })
  const waiting = poll(30)
  const log = await api.log('hive.jsonl')
  while ((await api.get<EventPage>(`${log}/events`)).events.length < 3)
    await new Promise((done) => setTimeout(done, 5))
  assert.equal((await decide(api, log, { id: 'e1', approve: true })).status, 202)
  const [ridden] = (await waiting).decisions
  assert.deepEqual([ridden?.id, ridden?.by, ridden?.via, ridden?.approve], ['e1', ME, 'page', true])
  hive.log('more')
  await hive.flush()
  assert.equal((await ship()).decisions?.[0]?.id, 'e1', 'it rides on every answer')
  await hive.approve('e1', true, { by: ridden?.by as string, via: 'page' })
  assert.equal((await ship()).decisions, undefined)
  assert.deepEqual(await poll(0), { decisions: [] })
})

test('100 escalations decided from page, shell and code at once: one approval each, by who was first', async (t) => {
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'coder' })
  const asked = Array.from({ length: 100 }, (_, i) =>
    agent.escalate({ id: `ask-${i}`, subject: `May I? ${i}` }),
  )
  await Promise.all(asked.map(({ durable }) => durable))
  const api = await tempApi(t, { logs: [file] })
  const log = await api.log('hive.jsonl')
  const shell = (id: string): Promise<number | null> =>
    new Promise((done) => {
      spawn(process.execPath, [MAIN, 'reject', id, '--note', 'shell', file], { stdio: 'ignore' }).on(
        'exit',
        done,
      )
    })
  // All ways at all of them; a process for each tenth, since each takes a while to begin.
  const byShell = asked.filter((_, i) => i % 10 === 0).map(({ id }) => shell(id))
  const byPage = asked.map(({ id }) => decide(api, log, { id, approve: true, note: 'page' }))
  await new Promise((done) => setTimeout(done, 30))
  const byCode = asked.map(({ id }, i) =>
    i % 3 === 0
      ? hive.approve(id, false, { by: 'cy', note: 'code' }).then(
          () => 'won',
          () => 'lost',
        )
      : undefined,
  )
  const [made, pages, codes, shells] = await Promise.all([
    Promise.all(asked.map(({ decision }) => decision)),
    Promise.all(byPage.map(async (each) => (await each).status)),
    Promise.all(byCode),
    Promise.all(byShell),
  ])
  await hive.flush()
  const lines = approvals(file)
  assert.deepEqual(lines.map(({ id }) => id).sort(), asked.map(({ id }) => id).sort(), 'one approval each')
  const WAYS: Record<string, unknown[]> = {
    page: [true, ME, 'page'],
    cli: [false, ME, 'shell'],
    code: [false, 'cy', 'code'],
  }
  for (const [i, { id }] of asked.entries()) {
    const line = lines.find((each) => each.id === id) as Line
    const { approve, by, via, note } = made[i] as (typeof made)[number]
    assert.deepEqual(
      [line.approve, line.by, line.note],
      WAYS[line.via as string],
      'all of it is of one person',
    )
    assert.deepEqual(
      [approve, by, via, note],
      [line.approve, line.by, line.via, line.note],
      'the agent hears the line',
    )
    if (codes[i] !== undefined) assert.equal(codes[i] === 'won', line.via === 'code')
    if (line.via === 'page') assert.equal(pages[i], 202)
    if (i % 10 === 0)
      assert.equal(shells[i / 10] === 0, line.via === 'cli', `the shell's exit code for ${id}`)
  }
  while (readdirSync(`${file}.decisions`).length > 0) await new Promise((done) => setTimeout(done, 5))
})

test('what a page decides is decided once, also when the hive starts again just then', async (t) => {
  const { hive, file } = tempHive(t)
  await hive.spawn({ agentId: 'coder' }).escalate({ id: 'e1', subject: '?' }).durable
  const api = await tempApi(t, { logs: [file] })
  const log = await api.log('hive.jsonl')
  const [sent] = await Promise.all([decide(api, log, { id: 'e1', approve: true }), hive.shutdown()])
  assert.equal(sent.status, 202)
  const next = startHive({ file, fsync: 'no' })
  defer(t, () => next.shutdown())
  while (readdirSync(`${file}.decisions`).length > 0) await new Promise((done) => setTimeout(done, 5))
  await next.flush()
  assert.equal(approvals(file).length, 1)
})

test('who decides what was decided just now hears of it, though the server has not read so far', async (t) => {
  const { hive, file } = tempHive(t)
  await hive.spawn({ agentId: 'coder' }).escalate({ id: 'e1', subject: 'May I?' }).durable
  await hive.shutdown()
  const api = await tempApi(t, { logs: [file] })
  const log = await api.log('hive.jsonl')
  assert.equal((await api.get<Desk>(`${log}/desk`)).pending.length, 1)
  const { seq, session, ts } = eventsOf(file).at(-1) as Line & { seq: number; ts: number }
  // So much that the server reads for a while, as of a hive that has just taken a decision among much else.
  const lines = Array.from({ length: 20_000 }, (_, i) => ({ seq: seq + 1 + i, ts, kind: 'step', session, i }))
  const said = { id: 'e1', approve: true, by: 'cy', via: 'cli', note: 'first' }
  const approval = { seq: seq + 20_001, ts: ts + 1, kind: 'approval', session, ...said }
  appendFileSync(file, [...lines, approval].map((line) => `${JSON.stringify(line)}\n`).join(''))
  const second = await decide(api, log, { id: 'e1', approve: false })
  const { earlier } = (await second.json()) as { earlier?: Decision }
  assert.equal(second.status, 409)
  assert.deepEqual(earlier, { ...said, ts: ts + 1 })
  assert.deepEqual(listDecisions(file), [], 'nor does it wait for another question of that id')
})
