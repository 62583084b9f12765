// Runs those tests that take a sample in `npm test` (they use test/kit/long-run.ts) with all their cases.
//   node scripts/build.mjs --tests && node scripts/long-run.mjs [PART]...
// Others for what is random in them: HIVELOG_TEST_SEED=N. See also fault-run, kill-run, lock-run and tamper-run.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const tests = join(root, '.build/test')
const wanted = process.argv.slice(2)
const files = readdirSync(tests, { recursive: true })
  .filter((name) => name.endsWith('.test.js'))
  .filter((name) => readFileSync(join(tests, name), 'utf8').includes('kit/long-run.js'))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
if (files.length === 0) {
  console.error(`no test with a long run matches ${wanted.join(', ')}`)
  process.exit(2)
}
const run = spawnSync(process.execPath, [join(root, 'scripts/test.mjs'), ...files], {
  stdio: 'inherit',
  env: { ...process.env, HIVELOG_TEST_LONG: '1', HIVELOG_TEST_TIMEOUT_MS: '3600000' },
})
process.exit(run.status ?? 1)
