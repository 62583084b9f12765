/** A commit holds the log up to the end of a line, byte for byte, and nothing that is not the log's. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { appendFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { commitLog } from '../../src/analyse.js'
import type { CommitBatch } from '../../src/index.js'
import { verifyLog } from '../../src/read.js'
import { aLine, Repo, someLines, tempRepo, withEnvironment } from '../kit/git-repo.js'
import { tempFolder } from '../kit/hive-support.js'
import { isInTurn } from '../kit/long-run.js'
import { FOREIGN, LogWriter } from '../kit/reader-log.js'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

test('the first commit of a branch, the next one, and none when nothing is new', async (t) => {
  const repo = tempRepo(t)
  const file = repo.write('hive.jsonl', someLines(1, 3))
  const first = await commitLog(file)
  assert.deepEqual(
    { ...first, commit: typeof first.commit },
    { file, commit: 'string', branch: 'main', fromSeq: 1, toSeq: 3, lines: 3, files: 1, notes: [] },
  )
  appendFileSync(file, someLines(4, 9))
  const second = await commitLog(file)
  assert.deepEqual([second.fromSeq, second.toSeq], [4, 9])
  const third = await commitLog(file)
  assert.deepEqual([third.commit, third.lines], [undefined, 0])
  assert.deepEqual(repo.commits(), [first.commit, second.commit])
  assert.equal(
    repo.git('log', '-1', '--format=%B'),
    'hivelog: hive.jsonl seq 4–9 (6 lines)\n\nHivelog-File: hive.jsonl\nHivelog-Seq: 9\nHivelog-Session: s',
  )
  assert.equal(repo.status(), '')
  assert.equal(repo.git('reflog', '-1', '--format=%gs'), 'commit: hivelog: hive.jsonl seq 4–9 (6 lines)')
})

test('each commit is a prefix of the log that ends with a line, wherever the file ends', async (t) => {
  const repo = tempRepo(t)
  const whole = Buffer.from(someLines(1, 40))
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 4 }),
      async (steps) => {
        const file = repo.write('hive.jsonl', '')
        let written = 0
        for (const step of steps) {
          appendFileSync(file, whole.subarray(written, written + step))
          written = Math.min(whole.length, written + step)
          const end = whole.lastIndexOf(10, written - 1) + 1
          await commitLog(file)
          if (end === 0) continue
          assert.deepEqual(repo.blob('HEAD', 'hive.jsonl'), whole.subarray(0, end))
        }
      },
    ),
    { numRuns: 6, seed: 11 },
  )
})

test('what the user has staged stays staged, and is in no commit', async (t) => {
  const repo = tempRepo(t)
  repo.write('code.ts', 'one\n')
  repo.write('gone.ts', 'gone\n')
  repo.git('add', '.')
  repo.git('commit', '--quiet', '-m', 'code')
  repo.write('code.ts', 'two\n')
  repo.write('new.ts', 'new\n')
  repo.git('add', 'code.ts', 'new.ts')
  repo.git('rm', '--quiet', 'gone.ts')
  repo.write('code.ts', 'three\n')
  const before = repo.git('status', '--porcelain')
  const staged = repo.git('diff', '--cached')
  const file = repo.write('hive.jsonl', someLines(1, 3))
  assert.equal((await commitLog(file)).files, 1)
  assert.equal(repo.git('status', '--porcelain'), before)
  assert.equal(repo.git('diff', '--cached'), staged)
  assert.deepEqual(repo.files(), ['code.ts', 'gone.ts', 'hive.jsonl'])
})

test('segments, artifacts and child processes’ logs are the log; locks, drafts, cursors and indexes are not', async (t) => {
  const repo = tempRepo(t)
  const text = 'too long for a line'
  const ref = sha256(text)
  const place = `${ref.slice(0, 2)}/${ref}`
  const ours = [
    'sub/hive.000000000001.jsonl.gz',
    'sub/hive.000000000002.jsonl',
    'sub/hive.jsonl',
    'sub/hive.jsonl.agents/coder.000000000001.jsonl',
    'sub/hive.jsonl.agents/coder.jsonl',
    'sub/hive.jsonl.agents/coder.jsonl.agents/deep.jsonl',
    `sub/hive.jsonl.agents/coder.jsonl.artifacts/${place}`,
    `sub/hive.jsonl.artifacts/${place}`,
  ]
  const others = [
    'sub/hive.jsonl.lock/0123456789abcdef',
    'sub/hive.jsonl.lock.0123456789abcdef.new/0123456789abcdef',
    'sub/hive.000000000002.jsonl.gz.tmp',
    'sub/hive.notes.jsonl',
    'sub/other.jsonl',
    'sub/hive.jsonl.cursors/ui.json',
    'sub/hive.jsonl.index/000000000001.idx',
    'sub/hive.jsonl.agents/coder.jsonl.lock/0123456789abcdef',
    'sub/hive.jsonl.agents/old.jsonl.lock',
    'sub/hive.jsonl.agents/coder.jsonl.cursors/ui.json',
    `sub/hive.jsonl.artifacts/${place}.1234abcd.tmp`,
  ]
  for (const [i, name] of [...ours, ...others].entries()) {
    repo.write(name, name.endsWith(place) ? text : aLine(i + 1))
  }
  await commitLog(repo.path('sub/hive.jsonl'))
  assert.deepEqual(repo.files(), ours)

  await commitLog(repo.path('sub/hive.jsonl'), { paths: ['.'] })
  assert.deepEqual(repo.files(), [...ours, 'sub/hive.notes.jsonl', 'sub/other.jsonl'].sort())
})

test('options: no artifacts; archived segments only', async (t) => {
  const repo = tempRepo(t)
  const log = new LogWriter(repo.path('hive.jsonl')).messages(4)
  const ref = sha256('x')
  repo.write(`hive.jsonl.artifacts/${ref.slice(0, 2)}/${ref}`, 'x')
  const none = await commitLog(log.file, { segments: 'archived', artifacts: false })
  assert.equal(none.commit, undefined)
  log.rotate()
  log.messages(2)
  const { fromSeq, toSeq, files } = await commitLog(log.file, { segments: 'archived', artifacts: false })
  assert.deepEqual([fromSeq, toSeq, files], [1, 6, 1])
  assert.deepEqual(repo.files(), ['hive.000000000001.jsonl'])
  log.rotate()
  const next = await commitLog(log.file, { segments: 'archived' })
  assert.deepEqual([next.fromSeq, next.toSeq, next.files], [7, 10, 2])
})

test('a segment that is compressed between two commits is in each of them once', async (t) => {
  const repo = tempRepo(t)
  const log = new LogWriter(repo.path('hive.jsonl')).messages(4)
  const archived = log.rotate()
  await commitLog(log.file)
  writeFileSync(`${archived}.gz`, gzipSync(readFileSync(archived)))
  log.messages(1)
  await commitLog(log.file)
  assert.deepEqual(repo.files(), ['hive.000000000001.jsonl', 'hive.jsonl'])
  rmSync(archived)
  const { fromSeq, lines, files } = await commitLog(log.file)
  assert.deepEqual([fromSeq, lines, files], [undefined, 0, 2])
  assert.deepEqual(repo.files(), ['hive.000000000001.jsonl.gz', 'hive.jsonl'])
  assert.equal(repo.status(), '')
})

test('a log that begins anew in the place of another is told from its first line', async (t) => {
  const repo = tempRepo(t)
  const file = repo.write('hive.jsonl', someLines(1, 9))
  await commitLog(file)
  writeFileSync(file, someLines(1, 2))
  const { fromSeq, toSeq } = await commitLog(file)
  assert.deepEqual([fromSeq, toSeq], [1, 2])
})

test('committed by hand before, it goes on after the lines that are in', async (t) => {
  const repo = tempRepo(t)
  const file = repo.write('hive.jsonl', someLines(1, 5))
  repo.git('add', '.')
  repo.git('commit', '--quiet', '-m', 'by hand')
  appendFileSync(file, someLines(6, 7))
  const { fromSeq, toSeq } = await commitLog(file)
  assert.deepEqual([fromSeq, toSeq], [6, 7])
})

test('lines of foreign logs, which have no seq, are counted', async (t) => {
  const repo = tempRepo(t)
  const file = repo.write('log.jsonl', FOREIGN)
  assert.equal((await commitLog(file)).toSeq, 3)
  appendFileSync(file, '\0not json\n{"seq":"7"}\n{"seq":1e99,"session":{}}\n[]\nnull\n{"__proto__":1}\n')
  const { fromSeq, toSeq } = await commitLog(file)
  assert.deepEqual([fromSeq, toSeq], [4, 9])
  assert.deepEqual(repo.blob('HEAD', 'log.jsonl'), readFileSync(file))
})

test('the rest of the hive’s state is committed with it, deletions too', async (t) => {
  const repo = tempRepo(t)
  const file = repo.write('run/hive.jsonl', someLines(1, 2))
  repo.write('run/state/a.json', '1')
  repo.write('run/state/b.json', '1')
  repo.write('top.json', '1')
  repo.write('.gitignore', 'secret.json\n')
  repo.write('run/state/secret.json', '1')
  const first = await commitLog(file, { paths: ['state', '../top.json', 'not-there'] })
  assert.deepEqual(first.notes, ['there is nothing at the path not-there'])
  assert.deepEqual(repo.files(), ['run/hive.jsonl', 'run/state/a.json', 'run/state/b.json', 'top.json'])
  rmSync(repo.path('run/state/a.json'))
  writeFileSync(repo.path('run/state/b.json'), '2')
  const second = await commitLog(file, { paths: ['state'] })
  assert.deepEqual([second.lines, second.files], [0, 2])
  assert.equal(repo.git('log', '-1', '--format=%s'), 'hivelog: hive.jsonl no new lines (2 files)')
  assert.deepEqual(repo.files(), ['run/hive.jsonl', 'run/state/b.json', 'top.json'])
  assert.equal(repo.status(), '')
})

test('bytes are exact whatever git is told to do with line endings, and it is said what to do', async (t) => {
  const repo = tempRepo(t)
  repo.git('config', 'core.autocrlf', 'true')
  const log = new LogWriter(repo.path('hive.jsonl')).messages(3)
  log.seal()
  const { notes } = await commitLog(log.file)
  assert.equal(notes.length, 1)
  assert.match(notes[0] as string, /line endings of hive\.jsonl .* "\*\.jsonl -text" .* \.gitattributes/)
  assert.deepEqual(repo.blob('HEAD', 'hive.jsonl'), readFileSync(log.file))

  const crlf = repo.write('crlf.jsonl', FOREIGN.replaceAll('\n', '\r\n'))
  await commitLog(crlf)
  assert.deepEqual(repo.blob('HEAD', 'crlf.jsonl'), readFileSync(crlf))

  repo.write('.gitattributes', '*.jsonl -text\n*.artifacts/** -text\n')
  repo.git('add', '.gitattributes')
  repo.git('commit', '--quiet', '-m', 'attributes')
  log.message()
  log.seal()
  assert.deepEqual((await commitLog(log.file)).notes, [])
  const clone = join(tempFolder(t), 'clone')
  repo.git('clone', '--quiet', '--config', 'core.autocrlf=true', '.', clone)
  assert.ok((await verifyLog(join(clone, 'hive.jsonl'))).ok)
  assert.deepEqual(readFileSync(join(clone, 'hive.jsonl')), readFileSync(log.file))
})

test('a filter that the user set up for the log is honoured', async (t) => {
  const repo = tempRepo(t)
  repo.git('config', 'filter.shout.clean', 'tr a-z A-Z')
  repo.git('config', 'filter.shout.smudge', 'cat')
  repo.write('.gitattributes', 'hive*.jsonl filter=shout -text\n')
  const log = new LogWriter(repo.path('hive.jsonl')).messages(2)
  log.rotate()
  log.raw('{"torn')
  await commitLog(log.file)
  const live = readFileSync(log.file, 'utf8')
  assert.equal(repo.blob('HEAD', 'hive.jsonl').toString(), live.slice(0, -6).toUpperCase())
  assert.match(repo.blob('HEAD', 'hive.000000000001.jsonl').toString(), /"KIND":"LOG\.OPEN"/)
})

test('worktrees, detached heads and symbolic links', async (t) => {
  const repo = tempRepo(t)
  repo.git('commit', '--quiet', '--allow-empty', '-m', 'root')
  const tree = join(tempFolder(t), 'tree')
  repo.git('worktree', 'add', '--quiet', tree, '-b', 'side')
  const side = new Repo(tree)
  side.write('logs/hive.jsonl', someLines(1, 2))
  const link = join(tempFolder(t), 'link.jsonl')
  symlinkSync(side.path('logs/hive.jsonl'), link)
  const { branch, file } = await commitLog(link)
  assert.deepEqual([branch, file], ['side', side.path('logs/hive.jsonl')])
  assert.deepEqual(repo.files('side'), ['logs/hive.jsonl'])
  assert.equal(side.status(), '')
  assert.equal(repo.git('log', '-1', '--format=%s', 'main'), 'root')

  side.git('checkout', '--quiet', '--detach')
  appendFileSync(side.path('logs/hive.jsonl'), aLine(3))
  const detached = await commitLog(link)
  assert.deepEqual([detached.branch, detached.fromSeq], [undefined, 3])
  assert.equal(side.git('rev-parse', 'HEAD'), detached.commit)
})

test('a repository of SHA-256 objects', async (t) => {
  const repo = tempRepo(t)
  rmSync(repo.path('.git'), { recursive: true })
  repo.git('init', '--quiet', '--object-format=sha256')
  const log = new LogWriter(repo.path('hive.jsonl')).messages(1)
  assert.equal((await commitLog(log.file)).commit?.length, 64)
  rmSync(log.rotate())
  assert.equal((await commitLog(log.file)).fromSeq, 3)
})

test('names that mean something to git, to a shell or to a terminal', async (t) => {
  const repo = tempRepo(t)
  const names = [
    '-x.jsonl',
    ':(top)a.jsonl',
    'h*[ab]?.jsonl',
    '"q\' $(x).jsonl',
    'ünï/\u001b[1m.jsonl',
    ':!x.jsonl',
    ':^y.jsonl',
    ':/z.jsonl',
    ':(exclude)b.jsonl',
    '!n.jsonl',
    '#c.jsonl',
    '--help.jsonl',
    ' blank .jsonl',
    'back\\slash.jsonl',
    'line\nend".jsonl',
    'a\nfolder/-漢字.jsonl',
    ':!folder/\u202ehive.jsonl',
  ]
  for (const name of names.filter((_, i) => isInTurn(i))) {
    mkdirSync(dirname(repo.path(name)), { recursive: true })
    const log = new LogWriter(repo.path(name)).messages(1)
    log.rotate()
    const ref = sha256('x')
    repo.write(`${name}.artifacts/${ref.slice(0, 2)}/${ref}`, 'x')
    const { files, toSeq } = await commitLog(log.file)
    assert.deepEqual([files, toSeq], [3, 4], name)
    assert.deepEqual((await commitLog(log.file)).commit, undefined, name)
    log.message()
    assert.equal((await commitLog(log.file)).fromSeq, 5, name)
  }
  assert.equal(repo.status(), '')
})

test('a log with a name that git takes for magic is told when it is ignored', async (t) => {
  const repo = tempRepo(t)
  const file = repo.write(':!x.jsonl', someLines(1, 3))
  repo.write('.gitignore', '*x.jsonl\n')
  await assert.rejects(commitLog(file), {
    code: 'ignored',
    message: /^:!x\.jsonl is ignored by "\*x\.jsonl" in \.gitignore, line 1;/,
  })
  repo.write('.gitignore', ':!x.jsonl.artifacts\n')
  repo.write(`:!x.jsonl.artifacts/cd/${'cd'.repeat(32)}`, 'x')
  const { files, notes } = await commitLog(file)
  assert.equal(files, 1)
  assert.match(notes.join('\n'), /^:!x\.jsonl\.artifacts is ignored by a \.gitignore/)
})

test('the environment of a git hook does not lead to another repository', async (t) => {
  const repo = tempRepo(t)
  const other = new Repo(tempFolder(t))
  other.git('init', '--quiet')
  withEnvironment(t, {
    GIT_DIR: other.path('.git'),
    GIT_WORK_TREE: other.folder,
    GIT_INDEX_FILE: other.path('.git/index'),
    GIT_PREFIX: 'x/',
    GIT_TRACE: '1',
    GIT_LITERAL_PATHSPECS: '1',
    GIT_AUTHOR_DATE: '2001-01-01T00:00:00Z',
  })
  const { commit } = await commitLog(repo.write('hive.jsonl', aLine(1)))
  withEnvironment(t, {
    GIT_DIR: undefined,
    GIT_WORK_TREE: undefined,
    GIT_INDEX_FILE: undefined,
    GIT_TRACE: undefined,
  })
  assert.equal(repo.git('rev-parse', 'HEAD'), commit)
  assert.notEqual(repo.git('log', '-1', '--format=%as'), '2001-01-01')
})

test('hooks do not run, and nothing is signed', async (t) => {
  const repo = tempRepo(t)
  repo.write('.git/hooks/pre-commit', '#!/bin/sh\nexit 1\n')
  repo.git('config', 'commit.gpgsign', 'true')
  repo.git('config', 'gpg.program', 'false')
  assert.ok((await commitLog(repo.write('hive.jsonl', aLine(1)))).commit)
})

test('messages of the user’s making', async (t) => {
  const repo = tempRepo(t)
  const file = repo.write('hive.jsonl', '')
  let n = 0
  const commit = async (message: string | ((batch: CommitBatch) => string)): Promise<string> => {
    appendFileSync(file, aLine(++n))
    await commitLog(file, { message })
    return repo.git('log', '-1', '--format=%B%n--%n%(trailers:key=Hivelog-Seq,valueonly)')
  }
  const trailers = () => `Hivelog-File: hive.jsonl\nHivelog-Seq: ${n}\nHivelog-Session: s\n\n--\n${n}`
  assert.equal(
    await commit('{file} {from} {to} {lines} {files} {session} {range} {else}'),
    `hive.jsonl 1 1 1 1 s seq 1 {else}\n\n${trailers()}`,
  )
  assert.equal(
    await commit(({ file: name, toSeq }) => `{to} ${name} ${toSeq}`),
    `{to} hive.jsonl 2\n\n${trailers()}`,
  )
  assert.equal(await commit('a\n\nReviewed-by: ana\n'), `a\n\nReviewed-by: ana\n${trailers()}`)
  assert.equal(await commit('fix: it'), `fix: it\n\n${trailers()}`)
  const ours = () => `hivelog: hive.jsonl seq ${n} (1 line)\n\n${trailers()}`
  assert.equal(await commit('  \n'), ours())
  assert.equal(
    await commit(() => {
      throw new Error('no')
    }),
    ours(),
  )
  assert.equal(await commit(() => 7 as unknown as string), ours())
})

test('an empty log, and one whose only line is unfinished, are nothing to commit', async (t) => {
  const repo = tempRepo(t)
  const file = repo.write('hive.jsonl', '')
  assert.equal((await commitLog(file)).commit, undefined)
  writeFileSync(file, '{"ts":1,"kind":"x"')
  assert.equal((await commitLog(file)).commit, undefined)
})
