/** Each agent that goes on in a process of its own has a log of its own. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { replay } from '../../src/analyse.js'
import { childLogName } from '../../src/hive/environment.js'
import { startHive } from '../../src/hive/start-hive.js'
import { anyText } from '../kit/any-text.js'
import { fixture, runNode } from '../kit/hive-support.js'
import { tempFolder } from '../kit/journal-kit.js'
import { cases } from '../kit/long-run.js'

const LONG = 'a'.repeat(200)
/** Ids of which some were, or could be, one file. */
const IDS = [
  LONG,
  `${LONG}1`,
  `${LONG}2`,
  `${'é'.repeat(40)}1`,
  `${'é'.repeat(40)}2`,
  'coder',
  'Coder',
  'coder.000000000001',
  'coder.apart-0011aabb',
  'coder.jsonl',
  '',
  '.',
  '..',
  '...',
  '%2E',
  '%2E.',
  '../coder',
  'a/b',
  'a%2Fb',
  'CON',
  'con',
  '%43ON',
  'aux.x',
  'a*b',
  'a%2Ab',
  'x\ud800',
  'x\ud801',
  'x\ufffd',
]

test('no two agents share a log', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const hive = startHive({ file, otlp: false, sessionId: 's-1' })
  const logs = IDS.filter((id) => id !== '').map((agentId) => {
    const log = hive.spawn({ agentId, name: 'x' }).env().HIVELOG_FILE as string
    assert.equal(dirname(log), `${file}.agents`)
    return log
  })
  assert.equal(new Set(logs).size, logs.length, 'each has its own')
  await hive.shutdown()
})

for (const platform of ['linux', 'darwin', 'win32']) {
  test(`names of child logs fit a file system of ${platform}`, (t) => {
    const folder = tempFolder(t)
    const names = IDS.map((id) => childLogName(id, platform))
    const seen = platform === 'linux' ? names : names.map((name) => name.toLowerCase())
    assert.equal(new Set(seen).size, IDS.length)
    for (const name of names) {
      assert.equal(basename(name), name)
      assert.ok(name.length <= 200 && !name.startsWith('.'), name)
      writeFileSync(join(folder, `${name}.jsonl.lock.0011223344556677.new.thread`), '')
      if (platform === 'win32') assert.doesNotMatch(`${name}.jsonl`, /^(con|aux)\.|[*:"<>|?]/i)
    }
  })
}

test('short ids keep the names that they always had', () => {
  const kept = { coder: 'coder', Coder: 'Coder', 'a/b': 'a%2Fb', '..': '%2E%2E', 'Über 1': '%C3%9Cber%201' }
  for (const [id, name] of Object.entries(kept)) assert.equal(childLogName(id, 'linux'), name)
  assert.equal(childLogName(LONG, 'linux'), LONG)
})

test('a child process that is started again within the session still has its parent', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const hive = startHive({ file, otlp: false, sessionId: 's-1' })
  const lead = hive.spawn({ agentId: 'lead' })
  const coder = lead.spawn({ agentId: 'coder', role: 'writer' })
  for (const way of ['exit 3', 'shutdown']) await runNode([fixture('self-child'), way], coder.env())
  lead.end()
  await hive.shutdown()
  const { agents } = await replay(file)
  assert.deepEqual(
    agents
      .map(({ agentId, parent, role, status, lives }) => [agentId, parent, role, status, lives])
      .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
    [
      ['coder', 'lead', 'writer', 'ok', 2],
      ['lead', undefined, undefined, 'ok', 1],
    ],
  )
})

test('different ids, different names', () => {
  const id = fc.oneof(
    anyText({ maxLength: 300 }),
    fc.string({
      unit: fc.constantFrom('a', 'A', '.', '%', '2', 'E', '+', '/', 'é', '\ud800'),
      maxLength: 260,
    }),
  )
  fc.assert(
    fc.property(id, id, (one, other) => {
      if (one === other) return
      for (const platform of ['linux', 'win32']) {
        const [a, b] = [childLogName(one, platform), childLogName(other, platform)]
        assert.notEqual(
          platform === 'linux' ? a : a.toLowerCase(),
          platform === 'linux' ? b : b.toLowerCase(),
        )
      }
    }),
    { numRuns: cases(200, 200) },
  )
})
