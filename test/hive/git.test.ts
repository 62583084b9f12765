/** A hive commits its log batch by batch, and neither recording nor its end ever waits for git. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { verifyLog } from '../../src/read.js'
import { fakeGit, isAlive, type Repo, tempRepo, withEnvironment, withoutIdentity } from '../kit/git-repo.js'
import {
  captureDiag,
  eventsOf,
  fixture,
  linesOf,
  runNode,
  tempFolder,
  tempHive,
  until,
} from '../kit/hive-support.js'
import { MAIN } from '../kit/reader-cli.js'

const note = { to: 'b', act: 'inform', subject: 'a subject' }

/** The log as a commit holds it, its segments put together. */
function logIn(repo: Repo, commit: string): Buffer {
  const segments = repo.files(commit).filter((name) => /^hive\.\d{12}\.jsonl/.test(name))
  const parts = segments.sort().map((name) => {
    const blob = repo.blob(commit, name)
    return name.endsWith('.gz') ? gunzipSync(blob) : blob
  })
  const live = repo.files(commit).includes('hive.jsonl') ? [repo.blob(commit, 'hive.jsonl')] : []
  return Buffer.concat([...parts, ...live])
}

/** A commit is a dozen processes, which take seconds on a busy machine. */
const PATIENCE_MS = 60_000

const lineCount = (bytes: Buffer): number => bytes.toString().split('\n').length - 1

for (const gzip of [false, true]) {
  test(`batches line up through rotation${gzip ? ' and compression' : ''}: each commit is the log up to a line`, async (t) => {
    const repo = tempRepo(t)
    const told = captureDiag(t)
    const { hive, file } = tempHive(t, {
      file: repo.path('hive.jsonl'),
      git: { everyMs: 20, shutdownTimeoutMs: PATIENCE_MS },
      rotate: { maxBytes: 6_000, gzip },
    })
    const agent = hive.spawn({ agentId: 'a', name: 'A' })
    const head = (): string => repo.git('rev-parse', '--quiet', '--verify', 'HEAD')
    await until(() => existsSync(join(repo.folder, '.git/refs/heads/main')), 'the first commit', PATIENCE_MS)
    for (let batch = 0; batch < 6; batch++) {
      const before = head()
      for (let i = 0; i < 12; i++) {
        agent.message(note)
        if (i % 4 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      }
      agent.snapshot({ content: `state ${batch}` })
      await until(() => head() !== before, 'a commit of the batch', PATIENCE_MS)
    }
    await hive.shutdown()
    assert.deepEqual(told, [])

    const ids = repo.commits()
    const whole = logIn(repo, 'HEAD')
    let seq = 0
    for (const id of ids) {
      const bytes = logIn(repo, id)
      assert.deepEqual(bytes, whole.subarray(0, bytes.length))
      assert.equal(bytes.at(-1), 10)
      const [subject = '', last] = repo
        .git('log', '-1', '--format=%s%n%(trailers:key=Hivelog-Seq,valueonly)', id)
        .split('\n')
      assert.equal(Number(last), lineCount(bytes))
      if (subject.includes('no new lines')) continue
      assert.match(subject, new RegExp(`seq ${seq + 1}(–${last})? \\(${Number(last) - seq} lines?\\)`))
      seq = Number(last)
    }
    assert.ok(ids.length >= 6)
    const clone = join(tempFolder(t), 'clone')
    repo.git('clone', '--quiet', '.', clone)
    const { ok, lastSeq } = await verifyLog(join(clone, 'hive.jsonl'))
    assert.deepEqual([ok, lastSeq], [true, seq])
    assert.equal(repo.files().filter((name) => name.startsWith('hive.jsonl.artifacts/')).length, 6)
    assert.equal(repo.status(), '')
    assert.ok(!existsSync(`${file}.lock`))
  })
}

test('a last commit at the shutdown, of the sealed file', async (t) => {
  const repo = tempRepo(t)
  const { hive, file } = tempHive(t, { file: repo.path('hive.jsonl'), git: { everyMs: Infinity } })
  hive.spawn({ agentId: 'a', name: 'A' }).message(note)
  await hive.shutdown()
  assert.deepEqual(repo.blob('HEAD', 'hive.jsonl'), readFileSync(file))
  assert.equal(linesOf(file).at(-1)?.kind, 'log.seal')
  assert.equal(repo.commits().length, 1)
})

test('while a lock is held recording goes on, one line is told, and the next period tries again', async (t) => {
  const repo = tempRepo(t)
  const told = captureDiag(t)
  const { hive, file } = tempHive(t, {
    file: repo.path('hive.jsonl'),
    git: { everyMs: 10, lockTimeoutMs: 50, message: '{range}' },
  })
  repo.write('.git/index.lock', '')
  const attempts = join(tempFolder(t), 'attempts')
  fakeGit(t, `case "$*" in *rev-parse*inside*) echo >> '${attempts}' ;; esac\nexec "$GIT" "$@"`)
  const agent = hive.spawn({ agentId: 'a', name: 'A' })
  await until(() => existsSync(attempts) && readFileSync(attempts, 'utf8').length > 2, 'three commits tried')
  agent.message(note)
  await hive.flush()
  assert.equal(eventsOf(file).length, 2)
  assert.equal(told.length, 1)
  assert.match(
    told[0] as string,
    /^hivelog: .*hive\.jsonl is not committed: another git process holds .*index\.lock/,
  )
  rmSync(repo.path('.git/index.lock'))
  await until(() => existsSync(repo.path('.git/refs/heads/main')), 'a commit after it')
  await hive.shutdown()
  assert.equal(told.length, 1)
  assert.match(repo.git('log', '-1', '--format=%s'), /^seq /)
})

test('no repository, no identity, no git: one line each, and a whole log', async (t) => {
  const cases: [says: RegExp, prepare: () => string][] = [
    [/is in no working tree of a git repository; run git init/, () => join(tempFolder(t), 'hive.jsonl')],
    [
      /git does not know who commits/,
      () => {
        const repo = tempRepo(t)
        withoutIdentity(t)
        return repo.path('hive.jsonl')
      },
    ],
    [
      /the git command is not found/,
      () => {
        const file = tempRepo(t).path('hive.jsonl')
        withEnvironment(t, { PATH: tempFolder(t) })
        return file
      },
    ],
  ]
  const told = captureDiag(t)
  for (const [says, prepare] of cases) {
    told.length = 0
    const { hive, file } = tempHive(t, { file: prepare(), git: { everyMs: 5 } })
    const agent = hive.spawn({ agentId: 'a', name: 'A' })
    await until(() => told.length > 0, 'the line')
    for (let i = 0; i < 20; i++) {
      agent.message(note)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await hive.shutdown()
    assert.equal(told.length, 1)
    assert.match(told[0] as string, says)
    assert.equal(eventsOf(file).length, 22)
  }
})

test('another failure than the one that was told is told too, each once', async (t) => {
  const repo = tempRepo(t)
  const told = captureDiag(t)
  const { hive } = tempHive(t, {
    file: repo.path('hive.jsonl'),
    git: { everyMs: 10, lockTimeoutMs: 50, shutdownTimeoutMs: PATIENCE_MS },
  })
  repo.write('.git/index.lock', '')
  hive.spawn({ agentId: 'a', name: 'A' })
  await until(() => told.length > 0, 'the first line', PATIENCE_MS)
  withEnvironment(t, { PATH: tempFolder(t) })
  await until(() => told.length > 1, 'the second line', PATIENCE_MS)
  await hive.shutdown()
  assert.equal(told.length, 2, told.join('\n'))
  assert.match(told[0] as string, /another git process holds/)
  assert.match(told[1] as string, /the git command is not found/)
})

test('a git that hangs holds up neither recording nor, past its bound, the shutdown', async (t) => {
  const repo = tempRepo(t)
  const told = captureDiag(t)
  const { hive, file } = tempHive(t, {
    file: repo.path('hive.jsonl'),
    git: { everyMs: 5, shutdownTimeoutMs: 200 },
  })
  const runs = join(tempFolder(t), 'runs')
  fakeGit(t, `echo $$ >> '${runs}'\nsleep 600`)
  const agent = hive.spawn({ agentId: 'a', name: 'A' })
  // The shell makes the file before it writes to it.
  await until(() => existsSync(runs) && readFileSync(runs, 'utf8') !== '', 'a git that hangs')
  for (let i = 0; i < 100; i++) {
    agent.message(note)
    if (i % 10 === 0) await hive.flush()
  }
  await hive.flush()
  assert.equal(eventsOf(file).length, 101)
  assert.equal(readFileSync(runs, 'utf8').split('\n').length - 1, 1, 'one git at a time')
  await hive.shutdown()
  assert.equal(told.length, 1)
  assert.match(told[0] as string, /git did not end within 200 ms; .* run: hivelog commit .*hive\.jsonl/)
  assert.equal(linesOf(file).at(-1)?.kind, 'log.seal')
})

test('a process that hangs on nothing but git ends', async (t) => {
  const repo = tempRepo(t)
  const pid = join(tempFolder(t), 'pid')
  fakeGit(t, `echo $$ > '${pid}'\nexec sleep 600`)
  const index = fixture('../../src/index')
  const app = repo.write(
    'app.mjs',
    `import { startHive } from ${JSON.stringify(index)}
     const hive = startHive({ file: 'hive.jsonl', git: { everyMs: 1 } })
     hive.spawn({ agentId: 'a', name: 'A' })
     await new Promise((resolve) => setTimeout(resolve, 300))`,
  )
  const { code, stderr } = await runNode([app], {}, repo.folder)
  assert.deepEqual([code, stderr], [0, ''])
  assert.equal(linesOf(repo.path('hive.jsonl')).at(-1)?.kind, 'log.seal')
  await until(() => !isAlive(Number(readFileSync(pid, 'utf8'))), 'the end of that git')
})

test('a hive and the command that commit at once lose nothing', async (t) => {
  const repo = tempRepo(t)
  const told = captureDiag(t)
  const { hive, file } = tempHive(t, { file: repo.path('hive.jsonl'), git: { everyMs: 5 } })
  const agent = hive.spawn({ agentId: 'a', name: 'A' })
  for (let i = 0; i < 4; i++) {
    agent.message(note)
    await hive.flush()
    const { code, stderr } = await runNode([MAIN, 'commit', file])
    assert.deepEqual([code, stderr], [0, ''])
  }
  await hive.shutdown()
  assert.deepEqual(told, [])
  const ranges = repo
    .git('log', '--reverse', '--format=%s')
    .split('\n')
    .map((subject) => /seq (\d+)(?:–(\d+))?/.exec(subject))
  let seq = 0
  for (const range of ranges) {
    assert.equal(Number(range?.[1]), seq + 1)
    seq = Number(range?.[2] ?? range?.[1])
  }
  assert.equal(seq, linesOf(file).length)
  assert.deepEqual(repo.blob('HEAD', 'hive.jsonl'), readFileSync(file))
})

test('the rest of the state goes along; a note is told once', async (t) => {
  const repo = tempRepo(t)
  const told = captureDiag(t)
  const { hive } = tempHive(t, {
    file: repo.path('hive.jsonl'),
    git: { everyMs: 5, paths: ['state.json', 'later.json'] },
  })
  writeFileSync(repo.path('state.json'), '1')
  await until(() => existsSync(repo.path('.git/refs/heads/main')), 'a commit')
  for (let i = 2; i < 5; i++) {
    writeFileSync(repo.path('state.json'), String(i))
    await until(() => repo.git('show', 'HEAD:state.json') === String(i), 'the state in a commit')
  }
  await hive.shutdown()
  assert.deepEqual(told, ['hivelog: there is nothing at the path later.json'])
})

test('without a file there is nothing to commit, and it is said', async (t) => {
  const told = captureDiag(t)
  tempHive(t, { file: false, git: {} } as never)
  assert.deepEqual(told, ['hivelog: the option git does nothing in a hive without a file'])
})

test('times that cannot be are refused; one that no timer can wait for is one that never comes', async (t) => {
  const repo = tempRepo(t)
  const file = repo.path('hive.jsonl')
  for (const everyMs of [Number.NaN, -1, 0, 'x']) {
    assert.throws(() => tempHive(t, { file, git: { everyMs: everyMs as number } }), { name: 'OptionsError' })
  }
  const { hive } = tempHive(t, {
    file,
    git: { everyMs: 2 ** 40, shutdownTimeoutMs: Infinity, timeoutMs: Infinity },
  })
  await hive.shutdown()
  assert.equal(repo.commits().length, 1)
})
