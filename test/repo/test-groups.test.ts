/** Test files that share a process are told apart, fail the run as others do, and leave nothing to one another. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { packageRoot } from '../kit/hive-support.js'
import { scratch } from '../kit/reader-log.js'

const path = join(packageRoot(), 'scripts/lib/test-groups.mjs')
const { mayShare, processesFor } = (await import(pathToFileURL(path).href)) as {
  mayShare(name: string, text: string): boolean
  processesFor(tests: string, names: readonly string[], folder: string): string[]
}

/** Runs test files, by name, as scripts/test.mjs does. */
function runAll(t: TestContext, texts: Record<string, string>) {
  const cwd = scratch(t)
  for (const [name, text] of Object.entries(texts)) {
    mkdirSync(join(cwd, 'tests', name, '..'), { recursive: true })
    writeFileSync(join(cwd, 'tests', name), text)
  }
  writeFileSync(join(cwd, 'package.json'), '{ "type": "module" }\n')
  const paths = processesFor(join(cwd, 'tests'), Object.keys(texts), join(cwd, 'processes'))
  const { NODE_TEST_CONTEXT: _, NODE_V8_COVERAGE: __, ...env } = process.env
  const args = ['--test', '--test-reporter=spec', ...paths]
  const ended = spawnSync(process.execPath, args, { cwd, env: { ...env, NO_COLOR: '1' }, encoding: 'utf8' })
  const count = (what: string): number =>
    Number(new RegExp(`^ℹ ${what} (\\d+)$`, 'm').exec(ended.stdout)?.[1])
  return { ...ended, paths: paths.map((each) => basename(each)), count }
}

const IMPORT = "import { test } from 'node:test'\n"
const GOOD = `${IMPORT}test('is fine', () => {})\n`

test('each test counts, and one that fails is told with its file and fails the run', (t) => {
  const { paths, status, stdout, count } = runAll(t, {
    'analyse/a.test.js': GOOD,
    'analyse/b.test.js': `${IMPORT}test('is not fine', () => { throw new Error('planted') })\n`,
    'analyse/c.test.js': `${GOOD}test('is skipped', { skip: true }, () => {})\n`,
    'keep/d.test.js': GOOD,
  })
  assert.deepEqual(paths, ['d.test.js', 'analyse-1.js'])
  assert.equal(status, 1)
  assert.deepEqual([count('tests'), count('pass'), count('fail'), count('skipped')], [5, 3, 1, 1])
  assert.match(stdout, /^test at \S*analyse\/b\.test\.js:2:1$/m)
})

for (const [what, text] of Object.entries({
  'throws when it is loaded': "throw new Error('planted')\n",
  'is no program': 'const = \n',
  'rejects when nobody listens': `${GOOD}Promise.reject(new Error('planted'))\n`,
  'throws after its test': `${IMPORT}test('is over', () => { setTimeout(() => { throw new Error('planted') }, 5) })
test('waits', () => new Promise((resolve) => setTimeout(resolve, 50)))\n`,
  'ends the process': `${GOOD}setTimeout(() => process['exit'](3), 5)
test('waits', () => new Promise((resolve) => setTimeout(resolve, 5_000)))\n`,
  'ends the process as if all were well': `${GOOD}process['exit'](0)\n`,
})) {
  test(`a file that ${what} fails the run`, (t) => {
    const { status, stdout, count } = runAll(t, {
      'read/a.test.js': GOOD,
      'read/b.test.js': text,
      'read/c.test.js': GOOD,
    })
    assert.equal(status, 1, stdout)
    assert.ok(count('fail') + count('cancelled') > 0, stdout)
    if (/^throw|^const/.test(text)) {
      assert.match(stdout, /read\/b\.test\.js can be loaded/)
      assert.equal(count('pass'), 2, 'the others are run')
    }
  })
}

test('what is of the whole process has one of its own, wherever it is', () => {
  assert.ok(mayShare('read/x.test.js', GOOD))
  for (const text of [
    "process.env.TZ = 'UTC'",
    "process.chdir('/')",
    'process.umask(0)',
    "process.on('exit', () => {})",
    'trace.setGlobalTracerProvider(provider)',
    'globalThis.fetch = undefined',
    "assert.equal(agentId, 'x.test')",
    'before(() => {})',
    'afterEach(() => {})',
  ])
    assert.ok(!mayShare('read/x.test.js', `${GOOD}${text}\n`), text)
  assert.ok(!mayShare('keep/x.test.js', GOOD))
  assert.ok(
    mayShare('read/x.test.js', `${GOOD}describe('x', () => {\n  before(() => {})\n})\n`),
    'within a group',
  )
})

test('each compiled test file is in one process, and many share theirs', (t) => {
  const tests = join(packageRoot(), '.build/test')
  const names = (readdirSync(tests, { recursive: true }) as string[]).filter((name) =>
    name.endsWith('.test.js'),
  )
  const paths = processesFor(tests, names, join(scratch(t), 'processes'))
  const within = paths.flatMap((each) => {
    const [, list] = /^const names = (\[.*\])$/m.exec(readFileSync(each, 'utf8')) ?? []
    return each.startsWith(tests)
      ? [each]
      : (JSON.parse(list as string) as string[]).map((name) => join(tests, name))
  })
  assert.deepEqual(within.sort(), names.map((name) => join(tests, name)).sort())
  assert.ok(paths.length < names.length - 40, `${paths.length} processes for ${names.length} files`)
})
