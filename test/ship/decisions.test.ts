/** What a person decided at the server comes back by its answers; while something is open the server is asked at once. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import * as zlib from 'node:zlib'
import { listDecisions } from '../../src/decide/decisions.js'
import { shipLogs } from '../../src/ship/shipper.js'
import { fakeIngest } from '../kit/fake-ingest.js'
import { eventsOf, tempFolder, tempHive, until } from '../kit/hive-support.js'

const decision = (id: string) => ({ id, approve: true, by: 'ana', via: 'page', ts: 5 })

test('a decision that the long poll answers becomes the approval of the hive, which asks no more then', async (t) => {
  const server = await fakeIngest(t)
  let decided: string | undefined
  let ts = 0
  server.instead = ({ path }) => {
    if (path !== '/v1/decisions') return undefined
    return { status: 200, body: { decisions: decided === undefined ? [] : [{ ...decision(decided), ts }] } }
  }
  const { hive, file } = tempHive(t, { ship: { url: server.url, flushMs: 3_600_000 } })
  const agent = hive.spawn({ agentId: 'a' })
  agent.log('note', { i: 1 })
  const { id, durable } = agent.escalate({ subject: 'Drop the table?' })
  await durable
  const polls = () => server.requests.filter(({ path }) => path === '/v1/decisions')
  await until(() => polls().length > 0, 'it asks')
  const [first] = polls()
  assert.equal(first?.query.get('session'), hive.sessionId)
  assert.deepEqual([...server.copies.keys()], [first?.query.get('log')])
  assert.equal(first?.query.get('wait'), '25')
  decided = id
  ts = Date.now()
  const approvals = () => eventsOf(file).filter(({ kind }) => kind === 'approval')
  await until(() => approvals().length > 0, 'the approval')
  await until(() => server.only().includes('"kind":"approval"'), 'its copy')
  const [approval] = approvals()
  assert.deepEqual([approval?.id, approval?.approve, approval?.by, approval?.via], [id, true, 'ana', 'page'])
  await hive.shutdown()
  assert.equal(approvals().length, 1)
})

test('decisions on the answer to a piece are put beside the log; what is none is left', async (t) => {
  const server = await fakeIngest(t)
  const file = join(tempFolder(t), 'x.jsonl')
  writeFileSync(file, '{"ts":1,"kind":"escalate","from":"a","to":"human","subject":"s","id":"e1"}\n')
  server.more = {
    decisions: [
      decision('e1'),
      { ...decision('e2'), via: 'agent' },
      null,
      'x',
      { ...decision('e3'), approve: 1 },
    ],
  }
  await shipLogs([file], { url: server.url, once: true })
  assert.deepEqual(listDecisions(file), [decision('e1')])
})

test('without anything open nobody is asked', async (t) => {
  const server = await fakeIngest(t)
  const { hive } = tempHive(t, { ship: { url: server.url, flushMs: 5 } })
  hive.spawn({ agentId: 'a' }).log('note', { text: 'the words "kind":"escalate" in a text' })
  await until(() => server.only().length > 0, 'lines')
  await hive.shutdown()
  assert.ok(server.requests.every(({ path }) => path !== '/v1/decisions'))
})

test('zstd is sent to who takes it, where this Node has it, and gzip to who does not any more', async (t) => {
  const server = await fakeIngest(t)
  server.headers = { 'accept-encoding': 'gzip, zstd' }
  const file = join(tempFolder(t), 'x.jsonl')
  writeFileSync(file, `{"ts":1,"kind":"note","text":"${'x'.repeat(2_000)}"}\n`)
  const coded = () => server.requests.map(({ headers }) => headers['content-encoding']).filter(Boolean)
  let isOld = false
  server.instead = ({ headers }) =>
    isOld && headers['content-encoding'] === 'zstd'
      ? { status: 415, headers: { 'accept-encoding': 'gzip' } }
      : undefined
  await shipLogs([file], { url: server.url, once: true })
  const has = 'zstdCompress' in zlib
  assert.deepEqual(coded(), [has ? 'zstd' : 'gzip'])
  server.copies.clear()
  server.requests.length = 0
  isOld = true
  await shipLogs([file], { url: server.url, once: true })
  assert.deepEqual(coded(), has ? ['zstd', 'gzip'] : ['gzip'])
})
