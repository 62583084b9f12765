/** Whoever can write files beside a log, but not in the user's home, cannot make its state a lie by the side index. */
import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib'
import { replay } from '../../src/analyse/replay.js'
import { verifyLog } from '../../src/verify/verify.js'
import { hivelog } from '../kit/reader-cli.js'
import { LogWriter, scratch } from '../kit/reader-log.js'
import { directoryOf, numbersOf, rowsOf } from '../kit/side-index.js'

const indexSpacing = 512
const HOUR_AGO = new Date(Date.now() - 3_600_000)

/** A log with an index of it, and a state home of the test's own. */
async function write(t: TestContext): Promise<{ file: string; log: LogWriter; home: string; idx: string }> {
  const home = scratch(t)
  process.env.XDG_STATE_HOME = home
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file)
    .messages(15)
    .event('spawn', { agentId: 'coder', name: 'Honest', isGod: false })
  // Far from both ends of what is indexed.
  log.messages(30).event('escalate', { from: 'coder', to: 'human', subject: 'May I?', id: 'e-1' }).seal()
  log.messages(30)
  await replay(file, { indexSpacing })
  return { file, log, home, idx: join(`${file}.index`, '000000000001.idx') }
}

const nameOf = async (file: string, at?: number): Promise<string | undefined> =>
  (await replay(file, { indexSpacing, ...(at !== undefined && { at }) })).agents.find(
    ({ agentId }) => agentId === 'coder',
  )?.name

/** Changes the states in an index, and makes all sums in it right that need no key. */
function poison(idx: string, key: Buffer | string): void {
  const bytes = readFileSync(idx)
  const { directory, magic } = directoryOf(bytes)
  const parts: Buffer[] = []
  const hashes: string[] = []
  let size = 0
  const { blocks } = directory
  const forged = (from: number, length: number): Buffer => {
    const raw = brotliDecompressSync(bytes.subarray(from, from + length)).toString()
    return brotliCompressSync(raw.replaceAll('Honest', 'Forged'))
  }
  const rows = rowsOf(blocks)
  for (const row of rows) {
    const state = forged(row.at, row.size)
    Object.assign(row, { at: size, size: state.length })
    hashes.push(createHash('sha256').update(state).digest('hex'))
    parts.push(state)
    size += state.length
  }
  blocks.numbers = numbersOf(rows)
  blocks.sha256 = hashes.join('')
  const text = Buffer.from(JSON.stringify(directory))
  const hex = (value: number, width: number): string => value.toString(16).padStart(width, '0')
  const mac = createHmac('sha256', key).update(bytes.subarray(magic)).update(text).digest('hex')
  const end = hex(size, 12) + hex(text.length, 8) + mac
  writeFileSync(idx, Buffer.concat([...parts, text, Buffer.from(end), bytes.subarray(magic)]))
}

test('states that were exchanged in the index are not believed, whatever sums are right', async (t) => {
  const { file, idx } = await write(t)
  assert.ok(existsSync(idx))
  for (const key of ['', 'x'.repeat(32), '\0'.repeat(32)]) {
    poison(idx, key)
    for (const at of [undefined, 20, 40]) assert.equal(await nameOf(file, at), 'Honest')
  }
  assert.equal((await verifyLog(file)).ok, true)
})

test('with the right key the forger would succeed: the check above looks at the right thing', async (t) => {
  const { file, idx, home } = await write(t)
  const key = readFileSync(join(home, 'hivelog', 'index.key'))
  poison(idx, key)
  assert.equal(await nameOf(file), 'Forged')
})

test('an index that was made while the log said something else is not believed when it is whole again', async (t) => {
  for (const rotated of [false, true]) {
    const { file, log, idx } = await write(t)
    rmSync(dirname(idx), { recursive: true })
    const target = rotated ? log.rotate() : file
    const honest = readFileSync(target)
    writeFileSync(target, honest.toString().replace('Honest', 'Forged'))
    assert.equal(await nameOf(file), 'Forged')
    // The same size and, as anybody can set it, the same time of writing; and, live, a few lines more.
    const { atime, mtime } = statSync(target)
    writeFileSync(target, honest)
    utimesSync(target, atime, mtime)
    if (!rotated) log.messages(3)
    assert.equal(await nameOf(file), 'Honest', `rotated: ${rotated}`)
    assert.equal((await verifyLog(file)).ok, true)
  }
})

test('so it is with a file whose times are old, which is not hashed each time', async (t) => {
  const { file, idx } = await write(t)
  const honest = readFileSync(file)
  writeFileSync(file, honest.toString().replace('Honest', 'Forged'))
  utimesSync(file, HOUR_AGO, HOUR_AGO)
  // The time of change is the system's, and too new yet to tell.
  await new Promise((resolve) => setTimeout(resolve, 2100))
  rmSync(idx)
  assert.equal(await nameOf(file), 'Forged')
  assert.match(readFileSync(idx, 'latin1'), /"identity"/)
  writeFileSync(file, honest)
  utimesSync(file, HOUR_AGO, HOUR_AGO)
  assert.equal(await nameOf(file), 'Honest')
})

test('the index of another log is not taken for this one’s, though the same user made it', async (t) => {
  const { file, idx } = await write(t)
  const other = join(scratch(t), 'hive.jsonl')
  writeFileSync(other, readFileSync(file, 'utf8').replace('Honest', 'Forged'))
  utimesSync(other, HOUR_AGO, HOUR_AGO)
  utimesSync(file, HOUR_AGO, HOUR_AGO)
  assert.equal(await nameOf(other), 'Forged')
  copyFileSync(join(`${other}.index`, '000000000001.idx'), idx)
  assert.equal(await nameOf(file), 'Honest')
})

test('an index that others can write to, a link, and a folder like that are not used, and the answer is right', async (t) => {
  const { file, idx } = await write(t)
  const folder = dirname(idx)
  const before = statSync(idx).ino
  chmodSync(folder, 0o777)
  assert.equal(await nameOf(file), 'Honest')
  assert.equal(statSync(idx).ino, before, 'nothing is written there either')
  chmodSync(folder, 0o700)
  chmodSync(idx, 0o666)
  assert.equal(await nameOf(file), 'Honest')
  assert.notEqual(statSync(idx).ino, before, 'made anew')
  const elsewhere = join(scratch(t), 'elsewhere')
  renameSync(idx, elsewhere)
  symlinkSync(elsewhere, idx)
  const target = readFileSync(elsewhere)
  assert.equal(await nameOf(file), 'Honest')
  assert.deepEqual(readFileSync(elsewhere), target)
  rmSync(folder, { recursive: true })
  const trap = scratch(t)
  symlinkSync(trap, folder)
  assert.equal(await nameOf(file), 'Honest')
  assert.deepEqual(readdirSync(trap), [])
})

test('the key is the user’s alone; one that others can read or that is a link is not used', async (t) => {
  const { file, home, idx } = await write(t)
  const key = join(home, 'hivelog', 'index.key')
  assert.deepEqual([statSync(key).mode & 0o777, statSync(dirname(key)).mode & 0o777], [0o600, 0o700])
  assert.deepEqual(readdirSync(dirname(key)), ['index.key'])
  for (const spoil of [
    () => chmodSync(key, 0o644),
    () => {
      rmSync(key)
      writeFileSync(join(home, 'planted'), 'x'.repeat(32), { mode: 0o600 })
      symlinkSync(join(home, 'planted'), key)
    },
    () => {
      rmSync(key)
      writeFileSync(key, 'short', { mode: 0o600 })
    },
    () => {
      rmSync(dirname(key), { recursive: true })
      mkdirSync(dirname(key), { mode: 0o777 })
      chmodSync(dirname(key), 0o777)
    },
  ]) {
    spoil()
    const before = statSync(idx).ino
    assert.equal(await nameOf(file), 'Honest')
    assert.equal(statSync(idx).ino, before, 'no index is made without a key')
  }
})

test('without a home to keep a key in, state answers all the same', async (t) => {
  const cwd = scratch(t)
  new LogWriter(join(cwd, 'hive.jsonl'))
    .event('spawn', { agentId: 'a', name: 'A', isGod: true })
    .messages(9000)
  writeFileSync(join(cwd, 'in-the-way'), '')
  const env = { XDG_STATE_HOME: join(cwd, 'in-the-way') }
  const { code, stdout, stderr } = await hivelog(['state', '--json'], { cwd, env })
  assert.deepEqual([code, stderr, JSON.parse(stdout).messages], [0, '', 9000])
  assert.ok(!existsSync(join(cwd, 'hive.jsonl.index')))
})

test('a small log needs neither index nor key', async (t) => {
  const cwd = scratch(t)
  new LogWriter(join(cwd, 'hive.jsonl')).messages(3)
  const home = scratch(t)
  assert.equal((await hivelog(['state'], { cwd, env: { XDG_STATE_HOME: home } })).code, 0)
  assert.deepEqual(readdirSync(home), [])
})
