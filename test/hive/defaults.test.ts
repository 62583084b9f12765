/** What a hive does when it is told nothing: where its log is, which session it is of, how much it holds back. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startHive } from '../../src/index.js'
import { door } from '../kit/doors.js'
import { withEnvironment } from '../kit/git-repo.js'
import { captureDiag, eventsOf, linesOf, runNode, tempFolder, tempHive } from '../kit/hive-support.js'

const INDEX = JSON.stringify(door('index'))

/** Runs a hive that is given `options` in a folder of its own, and ends. */
function runHive(folder: string, options: string, env: NodeJS.ProcessEnv = {}) {
  const code = `
    import { startHive } from ${INDEX}
    const hive = startHive(${options})
    console.log(JSON.stringify([hive.file, hive.sessionId]))
    hive.spawn({ agentId: 'a' })
    await hive.shutdown()
  `
  return runNode(['--input-type=module', '-e', code], env, folder)
}

test('the log is hive.jsonl in the working directory, or what HIVELOG_FILE says, or what the option says', async (t) => {
  const folder = tempFolder(t)
  for (const [options, env, name] of [
    ['', {}, 'hive.jsonl'],
    ['{}', { HIVELOG_FILE: '' }, 'hive.jsonl'],
    ['', { HIVELOG_FILE: 'logs/env.jsonl' }, 'logs/env.jsonl'],
    ['{ file: "option.jsonl" }', { HIVELOG_FILE: 'logs/not.jsonl' }, 'option.jsonl'],
  ] as const) {
    const { code, stdout, stderr } = await runHive(folder, options, env)
    assert.deepEqual([code, stderr], [0, ''])
    assert.ok(existsSync(join(folder, name)), name)
    assert.ok(JSON.parse(stdout)[0].endsWith(`/${name}`), stdout)
  }
  assert.ok(!existsSync(join(folder, 'logs/not.jsonl')))
})

test('the session is what the option says, or AGENT_SESSION_ID, or a new one, in every line', async (t) => {
  for (const [options, env, expected] of [
    ['{ sessionId: "s-option" }', { AGENT_SESSION_ID: 's-env' }, /^s-option$/],
    ['{}', { AGENT_SESSION_ID: 's-env' }, /^s-env$/],
    ['{}', { AGENT_SESSION_ID: '' }, /^sess_[0-9a-f]{16}$/],
    ['{}', {}, /^sess_[0-9a-f]{16}$/],
  ] as const) {
    const folder = tempFolder(t)
    const { code, stdout, stderr } = await runHive(folder, options, env)
    assert.deepEqual([code, stderr], [0, ''])
    const [, session] = JSON.parse(stdout) as [string, string]
    assert.match(session, expected)
    for (const line of linesOf(join(folder, 'hive.jsonl'))) assert.equal(line.session, session)
  }
})

test('two hives have two sessions', (t) => {
  assert.notEqual(tempHive(t).hive.sessionId, tempHive(t).hive.sessionId)
})

test('a turn that records without an end does not hold everything back until it ends', (t) => {
  // However fast it is, so that it is not its time that has it written.
  const now = Date.now()
  t.mock.method(Date, 'now', () => now)
  t.mock.method(performance, 'now', () => 1_000)
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'a' })
  const before = readFileSync(file).length
  for (let i = 0; i < 3_000; i++) agent.message({ to: 'b', act: 'inform', subject: String(i) })
  const subjects = readFileSync(file).subarray(before).toString().split('\n').length - 1
  assert.ok(subjects >= 1_000, `${subjects} of 3000 messages are written`)
})

test('ids are new in each hive, also of many messages and of escalations', async (t) => {
  captureDiag(t)
  const ids: string[] = []
  for (let i = 0; i < 3; i++) {
    const { hive } = tempHive(t)
    const agent = hive.spawn({ agentId: 'a' })
    for (let n = 0; n < 200; n++) {
      ids.push(
        agent.message({ to: 'b', act: 'inform', subject: 's' }).id,
        agent.escalate({ subject: 's' }).id,
      )
    }
    ids.push(hive.message({ from: 'human', to: 'a', act: 'request', subject: 's' }).id)
  }
  assert.equal(new Set(ids).size, ids.length)
  for (const id of ids) assert.match(id, /^[0-9a-z]{6}-[0-9a-z]+$/)
})

test('a second end, a second shutdown and calls after it change nothing that is written', async (t) => {
  const said = captureDiag(t)
  const { hive, file } = tempHive(t)
  const agent = hive.spawn({ agentId: 'a' })
  agent.end()
  agent.end({ status: 'error' })
  assert.match(said.join(), /agent a was ended already; this end is not recorded/)
  const first = hive.shutdown()
  assert.equal(hive.shutdown(), first)
  await first
  const written = readFileSync(file)
  hive.spawn({ agentId: 'late' }).message({ to: 'b', act: 'inform', subject: 'late' })
  await hive.shutdown()
  assert.deepEqual(readFileSync(file), written)
  assert.deepEqual(
    eventsOf(file).map(({ kind, status }) => [kind, status]),
    [
      ['spawn', undefined],
      ['exit', 'ok'],
    ],
  )
  assert.ok(said.some((line) => /events for .* are being lost from now on: the log is closed/.test(line)))
})

test('OTEL_SPAN_EVENT_COUNT_LIMIT that is no number bounds nothing', async (t) => {
  withEnvironment(t, { OTEL_SPAN_EVENT_COUNT_LIMIT: 'many' })
  const file = join(tempFolder(t), 'hive.jsonl')
  const hive = startHive({ file, fsync: 'no' })
  const agent = hive.spawn({ agentId: 'a' })
  for (let i = 0; i < 100; i++) agent.wait({ resource: 'r', ms: 1 })
  agent.message({ to: 'b', act: 'inform', subject: 's' })
  await hive.shutdown()
  const spans = new Set(eventsOf(file).map(({ span }) => span))
  assert.equal(spans.size, 2, 'a hundred events a span, as without it')
})
