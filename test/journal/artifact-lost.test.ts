/** A line is durable when all that it refers to is. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startHive } from '../../src/index.js'
import { ArtifactStore } from '../../src/journal/artifacts.js'
import { Journal } from '../../src/journal/journal.js'
import { append, captureDiag, checkLog, ofKind, sha256, tempFolder, until } from '../kit/journal-kit.js'
import { isInTurn } from '../kit/long-run.js'

const BIG = 'x'.repeat(10_000)

for (const fsync of (['always', 'everysec', 'no'] as const).filter((_, i) => isInTurn(i))) {
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

test('of an artifact that a killed writer did not store the next one says so, and of no other', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const hive = startHive({ file, fsync: 'no', otlp: false })
  const agent = hive.spawn({ agentId: 'a' })
  agent.snapshot({ content: `stored ${BIG}` })
  agent.snapshot({ content: `lost ${BIG}` })
  agent.snapshot({ content: `lost too ${BIG}` })
  await hive.flush()
  const killed = readFileSync(file)
  await hive.shutdown()
  // What a kill leaves: no seal, no lock of one that lives, and not all artifacts.
  writeFileSync(file, killed)
  const lost = [`lost ${BIG}`, `lost too ${BIG}`].map(sha256)
  for (const ref of lost) rmSync(join(`${file}.artifacts`, ref.slice(0, 2), ref))
  await new Journal({ file, session: 's-1', fsync: 'no' }).close()

  const lines = checkLog(file)
  const snapshots = ofKind(lines, 'snapshot').map(({ seq }) => seq)
  const gaps = ofKind(lines, 'log.gap')
  assert.deepEqual(
    gaps.map(({ lost: count, from, to, artifact }) => [count, from, to, artifact]),
    lost.map((ref, n) => [1, snapshots[n + 1], snapshots[n + 1], ref]),
  )
  for (const { reason } of gaps) assert.match(String(reason), /killed before it had stored an artifact/)
  await new Journal({ file, session: 's-1', fsync: 'no' }).close()
  assert.equal(ofKind(checkLog(file), 'log.gap').length, 2, 'it is said once')
})

test('the gap of an artifact names the line as it is numbered after the log was replaced', async (t) => {
  const told = captureDiag(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const journal = new Journal({ file, session: 's-1', fsync: 'no' })
  append(journal, { n: 1 })
  await journal.flush()
  writeFileSync(`${file}.other`, 'what somebody else put there\n')
  renameSync(`${file}.other`, file)
  await until('it is noticed', () => {
    append(journal, { waiting: true })
    journal.write()
    return told.some((line) => line.includes('was replaced'))
  })
  rmSync(`${file}.artifacts`, { recursive: true, force: true })
  writeFileSync(`${file}.artifacts`, '')
  const { ref } = journal.artifacts.put(BIG)
  const ticket = append(journal, { content: { ref } })
  const { seq } = journal
  assert.notEqual(seq, ticket, 'lines of the log’s own came before those that waited')
  await assert.rejects(journal.durable(ticket), { code: 'ERR_HIVELOG_NOT_DURABLE', message: /artifact/ })
  await journal.close()
  const gap = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .find(({ kind, artifact }) => kind === 'log.gap' && artifact === ref)
  assert.deepEqual([gap?.lost, gap?.from, gap?.to], [1, seq, seq])
})

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
