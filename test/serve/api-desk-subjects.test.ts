/** The desk of a page tells what is asked, though it is stored aside, and never what somebody put in its place. */
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AuditTrail } from '../../src/analyse/audit/report.js'
import type { Desk } from '../../src/serve/api/shapes.js'
import { tempApi } from '../kit/api-server.js'
import { tempFolder } from '../kit/hive-support.js'
import { StoryLog } from '../kit/story.js'

const LONG = `Drop the users table? ${'because '.repeat(1_500)}`
const NOTE = '(subject stored aside, 12,022 bytes; hivelog show ID)'

test('what waits and what was decided is told by the wording that was stored aside', async (t) => {
  const log = new StoryLog(join(tempFolder(t), 'hive.jsonl'))
  const asked = log.artifact(LONG)
  const [gone, changed] = [
    log.artifact(LONG.replace('users', 'order')),
    log.artifact(LONG.replace('users', 'value')),
  ]
  const ask = (at: number, id: string, subject: unknown) =>
    log.at(at, 'escalate', { from: 'coder', to: 'human', subject, id })
  log.at(0, 'spawn', { agentId: 'coder', name: 'Coder', isGod: true })
  for (const [i, id] of ['waits', 'done'].entries()) {
    ask(1 + i, id, asked)
    ask(1 + i, `${id}-object`, { op: 'drop' })
    ask(1 + i, `${id}-gone`, gone)
    ask(1 + i, `${id}-changed`, changed)
  }
  for (const id of ['done', 'done-object', 'done-gone', 'done-changed'])
    log.at(9, 'approval', { id, approve: true, by: 'ana' })
  rmSync(log.artifactPath(gone.ref))
  writeFileSync(log.artifactPath(changed.ref), LONG)
  const api = await tempApi(t, { logs: [log.file] })
  const path = await api.log('hive.jsonl')
  const subjects = [`${LONG.slice(0, 499)}…`, '{"op":"drop"}', NOTE, NOTE]
  for (let i = 0; i < 2; i++) {
    const { pending, decided } = await api.get<Desk>(`${path}/desk`)
    assert.deepEqual(
      pending.map(({ subject }) => subject),
      subjects,
    )
    assert.deepEqual(decided.map(({ subject }) => subject).reverse(), subjects)
  }
  // An answer that was kept is not given when the artifact is another.
  const wording = async () => (await api.get<AuditTrail>(`${path}/audit?id=waits`)).cases[0]?.subject
  assert.equal(await wording(), subjects[0])
  rmSync(log.artifactPath(asked.ref))
  assert.equal(await wording(), NOTE)
})
