/** A decision has the same bounds by whatever way it comes: as long as it may be it passes all, and no longer. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { listDecisions, putDecision } from '../../src/decide/decisions.js'
import { shipLogs } from '../../src/ship/shipper.js'
import { tempApi } from '../kit/api-server.js'
import { fakeIngest } from '../kit/fake-ingest.js'
import { tempFolder } from '../kit/hive-support.js'
import { hivelog } from '../kit/reader-cli.js'

/** A character that JSON writes with six, which makes a decision as big as it can be. */
const longest = '\u0001'.repeat(4_096)
const tooLong = 'x'.repeat(4_097)
/** Where an id may be so long, by the desk's own word. */
const longId = 'i'.repeat(8_192)

function asked(folder: string): string {
  const file = join(folder, 'hive.jsonl')
  const line = (id: string): string =>
    `${JSON.stringify({ ts: 1, kind: 'escalate', from: 'a', to: 'human', subject: 's', id })}\n`
  writeFileSync(file, line('e1') + line('e2') + line(longId))
  return file
}

const decision = (id: string, note: string) =>
  ({ id, approve: true, by: '\u0001'.repeat(256).replace(/./s, 'b'), via: 'page', note, ts: 5 }) as const

test('beside the log', (t) => {
  const file = asked(tempFolder(t))
  assert.deepEqual(putDecision(file, decision(longId, longest)), { put: true })
  assert.deepEqual(listDecisions(file), [decision(longId, longest)])
  assert.throws(
    () => putDecision(file, decision('e1', tooLong)),
    /`note` has 4097 characters, at most 4096 are taken/,
  )
})

test('on the answer of a server to a sender', async (t) => {
  const server = await fakeIngest(t)
  const file = asked(tempFolder(t))
  server.more = { decisions: [decision('e1', longest), decision('e2', tooLong)] }
  await shipLogs([file], { url: server.url, once: true })
  assert.deepEqual(listDecisions(file), [decision('e1', longest)])
})

test('over HTTP, and from a shell', async (t) => {
  const file = asked(tempFolder(t))
  const api = await tempApi(t, { logs: [file] })
  const log = await api.log('hive.jsonl')
  const post = (id: string, note: string) =>
    api.ask(`${log}/decisions`, { method: 'POST', body: JSON.stringify({ id, approve: true, note }) })
  const refused = await post('e1', tooLong)
  assert.deepEqual(
    [refused.status, await refused.json()],
    [400, { error: '`note` has 4097 characters, at most 4096 are taken' }],
  )
  assert.equal((await post('e1', longest)).status, 202)
  const shell = await hivelog(['approve', 'e2', '--note', tooLong, file])
  assert.equal(shell.code, 2)
  assert.match(shell.stderr, /^[^\n]*`note` has 4097 characters, at most 4096 are taken[^\n]*\n$/)
  const sent = await hivelog(['approve', 'e2', '--note', 'y'.repeat(4_096), file])
  assert.equal(sent.code, 0, sent.stderr)
  assert.deepEqual(
    listDecisions(file)
      .map(({ id, note }) => [id, note?.length])
      .sort(),
    [
      ['e1', 4_096],
      ['e2', 4_096],
    ],
  )
})

test('a note without a word is none', (t) => {
  const file = asked(tempFolder(t))
  putDecision(file, decision('e1', ' \n'))
  const { note: _, ...without } = decision('e1', '')
  assert.deepEqual(listDecisions(file), [without])
})
