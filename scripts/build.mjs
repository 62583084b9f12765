// Compiles src/ to dist/, and src/page/ to dist/page/; with --tests also src/ and test/ to .build/ (what the suite runs).
//
// What ships of dist/ is its doors and the command, each with all that it needs in few files: to find and read one
// module for each of our files took a third of the time that a process needs to load hivelog. The modules themselves
// stay there too, for the benchmarks of single parts; they are not packed.
import { spawnSync } from 'node:child_process'
import { chmodSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { buildPage } from './lib/build-page.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
process.chdir(root)

const DOORS = ['index', 'read', 'analyse', 'register', 'cli/bin']

function compile(project, outDir) {
  rmSync(outDir, { recursive: true, force: true })
  const run = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project], {
    stdio: 'inherit',
  })
  if (run.status !== 0) process.exit(run.status ?? 1)
}

/** What two doors share is in a file of its own, so that it is there once; what is loaded when needed stays so. */
async function bundle() {
  await build({
    entryPoints: DOORS.map((door) => `dist/${door}.js`),
    outdir: 'dist',
    allowOverwrite: true,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    packages: 'external',
    chunkNames: 'chunks/[name]-[hash]',
    logLevel: 'warning',
  })
}

compile('tsconfig.build.json', 'dist')
await bundle()
await buildPage()
chmodSync('dist/cli/bin.js', 0o755)
if (process.argv.includes('--tests')) compile('tsconfig.json', '.build')
