import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { columns } from '../../src/text/terminal.js'
import { hivelog, hivelogProcess, linesOf } from '../kit/reader-cli.js'
import { editLine, LogWriter, scratch } from '../kit/reader-log.js'

/** The command's own list: a new one is checked without being named here. */
const USAGE = await hivelog(['--help'])
const COMMANDS = [...USAGE.stdout.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map(([, name]) => name as string)

function fitsEighty(text: string): void {
  for (const line of linesOf(text)) assert.ok(columns(line) <= 80, `${columns(line)} columns: ${line}`)
}

test('--help names the commands, on standard output, within 80 columns', async () => {
  assert.deepEqual([USAGE.code, USAGE.stderr], [0, ''])
  assert.match(USAGE.stdout, /^Usage: hivelog COMMAND /)
  assert.match(USAGE.stdout, /^Example: hivelog /m)
  fitsEighty(USAGE.stdout)
  assert.equal(new Set(COMMANDS).size, COMMANDS.length)
  for (const name of ['tail', 'cat', 'verify', 'stats', 'cost']) assert.ok(COMMANDS.includes(name), name)
  for (const args of [['-h'], ['help']]) assert.deepEqual(await hivelog(args), USAGE)
})

for (const name of COMMANDS) {
  test(`${name} --help: usage, options, exit codes and an example, within 80 columns`, async () => {
    const { code, stdout, stderr } = await hivelog([name, '--help'])
    assert.deepEqual([code, stderr], [0, ''])
    assert.deepEqual(await hivelog(['help', name]), { code, stdout, stderr })
    assert.match(stdout, new RegExp(`^Usage: hivelog ${name} `))
    assert.match(stdout, /^ +(-h, )?--help /m)
    assert.match(stdout, new RegExp(`^Example: hivelog ${name} .*\\n$`, 'm'))
    fitsEighty(stdout)
  })

  test(`${name} with an unknown option: one line on standard error, and exit code 2`, async (t) => {
    const { code, stdout, stderr } = await hivelog([name, '--frobnicate'], { cwd: scratch(t) })
    assert.deepEqual([code, stdout], [2, ''])
    assert.equal(stderr, `hivelog: Unknown option '--frobnicate'; see hivelog ${name} --help\n`)
  })
}

test('--version is the package’s', async () => {
  const { stdout } = await hivelog(['--version'])
  for (const short of ['-v', '-V']) assert.equal((await hivelog([short])).stdout, stdout)
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
  assert.equal(stdout, `${version}\n`)
})

const BAD: [args: string[], message: RegExp][] = [
  [[], /no command given; see hivelog --help/],
  [['frobnicate'], /there is no command 'frobnicate'; see hivelog --help/],
  [['help', 'frobnicate'], /there is no command 'frobnicate'; see hivelog --help/],
  [['help', 'verfy'], /there is no command 'verfy'; did you mean verify\? see hivelog --help/],
  [['help', 'tail', 'cat'], /help takes one COMMAND/],
  [['toString'], /there is no command 'toString'/],
  [['--frobnicate'], /there is no command '--frobnicate'/],
  [['tail', '-n', 'ten'], /--lines needs a whole number from 0 on, not 'ten'/],
  [['tail', '-n'], /argument missing; see hivelog tail --help/],
  [['tail', 'a', 'b'], /cannot read a: there is no such file/],
  [['tail', '-'], /use hivelog cat - for standard input/],
  [['stats', '--since', 'soon'], /--since needs a time/],
  [['verify', '--key', 'none.pem'], /cannot read the key none.pem/],
  [['cat', 'none.jsonl'], /cannot read none.jsonl: there is no such file/],
  [['tail', 'none.jsonl'], /cannot read none.jsonl: there is no such file/],
  [['verify', 'none.jsonl'], /cannot read none.jsonl: there is no such file/],
  [['stats', '.'], /cannot read \.: it is a directory/],
]

for (const [args, message] of BAD) {
  test(`bad use is one line on standard error and exit code 2: hivelog ${args.join(' ')}`, async (t) => {
    const { code, stdout, stderr } = await hivelog(args, { cwd: scratch(t) })
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, message)
    assert.match(stderr, /^hivelog: [^\n]*\n$/)
  })
}

test('FILE is $HIVELOG_FILE, else hive.jsonl', async (t) => {
  const cwd = scratch(t)
  new LogWriter(join(cwd, 'hive.jsonl')).message('by default')
  new LogWriter(join(cwd, 'other.jsonl')).message('by environment')
  for (const name of ['tail', 'cat', 'stats', 'verify', 'cost']) {
    const { code, stdout } = await hivelog([name, '--json'], { cwd })
    assert.equal(code, 0)
    assert.match(stdout, /by default|hive\.jsonl/)
    const other = await hivelog([name, '--json'], { cwd, env: { HIVELOG_FILE: 'other.jsonl' } })
    assert.match(other.stdout, /by environment|other\.jsonl/)
  }
})

test('the program says and returns what a run of the command does', async (t) => {
  const cwd = scratch(t)
  const { file } = new LogWriter(join(cwd, 'hive.jsonl')).message('one').message('two').seal()
  editLine(file, 2, (line) => line.replace('one', 'won'))
  for (const [args, code] of [
    [['cat'], 0],
    [['verify'], 1],
    [['verify', 'none.jsonl'], 2],
    [['tial'], 2],
    [['help', 'stats'], 0],
  ] as [string[], number][]) {
    const program = hivelogProcess(args, { cwd })
    assert.equal(program.code, code, args.join(' '))
    assert.deepEqual(program, await hivelog(args, { cwd }))
  }
})
