/** `hivelog pending`, `approve` and `reject`: a person decides from a shell. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { putDecision, readDecision } from '../../src/decide/decisions.js'
import { startHive } from '../../src/index.js'
import { defer, eventsOf, tempFolder, tempHive } from '../kit/hive-support.js'
import { hivelog } from '../kit/reader-cli.js'

const ME = userInfo().username

test('what waits is listed, oldest first, and goes when it is decided', async (t) => {
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'coder', name: 'Coder' })
  agent.escalate({ id: 'first', subject: 'Drop the \u001b[31mtable\u001b[0m?' })
  await agent.escalate({ id: 'second', subject: 'Deploy?' }).durable
  const text = await hivelog(['pending', file])
  assert.equal(text.code, 0)
  assert.match(
    text.stdout,
    /^first {2}Drop the \\u001b\[31mtable\\u001b\[0m\?\n {2}waits .* by Coder → human {2}hive\.jsonl:3 seq 3\nsecond/,
  )
  const { pending } = JSON.parse((await hivelog(['pending', '--json', file])).stdout)
  assert.deepEqual(
    pending.map(({ id, subject, asker, place }: never) => [
      id,
      subject,
      (asker as { agentId: string }).agentId,
      (place as { seq: number }).seq,
    ]),
    [
      ['first', 'Drop the \u001b[31mtable\u001b[0m?', 'coder', 3],
      ['second', 'Deploy?', 'coder', 4],
    ],
  )
  await hivelog(['approve', 'first', file])
  await hivelog(['reject', 'second', file])
  assert.deepEqual(await hivelog(['pending', file]), { code: 0, stdout: 'nothing is pending\n', stderr: '' })
})

test('a decision is recorded as the user’s, with its note, and its line is named', async (t) => {
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'coder' })
  const asked = agent.escalate({ subject: 'Deploy?' })
  await asked.durable
  const ran = await hivelog(['approve', asked.id, '--note', 'go on', file])
  assert.deepEqual(
    [ran.code, ran.stdout, ran.stderr],
    [0, `recorded (hive.jsonl:4 seq 4)\n  ${asked.id}  Deploy?\n`, ''],
  )
  const { ts: _, ...made } = await asked.decision
  assert.deepEqual(made, { approve: true, by: ME, via: 'cli', note: 'go on' })
  const line = eventsOf(file).at(-1)
  assert.deepEqual(
    [line?.kind, line?.seq, line?.by, line?.via, line?.note],
    ['approval', 4, ME, 'cli', 'go on'],
  )
})

test('an id may be given by how it begins, and what is near is named', async (t) => {
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'coder' })
  agent.escalate({ id: 'deploy-1', subject: 's' })
  await agent.escalate({ id: 'delete-2', subject: 's' }).durable
  const several = await hivelog(['reject', 'de', file])
  assert.deepEqual([several.code, several.stdout], [2, ''])
  assert.match(several.stderr, /^hivelog: 2 ids begin with de: deploy-1, delete-2; give more of it\n$/)
  const wrong = await hivelog(['reject', 'deploi-1', file])
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /nobody escalated deploi-1 in .*; did you mean deploy-1\?/)
  const none = await hivelog(['reject', 'x', file])
  assert.match(none.stderr, /nobody escalated x in .*; hivelog pending lists what waits/)
  assert.equal((await hivelog(['reject', 'dep', '--json', file])).code, 0)
  // Of those that begin so, only one waits now.
  const rest = JSON.parse((await hivelog(['approve', 'de', '--json', file])).stdout)
  assert.deepEqual(
    [rest.id, rest.approve, rest.by, rest.via, rest.status],
    ['delete-2', true, ME, 'cli', 'recorded'],
  )
  assert.equal(rest.place.line, eventsOf(file).at(-1)?.seq)
})

test('what was decided before is told, by whom and where, and nothing is written', async (t) => {
  const { hive, file } = tempHive(t)
  const asked = hive.spawn({ agentId: 'coder' }).escalate({ id: 'e1', subject: 's' })
  await asked.durable
  await hive.approve('e1', false, { by: 'bo' })
  const ran = await hivelog(['approve', 'e1', file])
  assert.equal(ran.code, 1)
  assert.match(ran.stdout, /^rejected before by bo \(code\) at .* \(hive\.jsonl:4 seq 4\)\n {2}e1 {2}s\n$/)
  const { status, earlier } = JSON.parse((await hivelog(['approve', 'e1', '--json', file])).stdout)
  assert.deepEqual([status, earlier.approve, earlier.by, earlier.via], ['decided', false, 'bo', 'code'])
  assert.equal(eventsOf(file).filter(({ kind }) => kind === 'approval').length, 1)
})

test('for a hive that does not run the decision waits, and a second one hears of it', async (t) => {
  const { hive, file } = tempHive(t)
  await hive.spawn({ agentId: 'coder' }).escalate({ id: 'e1', subject: 's' }).durable
  await hive.shutdown()
  const sent = await hivelog(['approve', 'e1', file])
  assert.deepEqual([sent.code, sent.stdout], [0, 'sent: waits for the hive, which is not running\n  e1  s\n'])
  assert.equal(readDecision(file, 'e1')?.by, ME)
  const second = await hivelog(['reject', 'e1', file])
  assert.equal(second.code, 1)
  assert.match(second.stdout, new RegExp(`approved before by ${ME} \\(cli\\) at .*; that waits for the hive`))
  assert.match(
    (await hivelog(['pending', file])).stdout,
    new RegExp(`approved by ${ME} \\(cli\\): sent, not in the log yet`),
  )
  assert.match(
    (await hivelog(['pending', file])).stdout,
    /^no decision to take: all were sent, and wait for the log$/m,
  )
  const next = startHive({ file, fsync: 'no' })
  defer(t, () => next.shutdown())
  while (readdirSync(`${file}.decisions`).length > 0) await new Promise((done) => setTimeout(done, 5))
  assert.equal((await hivelog(['pending', file])).stdout, 'nothing is pending\n')
})

test('what a child process asked is decided beside its log, or by its parent once it is gone', async (t) => {
  const { hive: parent, file } = tempHive(t)
  const env = parent.spawn({ agentId: 'coder' }).env()
  const log = join(`${file}.agents`, 'coder.jsonl')
  assert.equal(env.HIVELOG_FILE, log)
  const child = startHive({ file: log, fsync: 'no' })
  const agent = child.spawn({ agentId: 'coder' })
  const asked = agent.escalate({ id: 'c1', subject: 's' })
  await agent.escalate({ id: 'c2', subject: 's' }).durable
  assert.match((await hivelog(['approve', 'c1', file])).stdout, /^recorded \(coder\.jsonl:5 seq 5\)/)
  assert.equal((await asked.decision).by, ME)
  await child.shutdown()
  assert.match((await hivelog(['reject', 'c2', file])).stdout, /^recorded \(hive\.jsonl:\d+ seq \d+\)/)
  assert.deepEqual(
    [eventsOf(log), eventsOf(file)].map((events) =>
      events.filter(({ kind }) => kind === 'approval').map(({ id }) => id),
    ),
    [['c1'], ['c2']],
  )
})

test('a user who is called as the agent that asks does not decide', async (t) => {
  const { hive, file } = tempHive(t)
  await hive.spawn({ agentId: ME }).escalate({ id: 'e1', subject: 's' }).durable
  const ran = await hivelog(['approve', 'e1', file])
  assert.equal(ran.code, 2)
  assert.match(ran.stderr, /only people decide/)
  assert.equal(readDecision(file, 'e1'), undefined)
})

test('what another put there first is told', async (t) => {
  const { hive, file } = tempHive(t)
  await hive.spawn({ agentId: 'coder' }).escalate({ id: 'e1', subject: 's' }).durable
  await hive.shutdown()
  putDecision(file, { id: 'e1', approve: true, by: 'ana', via: 'page', ts: Date.now() })
  const ran = await hivelog(['reject', 'e1', '--json', file])
  const { status, earlier } = JSON.parse(ran.stdout)
  assert.deepEqual([ran.code, status, earlier.by, earlier.via], [1, 'decided', 'ana', 'page'])
})

for (const [what, args, says] of [
  ['no id', [], /needs the ID of an escalation/],
  ['too much', ['a', 'b', 'c'], /takes one ID and one FILE/],
  ['another option', ['a', '--why', 'x'], /Unknown option '--why'/],
] as const) {
  test(`bad use is one line: ${what}`, async (t) => {
    const ran = await hivelog(['approve', ...args], { cwd: tempFolder(t) })
    assert.equal(ran.code, 2)
    assert.match(ran.stderr, says)
    assert.equal(ran.stderr.split('\n').length, 2)
  })
}
