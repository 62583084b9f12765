/** Others work in the repository too: locks are waited for, nothing is put into the middle of their work. */
import assert from 'node:assert/strict'
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { CommitError, type CommitErrorCode, commitLog } from '../../src/analyse.js'
import type { CommitOptions } from '../../src/index.js'
import {
  aLine,
  fakeGit,
  isAlive,
  type Repo,
  someLines,
  tempRepo,
  withEnvironment,
  withoutIdentity,
} from '../kit/git-repo.js'
import { captureDiag, tempFolder, until } from '../kit/hive-support.js'

async function refused(file: string, code: CommitErrorCode, options: CommitOptions = {}): Promise<string> {
  try {
    await commitLog(file, options)
  } catch (error) {
    assert.ok(error instanceof CommitError, String(error))
    assert.equal(error.code, code, error.message)
    assert.doesNotMatch(error.message, /\n/)
    return error.message
  }
  assert.fail('it was committed')
}

for (const lock of ['index.lock', 'HEAD.lock', 'refs/heads/main.lock']) {
  test(`.git/${lock}: waited for while it is held, given up at the bound`, async (t) => {
    const repo = tempRepo(t)
    const file = repo.write('hive.jsonl', someLines(1, 2))
    await commitLog(file)
    appendFileSync(file, aLine(3))
    repo.write(`.git/${lock}`, '')
    const message = await refused(file, 'locked', { lockTimeoutMs: 120 })
    assert.ok(message.includes(lock), message)
    assert.match(message, /if none runs, remove that file/)

    const attempts = `${tempFolder(t)}/attempts`
    fakeGit(t, `case "$*" in *update-*) echo >> '${attempts}' ;; esac\nexec "$GIT" "$@"`)
    const committed = commitLog(file)
    await until(() => existsSync(attempts) && readFileSync(attempts, 'utf8').length > 4, 'a few attempts')
    rmSync(repo.path(`.git/${lock}`))
    assert.equal((await committed).toSeq, 3)
    assert.equal(repo.status(), '')
  })
}

test('a commit that another one overtakes is made anew upon it', async (t) => {
  const repo = tempRepo(t)
  const file = repo.write('hive.jsonl', someLines(1, 2))
  repo.git('commit', '--quiet', '--allow-empty', '-m', 'root')
  const once = `${tempFolder(t)}/once`
  fakeGit(
    t,
    `case "$*" in *update-ref*) mkdir '${once}' 2>/dev/null && "$GIT" commit --quiet --allow-empty --only -m theirs ;; esac\nexec "$GIT" "$@"`,
  )
  const { commit } = await commitLog(file)
  assert.deepEqual(repo.git('log', '--format=%s').split('\n'), [
    'hivelog: hive.jsonl seq 1–2 (2 lines)',
    'theirs',
    'root',
  ])
  assert.equal(repo.git('rev-parse', 'HEAD'), commit)
})

test('two who commit the same log at once lose nothing and add nothing twice', async (t) => {
  const repo = tempRepo(t)
  const file = repo.write('hive.jsonl', '')
  for (let round = 0; round < 4; round++) {
    appendFileSync(file, someLines(round * 10 + 1, round * 10 + 10))
    await Promise.all([commitLog(file), commitLog(file), commitLog(file)])
  }
  const ids = repo.commits('hive.jsonl')
  assert.equal(ids.length, 4)
  assert.deepEqual(
    repo.git('log', '--reverse', '--format=%s').split('\n'),
    [1, 11, 21, 31].map((from) => `hivelog: hive.jsonl seq ${from}–${from + 9} (10 lines)`),
  )
  assert.equal(repo.status(), '')
})

test('nothing is committed into the middle of a rebase, merge, cherry-pick, revert or bisect', async (t) => {
  const repo = tempRepo(t)
  const file = repo.write('hive.jsonl', aLine(1))
  const { commit } = await commitLog(file)
  for (const name of ['main', 'side']) {
    repo.git('checkout', '--quiet', '-B', name, commit as string)
    repo.write('code.ts', name)
    repo.git('add', 'code.ts')
    repo.git('commit', '--quiet', '-m', name)
  }
  appendFileSync(file, aLine(2))
  const ways: [begin: string[], abort: string[], what: RegExp][] = [
    [['rebase', '--autostash', 'main'], ['rebase', '--abort'], /a rebase is under way/],
    [['cherry-pick', 'main'], ['cherry-pick', '--abort'], /a cherry-pick is under way/],
    [['bisect', 'start'], ['bisect', 'reset'], /a bisect is under way/],
    [['merge', 'main'], ['merge', '--abort'], /a merge is under way/],
  ]
  for (const [begin, abort, what] of ways) {
    try {
      repo.git(...begin)
    } catch {
      // It stops at the conflict.
    }
    writeFileSync(file, someLines(1, 2))
    const head = repo.git('rev-parse', 'HEAD')
    assert.match(await refused(file, 'in-progress'), what)
    assert.equal(repo.git('rev-parse', 'HEAD'), head)
    repo.git(...abort)
    writeFileSync(file, someLines(1, 2))
  }
  assert.equal((await commitLog(file)).toSeq, 2)
})

test('what is missing is one line that says what to do', async (t) => {
  const repo = tempRepo(t)
  const file = repo.write('hive.jsonl', aLine(1))
  const outside = `${tempFolder(t)}/hive.jsonl`
  writeFileSync(outside, aLine(1))
  assert.match(
    await refused(outside, 'no-repository'),
    /is in no working tree of a git repository; run git init there/,
  )
  assert.match(await refused(repo.path('none.jsonl'), 'no-file'), /none\.jsonl: there is no such file/)
  assert.match(await refused(repo.folder, 'no-file'), /no regular file/)
  mkdirSync(repo.path('.git/x'))
  writeFileSync(repo.path('.git/x/hive.jsonl'), aLine(1))
  await refused(repo.path('.git/x/hive.jsonl'), 'no-repository')

  repo.write('.gitignore', '# logs\n*.jsonl\n')
  assert.match(
    await refused(file, 'ignored'),
    /hive\.jsonl is ignored by "\*\.jsonl" in \.gitignore, line 2; .* git add --force 'hive\.jsonl'/,
  )
  repo.git('add', '--force', 'hive.jsonl')
  assert.ok((await commitLog(file)).commit)

  withEnvironment(t, { GIT_TEST_ASSUME_DIFFERENT_OWNER: '1' })
  assert.match(await refused(file, 'untrusted'), /git config --global --add safe\.directory '/)
  withEnvironment(t, { GIT_TEST_ASSUME_DIFFERENT_OWNER: undefined })

  withoutIdentity(t)
  appendFileSync(file, aLine(2))
  const objects = repo.git('count-objects')
  assert.match(await refused(file, 'no-identity'), /set git config user\.name and user\.email/)
  assert.equal(repo.git('count-objects'), objects, 'and nothing is stored')

  withEnvironment(t, { PATH: tempFolder(t) })
  assert.match(await refused(file, 'no-git'), /install git/)
})

test('a git that hangs is killed, with all that it started', async (t) => {
  const repo = tempRepo(t)
  const file = repo.write('hive.jsonl', aLine(1))
  const pids = `${tempFolder(t)}/pids`
  fakeGit(t, `trap '' TERM\nsleep 600 & echo $$ $! > '${pids}'; wait; sleep 600`)
  assert.match(await refused(file, 'timeout', { timeoutMs: 500 }), /git rev-parse took longer than 500 ms/)
  await until(
    () =>
      readFileSync(pids, 'utf8')
        .trim()
        .split(' ')
        .every((pid) => !isAlive(Number(pid))),
    'their end',
  )

  const stop = new AbortController()
  rmSync(pids)
  const stopped = refused(file, 'timeout', { signal: stop.signal })
  await until(() => existsSync(pids), 'a git that runs')
  stop.abort()
  await stopped
  assert.deepEqual(captureDiag(t), [])
})

/** The log as HEAD holds it: its segments put together, each file that is there. */
function logAtHead(repo: Repo): string {
  const segments = repo.files().filter((name) => /^hive\.\d{12}\.jsonl/.test(name))
  const parts = segments.sort().map((name) => {
    const blob = repo.blob('HEAD', name)
    return name.endsWith('.gz') ? gunzipSync(blob) : blob
  })
  return Buffer.concat([...parts, repo.blob('HEAD', 'hive.jsonl')]).toString()
}

test('a segment that is compressed in the middle of a commit is in it once', async (t) => {
  const repo = tempRepo(t)
  const file = repo.write('hive.jsonl', someLines(6, 8))
  const archived = repo.write('hive.000000000001.jsonl', someLines(1, 5))
  await commitLog(file)
  appendFileSync(file, aLine(9))
  fakeGit(
    t,
    `case "$*" in *ls-files*--others*) test ! -f '${archived}' || gzip -n '${archived}' ;; esac\nexec "$GIT" "$@"`,
  )
  await commitLog(file)
  assert.ok(!existsSync(archived), 'it was compressed meanwhile')
  assert.equal(logAtHead(repo), someLines(1, 9))
  assert.deepEqual(repo.files().sort(), ['hive.000000000001.jsonl.gz', 'hive.jsonl'])
  assert.equal(repo.status(), '')
})

test('a live file that takes the inode of one that is archived and compressed is not taken for it', async (t) => {
  const repo = tempRepo(t)
  const file = repo.write('hive.jsonl', someLines(1, 5))
  const marker = `${tempFolder(t)}/rotated`
  const next = `${tempFolder(t)}/next`
  // In the repository's folder, since a file system hands out the inodes of a folder together.
  const files = repo.path('.git/files')
  mkdirSync(files)
  writeFileSync(next, someLines(6, 7))
  const { ino } = statSync(file)
  fakeGit(
    t,
    `case "$*" in *ls-files*--deleted*) if test ! -f '${marker}'; then
      echo > '${marker}'
      mv hive.jsonl hive.000000000001.jsonl
      gzip -n hive.000000000001.jsonl
      for i in $(seq 200); do
        cp '${next}' '${files}'/$i
        test "$(stat -c %i '${files}'/$i)" = ${ino} && break
      done
      mv '${files}'/$i hive.jsonl
    fi ;; esac\nexec "$GIT" "$@"`,
  )
  await commitLog(file)
  t.diagnostic(
    statSync(file).ino === ino ? 'the inode was used again' : 'this file system gave another inode',
  )
  assert.equal(logAtHead(repo), someLines(1, 7))
})
