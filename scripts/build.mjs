// Compiles src/ to dist/ (what ships); with --tests also src/ and test/ to .build/ (what the suite runs).
import { spawnSync } from 'node:child_process'
import { chmodSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
process.chdir(root)

function compile(project, outDir) {
  rmSync(outDir, { recursive: true, force: true })
  const run = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project], {
    stdio: 'inherit',
  })
  if (run.status !== 0) process.exit(run.status ?? 1)
}

compile('tsconfig.build.json', 'dist')
chmodSync('dist/cli/bin.js', 0o755)
if (process.argv.includes('--tests')) compile('tsconfig.json', '.build')
