// Runs test/backends with Node's test runner against the real programs that scripts/backends.sh builds: Jaeger, the
// OpenTelemetry Collector, Apache Kafka, VictoriaLogs. One file after the other, since they share the machine. A
// program that cannot be built here (no Go, no Java) is said in one line, and the tests that need it count as skipped.
//
//   node scripts/test-backends.mjs [NAME...]     only the files whose path contains one of the names
//
// The tests are those that scripts/build.mjs --tests compiled to .build/, or to $HIVELOG_TEST_BUILD.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
process.chdir(root)
const wanted = process.argv.slice(2)
const folder = join(process.env.HIVELOG_TEST_BUILD || '.build', 'test/backends')
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.test.js'))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .map((name) => join(folder, name))
  .sort()
if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(', ')}; they are in test/backends/`)
  process.exit(2)
}

// What is missing is said by the script itself.
const built = spawnSync('bash', ['scripts/backends.sh'], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'],
})
if (built.status !== 0 && built.status !== 3) process.exit(1)
const env = { ...process.env }
for (const name of ['jaeger', 'otelcol', 'kafka', 'victorialogs']) {
  const path = new RegExp(`^${name}=(.+)$`, 'm').exec(built.stdout)?.[1]
  if (path === undefined) delete env[`HIVELOG_TEST_${name.toUpperCase()}`]
  else env[`HIVELOG_TEST_${name.toUpperCase()}`] = path
}

const args = ['--enable-source-maps', '--test', '--test-concurrency=1', '--test-reporter=spec', ...files]
const run = spawnSync(process.execPath, args, { env, stdio: 'inherit' })
process.exit(run.status ?? 1)
