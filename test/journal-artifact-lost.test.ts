/** A line is durable when all that it refers to is. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startHive } from '../src/index.js'
import { ArtifactStore } from '../src/journal/artifacts.js'
import { captureDiag, checkLog, ofKind, sha256, tempFolder } from './fixtures/journal-kit.js'

const BIG = 'x'.repeat(10_000)

for (const fsync of ['always', 'everysec', 'no'] as const) {
  test(`${fsync}: an artifact that cannot be stored: what waits is rejected, and the log says so`, async (t) => {
    const told = captureDiag(t)
    const file = join(tempFolder(t), 'hive.jsonl')
    // No folder of artifacts can be made where there is a file.
    writeFileSync(`${file}.artifacts`, '')
    const hive = startHive({ file, fsync, otlp: false })
    const agent = hive.spawn({ agentId: 'a' })
    const asked = agent.escalate({ subject: BIG })
    await assert.rejects(asked.durable, { code: 'ERR_HIVELOG_NOT_DURABLE', message: /artifact/ })
    await assert.rejects(hive.approve(asked.id, true, { note: BIG }), { code: 'ERR_HIVELOG_NOT_DURABLE' })
    agent.snapshot({ content: BIG })
    if (fsync !== 'no') await assert.rejects(hive.flush(), { code: 'ERR_HIVELOG_NOT_DURABLE' })
    const small = agent.escalate({ subject: 'small' })
    await small.durable
    await hive.shutdown()

    const lines = checkLog(file)
    const gaps = ofKind(lines, 'log.gap') as { lost?: number; from?: number; reason?: string }[]
    assert.equal(gaps.length, 3)
    const about = gaps.map(({ from }) => lines.find(({ event }) => event.seq === from)?.event.kind)
    assert.deepEqual(about, ['escalate', 'approval', 'snapshot'])
    for (const gap of gaps) {
      assert.equal(gap.lost, 1)
      assert.match(gap.reason as string, new RegExp(`artifact ${sha256(BIG)} could not be stored`))
    }
    assert.ok(told.some((line) => /artifact .* could not be stored/.test(line)))
  })
}

test('a folder that can be made again soon: the artifact is stored, and the line is durable', async (t) => {
  captureDiag(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  writeFileSync(`${file}.artifacts`, '')
  const hive = startHive({ file, otlp: false })
  const asked = hive.spawn({ agentId: 'a' }).escalate({ subject: BIG })
  setTimeout(() => rmSync(`${file}.artifacts`), 50)
  await asked.durable
  assert.ok(existsSync(join(`${file}.artifacts`, sha256(BIG).slice(0, 2), sha256(BIG))))
  await hive.shutdown()
  assert.deepEqual(ofKind(checkLog(file), 'log.gap'), [])
})

test('an artifact that is there but cut short is written again', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const folder = join(`${file}.artifacts`, sha256(BIG).slice(0, 2))
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, sha256(BIG)), BIG.slice(0, 100))
  const store = new ArtifactStore(file, true, () => assert.fail())
  store.put(BIG)
  await store.flush()
  assert.deepEqual(readdirSync(folder), [sha256(BIG)])
  assert.equal((await import('node:fs')).readFileSync(join(folder, sha256(BIG)), 'utf8'), BIG)
})

test('drafts of killed writers are removed at the next opening, and nothing else', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const folder = join(`${file}.artifacts`, 'ab')
  mkdirSync(folder, { recursive: true })
  const [draft, other] = [join(folder, 'abc.12345678.tmp'), join(folder, 'notes.tmp')]
  for (const each of [draft, other]) writeFileSync(each, 'half')
  const hive = startHive({ file, otlp: false })
  await hive.spawn({ agentId: 'a' }).escalate({ subject: BIG }).durable
  assert.ok(!existsSync(draft))
  assert.ok(existsSync(other))
  await hive.shutdown()
})
