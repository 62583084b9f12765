/**
 * A line is written before what it names is: the copy has both all the same, whoever sends it. What never comes is not
 * waited for long, and the lines come without it.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { artifactOf, deadlineFor } from '../../src/ship/artifact-files.js'
import { shipLogs } from '../../src/ship/shipper.js'
import { tempFolder } from '../kit/hive-support.js'
import { tempServer } from '../kit/serve-support.js'

const CONTENT = 'what the agent knew then'
const REF = createHash('sha256').update(CONTENT).digest('hex')
const ABSENT = 'a'.repeat(64)
const snapshot = (ref: string, ts: number) =>
  `${JSON.stringify({ ts, kind: 'snapshot', agentId: 'a', snapshot: { ref, bytes: CONTENT.length }, seq: 1, session: 's' })}\n`

const pathOf = (log: string, ref: string): string => join(`${log}.artifacts`, ref.slice(0, 2), ref)
function store(log: string, ref: string): void {
  mkdirSync(dirname(pathOf(log, ref)), { recursive: true })
  writeFileSync(pathOf(log, ref), CONTENT)
}

test('an artifact that is stored after its line was read is in the copy', async (t) => {
  const { url, token, store: stored } = await tempServer(t)
  const log = join(tempFolder(t), 'hive.jsonl')
  const line = snapshot(REF, Date.now())
  writeFileSync(log, line)
  setTimeout(() => store(log, REF), 300)
  await shipLogs([log], { url, token, once: true })
  const id = createHash('sha256').update(line.slice(0, -1)).digest('hex').slice(0, 16)
  const copy = join(stored, 's', `${id}.jsonl`)
  assert.equal(readFileSync(copy, 'utf8'), line)
  assert.equal(readFileSync(pathOf(copy, REF), 'utf8'), CONTENT)
})

test('one that never comes keeps no line back', async (t) => {
  const { url, token, store: stored } = await tempServer(t)
  const log = join(tempFolder(t), 'hive.jsonl')
  const line = snapshot(ABSENT, Date.now())
  writeFileSync(log, line)
  await shipLogs([log], { url, token, once: true })
  const id = createHash('sha256').update(line.slice(0, -1)).digest('hex').slice(0, 16)
  const copy = join(stored, 's', `${id}.jsonl`)
  assert.equal(readFileSync(copy, 'utf8'), line)
  assert.ok(!existsSync(pathOf(copy, ABSENT)))
})

test('only what was written just now is waited for', () => {
  const now = Date.now()
  assert.ok(deadlineFor(Buffer.from(snapshot(REF, now))) > now)
  // By the last line: the lines before it are older.
  assert.ok(deadlineFor(Buffer.from(snapshot(REF, 1) + snapshot(REF, now))) > now)
  for (const old of [
    snapshot(REF, now - 60_000),
    snapshot(REF, now) + snapshot(REF, 1),
    'no event\n',
    '\n',
    '',
  ])
    assert.equal(deadlineFor(Buffer.from(old)), 0, old)
})

test('what is not what its name says is none, and is not waited for', async (t) => {
  const log = join(tempFolder(t), 'hive.jsonl')
  store(log, ABSENT)
  const far = Date.now() + 86_400_000
  assert.equal(await artifactOf(log, ABSENT, far), undefined)
  setTimeout(() => store(log, REF), 50)
  const [found] = await Promise.all([artifactOf(log, REF, far), pause(1)])
  assert.equal(found?.toString(), CONTENT)
})
