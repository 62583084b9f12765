/** The changes that scripts/mutate.mjs tries: each a program still, the same each time, and those that matter. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { parse } from 'acorn'
import { packageRoot } from '../kit/hive-support.js'
import { isInTurn } from '../kit/long-run.js'

interface Mutant {
  start: number
  end: number
  with: string
  op: string
}

const path = join(packageRoot(), 'scripts/lib/mutants.mjs')
const { mutantsOf, applied } = (await import(pathToFileURL(path).href)) as {
  mutantsOf(text: string): Mutant[]
  applied(text: string, mutant: Mutant): string
}

/** All programs that one change makes of a text. */
const changed = (text: string): string[] => mutantsOf(text).map((mutant) => applied(text, mutant))

for (const [what, text, expected] of [
  ['a condition', 'if (a) b()', ['if (true) b()', 'if (false) b()']],
  ['an and', 'x = a && b', ['x = (a)', 'x = (b)']],
  ['a default', 'x = a ?? b', ['x = (a)', 'x = (b)']],
  ['a bound', 'x = a <= b', ['x = a < b']],
  ['a sum', 'x = a + b', ['x = a - b']],
  ['texts that are put together', "x = 'a' + b", []],
  ['an environment variable', "x = env('OTEL_SDK_DISABLED')", ["x = env('mutated')"]],
  ['a bound by the greater of two', 'x = Math.max(a, b)', ['x = (a)', 'x = (b)']],
  ['a wait', 'await a', ['(a)']],
  [
    'a call that nothing is made of',
    'function f() { a(); b = 1 }',
    ['function f() {}', 'function f() { ; b = 1 }', 'function f() { a(); ; }', 'function f() { a(); b = 0 }'],
  ],
  ['what is given back', 'const f = () => a', ['const f = () => undefined']],
  ['what is said', 'diag.warn(a + b)', []],
  ['a name of a module', "import a from 'a.b'", []],
  ['the call of the class above', 'class A extends B { constructor() { super() } }', []],
] as const) {
  test(`${what}: ${text}`, () => {
    assert.deepEqual(changed(text).sort(), [...expected].sort())
  })
}

test('of the real sources every change makes a program, and no two are the same', () => {
  const src = join(packageRoot(), '.build/src')
  let count = 0
  for (const name of readdirSync(src, { recursive: true }) as string[]) {
    if (!/^otel\/.*\.js$/.test(name)) continue
    const text = readFileSync(join(src, name), 'utf8')
    const programs = changed(text)
    for (const program of programs.filter((_, i) => isInTurn(i, 8)))
      parse(program, { ecmaVersion: 'latest', sourceType: 'module' })
    assert.equal(new Set(programs).size, programs.length, name)
    assert.ok(!programs.includes(text), name)
    count += programs.length
  }
  assert.ok(count > 500, String(count))
})

test('a sample is the same for a seed, another for another, and tells where it is in the source', () => {
  const list = (...args: string[]): string[] => {
    const script = join(packageRoot(), 'scripts/mutate.mjs')
    const run = spawnSync(process.execPath, [script, '--list', '--no-build', '--sample', '10', ...args], {
      encoding: 'utf8',
    })
    assert.equal(run.status, 0, run.stderr)
    return run.stdout.trim().split('\n')
  }
  const first = list('otel')
  assert.equal(first.length, 10)
  assert.deepEqual(list('otel'), first)
  assert.notDeepEqual(list('otel', '--seed', '2'), first)
  for (const line of first) {
    const [, file = '', row] = /^(src\/otel\/\S+\.ts):(\d+) {2}/.exec(line) ?? []
    const lines = readFileSync(join(packageRoot(), file), 'utf8').split('\n')
    assert.ok(Number(row) >= 1 && Number(row) <= lines.length, line)
  }
})
