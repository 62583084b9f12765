import assert from 'node:assert/strict'
import { appendFileSync } from 'node:fs'
import { test } from 'node:test'
import { aLine, someLines, tempRepo, withEnvironment, withoutIdentity } from '../kit/git-repo.js'
import { tempFolder } from '../kit/hive-support.js'
import { hivelog, linesOf } from '../kit/reader-cli.js'

test('commits, says what, and says when nothing is new', async (t) => {
  const repo = tempRepo(t)
  const file = repo.write('hive.jsonl', someLines(1, 142))
  repo.write('state/a', '1')
  const first = await hivelog(['commit', '--path', 'state', file])
  const id = repo.git('rev-parse', 'HEAD').slice(0, 7)
  assert.deepEqual(first, {
    code: 0,
    stdout: `committed ${id}: hive.jsonl seq 1–142 (142 lines), 2 files\n`,
    stderr: '',
  })
  assert.deepEqual(await hivelog(['commit'], { cwd: repo.folder }), {
    code: 0,
    stdout: 'nothing new to commit\n',
    stderr: '',
  })
  appendFileSync(file, aLine(143))
  repo.git('checkout', '--quiet', '--detach')
  const { stdout } = await hivelog(['commit', '-m', 'batch {range}', file])
  assert.match(stdout, /^committed [0-9a-f]{7} on a detached HEAD: hive\.jsonl seq 143 \(1 line\), 1 file\n$/)
  assert.equal(repo.git('log', '-1', '--format=%s'), 'batch seq 143')
})

test('--json has the documented shape', async (t) => {
  const repo = tempRepo(t)
  const file = repo.write('hive.jsonl', someLines(1, 2))
  const run = await hivelog(['commit', '--json', '--path', 'none', file])
  assert.equal(run.stderr, '')
  assert.deepEqual(JSON.parse(run.stdout), {
    file,
    commit: repo.git('rev-parse', 'HEAD'),
    branch: 'main',
    fromSeq: 1,
    toSeq: 2,
    lines: 2,
    files: 1,
    notes: ['there is nothing at the path none'],
  })
  assert.equal(linesOf(run.stdout).length, 1)
  const again = JSON.parse((await hivelog(['commit', '--json', file])).stdout)
  assert.deepEqual(again, {
    file,
    commit: null,
    branch: 'main',
    fromSeq: null,
    toSeq: null,
    lines: 0,
    files: 0,
    notes: [],
  })
})

test('exit code 1 and one line when it cannot be committed now', async (t) => {
  const repo = tempRepo(t)
  const file = repo.write('hive.jsonl', aLine(1))
  repo.write('.git/index.lock', '')
  const locked = await hivelog(['commit', '--wait', '60', file])
  assert.deepEqual([locked.code, locked.stdout], [1, ''])
  assert.match(
    locked.stderr,
    /^hivelog: cannot commit \S+ now: another git process holds \S+index\.lock; [^\n]*\n$/,
  )
  repo.write('.git/MERGE_HEAD', '')
  const merging = await hivelog(['commit', file])
  assert.equal(merging.code, 1)
  assert.match(
    merging.stderr,
    /^hivelog: cannot commit \S+ now: a merge is under way; finish or abort it first\n$/,
  )
})

test('exit code 2 and one line for what the user must put right', async (t) => {
  const repo = tempRepo(t)
  const file = repo.write('hive.jsonl', aLine(1))
  const outside = tempFolder(t)
  const bad = async (args: string[], message: RegExp): Promise<void> => {
    const { code, stdout, stderr } = await hivelog(['commit', ...args], { cwd: outside })
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, message)
    assert.match(stderr, /^hivelog: [^\n]*\n$/)
  }
  await bad([], /cannot commit hive\.jsonl: there is no such file/)
  await bad(['-'], /standard input lies in no repository/)
  await bad(['a', 'b'], /takes one FILE, not 2/)
  await bad(['--segments', 'some', file], /--segments needs one of all, archived, not 'some'/)
  await bad(['--message', ' ', file], /--message is empty/)
  await bad(['--wait', 'long', file], /--wait needs a whole number/)
  withoutIdentity(t)
  await bad([file], /git does not know who commits/)
  withEnvironment(t, { PATH: outside })
  await bad([file], /install git/)
})

test('the help fits 80 columns and has an example', async () => {
  const { code, stdout } = await hivelog(['commit', '--help'])
  assert.equal(code, 0)
  for (const line of linesOf(stdout)) assert.ok(line.length <= 80, line)
  assert.match(stdout, /^Example: hivelog commit /m)
})
