/** Decisions beside a log: the first one wins, whoever puts it, and what lies there is whole, private and bounded. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import {
  type Decision,
  listDecisions,
  type Put,
  putDecision,
  readDecision,
  removeDecision,
} from '../../src/decide/decisions.js'
import { anyText } from '../kit/any-text.js'
import { tempFolder } from '../kit/hive-support.js'
import { cases } from '../kit/long-run.js'

const PUTTER = fileURLToPath(new URL('../programs/decision-putter.js', import.meta.url))
const decision = (more: Partial<Decision> = {}): Decision => ({
  id: 'e1',
  approve: true,
  by: 'ana',
  via: 'cli',
  ts: 1_700_000_000_000,
  ...more,
})
/** As the format says it, without the code under test. */
const nameOf = (id: string): string =>
  `${createHash('sha256').update(Buffer.from(id, 'utf8')).digest('hex').slice(0, 32)}.json`
const modeOf = (path: string): number => statSync(path).mode & 0o777

test('a decision lies beside the log, for its owner only, and goes', (t) => {
  const log = join(tempFolder(t), 'hive.jsonl')
  const umask = process.umask(0)
  t.after(() => process.umask(umask))
  assert.deepEqual(putDecision(log, decision({ note: 'not on a Friday' })), { put: true })
  const folder = `${log}.decisions`
  assert.deepEqual(readdirSync(folder), [nameOf('e1')], 'no draft is left')
  assert.equal(modeOf(folder), 0o700)
  assert.equal(modeOf(join(folder, nameOf('e1'))), 0o600)
  assert.deepEqual(JSON.parse(readFileSync(join(folder, nameOf('e1')), 'utf8')), {
    id: 'e1',
    approve: true,
    by: 'ana',
    via: 'cli',
    note: 'not on a Friday',
    ts: 1_700_000_000_000,
  })
  assert.deepEqual(readDecision(log, 'e1'), decision({ note: 'not on a Friday' }))
  removeDecision(log, 'e1')
  removeDecision(log, 'e1')
  assert.equal(readDecision(log, 'e1'), undefined)
  assert.deepEqual(listDecisions(log), [])
})

test('the second hears of the first, and changes nothing', (t) => {
  const log = join(tempFolder(t), 'hive.jsonl')
  putDecision(log, decision())
  const second = putDecision(log, decision({ by: 'bo', approve: false, via: 'page', ts: 1_700_000_000_001 }))
  assert.deepEqual(second, { put: false, earlier: decision() })
  assert.deepEqual(listDecisions(log), [decision()])
})

test('of processes that decide in the same moment one wins, and all others hear of it', async (t) => {
  const folder = tempFolder(t)
  const log = join(folder, 'hive.jsonl')
  const start = join(folder, 'start')
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  const children = names.map((name, i) =>
    spawn(process.execPath, [PUTTER, log, 'e1', name, i % 2 === 0 ? 'yes' : 'no', start], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  )
  const lines = children.map((child) => createInterface(child.stdout)[Symbol.asyncIterator]())
  for (const each of lines) assert.equal((await each.next()).value, 'ready')
  writeFileSync(start, '')
  const puts = await Promise.all(lines.map(async (each) => JSON.parse((await each.next()).value) as Put))
  const winners = names.filter((_, i) => puts[i]?.put)
  assert.equal(winners.length, 1)
  for (const put of puts) if (!put.put) assert.equal(put.earlier.by, winners[0])
  assert.equal(readDecision(log, 'e1')?.by, winners[0])
  assert.equal(readdirSync(`${log}.decisions`).length, 1)
})

test('whatever the id is, the decision of it is found, and it is no path', (t) => {
  const log = join(tempFolder(t), 'hive.jsonl')
  const id = anyText({ minLength: 1, maxLength: 40 })
  const text = id.filter((each) => each.trim() !== '')
  const put = new Map<string, Decision>()
  fc.assert(
    fc.property(id, fc.boolean(), text, (id, approve, note) => {
      const each = decision({ id, approve, note })
      const earlier = put.get(id)
      assert.deepEqual(
        putDecision(log, each),
        earlier === undefined ? { put: true } : { put: false, earlier },
      )
      if (earlier === undefined) put.set(id, each)
      assert.deepEqual(readDecision(log, id), put.get(id))
    }),
    {
      numRuns: cases(60, 60),
      examples: [
        ['../../etc/passwd', true, 'n'],
        ['__proto__', false, '\u202e'],
        ['\n', true, 'n'],
        [' ', true, 'n'],
      ],
    },
  )
  assert.ok(readdirSync(`${log}.decisions`).every((name) => /^[0-9a-f]{32}\.json$/.test(name)))
  const byId = (a: Decision, b: Decision): number => (a.id < b.id ? -1 : 1)
  assert.deepEqual(listDecisions(log).sort(byId), [...put.values()].sort(byId))
})

for (const [what, more, says] of [
  ['a note without end', { note: 'x'.repeat(4_097) }, /`note` has 4097 characters, at most 4096/],
  ['nobody who decides', { by: ' ' }, /`by` is empty/],
  ['no id', { id: '' }, /`id` is empty/],
  ['another way', { via: 'mcp' as 'cli' }, /`via` is none of page, cli, code, hook/],
  ['a word for a decision', { approve: 'yes' as unknown as boolean }, /`approve` is neither true nor false/],
  ['no time', { ts: 1.5 }, /`ts` is no time/],
] as const) {
  test(`what is no decision is not put: ${what}`, (t) => {
    const log = join(tempFolder(t), 'hive.jsonl')
    assert.throws(() => putDecision(log, decision(more)), { code: 'ERR_HIVELOG_DECISION', message: says })
    assert.equal(existsSync(`${log}.decisions`), false)
  })
}

test('where others can write, nobody decides', { skip: process.getuid === undefined }, (t) => {
  const log = join(tempFolder(t), 'hive.jsonl')
  const folder = `${log}.decisions`
  mkdirSync(folder)
  chmodSync(folder, 0o777)
  const refused = { code: 'ERR_HIVELOG_DECISION', message: /can be written by others.*chmod go-w/ }
  assert.throws(() => putDecision(log, decision()), refused)
  assert.throws(() => readDecision(log, 'e1'), refused)
  const told: string[] = []
  assert.deepEqual(
    listDecisions(log, (message) => told.push(message)),
    [],
  )
  assert.equal(told.length, 1)

  chmodSync(folder, 0o700)
  putDecision(log, decision())
  chmodSync(join(folder, nameOf('e1')), 0o620)
  assert.throws(() => readDecision(log, 'e1'), refused)
})

test('what is not ours in the folder is left alone, and told', (t) => {
  const folder = tempFolder(t)
  const log = join(folder, 'hive.jsonl')
  putDecision(log, decision())
  const there = `${log}.decisions`
  writeFileSync(join(folder, 'elsewhere.json'), JSON.stringify(decision({ id: 'link' })))
  symlinkSync(join(folder, 'elsewhere.json'), join(there, nameOf('link')))
  writeFileSync(join(there, nameOf('half')), '{"id":"half","app', { mode: 0o600 })
  writeFileSync(join(there, nameOf('other')), JSON.stringify(decision({ id: 'wrong' })), { mode: 0o600 })
  writeFileSync(join(there, nameOf('big')), JSON.stringify(decision({ id: 'big' })).padEnd(80_000), {
    mode: 0o600,
  })
  mkdirSync(join(there, nameOf('folder')))
  writeFileSync(join(there, 'notes.txt'), 'mine')
  const before = readdirSync(there).sort()
  const told: string[] = []
  assert.deepEqual(
    listDecisions(log, (message) => told.push(message)),
    [decision()],
  )
  assert.equal(told.length, 5)
  assert.ok(told.every((message) => !message.includes('\n')))
  for (const id of ['half', 'other', 'big', 'folder', 'link'])
    assert.throws(() => putDecision(log, decision({ id })), { code: 'ERR_HIVELOG_DECISION' })
  assert.deepEqual(readdirSync(there).sort(), before)
})

test('a file where the folder should be is said, and stays', (t) => {
  const log = join(tempFolder(t), 'hive.jsonl')
  writeFileSync(`${log}.decisions`, 'mine')
  assert.throws(() => putDecision(log, decision()), { message: /is no folder; move it away/ })
  assert.equal(readFileSync(`${log}.decisions`, 'utf8'), 'mine')
})
