/** What CI says at its end is enough to know what failed. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { packageRoot } from '../kit/hive-support.js'
import { scratch } from '../kit/reader-log.js'

const CI = readFileSync(join(packageRoot(), '.ci/run'), 'utf8')
const [NAMES = ''] = /^names_of_failed\(\) \{[\s\S]*?^\}/m.exec(CI) ?? []

const TESTS: Record<string, string> = {
  'a.test.mjs': `import { describe, test } from 'node:test'
test('is fine', () => {})
test('is (not) fine / & so', () => { throw new Error('this once\\nin two lines') })
describe('a group', () => { test('one in a group', () => { throw new Error('again') }) })
`,
  'b.test.mjs': `import { test } from 'node:test'
test('never ends', async () => { await new Promise((resolve) => setTimeout(resolve, 100_000)) })
`,
}

test('failing tests are told with their files and how their errors begin, a file that hung and other suites too', (t) => {
  const cwd = scratch(t)
  for (const [name, text] of Object.entries(TESTS)) writeFileSync(join(cwd, name), text)
  const { NODE_TEST_CONTEXT: _, NODE_V8_COVERAGE: __, ...env } = process.env
  const args = ['--test', '--test-timeout=6000', '--test-reporter=spec', ...Object.keys(TESTS)]
  const { stdout, status } = spawnSync(process.execPath, args, {
    cwd,
    env: { ...env, NO_COLOR: '1' },
    encoding: 'utf8',
  })
  assert.equal(status, 1)
  writeFileSync(join(cwd, 'log'), `${stdout}\nok      one\nFAILED  another check: why\n  at some place\n`)
  const told = spawnSync('bash', ['-c', `${NAMES}\nnames_of_failed log`], { cwd, encoding: 'utf8' })
  const lines = told.stdout.trimEnd().split('\n')
  for (const said of [
    'is (not) fine / & so | Error: this once | in two lines',
    'one in a group | Error: again',
  ]) {
    assert.ok(
      lines.some((line) => line.startsWith('a.test.mjs:') && line.endsWith(`: ${said}`)),
      told.stdout,
    )
  }
  assert.ok(
    lines.some((line) => /\bb\.test\.mjs.* \| 'test timed out after 6000ms'$/.test(line)),
    told.stdout,
  )
  assert.equal(lines.at(-1), 'FAILED  another check: why')
  assert.equal(lines.length, 4, told.stdout)
})

test('the names come just before the line of counts', () => {
  const last = CI.trimEnd().split('\n').slice(-4)
  assert.match(last[0] ?? '', /head -n 50 "\$failures"/)
  assert.match(last[2] ?? '', /^echo "\$passed passed, \$failed failed, \$skipped skipped"$/)
})
