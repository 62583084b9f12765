/** A log that is written with `keepIndex` has its side index without anybody's asking for a state. */
import assert from 'node:assert/strict'
import childProcess from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { replay } from '../../src/analyse.js'
import { startHive } from '../../src/index.js'
import { LogRecorder } from '../../src/record/log-recorder.js'
import { door } from '../kit/doors.js'
import { captureDiag, cleanEnvironment, defer, fixture } from '../kit/hive-support.js'
import { hasProc, indexedFolder, indexing, until } from '../kit/indexing.js'

const MIB = 1024 * 1024

/** That of this test's programs; the key of the index lies in the test's folder. */
const environment = (): NodeJS.ProcessEnv => ({
  ...cleanEnvironment(),
  XDG_STATE_HOME: process.env.XDG_STATE_HOME,
})

async function run(args: string[], env: NodeJS.ProcessEnv, flags: string[] = []): Promise<string[]> {
  const child = childProcess.spawn(process.execPath, [...flags, fixture('keeping-hive'), ...args], { env })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => (stderr += chunk))
  const ended = await new Promise((resolve) => child.once('close', (code, signal) => resolve([code, signal])))
  assert.deepEqual(ended, [0, null], stderr)
  return JSON.parse(stdout)
}

const indexesOf = (file: string): string[] =>
  existsSync(`${file}.index`) ? readdirSync(`${file}.index`).sort() : []

const firstSeqs = (folder: string): string[] =>
  readdirSync(folder)
    .map((name) => /^hive\.(\d{12})\.jsonl$/.exec(name)?.[1] ?? '')
    .filter((name) => name !== '')
    .sort()

/** Bytes that this process reads meanwhile, by whatever means. */
async function bytesRead(act: () => Promise<unknown>): Promise<number> {
  const now = (): number => Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'latin1'))?.[1])
  const before = now()
  await act()
  return now() - before
}

test('over rotations, by a process that records nothing itself and ends', async (t) => {
  const folder = indexedFolder(t)
  const file = join(folder, 'hive.jsonl')
  const register = door('register')
  const solo = join(folder, 'solo.jsonl')
  const env = {
    ...environment(),
    // What would have a child of it record in a log, too.
    HIVELOG_FILE: solo,
    NODE_OPTIONS: `--import=${register}`,
    AGENT_ID: 'solo',
    TRACEPARENT: `00-${'0a'.repeat(16)}-${'0b'.repeat(8)}-01`,
  }
  assert.deepEqual(await run([file, String(12 * MIB), '4000', String(MIB)], env), [])
  const archived = firstSeqs(folder)
  assert.ok(archived.length >= 4, `${archived.length} segments`)
  await until('without a process', () => indexing(file).length === 0)
  const indexes = indexesOf(file)
  assert.ok(indexes.length >= 2, indexes.join(' '))
  // In the order of the log, none left out, and nothing but whole indexes.
  assert.deepEqual(indexes.slice(0, -1), archived.map((seq) => `${seq}.idx`).slice(0, indexes.length - 1))
  assert.ok(indexes.every((name) => /^\d{12}\.idx$/.test(name)))

  // The program is the one that wrote, in both.
  const opened = [...archived.map((seq) => join(folder, `hive.${seq}.jsonl`)), file, solo].flatMap((path) =>
    readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line.includes('"kind":"log.open"'))
      .map((line) => JSON.parse(line).pid),
  )
  assert.equal(new Set(opened).size, 1)
  assert.deepEqual(
    readdirSync(folder)
      .filter((name) => !/^hive\.(\d{12}\.)?jsonl$/.test(name))
      .sort(),
    ['hive.jsonl.index', 'solo.jsonl', 'state'],
  )

  // Near the end of the first segment: those after it may have been archived since they were indexed, and of such all
  // bytes are compared once.
  const [first, second] = archived as [string, string]
  const { size } = statSync(join(folder, `hive.${first}.jsonl`))
  const at = Number(second) - 10
  const expected = await replay(file, { at, index: false })
  if (hasProc) {
    const read = await bytesRead(async () => assert.deepEqual(await replay(file, { at }), expected))
    const without = await bytesRead(() => replay(file, { at, index: false }))
    assert.ok(without > size / 2)
    assert.ok(read < without / 3, `${read} of ${without} bytes`)
  } else assert.deepEqual(await replay(file, { at }), expected)
})

test('as HIVELOG_KEEP_INDEX says', async (t) => {
  const folder = indexedFolder(t)
  const env = environment()
  const [file, other, third] = ['hive.jsonl', 'other.jsonl', 'third.jsonl'].map((name) =>
    join(folder, name),
  ) as [string, string, string]
  // With an archived segment, which alone is enough for one.
  const rest = [String(3 * MIB), '3500']
  const [said, wrong, none] = await Promise.all([
    run([file, ...rest], { ...env, HIVELOG_KEEP_INDEX: 'true' }),
    run([other, ...rest], { ...env, HIVELOG_KEEP_INDEX: 'perhaps' }),
    run([third, ...rest], env),
  ])
  assert.deepEqual([said, none], [[], []])
  assert.deepEqual(wrong, [
    "hivelog: HIVELOG_KEEP_INDEX: 'perhaps' is not possible; use true or false; it is false",
  ])
  await until('there', () => indexesOf(file).length > 0 && indexing(file).length === 0)
  assert.deepEqual([indexesOf(other), indexesOf(third)], [[], []])
})

test('where no process may be started that is said once, and everything is recorded', async (t) => {
  const folder = indexedFolder(t)
  const env = environment()
  const file = join(folder, 'hive.jsonl')
  const permission =
    Number.parseInt(process.versions.node, 10) >= 24 ||
    process.allowedNodeEnvironmentFlags.has('--permission')
      ? '--permission'
      : '--experimental-permission'
  const flags = [permission, '--allow-fs-read=*', '--allow-fs-write=*', '--no-warnings']
  const said = await run([file, String(6 * MIB), '3500', String(MIB)], env, flags)
  assert.deepEqual(said, [
    `hivelog: side indexes are not kept up: this process may not start others; hivelog index ${file} makes one`,
  ])
  assert.deepEqual(indexesOf(file), [])
  const lines = [...firstSeqs(folder).map((seq) => join(folder, `hive.${seq}.jsonl`)), file].flatMap((path) =>
    readFileSync(path, 'utf8').split('\n'),
  )
  const written = Math.ceil((6 * MIB) / 25_000) * 100
  assert.equal(lines.filter((line) => line.includes('"kind":"message"')).length, written)
})

/** Counts the processes that this one starts, and starts none. */
function countSpawns(t: TestContext): { count: () => number } {
  const spawn = t.mock.method(childProcess, 'spawn', () => {
    throw new Error('not in this test')
  })
  syncBuiltinESMExports()
  t.after(() => {
    spawn.mock.restore()
    syncBuiltinESMExports()
  })
  return { count: () => spawn.mock.callCount() }
}

const options = {
  otlp: false,
  fsync: 'no',
  seal: { everyBytes: 64 * 1024 },
  keepIndex: { everyBytes: 256 * 1024 },
} as const

test('nothing is started by a call that records, but after it', async (t) => {
  const folder = indexedFolder(t)
  const said = captureDiag(t)
  const { count } = countSpawns(t)
  const file = join(folder, 'hive.jsonl')
  const hive = startHive({ file, ...options })
  const lead = hive.spawn({ agentId: 'lead' })
  // So much in one turn that the calls write, seal and pass the threshold themselves.
  while (!existsSync(file) || statSync(file).size < 3 * MIB)
    lead.message({ to: 'x', act: 'inform', subject: 's' })
  assert.match(readFileSync(file, 'latin1'), /"kind":"log\.seal"/)
  assert.equal(count(), 0)
  await until('started', () => count() === 1)
  const refused = `hivelog: the side index of ${file} is not kept up: not in this test`
  await until('told', () => said.length > 0)
  while (statSync(file).size < 6 * MIB) {
    lead.message({ to: 'x', act: 'inform', subject: 's' })
  }
  await until('tried again', () => count() > 1)
  await hive.shutdown()
  assert.deepEqual(said, [refused])
})

test('the end starts none, and waits for none', async (t) => {
  const { count } = countSpawns(t)
  const file = join(indexedFolder(t), 'hive.jsonl')
  const hive = startHive({ file, ...options })
  const lead = hive.spawn({ agentId: 'lead' })
  while (!existsSync(file) || statSync(file).size < 3 * MIB)
    lead.message({ to: 'x', act: 'inform', subject: 's' })
  await hive.shutdown()
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  assert.equal(count(), 0)
})

test('a second writer that asks for something else is told so; what the environment says is nobody’s wish', (t) => {
  const file = join(indexedFolder(t), 'hive.jsonl')
  const first = LogRecorder.open({ file, keepIndex: false }, 'startHive')
  defer(t, () => first.releaseSync())
  process.env.HIVELOG_KEEP_INDEX = 'true'
  t.after(() => delete process.env.HIVELOG_KEEP_INDEX)
  const second = LogRecorder.open({ file }, 'JsonlSpanExporter')
  second.releaseSync()
  assert.throws(() => LogRecorder.open({ file, keepIndex: true }, 'JsonlSpanExporter'), /keepIndex/)
})
