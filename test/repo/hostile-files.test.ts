/**
 * What is no log, given as one to the writer and to every command, in processes of their own with a limit of time and
 * memory: each ends, says what is wrong in one line, and leaves the file as it was.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { constants, gzipSync } from 'node:zlib'
import { door } from '../kit/doors.js'
import { isInTurn } from '../kit/long-run.js'
import { type CliResult, hivelog, MAIN } from '../kit/reader-cli.js'
import { LogWriter, scratch } from '../kit/reader-log.js'

const INDEX = door('index')
/** Only a broken program needs it. */
const PATIENCE_MS = 120_000
const MAX_MB = 700

interface Ended {
  code: number | null
  signal: string | null
  stdout: string
  stderr: string
  /** Most memory that the process had, MiB. */
  peak: number
}

/** Says at its end how much memory it took. */
const METER = `data:text/javascript,${encodeURIComponent(
  "import { writeSync } from 'node:fs'; process.on('exit', () => { try { writeSync(3, String(process.resourceUsage().maxRSS)) } catch {} })",
)}`

function run(args: string[], cwd: string, input?: string): Ended {
  const ended = spawnSync(process.execPath, ['--import', METER, ...args], {
    cwd,
    encoding: 'utf8',
    timeout: PATIENCE_MS,
    killSignal: 'SIGKILL',
    maxBuffer: 1 << 30,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', 'pipe'],
    ...(input !== undefined && { input }),
    env: { ...process.env, OTEL_SDK_DISABLED: '', TMPDIR: cwd },
  })
  const peak = Number(ended.output[3]) / 1024
  return { code: ended.status, signal: ended.signal, stdout: ended.stdout, stderr: ended.stderr, peak }
}

const WRITER = `
import { startHive } from '${INDEX}'
for (const file of process.argv.slice(1)) {
  try {
    const hive = startHive({ file, otlp: false })
    hive.spawn({ agentId: 'a', name: 'A' }).end()
    await hive.shutdown()
    console.log('written')
  } catch (error) {
    console.log(JSON.stringify({ name: error.name, code: error.code, message: error.message }))
  }
}
`
const write = (file: string, cwd: string): Ended => run(['--input-type=module', '--eval', WRITER, file], cwd)

/** Has one process write one log after the other, with the limits of `write` for all together. @returns what it said of each */
function writeEach(files: readonly string[], cwd: string): string[] {
  const { code, signal, stdout, stderr, peak } = run(['--input-type=module', '--eval', WRITER, ...files], cwd)
  assert.deepEqual([code, signal, stderr], [0, null, ''])
  assert.ok(peak < MAX_MB, `${peak} MiB`)
  const said = stdout.trimEnd().split('\n')
  assert.equal(said.length, files.length, stdout)
  return said
}

/** A file in a folder of its own for each content. */
function filesOf(folder: string, contents: readonly (string | Buffer)[]): string[] {
  return contents.map((content, i) => {
    mkdirSync(join(folder, String(i)))
    const file = join(folder, String(i), 'hive.jsonl')
    writeFileSync(file, content)
    return file
  })
}

const COMMANDS_CHILD = fileURLToPath(new URL('../programs/commands-child.js', import.meta.url))

/** Runs commands at the same time in one process, with the limits of `run` for all together. */
function runEach(all: string[][], cwd: string): { results: CliResult[]; peak: number } {
  const input = all.map((args) => `${JSON.stringify(args)}\n`).join('')
  const { stdout, stderr, code, signal } = run([COMMANDS_CHILD], cwd, input)
  assert.deepEqual([code, signal, stderr], [0, null, ''])
  const answer: { results: CliResult[]; peak: number } = JSON.parse(stdout)
  assert.equal(answer.results.length, all.length)
  return answer
}

const RUNS: Record<string, string[][]> = {
  tail: [['FILE'], ['--cursor', 'ui', 'FILE'], ['-n', '5', '--json', 'FILE']],
  cat: [['FILE']],
  show: [
    ['1', 'FILE'],
    ['a', 'FILE'],
  ],
  talk: [
    ['a', 'b', 'FILE'],
    ['a', '--', 'FILE'],
  ],
  why: [['1', 'FILE']],
  top: [['--once', 'FILE']],
  diff: [
    ['FILE', 'good.jsonl'],
    ['good.jsonl', 'FILE'],
  ],
  check: [['FILE']],
  verify: [['FILE']],
  stats: [['FILE']],
  state: [['FILE']],
  index: [['FILE'], ['--remove', 'FILE']],
  replay: [['--speed', '0', 'FILE']],
  audit: [['FILE']],
  calls: [['FILE']],
  waits: [['FILE']],
  pending: [['FILE']],
  approve: [['a', 'FILE']],
  reject: [['a', 'FILE']],
  cost: [['FILE']],
  export: [
    ['--format', 'csv', 'FILE'],
    ['--format', 'otlp-json', 'FILE'],
  ],
  commit: [['FILE']],
  report: [['--force', '-o', 'report.html', 'FILE']],
}
/** They have nothing to do with a log that is there, or send it elsewhere: `ship` reads with the readers. `mcp`: test/mcp. */
const APART = ['mcp', 'pull', 'serve', 'setup', 'ship', 'token']

function scene(t: TestContext): string {
  const folder = scratch(t)
  new LogWriter(join(folder, 'good.jsonl')).messages(3)
  return folder
}

const mkfifo = (path: string): boolean => spawnSync('mkfifo', [path]).status === 0

/** No file at all: refused by everybody, in one line. */
const NO_FILE: Record<string, (path: string, t: TestContext) => Promise<boolean> | boolean> = {
  'a pipe that nobody writes to': (path) => mkfifo(path),
  'a link to a pipe': (path) => {
    symlinkSync(`${path}.pipe`, path)
    return mkfifo(`${path}.pipe`)
  },
  '/dev/zero': (path) => {
    symlinkSync('/dev/zero', path)
    return existsSync('/dev/zero')
  },
  '/dev/null': (path) => {
    symlinkSync('/dev/null', path)
    return existsSync('/dev/null')
  },
  'a socket': async (path, t) => {
    const server = createServer()
    t.after(() => server.close())
    await new Promise<void>((resolve) => server.listen(path, resolve))
    return process.platform !== 'win32'
  },
  'a folder': (path) => {
    mkdirSync(path)
    return true
  },
  'a link to itself': (path) => {
    symlinkSync(path, path)
    return true
  },
}

/** These are like others to the readers: tried with those commands that open files in their own ways. */
const ALIKE = ['a link to a pipe', '/dev/null', 'a folder', 'a link to itself']
const FEW = ['tail', 'cat', 'verify', 'commit']

test('every command is tried', async () => {
  const listed = [...(await hivelog(['--help'])).stdout.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map(
    ([, name]) => name,
  )
  assert.deepEqual([...Object.keys(RUNS), ...APART].sort(), listed.sort())
})

for (const [name, make] of Object.entries(NO_FILE)) {
  test(`${name} as log: the writer and every command say so`, async (t) => {
    const folder = scene(t)
    const file = join(folder, 'hive.jsonl')
    if (!(await make(file, t))) return t.skip('not on this machine')
    const written = write(file, folder)
    assert.deepEqual([written.code, written.signal, written.stderr], [0, null, ''], name)
    const error = JSON.parse(written.stdout)
    assert.deepEqual([error.name, error.code], ['LogOpenError', 'ERR_HIVELOG_OPEN'], written.stdout)
    assert.match(error.message, /^[^\n]+$/)
    assert.ok(!existsSync(`${file}.lock`))
    const all = Object.entries(RUNS)
      .filter(([command]) => !ALIKE.includes(name) || FEW.includes(command))
      .flatMap(([command, runs]) => runs.map((args) => [command, ...args]))
      .map((args) => args.map((arg) => (arg === 'FILE' ? file : arg)))
    const { results, peak } = runEach(all, folder)
    assert.ok(peak < MAX_MB, `${peak} MiB`)
    for (const [i, { code, stdout, stderr }] of results.entries()) {
      const what = `hivelog ${all[i]?.join(' ')} on ${name}: ${code} ${stderr}`
      assert.deepEqual([code, stdout], [2, ''], what)
      assert.match(
        stderr,
        /^hivelog: [^\n]*(pipe|device|socket|directory|link|no regular file|ELOOP)[^\n]*\n$/,
        what,
      )
    }
  })
}

/** Files, but no logs: the writer leaves them as they are; readers call what is in them malformed. */
const NO_LOG: Record<string, string | Buffer> = {
  'package.json': `${JSON.stringify({ name: 'x', version: '1.0.0', ts: 1, kind: 'x' }, null, 2)}\n`,
  'package.json in one line': '{"name":"x","version":"1.0.0"}',
  'JSON lines of another kind': '{"level":30,"time":1787386181194,"msg":"hello"}\n{"level":30}\n',
  'a first line without kind': '{"ts":1787386181194,"msg":"hello"}\n{"ts":1,"kind":"x"}\n',
  'a kind that is no text': '{"ts":1787386181194,"kind":5}\n',
  'a ts that is text': '{"ts":"2026","kind":"x"}\n{"ts":1,"kind":"x"}\n',
  'notes with events after them': 'notes\n{"ts":1787386181194,"kind":"x","seq":1}\n',
  binary: Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * i * 31 + (i >> 5)) & 0xff)),
  zeros: Buffer.alloc(100_000),
  'one long line': 'x'.repeat(3_000_000),
  'a brace': '{\n}\n',
}

test('what is no log: the writer leaves it alone', async (t) => {
  const files = filesOf(scene(t), Object.values(NO_LOG))
  const said = writeEach(files, scene(t))
  for (const [i, [name, content]] of Object.entries(NO_LOG).entries()) {
    await t.test(name, () => {
      const file = files[i] as string
      const error = JSON.parse(said[i] as string)
      assert.equal(error.name, 'LogOpenError', said[i])
      assert.match(
        error.message,
        /hive\.jsonl is no hive log: its first line holds no event; give the log a file of its own$/,
      )
      assert.deepEqual(readFileSync(file), Buffer.from(content))
      assert.ok(!existsSync(`${file}.lock`))
    })
  }
})

const EVENT = '{"ts":1787386181194,"kind":"spawn","agentId":"a","name":"A","isGod":false}'
/** Logs, though they do not look so at first sight: gone on with. */
const LOGS: Record<string, string> = {
  'nothing at all': '',
  'a torn first write': '{"ts":17873861',
  'a torn first write of one byte': '{',
  'a torn first write that was closed':
    '{"ts":1787\n{"ts":1787386181195,"kind":"log.torn","bytes":10,"seq":1}\n',
  'a torn first write, closed by a torn one': '{"ts":1787\n{"ts":178738618119',
  'a foreign log': `${EVENT}\n${EVENT}\n`,
  'a foreign log with a torn first line': `{"ts":1787${EVENT}\n${EVENT}\n`,
  'a first block that never reached the disk': `${'\0'.repeat(4096)}"}\n${EVENT}\n`,
  'a byte order mark': `\ufeff${EVENT}\n`,
  'a first line of three megabytes': `{"ts":1787386181194,"kind":"x","text":"${'x'.repeat(3_000_000)}"}\n`,
  'fields in another order': '{"kind":"spawn","agentId":"a","ts":1787386181194}\n',
}

test('what does not look like a log, and is one: the writer goes on with it', async (t) => {
  const files = filesOf(scene(t), Object.values(LOGS))
  const said = writeEach(files, scene(t))
  for (const [i, [name, content]] of Object.entries(LOGS).entries()) {
    await t.test(name, () => {
      assert.equal(said[i], 'written')
      const text = readFileSync(files[i] as string, 'utf8')
      assert.ok(text.startsWith(content))
      const seqs = text
        .split('\n')
        .filter((line) => line.includes('"session"'))
        .map((line) => JSON.parse(line).seq)
      assert.ok(
        seqs.length > 2 && seqs.every((seq, at) => at === 0 || seq === seqs[at - 1] + 1),
        JSON.stringify(seqs),
      )
    })
  }
})

const LAST_SEQS = [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER - 1, 2 ** 53, 2 ** 60, 1e300]

test('a last seq that is very high: a clear error, or numbers that go on one by one', async (t) => {
  const contents = LAST_SEQS.map((seq) => `{"ts":1,"kind":"x","seq":1}\n{"ts":2,"kind":"x","seq":${seq}}\n`)
  const files = filesOf(scene(t), contents)
  const said = writeEach(files, scene(t))
  for (const [i, seq] of LAST_SEQS.entries()) {
    await t.test(String(seq), () => {
      const before = contents[i] as string
      const text = readFileSync(files[i] as string, 'utf8')
      if (said[i] === 'written') {
        const lines = text.slice(before.length).trimEnd().split('\n')
        const seqs = lines.map((line) => JSON.parse(line).seq as number)
        assert.ok(
          seqs.every(
            (each, at) => Number.isSafeInteger(each) && (at === 0 || each === (seqs[at - 1] as number) + 1),
          ),
          `${seqs}`,
        )
      } else {
        const { name, message } = JSON.parse(said[i] as string)
        assert.equal(name, 'LogOpenError')
        assert.match(message, /there are no numbers left for its lines; move it away/)
        assert.equal(text, before)
      }
    })
  }
})

test('a segment ordinal that cannot be one is not gone on from', (t) => {
  const contents = [2 ** 53, 1e300, -1, 0.5].map(
    (segment) => `{"ts":1,"kind":"log.open","format":1,"segment":${segment},"seq":1}\n`,
  )
  const files = filesOf(scene(t), contents)
  for (const [i, said] of writeEach(files, scene(t)).entries()) {
    assert.equal(said, 'written')
    const open = JSON.parse(readFileSync(files[i] as string, 'utf8').split('\n')[1] as string)
    assert.ok(
      Number.isSafeInteger(open.segment) && open.segment > 0 && open.segment < 1000,
      JSON.stringify(open),
    )
  }
})

/** 1.1 GB of nothing in 1.1 MB: more than the longest line, and than a process may take. Members are one after the other. */
function bomb(file: string): void {
  const member = gzipSync(Buffer.alloc(1 << 26), { level: constants.Z_BEST_COMPRESSION })
  writeFileSync(file, Buffer.concat(Array.from({ length: 17 }, () => member)))
  assert.ok(statSync(file).size < 1_200_000)
}

test('an archived segment of 1.1 MB that inflates to 1.1 GB costs nobody the memory', (t) => {
  const folder = scene(t)
  const file = join(folder, 'hive.jsonl')
  bomb(join(folder, 'hive.000000000001.jsonl.gz'))
  if (isInTurn(0)) {
    const written = write(file, folder)
    assert.equal(JSON.parse(written.stdout).name, 'LogOpenError', written.stdout)
    assert.match(
      JSON.parse(written.stdout).message,
      /hive\.000000000001\.jsonl\.gz, the segment before, cannot be read: a line in it does not end within 1 GiB/,
    )
    assert.ok(written.peak < MAX_MB, `${written.peak} MiB`)
  }
  writeFileSync(file, '{"ts":1,"kind":"x","seq":2}\n')
  for (const command of ['cat', 'verify', 'stats', 'audit'].filter((_, i) => isInTurn(i))) {
    const { code, signal, stdout, stderr, peak } = run([MAIN, command, file], folder)
    assert.ok(code !== null && code <= 2, `${command}: ${signal} ${stderr}`)
    assert.ok(peak < MAX_MB, `${command}: ${peak} MiB`)
    if (command === 'cat') assert.match(stdout, /a line does not end within 1 GiB; the rest of/)
  }
})

test('a compressed segment is gone on from as before: number, chain and hash', (t) => {
  const folder = scene(t)
  const log = new LogWriter(join(folder, 'hive.jsonl')).messages(500)
  log.rotate({ gzip: true })
  writeFileSync(log.file, '')
  const { stdout } = write(log.file, folder)
  assert.equal(stdout, 'written\n')
  const [open] = readFileSync(log.file, 'utf8').split('\n')
  const { seq, segment, prev } = JSON.parse(open as string)
  assert.deepEqual([seq, segment, prev.file], [503, 2, 'hive.000000000001.jsonl'])
  assert.equal(run([MAIN, 'verify', log.file], folder).code, 0)
})

test('an archived segment, side index or child log that is a pipe holds nobody up', (t) => {
  const folder = scene(t)
  const file = join(folder, 'hive.jsonl')
  if (!mkfifo(join(folder, 'hive.000000000001.jsonl'))) return t.skip('no mkfifo')
  assert.equal(write(file, folder).stdout, 'written\n', 'what is no file is no segment of the log')
  for (const command of ['cat', 'tail', 'verify', 'state']) {
    const { code, signal, stdout } = run(
      [MAIN, command, ...(command === 'tail' ? ['-n', '9'] : []), file],
      folder,
    )
    assert.deepEqual([code, signal], [command === 'verify' ? 1 : 0, null], `${command} ${stdout}`)
    if (command === 'verify') assert.match(stdout, /hive\.000000000001\.jsonl.*is called like a segment/s)
  }
  const good = join(folder, 'good.jsonl')
  mkdirSync(`${good}.index`)
  mkfifo(join(`${good}.index`, '000000000001.idx'))
  assert.equal(run([MAIN, 'state', good], folder).code, 0)
  for (const args of [
    ['init', '--quiet'],
    ['config', 'user.name', 'x'],
    ['config', 'user.email', 'x@y'],
  ])
    spawnSync('git', args, { cwd: folder })
  mkdirSync(`${good}.agents`)
  mkfifo(join(`${good}.agents`, 'child.jsonl'))
  assert.equal(run([MAIN, 'commit', good], folder).code, 0)
})

test('a pipe that somebody writes to is read, under whatever name', (t) => {
  const folder = scene(t)
  new LogWriter(join(folder, 'big.jsonl')).messages(5_000)
  writeFileSync(join(folder, 'big.gz'), gzipSync(readFileSync(join(folder, 'big.jsonl'))))
  const node = JSON.stringify(process.execPath)
  const sh = (script: string): { status: number | null; stdout: string; stderr: string } =>
    spawnSync('bash', ['-c', script], {
      cwd: folder,
      encoding: 'utf8',
      timeout: PATIENCE_MS,
      maxBuffer: 1 << 30,
    })
  if (sh('true <(true)').status !== 0) return t.skip('no bash')
  const cat = `${node} ${JSON.stringify(MAIN)}`
  const lines = readFileSync(join(folder, 'big.jsonl'), 'utf8')
  assert.equal(sh(`${cat} cat --json <(gzip -dc < big.gz)`).stdout, lines)
  assert.equal(sh(`gzip -dc < big.gz | ${cat} cat --json -`).stdout, lines)
  assert.equal(sh(`gzip -dc < big.gz | ${cat} cat --json /dev/fd/0`).stdout, lines)
  assert.equal(sh(`mkfifo p; (sleep 0.3; cat big.jsonl) > p & ${cat} cat --json p`).stdout, lines)
  assert.equal(
    sh(`${cat} cat --json <(sleep 1; head -n 3 big.jsonl)`).stdout,
    `${lines.split('\n').slice(0, 3).join('\n')}\n`,
  )
  assert.deepEqual(sh(`${cat} cat <(true)`).status, 0)
  assert.equal(sh(`${cat} diff <(cat big.jsonl) <(cat big.jsonl)`).status, 0)
  assert.equal(sh(`${cat} diff <(cat big.jsonl) <(head -n 30 big.jsonl)`).status, 1)
})

test('a line that never ends, from a pipe: bounded memory, and a clear line', (t) => {
  if (!existsSync('/dev/zero')) return t.skip('no /dev/zero')
  const folder = scene(t)
  const script = (input: string, args: string): string =>
    `${input} | ${JSON.stringify(process.execPath)} --import "$METER" ${JSON.stringify(MAIN)} ${args} 3>peak`
  const runs = [
    ['cat /dev/zero', 'cat -'],
    ['(cat good.jsonl; cat /dev/zero)', 'audit -'],
    ['cat /dev/zero', 'diff - good.jsonl'],
    ['cat /dev/zero', 'stats /dev/fd/0'],
  ] as const
  for (const [input, args] of runs.filter((_, i) => isInTurn(i))) {
    const { status, stderr } = spawnSync('sh', ['-c', script(input, args)], {
      cwd: folder,
      env: { ...process.env, METER },
      encoding: 'utf8',
      timeout: PATIENCE_MS,
    })
    assert.equal(status, 2, `${args}: ${stderr}`)
    assert.match(stderr, /^hivelog: cannot [^\n]*a line that does not end within 1 GiB[^\n]*\n$/)
    assert.ok(Number(readFileSync(join(folder, 'peak'), 'utf8')) / 1024 < MAX_MB)
  }
})
