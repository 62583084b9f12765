/** Links that lie where a log's files would be bring no other file of the user's into a commit. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { commitLog } from '../../src/analyse.js'
import { Blobs } from '../../src/git/blobs.js'
import { Git } from '../../src/git/run.js'
import { aLine, type Repo, someLines, tempRepo } from '../kit/git-repo.js'
import { tempFolder } from '../kit/hive-support.js'

const SECRET = 'root:x:0:0 is nobody’s business\n'
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Everything that git holds, committed or not. */
function allObjects(repo: Repo): string {
  const ids = repo.git('cat-file', '--batch-all-objects', '--batch-check=%(objectname) %(objecttype)')
  const blobs = ids.split('\n').filter((line) => line.endsWith(' blob'))
  return blobs.map((line) => repo.git('cat-file', 'blob', line.split(' ')[0] as string)).join('\n')
}

test('links beside a log, and pipes, are told and not committed; what is its own is', async (t) => {
  const repo = tempRepo(t)
  const elsewhere = tempFolder(t)
  const secret = join(elsewhere, 'passwd')
  writeFileSync(secret, SECRET)
  writeFileSync(join(elsewhere, `${sha256(SECRET)}`), SECRET)
  const file = repo.write('hive.jsonl', someLines(10, 12))
  const own = sha256('its own')
  const changed = sha256('as it was')
  repo.write('hive.jsonl.agents/own.jsonl', aLine(1))
  repo.write('hive.jsonl.agents/both.jsonl.agents/deep.jsonl', aLine(1))
  repo.write(`hive.jsonl.artifacts/${own.slice(0, 2)}/${own}`, 'its own')
  repo.write(`hive.jsonl.artifacts/${changed.slice(0, 2)}/${changed}`, 'as it is')
  const links = [
    'hive.000000000001.jsonl',
    'hive.jsonl.agents/p.jsonl',
    'hive.jsonl.agents/both.jsonl',
    'hive.jsonl.agents/own.000000000001.jsonl.gz',
    `hive.jsonl.artifacts/${own.slice(0, 2)}/${own.slice(0, 2)}${'0'.repeat(62)}`,
  ]
  for (const link of links) symlinkSync(secret, repo.path(link))
  // A folder of artifacts that is somewhere else, with a content whose name is even right.
  const folder = `hive.jsonl.artifacts/${sha256(SECRET).slice(0, 2)}`
  symlinkSync(elsewhere, repo.path(folder))
  execFileSync('mkfifo', [repo.path('hive.jsonl.agents/pipe.jsonl')])

  const { notes } = await commitLog(file)
  assert.deepEqual(repo.files(), [
    'hive.jsonl',
    'hive.jsonl.agents/both.jsonl.agents/deep.jsonl',
    'hive.jsonl.agents/own.jsonl',
    `hive.jsonl.artifacts/${own.slice(0, 2)}/${own}`,
  ])
  const note = (path: string, what: string): string =>
    `${repo.path(path)} is ${what}, and so no part of the log: it is neither sent nor committed`
  assert.deepEqual(
    [...notes].sort(),
    [
      ...[...links, folder].map((link) => note(link, 'a symbolic link')),
      note('hive.jsonl.agents/pipe.jsonl', 'a pipe'),
      note(`hive.jsonl.artifacts/${changed.slice(0, 2)}/${changed}`, 'not what its name says'),
    ].sort(),
  )
  assert.ok(!allObjects(repo).includes(SECRET.trim()), 'not even as an object that no commit names')
})

test('a folder of child logs or of artifacts that is a link is no part of the log', async (t) => {
  const repo = tempRepo(t)
  const elsewhere = tempFolder(t)
  const content = sha256('far')
  mkdirSync(join(elsewhere, content.slice(0, 2)))
  writeFileSync(join(elsewhere, content.slice(0, 2), content), 'far')
  writeFileSync(join(elsewhere, 'child.jsonl'), aLine(1))
  const file = repo.write('hive.jsonl', someLines(1, 2))
  symlinkSync(elsewhere, `${file}.agents`)
  symlinkSync(elsewhere, `${file}.artifacts`)
  const { notes } = await commitLog(file)
  assert.deepEqual(repo.files(), ['hive.jsonl'])
  assert.equal(notes.length, 2)
  for (const name of ['agents', 'artifacts'])
    assert.ok(
      notes.some((note) => note.startsWith(`${file}.${name} is a symbolic link, `)),
      notes.join('\n'),
    )

  // What takes the link's place is committed.
  rmSync(`${file}.artifacts`)
  renameSync(elsewhere, `${file}.artifacts`)
  await commitLog(file)
  const held = repo.files()
  assert.deepEqual(held, ['hive.jsonl', `hive.jsonl.artifacts/${content.slice(0, 2)}/${content}`])
})

test('a segment that is there no more when it is to be stored is not left out', async (t) => {
  const repo = tempRepo(t)
  repo.write('hive.000000000002.jsonl', someLines(2, 3))
  const blobs = new Blobs(
    new Git({ cwd: repo.folder, timeoutMs: 60_000, signal: undefined, background: false }),
  )
  const paths = ['hive.000000000002.jsonl', 'hive.000000000001.jsonl']
  await assert.rejects(blobs.settled(paths, new Set(), assert.fail), { code: 'moved' })
})
