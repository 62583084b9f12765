/** What code of a process above decides is heard by the process below that asked, and is written once, above. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { auditTrail, replay } from '../../src/analyse.js'
import { decisionName } from '../../src/decide/decision-name.js'
import { approvals, decidingHive, until } from '../kit/deciding.js'
import { captureDiag, tempHive } from '../kit/hive-support.js'

/** A hive in this process, and the path of a log of a process so many levels below it. */
function hiveAbove(t: TestContext, levels = 1) {
  const { hive, file } = tempHive(t)
  const below = Array.from({ length: levels }).reduce(
    (log: string, _, i) => join(`${log}.agents`, `below-${i}.jsonl`),
    file,
  )
  mkdirSync(dirname(below), { recursive: true })
  // It has processes below from then on.
  hive.spawn({ agentId: 'lead', isGod: true }).env()
  return { hive, file, below, folder: `${file}.decided` }
}

const isEmpty = (folder: string): boolean =>
  existsSync(folder) && readdirSync(folder).filter((name) => name.endsWith('.json')).length === 0
const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))

for (const levels of [1, 2]) {
  test(`code decides what a process ${levels} below asked: its promise resolves, and one line says so`, async (t) => {
    const { hive, file, below, folder } = hiveAbove(t, levels)
    const child = await decidingHive(t, below, 3)
    await hive.approve('ask-0', true, { by: 'ana', note: 'fine' })
    await hive.approve('ask-1', false)
    await until(() => child.heard.size === 2 && isEmpty(folder))
    const told = [...child.heard].sort().map(([id, { ts, ...made }]) => [id, made])
    assert.deepEqual(told, [
      ['ask-0', { approve: true, by: 'ana', via: 'code', note: 'fine' }],
      ['ask-1', { approve: false, via: 'code' }],
    ])
    for (const line of approvals(file))
      assert.ok(Math.abs((child.heard.get(line.id as string)?.ts ?? 0) - line.ts) < 1_000)
    // Its own code comes too late, and hears of whom.
    child.decide('ask-0', false, 'bo')
    await until(() => child.code.has('ask-0'))
    const earlier = child.code.get('ask-0')
    assert.deepEqual([earlier?.approve, earlier?.by, earlier?.via], [true, 'ana', 'code'])
    await child.end()
    assert.deepEqual([approvals(file).length, approvals(below).length], [2, 0])
    const { counts, problems } = await auditTrail(file)
    assert.deepEqual([counts.approved, counts.rejected, counts.pending], [1, 1, 1])
    assert.deepEqual(problems, [])
    const { pending } = await replay(file)
    assert.deepEqual(
      pending.map(({ id }) => id),
      ['ask-2'],
    )
  })
}

test('the decision before of an id that is used again decides nothing', async (t) => {
  const { hive, below, folder } = hiveAbove(t)
  const before = await decidingHive(t, below, 1)
  await before.kill()
  await hive.approve('ask-0', true, { by: 'ana' })
  assert.equal(isEmpty(folder), false)
  await pause(2)
  const child = await decidingHive(t, below, 1)
  await until(() => isEmpty(folder))
  await pause(50)
  assert.equal(child.heard.size, 0)
  await hive.approve('ask-0', false, { by: 'bo' })
  await until(() => child.heard.size === 1)
  assert.deepEqual([child.heard.get('ask-0')?.approve, child.heard.get('ask-0')?.by], [false, 'bo'])
  await child.end()
})

test('a folder that others can write decides nothing', async (t) => {
  const { hive, below, folder } = hiveAbove(t)
  const said = captureDiag(t)
  mkdirSync(folder)
  chmodSync(folder, 0o777)
  const child = await decidingHive(t, below, 1)
  const path = join(folder, decisionName('ask-0'))
  writeFileSync(
    path,
    JSON.stringify({ id: 'ask-0', approve: true, by: 'eve', via: 'code', ts: Date.now() + 1_000 }),
    { mode: 0o600 },
  )
  await hive.approve('ask-0', false, { by: 'ana' })
  await pause(300)
  assert.equal(child.heard.size, 0)
  assert.ok(existsSync(path))
  assert.ok(said.some((line) => /a process below is not told.*can be written by others/.test(line)))
  await child.end()
})

test('where no process is below, nothing is put; what nobody takes goes once there are many', async (t) => {
  const alone = tempHive(t)
  await alone.hive.approve('nobody-asked', true, { by: 'ana' })
  assert.equal(existsSync(`${alone.file}.decided`), false)

  const { hive, folder } = hiveAbove(t)
  for (let i = 0; i < 100; i++) await hive.approve(`nobody-${i}`, true, { by: 'ana' })
  const hourAgo = Date.now() / 1_000 - 3_600
  for (const name of readdirSync(folder).slice(0, 60)) utimesSync(join(folder, name), hourAgo, hourAgo)
  await hive.approve('nobody-100', true, { by: 'ana' })
  assert.equal(readdirSync(folder).length, 41)
})
