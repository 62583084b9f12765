/** One process at a time, for whatever asks; what goes wrong with it is told once, and hurts nobody. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { constants, getPriority } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { indexCommand } from '../../src/keep/command.js'
import { IndexKeeper } from '../../src/keep/index-keeper.js'
import { KeptIndex } from '../../src/keep/kept-index.js'
import { packageRoot, tempFolder } from '../kit/hive-support.js'
import { until } from '../kit/indexing.js'

interface Started {
  args: string[]
  env: Record<string, string>
  pid: number
  from: number
}

/** A program in place of the command: notes that it was started, and does as it is told. */
function program(
  t: TestContext,
  what: string,
): { command: () => string[]; folder: string; started: () => Started[] } {
  const folder = tempFolder(t)
  const path = join(folder, 'program.mjs')
  const notes = join(folder, 'notes')
  writeFileSync(
    path,
    `import { appendFileSync } from 'node:fs'
const note = { args: process.argv.slice(2), env: process.env, pid: process.pid, from: Date.now() }
appendFileSync(${JSON.stringify(notes)}, JSON.stringify(note) + '\\n')
${what}
`,
  )
  // What stands behind the last newline is not written yet.
  const started = (): Started[] =>
    existsSync(notes)
      ? readFileSync(notes, 'utf8')
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line))
      : []
  return { command: () => [path], folder, started }
}

const isThere = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('it is started with the log, in a bare environment, at the lowest priority', async (t) => {
  const { command, folder, started } = program(t, 'setTimeout(() => {}, 500)')
  const secrets = {
    HIVELOG_FILE: 'x',
    AGENT_ID: 'x',
    AGENT_LOG_TOKEN: 'x',
    OTEL_SERVICE_NAME: 'x',
    TRACEPARENT: 'x',
  }
  for (const [name, value] of Object.entries(secrets)) {
    process.env[name] = value
    t.after(() => delete process.env[name])
  }
  process.env.HIVE_OF_MINE = 'kept'
  t.after(() => delete process.env.HIVE_OF_MINE)
  const said: string[] = []
  const file = join(folder, 'hive.jsonl')
  new IndexKeeper({ settleMs: 0, command, maxSeconds: 77 }).want(file, (message) => said.push(message))
  assert.deepEqual(started(), [], 'not at once')
  await until('started', () => started().length > 0)
  const [{ args, env, pid }] = started() as [Started]
  assert.deepEqual(args, ['index', '--this-file', '--max-seconds', '77', file])
  assert.deepEqual(
    Object.keys(env).filter((name) => name in secrets || name === 'NODE_OPTIONS'),
    [],
  )
  assert.equal(env.HIVE_OF_MINE, 'kept')
  assert.equal(getPriority(pid), constants.priority.PRIORITY_LOW)
  await until('ended', () => !isThere(pid))
  assert.deepEqual(said, [])
})

test('one at a time, each log once however often it is asked for', async (t) => {
  const { command, folder, started } = program(
    t,
    `import { writeFileSync } from 'node:fs'
setTimeout(() => writeFileSync(process.argv.at(-1) + '.' + process.pid, String(Date.now())), 200)`,
  )
  const keeper = new IndexKeeper({ settleMs: 0, command })
  const files = ['a', 'b', 'c'].map((name) => join(folder, name))
  for (let i = 0; i < 5; i++) for (const file of files) keeper.want(file, assert.fail)
  keeper.forget(join(folder, 'b'))
  const tell = (): void => assert.fail()
  keeper.want(join(folder, 'd'), tell)
  keeper.forgetAllOf(tell)
  await until('started', () => started().length === 1)
  // Asked for while it runs: what it reads may end before that.
  keeper.want(join(folder, 'a'), assert.fail)
  const endOf = ({ args, pid }: Started): string => `${args.at(-1)}.${pid}`
  await until('done', () => started().length === 3 && started().every((each) => existsSync(endOf(each))))
  const all = started()
  assert.deepEqual(
    all.map(({ args }) => args.at(-1)),
    [join(folder, 'a'), join(folder, 'c'), join(folder, 'a')],
  )
  for (const [i, each] of all.slice(1).entries()) {
    assert.ok(each.from >= Number(readFileSync(endOf(all[i] as Started), 'utf8')), 'two at once')
  }
})

test('one that hangs is killed, and the next has its turn', async (t) => {
  const { command, folder, started } = program(
    t,
    `process.on('SIGTERM', () => {})
if (process.argv.at(-1).endsWith('a')) setInterval(() => {}, 1000)`,
  )
  const said: string[] = []
  const keeper = new IndexKeeper({ settleMs: 0, command, maxSeconds: 1, graceMs: 100 })
  const [a, b] = [join(folder, 'a'), join(folder, 'b')]
  for (const file of [a, b]) keeper.want(file, (message) => said.push(message))
  await until('both', () => started().length === 2)
  assert.ok(!isThere((started()[0] as Started).pid))
  const told = `the side index of ${a} is not up to date: the process that makes it did not end and was killed; hivelog index ${a} says why`
  assert.deepEqual(said, [told])
})

test('what goes wrong is told once for a log', async (t) => {
  const { command, folder, started } = program(t, 'process.exit(1)')
  const said: string[] = []
  const keeper = new IndexKeeper({ settleMs: 0, command })
  const file = join(folder, 'hive.jsonl')
  for (let i = 1; i <= 2; i++) {
    keeper.want(file, (message) => {
      said.push(message)
      throw new Error('nobody listens')
    })
    await until('started', () => started().length === i)
  }
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.deepEqual(said, [
    `the side index of ${file} is not up to date: the process that makes it ended with exit code 1; hivelog index ${file} says why`,
  ])
  // In a folder that is gone nothing can be started.
  const gone = join(folder, 'gone', 'hive.jsonl')
  keeper.want(gone, (message) => said.push(message))
  await until('told', () => said.length === 2)
  assert.match(said[1] as string, /the process that makes it cannot be started \(.*ENOENT/)
})

test('where there is no command it is told once, for all logs, and nothing is tried again', async (t) => {
  const said: string[] = []
  let asked = 0
  const command = (): string[] => {
    asked++
    throw new Error('there is none')
  }
  const keeper = new IndexKeeper({ settleMs: 0, command })
  const folder = tempFolder(t)
  for (const name of ['a', 'b', 'a']) {
    keeper.want(join(folder, name), (message) => said.push(message))
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.equal(asked, 1)
  assert.deepEqual(said, [
    `side indexes are not kept up: there is none; hivelog index ${join(folder, 'a')} makes one`,
  ])
})

test('the command is the package’s own, and none that lies beside a bundle', async (t) => {
  const [heap, path = ''] = indexCommand()
  assert.match(heap ?? '', /^--max-old-space-size=\d+$/)
  assert.equal(path, join(packageRoot(), 'dist/cli/bin.js'))
  assert.match(
    spawnSync(process.execPath, [path, 'index', '--help'], { encoding: 'utf8' }).stdout,
    /^Usage: hivelog index/,
  )

  const folder = tempFolder(t)
  const bundle = join(folder, 'dist')
  cpSync(dirname(fileURLToPath(new URL('../../src/keep/command.js', import.meta.url))), bundle, {
    recursive: true,
  })
  writeFileSync(join(folder, 'package.json'), '{"name":"app","type":"module","bin":{"hivelog":"x.js"}}')
  writeFileSync(join(folder, 'x.js'), '')
  const other = (await import(pathToFileURL(join(bundle, 'command.js')).href)) as {
    indexCommand: typeof indexCommand
  }
  assert.throws(
    () => other.indexCommand(),
    /the program hivelog is not beside this module, as where it is bundled/,
  )
})

test('an index is wanted where a segment passes a multiple of the bytes, and when one is archived', () => {
  const wanted: string[] = []
  const keeper = new IndexKeeper()
  keeper.want = (file) => void wanted.push(file)
  // Opened again by one process after the other, it is as if one had written it.
  let size = 0
  for (let run = 0; run < 10; run++) {
    const kept = new KeptIndex('/a', 100, size, () => {}, keeper)
    for (let i = 0; i < 3; i++) {
      size += 15
      kept.grew(size)
    }
  }
  assert.equal(wanted.length, 4, 'at 100, 200, 300 and 400 of 450')
  const kept = new KeptIndex('/a', 100, 450, () => {}, keeper)
  kept.rotated()
  kept.grew(99)
  assert.equal(wanted.length, 5)
  kept.grew(100)
  assert.equal(wanted.length, 6)
})
