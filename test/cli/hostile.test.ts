/** Every command on every kind of file that is not what it should be: a clear line or a skipped one, never a crash or a hang. */
import assert from 'node:assert/strict'
import { chmodSync, closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isInTurn } from '../kit/long-run.js'
import { type CliResult, hivelog, linesOf } from '../kit/reader-cli.js'
import { LogWriter, scratch } from '../kit/reader-log.js'

/** How each command is run on a file; GOOD stands for a sound log beside it. */
const RUNS: Record<string, string[][]> = {
  tail: [['FILE'], ['--cursor', 'ui', 'FILE']],
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
    ['FILE', 'GOOD'],
    ['GOOD', 'FILE'],
  ],
  check: [['FILE']],
  verify: [['FILE']],
  stats: [['FILE']],
  state: [['FILE']],
  index: [['FILE']],
  replay: [['--speed', '0', 'FILE']],
  audit: [['FILE']],
  calls: [['FILE']],
  waits: [['FILE']],
  pending: [['FILE']],
  cost: [['FILE']],
  export: [
    ['--format', 'csv', 'FILE'],
    ['--format', 'otlp-json', 'FILE'],
  ],
}
/**
 * One hands the file to git as it is, some decide what is asked in it, the others send logs, or take them, or show them; mcp: see test/mcp.
 */
const NOT_READING = [
  'approve',
  'commit',
  'mcp',
  'pull',
  'reject',
  'report',
  'serve',
  'setup',
  'ship',
  'token',
]

const GOOD = '{"ts":1787386181194,"kind":"spawn","agentId":"a","name":"A","isGod":false}'
/** Some twenty times deeper than a program gets that calls itself. */
const LEVELS = 200_000
const DEEP = `{"ts":1787386181195,"kind":"x","agentId":"a","deep":${'['.repeat(LEVELS)}${']'.repeat(LEVELS)}}`

const FILES: Record<string, string | Buffer> = {
  empty: '',
  'no final newline': `${GOOD}\n${GOOD}`,
  'CR LF': `${GOOD}\r\n${GOOD}\r\n`,
  'byte order mark': `\ufeff${GOOD}\n${GOOD}\n`,
  'invalid UTF-8': Buffer.from(`${GOOD}\n{"ts":1,"kind":"\xe9"}\n${GOOD}\n`, 'latin1'),
  'NUL bytes': `${GOOD}\n${'\0'.repeat(5000)}\n${GOOD}\n`,
  'values nested 200,000 deep': `${GOOD}\n${DEEP}\n${GOOD}\n`,
  binary: Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * i * 31 + (i >> 5)) & 0xff)),
  'another format': 'level=info msg="hello"\nlevel=info msg="world"\n',
}

function runsOf(file: string, good: string): string[][] {
  return Object.entries(RUNS).flatMap(([command, runs]) =>
    runs.map((args) => [
      command,
      ...args.map((arg) => (arg === 'FILE' ? file : arg === 'GOOD' ? good : arg)),
    ]),
  )
}

/** No crash, no hang, no stack. */
function assertSane({ code, stdout, stderr }: CliResult, args: string[]): void {
  const what = `hivelog ${args.join(' ')}: code ${code}, ${stderr.slice(0, 500)}`
  assert.ok(code === 0 || code === 1 || code === 2, what)
  assert.doesNotMatch(stderr, /^\s+at .*:\d+/m, what)
  assert.doesNotMatch(stdout.slice(0, 100_000), /^\s+at .*:\d+/m, what)
  if (code === 2) assert.match(stderr, /^hivelog: [^\n]+\n$/, what)
}

test('every command is tried', async () => {
  const listed = [...(await hivelog(['--help'])).stdout.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map(
    ([, name]) => name as string,
  )
  assert.deepEqual([...Object.keys(RUNS), ...NOT_READING].sort(), listed.sort())
})

function goodLog(folder: string): string {
  const good = new LogWriter(join(folder, 'good.jsonl'))
  good
    .event('spawn', { agentId: 'a', name: 'A', isGod: false })
    .message()
    .event('exit', { agentId: 'a', status: 'ok' })
  return good.file
}

for (const [name, content] of Object.entries(FILES)) {
  test(`all commands on a file with ${name}`, async (t) => {
    const folder = scratch(t)
    const file = join(folder, 'hive.jsonl')
    const good = goodLog(folder)
    writeFileSync(file, content)
    for (const args of runsOf(file, good)) {
      const ended = await hivelog(args, { cwd: folder })
      assertSane(ended, args)
      // A file without any event is no log, which is told; whatever else stands beside events is read over.
      const isNoLog = ended.stderr.includes(' is no log: ') && !content.includes('"kind":"')
      if (!isNoLog)
        assert.notEqual(ended.code, 2, `it is read all the same: ${args.join(' ')}: ${ended.stderr}`)
    }
  })
}

test('all of it at once, as --json: every line is JSON', async (t) => {
  const folder = scratch(t)
  const file = join(folder, 'hive.jsonl')
  const good = goodLog(folder)
  const bad = Object.values(FILES).map((content) => Buffer.concat([Buffer.from(content), Buffer.from('\n')]))
  writeFileSync(file, Buffer.concat(bad))
  for (const args of runsOf(file, good)) {
    if (args[0] === 'export') continue
    const ended = await hivelog([args[0] as string, '--json', ...args.slice(1)], { cwd: folder })
    assertSane(ended, args)
    // JSON.parse gives what is nested so deeply, but a log's own lines come as they are.
    for (const line of linesOf(ended.stdout)) JSON.parse(line)
  }
})

test('commands on a line of 70 MB, which is more than one may be', async (t) => {
  const folder = scratch(t)
  const file = join(folder, 'hive.jsonl')
  const good = goodLog(folder)
  const fd = openSync(file, 'w')
  writeSync(fd, `${GOOD}\n{"ts":1787386181195,"kind":"x","agentId":"a","long":"`)
  for (let i = 0; i < 70; i++) writeSync(fd, 'x'.repeat(1e6))
  writeSync(fd, `"}\n${GOOD}\n`)
  closeSync(fd)
  for (const args of runsOf(file, good).filter((_, i) => isInTurn(i))) {
    const ended = await hivelog(args, { cwd: folder })
    assertSane(ended, args)
    assert.notEqual(ended.code, 2, ended.stderr)
  }
})

test('all commands on a directory, on no file, and on one that must not be read', async (t) => {
  const folder = scratch(t)
  const good = goodLog(folder)
  const closed = join(folder, 'closed.jsonl')
  mkdirSync(join(folder, 'folder'))
  writeFileSync(closed, GOOD)
  chmodSync(closed, 0)
  const files: [string, RegExp][] = [
    [join(folder, 'folder'), /it is a directory/],
    [join(folder, 'none.jsonl'), /there is no such file/],
  ]
  // Root may read everything.
  if (process.getuid?.() !== 0) files.push([closed, /no permission to read it/])
  for (const [file, message] of files) {
    for (const args of runsOf(file, good)) {
      const { code, stdout, stderr } = await hivelog(args, { cwd: folder })
      assert.deepEqual([code, stdout], [2, ''], args.join(' '))
      assert.match(stderr, message, args.join(' '))
      assert.match(stderr, /^hivelog: [^\n]+\n$/, args.join(' '))
    }
  }
})
