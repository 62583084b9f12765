/** Who counts as the holder of a log: whatever cannot be seen, stalls, is stopped, or ends without a word. */
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { LogLockedError, LogOpenError } from '../../src/journal/errors.js'
import { Journal, type JournalOptions } from '../../src/journal/journal.js'
import { acquireLock, type LockStep, STALE_MS } from '../../src/journal/lock.js'
import {
  append,
  Child,
  checkLog,
  lockFiles,
  lockRecord,
  makeOld,
  ofKind,
  ownRecord,
  pause,
  putLock,
  startChild,
  tempFolder,
} from '../kit/journal-kit.js'

const open = (file: string): Journal => new Journal({ file, session: 's-1', fsync: 'no' })
/** No process has it. */
const NO_PID = 2 ** 31 - 1

function canUnshare(): boolean {
  return spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true']).status === 0
}

/** Starts a fixture in a pid namespace of its own, where its pid is 1. */
function startApart(t: TestContext, args: string[]): Child {
  const script = fileURLToPath(new URL('../programs/journal-lock-child.js', import.meta.url))
  const command = ['--pid', '--fork', '--kill-child', '--mount-proc', process.execPath, script, ...args]
  const child = new Child(spawn('unshare', command, { stdio: 'pipe' }))
  t.after(() => child.process.kill('SIGKILL'))
  return child
}

/** Makes a record say that its process is where this one cannot see it. */
function hide(path: string, ageMs: number): void {
  const record = JSON.parse(readFileSync(path, 'utf8'))
  writeFileSync(path, JSON.stringify({ ...record, boot: 'b-1', pidNamespace: 'pid:[1]' }))
  makeOld(path, ageMs)
}

async function stopped(pid: number): Promise<void> {
  const stateOf = (): string =>
    existsSync('/proc/self/stat')
      ? (readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1] ?? '')
      : execFileSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' })
  while (!stateOf().startsWith('T')) await pause(1)
}

const outcome = (child: Child): string | undefined => /took it|locked out/.exec(child.stdout)?.[0]

test('a live holder in another pid namespace keeps its log', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  if (canUnshare()) {
    const holder = startApart(t, ['hold', file])
    await holder.says('held')
    const bytes = readFileSync(file)
    assert.throws(() => open(file), LogLockedError)
    assert.deepEqual(readFileSync(file), bytes)
    // And the other way round.
    const second = join(dirname(file), 'second.jsonl')
    const mine = open(second)
    const other = startApart(t, ['take', second, 'none'])
    await other.says('locked out')
    await mine.close()
    holder.process.kill('SIGKILL')
    await holder.ended
    makeOld(lockRecord(file), STALE_MS + 1_000)
    await open(file).close()
    checkLog(file)
    return
  }
  putLock(file, { ...ownRecord(file), pid: NO_PID, pidNamespace: 'pid:[1]' })
  assert.throws(() => open(file), LogLockedError)
})

test('where pids mean nothing the heartbeat decides', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const mine = ownRecord(file)
  const elsewhere = [
    { ...mine, pid: NO_PID, pidNamespace: 'pid:[1]' },
    { ...mine, pid: NO_PID, boot: 'another-boot', machine: 'another' },
    { ...mine, pid: NO_PID, boot: 'another-boot', host: 'elsewhere' },
    { pid: NO_PID, host: 'elsewhere' },
    { pid: process.pid, host: 'elsewhere' },
  ]
  for (const fields of elsewhere) {
    putLock(file, fields, STALE_MS - 5_000)
    assert.throws(() => acquireLock(file), LogLockedError, JSON.stringify(fields))
    putLock(file, fields, STALE_MS + 1_000)
    const lock = acquireLock(file)
    assert.equal(lock.byHeartbeat, true, JSON.stringify(fields))
    lock.release()
  }
})

test('this process is seen under any host name', (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const mine = ownRecord(file)
  if (mine.boot === undefined) return t.skip('this system does not tell one start of itself from another')
  putLock(file, { ...mine, host: 'renamed' }, STALE_MS + 60_000)
  assert.throws(() => acquireLock(file), LogLockedError)
})

test('a machine that started again since the last touch has no holder left', (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const mine = ownRecord(file)
  if (mine.machine === undefined || mine.boot === undefined) return t.skip('this machine has no id')
  putLock(file, { ...mine, boot: 'before' }, 400 * 86_400_000)
  const lock = acquireLock(file)
  assert.equal(lock.byHeartbeat, false)
  lock.release()
})

test('locks of versions before this one are understood', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const { startTime } = ownRecord(file)
  const old = { pid: process.pid, host: hostname(), since: '2026-01-01T00:00:00.000Z', nonce: 'ab12' }
  const put = (fields: object, ageMs = 0): void => {
    writeFileSync(`${file}.lock`, JSON.stringify({ ...old, ...fields }))
    makeOld(`${file}.lock`, ageMs)
  }
  if (startTime !== undefined) {
    put({ startTime }, STALE_MS + 1_000)
    assert.throws(() => open(file), LogLockedError, 'it is this process, however long it was silent')
  }
  put({ pid: NO_PID }, STALE_MS + 1_000)
  await open(file).close()
  put({ lost: { assigned: 9, own: [], refused: 3, reason: 'no room' } })
  await open(file).close()
  assert.deepEqual(
    ofKind(checkLog(file), 'log.gap').map(({ lost, reason }) => [lost, reason]),
    [[10, 'no room']],
  )
  assert.deepEqual(lockFiles(file), [])
})

for (const step of ['drafted', 'free', 'judged', 'moved', 'named'] satisfies LockStep[]) {
  test(`one who stalls at "${step}" gets the lock only if it is free of a living holder then`, async (t) => {
    const file = join(tempFolder(t), 'hive.jsonl')
    if (step !== 'free') putLock(file, { ...ownRecord(file), pid: NO_PID })
    const taker = startChild(t, 'journal-lock-child', ['take', file, step])
    await taker.says(`at ${step}`)
    await stopped(taker.process.pid as number)
    if (step === 'moved' || step === 'named') {
      assert.throws(() => acquireLock(file), LogLockedError, 'it is the holder by now, and it lives')
      taker.process.kill('SIGCONT')
      await taker.says('took it')
      assert.throws(() => acquireLock(file), LogLockedError)
      return
    }
    const lock = acquireLock(file)
    const before = readFileSync(lockRecord(file), 'utf8')
    taker.process.kill('SIGCONT')
    await taker.says('locked out')
    assert.equal(lock.isHeld(), true)
    assert.equal(readFileSync(lockRecord(file), 'utf8'), before)
    lock.release()
    assert.deepEqual(lockFiles(file), [])
  })
}

for (const step of ['moved', 'named'] as const) {
  test(`a taker that was taken for dead at "${step}" gives way when it wakes up`, async (t) => {
    const file = join(tempFolder(t), 'hive.jsonl')
    putLock(file, { ...ownRecord(file), pid: NO_PID })
    const taker = startChild(t, 'journal-lock-child', ['take', file, step])
    await taker.says(`at ${step}`)
    await stopped(taker.process.pid as number)
    const draft = readdirSync(dirname(file)).find((name) => name.endsWith('.new'))
    const record =
      step === 'moved' ? join(dirname(file), String(draft), basename(lockRecord(file))) : lockRecord(file)
    hide(record, STALE_MS + 1_000)
    const lock = acquireLock(file)
    taker.process.kill('SIGCONT')
    await taker.says('locked out')
    assert.equal(lock.isHeld(), true)
    lock.release()
    assert.deepEqual(lockFiles(file), [])
  })
}

test('a holder that touches its lock while it is taken for silent keeps it', (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  putLock(file, { pid: 1, host: 'elsewhere' }, STALE_MS + 1_000)
  const holder = lockRecord(file)
  let isTouched = false
  assert.throws(
    () =>
      acquireLock(file, (step) => {
        if (step !== 'judged' || isTouched) return
        isTouched = true
        makeOld(holder, 0)
      }),
    LogLockedError,
  )
  assert.equal(lockRecord(file), holder)
})

test('a holder that was stopped for too long sees that its lock is gone', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const isApart = canUnshare()
  const holder = isApart ? startApart(t, ['keep', file]) : startChild(t, 'journal-lock-child', ['keep', file])
  await holder.says('held')
  holder.process.stdin?.write('?\n')
  await holder.says('mine')
  const { pid } = holder.process
  const process1 = isApart ? readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim() : String(pid)
  process.kill(Number(process1), 'SIGSTOP')
  await stopped(Number(process1))
  // Its last touch was a while ago.
  if (isApart) makeOld(lockRecord(file), STALE_MS + 1_000)
  else hide(lockRecord(file), STALE_MS + 1_000)
  const lock = acquireLock(file)
  assert.equal(lock.byHeartbeat, true)
  process.kill(Number(process1), 'SIGCONT')
  holder.process.stdin?.write('?\n')
  await holder.says('lost')
  assert.equal(lock.isHeld(), true)
  lock.release()
})

test('8 processes that are stopped at random fight for a dead lock: one holds it at a time', async (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  const side = join(folder, 'side')
  const rounds = 25
  const fighters = Array.from({ length: 8 }, () =>
    startChild(t, 'journal-lock-child', ['fight', file, side, String(rounds)]),
  )
  await Promise.all(fighters.map((fighter) => fighter.says('ready')))
  for (const fighter of fighters) fighter.process.stdin?.write('go\n')
  let isOver = false
  const ended = Promise.all(fighters.map((fighter) => fighter.ended)).finally(() => {
    isOver = true
  })
  while (!isOver) {
    const some = fighters.filter(() => Math.random() < 0.4)
    for (const fighter of some) fighter.process.kill('SIGSTOP')
    await pause(Math.random() * 8)
    for (const fighter of some) fighter.process.kill('SIGCONT')
    await pause(Math.random() * 8)
  }
  for (const { code, stderr } of await ended) assert.equal(`${stderr}${code}`, '0')
  const notes = readFileSync(side, 'utf8').trimEnd().split('\n')
  assert.equal(notes.length, 8 * rounds * 2)
  for (let turn = 1; turn <= 8 * rounds; turn++) {
    const [enter = '', exit] = notes.splice(0, 2)
    assert.match(enter, new RegExp(` enter ${turn}$`))
    assert.equal(exit, enter.replace('enter', 'exit'))
  }
})

function startWorker(t: TestContext, file: string): Worker {
  const worker = new Worker(new URL('../programs/journal-lock-worker.js', import.meta.url), {
    workerData: file,
  })
  t.after(() => worker.terminate())
  return worker
}

const says = (worker: Worker): Promise<unknown> =>
  new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })

test('the lock of a worker thread is kept while it lives, and free at once when it was terminated', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const worker = startWorker(t, file)
  await says(worker)
  makeOld(lockRecord(file), 600_000)
  assert.throws(
    () => open(file),
    (error) =>
      error instanceof LogLockedError &&
      error.holder.thread === worker.threadId &&
      error.message.includes(`process ${process.pid} (thread ${worker.threadId}) on `),
  )
  const second = startWorker(t, file)
  await assert.rejects(says(second), { name: 'LogLockedError' })
  await worker.terminate()

  const third = startWorker(t, file)
  assert.equal(await says(third), 'held')
  assert.throws(() => open(file), LogLockedError)
  await third.terminate()
  const journal = open(file)
  append(journal)
  await journal.close()
  const fourth = startWorker(t, file)
  await says(fourth)
  fourth.postMessage('close')
  assert.equal(await says(fourth), 'closed')
  assert.deepEqual(lockFiles(file), [])
  await open(file).close()
  assert.equal(ofKind(checkLog(file), 'message').length, 4)
})

test('another process sees that a worker thread was terminated', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  if (ownRecord(file).startTime === undefined)
    return t.skip('this system does not show what others have open')
  const worker = startWorker(t, file)
  await says(worker)
  const early = startChild(t, 'journal-lock-child', ['take', file, 'none'])
  await early.says('locked out')
  await worker.terminate()
  const late = startChild(t, 'journal-lock-child', ['take', file, 'none'])
  while (outcome(late) === undefined) await pause(1)
  assert.equal(outcome(late), 'took it')
})

test('a log of two names has no writer, so it never has two', async (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  const link = join(folder, 'other.jsonl')
  const journal = open(file)
  linkSync(file, link)
  for (const path of [link, file]) {
    if (path === file) await journal.close()
    assert.throws(
      () => open(path),
      (error) =>
        error instanceof LogOpenError &&
        /has 2 names \(hard links\)/.test(error.message) &&
        !/\n/.test(error.message),
    )
  }
  unlinkSync(link)
  await open(file).close()
  checkLog(file)
  assert.deepEqual(lockFiles(file), [])
})

test('a constructor that throws keeps neither the lock nor the file', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const fdatasync = Object.assign(() => {}, {
    bind(): never {
      throw new RangeError('no such call')
    },
  })
  const openFiles = (): number => (existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0)
  const before = openFiles()
  const options = {
    file,
    session: 's-1',
    calls: { fdatasync } as unknown as NonNullable<JournalOptions['calls']>,
  }
  assert.throws(() => new Journal(options), { message: 'no such call' })
  assert.equal(openFiles(), before)
  assert.deepEqual(lockFiles(file), [])
  await open(file).close()
  checkLog(file)
})

test('a lock with odd content harms nobody', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const odd: object[] = [
    { pid: NO_PID, lost: { own: 5 } },
    { pid: NO_PID, lost: { assigned: 'x', refused: null, own: [null, 7, { seq: 'a' }], reason: 9 } },
    { pid: NO_PID, lost: [] },
    { pid: 1e12 },
    { pid: 1.5 },
    { pid: NO_PID, worker: { fd: -1 }, startTime: 7, boot: {}, host: 9, since: [] },
    { pid: -5, host: 'elsewhere' },
  ]
  for (const fields of odd) {
    for (const isOld of [false, true]) {
      putLock(file, { ...ownRecord(file), ...fields }, STALE_MS + 1_000)
      if (isOld) {
        rmSync(`${file}.lock`, { recursive: true })
        writeFileSync(`${file}.lock`, JSON.stringify({ ...fields, nonce: '../../x'.repeat(1_000) }))
        makeOld(`${file}.lock`, STALE_MS + 1_000)
      }
      await open(file).close()
      assert.deepEqual(lockFiles(file), [], JSON.stringify(fields))
    }
  }
  for (const { lost } of ofKind(checkLog(file), 'log.gap')) assert.ok(Number.isSafeInteger(lost))
})

test('what a writer still had to say of lines that it wrote the next one says, word for word and once', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const journal = open(file)
  for (let n = 0; n < 3; n++) append(journal, { n })
  await journal.close()
  const artifact = 'ab'.repeat(32)
  const gaps = [
    { lost: 2, reason: 'the disk refused to sync', from: 2, to: 3 },
    { lost: 1, reason: 'an artifact is missing', from: 4, to: 4, artifact },
  ]
  // Of its lines all are in the file; more it has not lost.
  putLock(file, { ...ownRecord(file), lost: { assigned: 1, own: [], refused: 0, reason: 'full', gaps } })
  for (let life = 0; life < 2; life++) await open(file).close()
  const told = ofKind(checkLog(file), 'log.gap')
  assert.deepEqual(
    told.map(({ lost, reason, from, to, artifact: ref }) => ({ lost, reason, from, to, artifact: ref })),
    [{ ...gaps[0], artifact: undefined }, gaps[1]],
  )
})

test('a file where the draft of a taker would be says nothing of the taker', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  const living = ownRecord(file)
  const dead = putLock(file, { ...living, pid: NO_PID })
  // Under another name than its own: somebody takes it over, or died while he did.
  renameSync(dead, join(dirname(dead), 'ffeeddccbbaa9988'))
  const draft = `${file}.lock.ffeeddccbbaa9988.new`
  writeFileSync(draft, JSON.stringify(living))
  await open(file).close()
  assert.deepEqual(lockFiles(file), [basename(draft)])
})

test('the holder’s name cannot play with a terminal', (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  putLock(file, { pid: 1, host: `a\u001b]52;c;x\u0007\n${'b'.repeat(5_000)}`, since: '\u009b2J' })
  assert.throws(
    () => open(file),
    (error) =>
      error instanceof LogLockedError && /^[\x20-\x7e]+$/.test(error.message) && error.message.length < 1_000,
  )
})

test('what is neither a lock nor absent is refused at once, and stays', { timeout: 20_000 }, (t) => {
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  const lock = `${file}.lock`
  const inside = join(lock, '0011223344556677')
  const fifo = (path: string): void => {
    execFileSync('mkfifo', [path])
  }
  const endless = (path: string): void => symlinkSync('/dev/zero', path)
  const cases = [
    ['a FIFO', lock, fifo],
    ['a link to an endless device', lock, endless],
    ['a FIFO within', inside, fifo],
    ['a link within', inside, endless],
  ] as const
  for (const [what, path, make] of cases) {
    if (path === inside) mkdirSync(lock)
    make(path)
    assert.throws(
      () => open(file),
      (error) => error instanceof LogOpenError && error.message.includes(lock) && !/\n/.test(error.message),
      what,
    )
    assert.deepEqual(readdirSync(folder), ['hive.jsonl.lock'], what)
    rmSync(lock, { recursive: true })
  }
})

test('a huge file in the lock’s place is not read in', async (t) => {
  const file = join(tempFolder(t), 'hive.jsonl')
  writeFileSync(`${file}.lock`, '')
  // There may be a soft limit to the size of files.
  execFileSync('sh', ['-c', 'ulimit -S -f unlimited; truncate -s 1T "$0"', `${file}.lock`])
  assert.equal(statSync(`${file}.lock`).size, 2 ** 40)
  const journal = open(file)
  await journal.close()
  assert.deepEqual(lockFiles(file), [])
})
