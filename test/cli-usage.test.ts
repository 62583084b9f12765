import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hivelog, linesOf } from './fixtures/reader-cli.js'
import { LogWriter, scratch } from './fixtures/reader-log.js'

const COMMANDS = ['tail', 'cat', 'verify', 'stats']

test('--help names every command, and each command’s help has an example and fits 100 columns', () => {
  const { code, stdout, stderr } = hivelog(['--help'])
  assert.deepEqual([code, stderr], [0, ''])
  for (const name of COMMANDS) {
    assert.match(stdout, new RegExp(`^ {2}${name} `, 'm'))
    const help = hivelog([name, '--help'])
    assert.deepEqual([help.code, help.stderr], [0, ''])
    assert.match(help.stdout, new RegExp(`^Usage: hivelog ${name} `))
    assert.match(help.stdout, new RegExp(`^Example: hivelog ${name} `, 'm'))
    for (const line of linesOf(help.stdout)) assert.ok(line.length <= 100, line)
  }
})

test('--version is the package’s', () => {
  const { stdout } = hivelog(['--version'])
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  assert.equal(stdout, `${version}\n`)
})

const BAD: [args: string[], message: RegExp][] = [
  [[], /no command given; see hivelog --help/],
  [['frobnicate'], /there is no command 'frobnicate'; see hivelog --help/],
  [['toString'], /there is no command 'toString'/],
  [['--frobnicate'], /there is no command '--frobnicate'/],
  [['tail', '--frobnicate'], /Unknown option '--frobnicate'; see hivelog tail --help/],
  [['tail', '-n', 'ten'], /--lines needs a whole number, not 'ten'/],
  [['tail', '-n'], /argument missing; see hivelog tail --help/],
  [['tail', 'a', 'b'], /hivelog tail takes one FILE, not 2/],
  [['tail', '-'], /use hivelog cat - for standard input/],
  [['stats', 'a', 'b'], /hivelog stats takes one FILE, not 2/],
  [['verify', '--key', 'none.pem'], /cannot read the key none.pem/],
  [['cat', 'none.jsonl'], /cannot read none.jsonl: there is no such file/],
  [['tail', 'none.jsonl'], /cannot read none.jsonl: there is no such file/],
  [['verify', 'none.jsonl'], /cannot read none.jsonl: there is no such file/],
  [['stats', '.'], /cannot read \.: it is a directory/],
]

for (const [args, message] of BAD) {
  test(`bad use is one line on standard error and exit code 2: hivelog ${args.join(' ')}`, (t) => {
    const { code, stdout, stderr } = hivelog(args, { cwd: scratch(t) })
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, message)
    assert.match(stderr, /^hivelog: [^\n]*\n$/)
  })
}

test('FILE is $HIVELOG_FILE, else hive.jsonl', (t) => {
  const cwd = scratch(t)
  new LogWriter(join(cwd, 'hive.jsonl')).message('by default')
  new LogWriter(join(cwd, 'other.jsonl')).message('by environment')
  for (const name of ['tail', 'cat', 'stats', 'verify']) {
    const { code, stdout } = hivelog([name, '--json'], { cwd })
    assert.equal(code, 0)
    assert.match(stdout, /by default|hive\.jsonl/)
    const other = hivelog([name, '--json'], { cwd, env: { HIVELOG_FILE: 'other.jsonl' } })
    assert.match(other.stdout, /by environment|other\.jsonl/)
  }
})
