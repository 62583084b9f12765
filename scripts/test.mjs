// Runs the compiled test files of .build/ with Node's test runner, a process each: all of them, or those whose
// path contains one of the arguments; as many at a time as there are processors, since many of them wait. Those of test/backends need real programs: scripts/test-backends.mjs runs them.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const wanted = process.argv.slice(2)
const files = readdirSync(join(root, '.build/test'), { recursive: true })
  .filter((name) => name.endsWith('.test.js') && !name.startsWith('backends'))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .map((name) => join('.build/test', name))
  .sort()
if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(', ')}; they are in test/`)
  process.exit(2)
}
const run = spawnSync(
  process.execPath,
  [
    '--enable-source-maps',
    '--test',
    `--test-concurrency=${availableParallelism()}`,
    // Only a broken program waits for so long.
    '--test-timeout=600000',
    '--test-reporter=spec',
    ...files,
  ],
  {
    cwd: root,
    stdio: 'inherit',
  },
)
process.exit(run.status ?? 1)
