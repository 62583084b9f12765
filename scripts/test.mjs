// Runs the compiled test files of .build/ with Node's test runner, in processes of their own or shared with some others
// (lib/test-groups.mjs): all of them, or those whose path contains one of the arguments. Those of test/backends need real
// programs: scripts/test-backends.mjs runs them.
//   node scripts/test.mjs [--coverage] [PART]...
// --coverage says at the end, for each folder of src/, how many lines of its compiled code were run. The build's --modules
// lets it see what programs of the tests run.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { coverageByFolder } from './lib/coverage.mjs'
import { processesFor } from './lib/test-groups.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
process.chdir(root)
const isCovered = process.argv.includes('--coverage')
const wanted = process.argv.slice(2).filter((arg) => arg !== '--coverage')
const names = readdirSync('.build/test', { recursive: true })
  .filter((name) => name.endsWith('.test.js') && !name.startsWith('backends'))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .sort()
if (names.length === 0) {
  console.error(`no test file matches ${wanted.join(', ')}; they are in test/`)
  process.exit(2)
}
const env = { ...process.env }
if (isCovered) {
  env.NODE_V8_COVERAGE = mkdtempSync(join(tmpdir(), 'hivelog-coverage-'))
  // Also for programs that give up their rights.
  chmodSync(env.NODE_V8_COVERAGE, 0o777)
}
const run = spawnSync(
  process.execPath,
  [
    '--enable-source-maps',
    '--test',
    // Many wait more than they compute: for timers, for disks, for processes that they started.
    `--test-concurrency=${3 * availableParallelism()}`,
    // Only a broken program takes so long, be it that of several files.
    `--test-timeout=${process.env.HIVELOG_TEST_TIMEOUT_MS ?? 400_000}`,
    '--test-reporter=spec',
    ...processesFor('.build/test', names, '.build'),
  ],
  { stdio: 'inherit', env },
)
if (isCovered) {
  const sums = coverageByFolder(env.NODE_V8_COVERAGE, join(root, '.build/src'))
  rmSync(env.NODE_V8_COVERAGE, { recursive: true, force: true })
  const all = { covered: 0, lines: 0 }
  const tell = (name, { covered, lines }) =>
    console.log(
      `coverage: ${name.padEnd(8)} ${((100 * covered) / lines).toFixed(1).padStart(5)} % of ${lines} lines`,
    )
  for (const [folder, sum] of sums) {
    tell(folder, sum)
    all.covered += sum.covered
    all.lines += sum.lines
  }
  tell('all', all)
}
if (run.status !== 0)
  console.error(`What was random: the sample of HIVELOG_TEST_SEED=${process.env.HIVELOG_TEST_SEED ?? 1}`)
process.exit(run.status ?? 1)
