/** What was decided for a process that ended before it took it is taken by the one above it. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { auditTrail } from '../../src/analyse.js'
import { putDecision } from '../../src/decide/decisions.js'
import { approvals, decidingHive, isTaken, until } from '../kit/deciding.js'
import { captureDiag, tempFolder, tempHive } from '../kit/hive-support.js'

const put = (log: string, id: string, approve: boolean) =>
  putDecision(log, { id, approve, by: 'ana', via: 'cli', ts: Date.now() })
const below = (log: string, name: string): string => join(`${log}.agents`, `${name}.jsonl`)

test('a decision for a child, or one of its, that was killed is written down above, once', async (t) => {
  const { hive, file } = tempHive(t)
  hive.spawn({ agentId: 'lead', isGod: true }).env()
  const child = below(file, 'coder')
  const grandchild = below(child, 'tester')
  mkdirSync(dirname(grandchild), { recursive: true })
  const [coder, tester] = [await decidingHive(t, child, 2), await decidingHive(t, grandchild, 3)]
  await coder.kill()
  await tester.kill()
  // As if each had run until a moment ago.
  put(child, 'ask-0', true)
  put(child, 'ask-1', false)
  put(grandchild, 'ask-2', true)
  await until(() => approvals(file).length === 3 && [child, grandchild, file].every(isTaken))
  const told = approvals(file).map(({ id, approve, by, via }) => [id, approve, by, via])
  assert.deepEqual(told.sort(), [
    ['ask-0', true, 'ana', 'cli'],
    ['ask-1', false, 'ana', 'cli'],
    ['ask-2', true, 'ana', 'cli'],
  ])
  assert.deepEqual([approvals(child), approvals(grandchild)], [[], []])
})

test('what is for a process that runs is its own, and what is below it', async (t) => {
  const { hive, file } = tempHive(t)
  hive.spawn({ agentId: 'lead', isGod: true }).env()
  const child = below(file, 'coder')
  const grandchild = below(child, 'tester')
  mkdirSync(dirname(grandchild), { recursive: true })
  const [coder, tester] = [await decidingHive(t, child, 1), await decidingHive(t, grandchild, 2)]
  await tester.kill()
  put(child, 'ask-0', true)
  put(grandchild, 'ask-1', false)
  await until(() => approvals(child).length === 1 && isTaken(child))
  // The child looks below by itself only once it has processes there, which it is told of by its folder.
  await until(() => approvals(child).length + approvals(file).length === 2 && isTaken(grandchild))
  assert.deepEqual(approvals(file), [])
  assert.deepEqual(
    [...coder.heard].map(([id, { approve }]) => [id, approve]),
    [['ask-0', true]],
  )
  await coder.end()
  assert.deepEqual((await auditTrail(file)).counts.contradicted, 0)
})

test('folders that are not the user’s own, or no folders, are left alone', async (t) => {
  const { hive, file } = tempHive(t)
  const said = captureDiag(t)
  hive.spawn({ agentId: 'lead', isGod: true }).env()
  const [open, linked] = [below(file, 'open'), below(file, 'linked')]
  mkdirSync(dirname(open), { recursive: true })
  put(open, 'ask-0', true)
  chmodSync(`${open}.decisions`, 0o777)
  const elsewhere = tempFolder(t)
  put(join(elsewhere, 'a.jsonl'), 'ask-1', true)
  symlinkSync(join(elsewhere, 'a.jsonl.decisions'), `${linked}.decisions`)
  writeFileSync(`${below(file, 'file')}.decisions`, 'no folder')
  await until(() => said.some((line) => line.includes('open.jsonl.decisions can be written by others')))
  assert.deepEqual(approvals(file), [])
  assert.equal(readdirSync(`${open}.decisions`).length, 1)
  assert.equal(readdirSync(join(elsewhere, 'a.jsonl.decisions')).length, 1)
})
