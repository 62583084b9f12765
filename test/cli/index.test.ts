/** `hivelog index`: the side index without anybody's having to ask for a state. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { replay } from '../../src/analyse.js'
import { indexedFolder } from '../kit/indexing.js'
import { hivelog, MAIN } from '../kit/reader-cli.js'
import { LogWriter } from '../kit/reader-log.js'
import { directoryOf, rowsOf } from '../kit/side-index.js'
import { fill, smallDisk } from '../kit/small-disk.js'

/** A folder for logs, with the key of the index in it. */
function scene(t: TestContext): { folder: string; env: Record<string, string> } {
  const folder = indexedFolder(t)
  return { folder, env: { XDG_STATE_HOME: join(folder, 'state') } }
}

/** Some 170 bytes each. */
const LINES = 10_000

/** What is in the folder of an index, read without the code that is under test. */
function indexesOf(file: string): { name: string; bytes: number; rows: ReturnType<typeof rowsOf> }[] {
  const folder = `${file}.index`
  return readdirSync(folder)
    .sort()
    .map((name) => {
      const bytes = readFileSync(join(folder, name))
      return { name, bytes: bytes.length, rows: rowsOf(directoryOf(bytes).directory.blocks) }
    })
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

test('each segment has its index, and each log of child processes its own; what is told is what is there', async (t) => {
  const { folder, env } = scene(t)
  const file = join(folder, 'hive.jsonl')
  const log = new LogWriter(file).messages(LINES)
  log.rotate()
  log.messages(LINES).rotate({ gzip: true })
  log.messages(LINES)
  mkdirSync(`${file}.agents`)
  const child = join(`${file}.agents`, 'coder.jsonl')
  new LogWriter(child).messages(LINES)

  const { code, stdout, stderr } = await hivelog(['index', '--json', file], { env })
  assert.deepEqual([code, stderr], [0, ''])
  const [own, childs, ...more] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(more, [])
  for (const [report, path, segments] of [
    [own, file, 3],
    [childs, child, 1],
  ]) {
    const there = indexesOf(path)
    const { ms, ...rest } = report
    assert.ok(ms >= 0)
    assert.deepEqual(rest, {
      file: path,
      segments,
      indexed: segments,
      covered: sum(there.map(({ rows }) => rows.at(-1)?.offset ?? 0)),
      states: sum(there.map(({ rows }) => rows.length)),
      bytes: sum(there.map(({ bytes }) => bytes)),
    })
    assert.equal(there.length, segments)
    // Of the live segment all but what a state is found in at once.
    const { size } = statSync(path)
    const left = size - (there.at(-1)?.rows.at(-1)?.offset ?? 0)
    assert.ok(left >= 0 && left < 2 * 512 * 1024, `${left} of ${size} bytes`)
  }
  // The archived ones to their last byte.
  const [first] = readdirSync(folder).filter((name) => /^hive\.\d{12}\.jsonl$/.test(name))
  assert.equal(indexesOf(file)[0]?.rows.at(-1)?.offset, statSync(join(folder, first as string)).size)

  for (const at of [1, LINES - 7, LINES + 4, 2 * LINES + 11, 3 * LINES]) {
    assert.deepEqual(
      await replay(file, { at, thisFile: true }),
      await replay(file, { at, thisFile: true, index: false }),
      `at ${at}`,
    )
  }
  assert.match(
    (await hivelog(['index', '--this-file', file], { env })).stdout,
    /^\S+hive\.jsonl: 3 segments, \d+ states over \d\.\d MiB of log, [\d.]+ KiB of index, [\d.]+ m?s\n$/,
  )
})

test('again it is done at once and writes nothing; what came since is added', async (t) => {
  const { folder, env } = scene(t)
  const file = join(folder, 'hive.jsonl')
  const log = new LogWriter(file).messages(LINES)
  // Long enough ago that its times can tell it from what comes later.
  utimesSync(file, new Date(0), new Date(0))
  await new Promise((resolve) => setTimeout(resolve, 2_100))
  await hivelog(['index', file], { env })
  const path = join(`${file}.index`, '000000000001.idx')
  const { ino, mtimeNs } = statSync(path, { bigint: true })
  const [before] = indexesOf(file)
  const again = await hivelog(['index', file], { env })
  assert.equal(again.code, 0)
  assert.deepEqual(
    [statSync(path, { bigint: true }).ino, statSync(path, { bigint: true }).mtimeNs],
    [ino, mtimeNs],
  )
  log.messages(LINES)
  await hivelog(['index', file], { env })
  const [after] = indexesOf(file)
  assert.deepEqual(
    after?.rows.slice(0, before?.rows.length).map(({ offset }) => offset),
    [...(before?.rows.map(({ offset }) => offset) ?? [])],
  )
  assert.ok((after?.rows.length ?? 0) > (before?.rows.length ?? 0))
})

test('a log that is read in no time has none', async (t) => {
  const { folder, env } = scene(t)
  const file = join(folder, 'hive.jsonl')
  new LogWriter(file).messages(3)
  const { code, stdout } = await hivelog(['index', file], { env })
  assert.deepEqual([code, stdout], [0, `${file}: no index; it is small enough to be read\n`])
  assert.ok(!existsSync(`${file}.index`))
})

test('--remove takes away what belongs to an index, and nothing else', async (t) => {
  const { folder, env } = scene(t)
  const file = join(folder, 'hive.jsonl')
  const log = new LogWriter(file).messages(LINES)
  log.rotate()
  log.messages(LINES)
  await hivelog(['index', file], { env })
  const index = `${file}.index`
  const draft = join(index, '000000000001.idx.0123abcd.tmp')
  writeFileSync(draft, 'what somebody left who was killed')
  const bytes = sum(readdirSync(index).map((name) => statSync(join(index, name)).size))
  const kept = ['notes.txt', '1.idx', '000000000001.idx.bak']
  for (const name of kept) writeFileSync(join(index, name), 'mine')
  mkdirSync(join(index, '000000000009.idx'))

  const { code, stdout, stderr } = await hivelog(['index', '--remove', '--json', file], { env })
  assert.equal(code, 0)
  assert.deepEqual(JSON.parse(stdout), { file, files: 3, bytes, left: [...kept, '000000000009.idx'].sort() })
  assert.equal(stderr, `hivelog: ${index} stays: 4 files in it that no index has\n`)
  assert.deepEqual(readdirSync(index).sort(), [...kept, '000000000009.idx'].sort())

  const other = join(folder, 'other.jsonl')
  new LogWriter(other).messages(LINES)
  await hivelog(['index', other], { env })
  assert.match(
    (await hivelog(['index', '--remove', other], { env })).stdout,
    /: 1 file of its index removed, /,
  )
  assert.ok(!existsSync(`${other}.index`))
  assert.equal((await hivelog(['index', '--remove', other], { env })).stdout, `${other}: no index\n`)
})

test('a folder behind a link is left alone, also by --remove', async (t) => {
  const { folder, env } = scene(t)
  const file = join(folder, 'hive.jsonl')
  new LogWriter(file).messages(LINES)
  const elsewhere = join(folder, 'elsewhere')
  mkdirSync(elsewhere)
  writeFileSync(join(elsewhere, '000000000001.idx'), 'of another')
  symlinkSync(elsewhere, `${file}.index`)
  for (const args of [[], ['--remove']]) {
    const { code, stderr } = await hivelog(['index', ...args, file], { env })
    assert.equal(code, 1, args.join(' '))
    assert.match(stderr, /^hivelog: [^\n]*hive\.jsonl\.index is not a folder that is yours[^\n]*\n$/)
  }
  assert.equal(readFileSync(join(elsewhere, '000000000001.idx'), 'utf8'), 'of another')
})

test('what keeps an index from being written is said, exit code 1', {
  skip: process.getuid === undefined,
}, async (t) => {
  const { folder, env } = scene(t)
  const file = join(folder, 'hive.jsonl')
  new LogWriter(file).messages(LINES)
  const told = async (own = env): Promise<string> => {
    const { code, stdout, stderr } = await hivelog(['index', '--json', file], { env: own })
    const { trouble, indexed } = JSON.parse(stdout)
    assert.deepEqual([code, indexed], [1, 0], stderr)
    assert.equal(stderr, `hivelog: ${file} is not indexed as it should be: ${trouble}\n`)
    return trouble
  }
  mkdirSync(`${file}.index`)
  chmodSync(`${file}.index`, 0o777)
  assert.match(
    await told(),
    /hive\.jsonl\.index is not a folder that is yours and that only you can write to/,
  )
  chmodSync(`${file}.index`, 0o700)
  const noFolder = join(folder, 'a-file')
  writeFileSync(noFolder, '')
  assert.match(await told({ XDG_STATE_HOME: noFolder }), /^there is no key for it: hivelog\/index\.key/)

  const other = join(folder, 'other.jsonl')
  new LogWriter(other).messages(LINES)
  writeFileSync(`${other}.index`, 'in its place')
  const { code, stderr } = await hivelog(['index', other], { env })
  assert.equal(code, 1)
  assert.match(stderr, /other\.jsonl\.index is not a folder/)
})

test('a disk that is full leaves no index and no draft; with room there is one', async (t) => {
  const disk = smallDisk(t)
  if (disk === undefined) return
  const { env } = scene(t)
  const file = join(disk, 'hive.jsonl')
  new LogWriter(file).messages(LINES)
  const free = fill(disk, 4096)
  const full = await hivelog(['index', file], { env })
  assert.equal(full.code, 1)
  assert.match(full.stderr, /was not written to its end; is there room on the disk\?/)
  assert.deepEqual(readdirSync(`${file}.index`), [])
  free()
  assert.equal((await hivelog(['index', file], { env })).code, 0)
  assert.ok((indexesOf(file)[0]?.rows.length ?? 0) > 2)
})

for (const [args, code, said] of [
  [['none.jsonl'], 2, /cannot read none\.jsonl: there is no such file/],
  [['--remove', 'none.jsonl'], 2, /cannot read none\.jsonl: there is no such file/],
  [['-'], 2, /index needs a file: standard input cannot be read twice/],
  [['empty.jsonl'], 1, /empty\.jsonl is empty/],
  [['text.jsonl'], 2, /text\.jsonl is no log/],
] as const) {
  test(`index ${args.join(' ')}: exit code ${code}`, async (t) => {
    const { folder, env } = scene(t)
    writeFileSync(join(folder, 'empty.jsonl'), '')
    writeFileSync(join(folder, 'text.jsonl'), 'no log\n')
    const result = await hivelog(['index', ...args], { env, cwd: folder })
    assert.deepEqual([result.code, result.stdout], [code, ''])
    assert.match(result.stderr, said)
    assert.match(result.stderr, /^hivelog: [^\n]+\n$/)
  })
}

/** A process of its own. */
function start(args: string[], env: Record<string, string>, flags: string[] = []) {
  const child = spawn(process.execPath, [...flags, MAIN, ...args], {
    env: { ...process.env, ...env },
    stdio: 'ignore',
  })
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
  return { child, ended }
}

test('several at once do not hurt each other', async (t) => {
  const { folder, env } = scene(t)
  const file = join(folder, 'hive.jsonl')
  const log = new LogWriter(file).messages(3 * LINES)
  log.rotate()
  log.messages(3 * LINES)
  const all = Array.from({ length: 3 }, () => start(['index', file], env))
  for (const { ended } of all) assert.deepEqual(await ended, { code: 0, signal: null })
  assert.deepEqual(
    indexesOf(file).map(({ name }) => name),
    ['000000000001.idx', `${String(3 * LINES + 3).padStart(12, '0')}.idx`],
  )
  const at = 4 * LINES
  assert.deepEqual(await replay(file, { at }), await replay(file, { at, index: false }))
})

test('one that is killed leaves the index as it was, and its draft goes with a later one', async (t) => {
  const { folder, env } = scene(t)
  const file = join(folder, 'hive.jsonl')
  const log = new LogWriter(file).messages(LINES)
  await hivelog(['index', file], { env })
  const path = join(`${file}.index`, '000000000001.idx')
  const before = readFileSync(path)
  for (let i = 0; i < 30; i++) log.messages(LINES)

  const { child, ended } = start(['index', file], env)
  const drafts = (): string[] =>
    readdirSync(`${file}.index`).filter((name) => /^000000000001\.idx\..*\.tmp$/.test(name))
  while (drafts().length === 0 && child.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 1))
  child.kill('SIGKILL')
  assert.deepEqual(await ended, { code: null, signal: 'SIGKILL' })
  const [draft] = drafts()
  assert.ok(draft !== undefined, 'it was killed while it wrote')
  assert.ok(readFileSync(path).equals(before))
  const at = LINES - 100
  assert.deepEqual(await replay(file, { at }), await replay(file, { at, index: false }))

  // An hour later nobody can be at it any more.
  const past = Date.now() / 1000 - 3_700
  utimesSync(join(`${file}.index`, draft), past, past)
  assert.equal((await hivelog(['index', file], { env })).code, 0)
  assert.deepEqual(readdirSync(`${file}.index`), ['000000000001.idx'])
  assert.ok((indexesOf(file)[0]?.rows.at(-1)?.offset ?? 0) > 20 * before.length)
})

test('--max-seconds ends one that takes too long, with exit code 1', async (t) => {
  const { folder, env } = scene(t)
  const file = join(folder, 'hive.jsonl')
  const log = new LogWriter(file)
  for (let i = 0; i < 25; i++) log.messages(LINES)
  const begun = performance.now()
  const slow = start(['index', '--max-seconds', '1', file], env, ['--jitless'])
  const { code } = await slow.ended
  const ms = performance.now() - begun
  if (code === 0) return t.skip(`it took no longer (${Math.round(ms)} ms)`)
  assert.equal(code, 1)
  assert.deepEqual(
    existsSync(`${file}.index`) ? readdirSync(`${file}.index`).filter((name) => name.endsWith('.idx')) : [],
    [],
  )
})
