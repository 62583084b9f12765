// Runs hivelog against real agent frameworks: each folder of test/frameworks/ with a package.json is a framework, pinned
// by its package-lock.json; its *.run.mjs are run on each Node that its package.json asks for ("hivelog": {"node": [22,
// 24]}): on the last of them in all modes. Prints a table, a row for each scenario and mode, and for each framework which
// versions were tried, with how many rows. `npm run build` must have run before.
//   node scripts/test-frameworks.mjs [--latest] [--packed] [NAME]...
// --latest takes the newest versions of everything instead, in a copy (.build-frameworks/): for a nightly run. What
// "hivelog": {"within": [...]} names stays within its caret range; a folder with "hivelog": {"latest": false} is left out.
// --packed takes hivelog from the tarball that npm would publish, and not from dist: with HIVELOG_TEST_ONLY='the example'
// and HIVELOG_TEST_BRIEF=1 each of examples/frameworks/ is run so, once on each Node.
// HIVELOG_TEST_ONLY=PART runs only scenarios whose name contains it.
import { fork, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { install, newest, putHivelog, shareModules, versionsIn } from './lib/framework-folder.mjs'

/** Installations at once. */
const AT_ONCE = 2
/** A suite that takes longer hangs. */
const MAX_SUITE_MS = 300_000

const root = fileURLToPath(new URL('..', import.meta.url))
const args = process.argv.slice(2)
const isLatest = args.includes('--latest')
const isPacked = args.includes('--packed')
const wanted = args.filter((arg) => !arg.startsWith('--'))
const unknown = args.find((arg) => arg.startsWith('--') && arg !== '--latest' && arg !== '--packed')

const all = readdirSync(join(root, 'test/frameworks')).filter((name) =>
  existsSync(join(root, 'test/frameworks', name, 'package.json')),
)
const missing = wanted.find((name) => !all.includes(name))
if (unknown !== undefined || missing !== undefined) {
  console.error(`test-frameworks: there is no ${unknown ?? missing}; there are: ${all.join(', ')}`)
  process.exit(2)
}
if (!existsSync(join(root, 'dist/index.js'))) {
  console.error("test-frameworks: dist is missing; run 'npm run build' first")
  process.exit(2)
}

const packed = isPacked ? unpacked() : root
const base = isLatest ? copyOfTests() : root
const frameworks = (wanted.length > 0 ? wanted : all)
  .map((name) => {
    const pinned = JSON.parse(readFileSync(join(root, 'test/frameworks', name, 'package.json'), 'utf8'))
    return { name, folder: join(base, 'test/frameworks', name), manifest: pinned }
  })
  // A folder of an older version has no newest one.
  .filter(({ manifest }) => !isLatest || manifest.hivelog?.latest !== false)
const rows = []
let skipped = 0

await installAll()
for (const framework of frameworks) {
  const before = rows.length
  await runFramework(framework)
  framework.rows = rows.slice(before)
}
if (isPacked) rmSync(packed, { recursive: true, force: true })
printTable()
printVersions()
const failed = rows.filter(({ problems }) => problems.length > 0)
for (const row of failed) {
  // The first line names the check, as CI repeats it; all that was found follows.
  console.log(
    `\nFAILED  ${row.framework} ${row.version}, ${row.scenario} (${row.mode}, Node ${row.node}): ${row.problems[0]}`,
  )
  for (const problem of row.problems.slice(1, 30)) console.log(`        ${problem}`)
}
console.log(
  `\nframeworks: ${rows.length - failed.length} passed, ${failed.length} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
)
// What is printed may be longer than a pipe holds, and an exit at once would cut it off.
process.stdout.write('', () => process.exit(failed.length > 0 ? 1 : 0))

/** What npm would publish, as it is installed. */
function unpacked() {
  const folder = mkdtempSync(join(tmpdir(), 'hivelog-packed-'))
  const run = (command, ...given) => {
    const { status, stdout, stderr } = spawnSync(command, given, { cwd: root, encoding: 'utf8' })
    if (status === 0) return stdout.trim().split('\n').at(-1)
    console.error(`test-frameworks: ${command} ${given[0]} failed: ${stderr}`)
    process.exit(2)
  }
  const tarball = run('npm', 'pack', '--silent', '--ignore-scripts', '--pack-destination', folder)
  run('tar', '-xzf', join(folder, tarball), '-C', folder, '--strip-components=1')
  return folder
}

/** The same folders elsewhere in this repository, so that programs find what they import by the same paths. */
function copyOfTests() {
  const copy = join(root, '.build-frameworks')
  rmSync(copy, { recursive: true, force: true })
  for (const part of ['test/frameworks', 'examples/frameworks']) {
    if (!existsSync(join(root, part))) continue
    mkdirSync(join(copy, part), { recursive: true })
    cpSync(join(root, part), join(copy, part), {
      recursive: true,
      filter: (source) => !['node_modules', 'package-lock.json'].includes(basename(source)),
    })
  }
  // Some run hivelog's own command by its path.
  symlinkSync(join(root, 'dist'), join(copy, 'dist'), 'junction')
  for (const name of all) {
    const file = join(copy, 'test/frameworks', name, 'package.json')
    writeFileSync(file, JSON.stringify(newest(JSON.parse(readFileSync(file, 'utf8'))), null, 2))
  }
  return copy
}

async function installAll() {
  const waiting = [...frameworks]
  const worker = async () => {
    for (let framework = waiting.shift(); framework !== undefined; framework = waiting.shift()) {
      try {
        await install(framework.folder, { latest: isLatest })
        putHivelog(root, framework.folder, packed)
        const example = join(base, 'examples/frameworks', framework.name)
        if (existsSync(example)) shareModules(example, framework.folder)
      } catch (error) {
        framework.broken = error.message
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

async function runFramework({ name, folder, manifest, broken }) {
  if (broken !== undefined) {
    addFailure(name, 'installation', '-', broken)
    return
  }
  const files = readdirSync(folder).filter((file) => file.endsWith('.run.mjs'))
  if (files.length === 0) addFailure(name, 'no *.run.mjs', '-', `${folder} has nothing to run`)
  const majors = manifest.hivelog?.node ?? [24]
  for (const major of majors) {
    const node = nodeOf(major)
    // The older Nodes show that it works there; all modes are tried on the newest.
    const isBrief = major !== majors.at(-1)
    if (node === undefined) skipped++
    else for (const file of files) await runSuite(name, join(folder, file), node, isBrief)
  }
}

/** `undefined`: there is none for this machine. */
function nodeOf(major) {
  if (process.versions.node.split('.')[0] === String(major)) return process.execPath
  const found = spawnSync('bash', [join(root, 'scripts/nodes.sh'), String(major)], { encoding: 'utf8' })
  if (found.status === 0) return found.stdout.trim()
  console.error(found.stderr.trim())
  if (found.status === 3) return undefined
  addFailure('Node', String(major), '-', found.stderr.trim())
  return undefined
}

function runSuite(framework, file, node, isBrief) {
  return new Promise((resolve) => {
    const before = rows.length
    let said = ''
    const env = { ...process.env, ...(isBrief && { HIVELOG_TEST_BRIEF: '1' }) }
    const child = fork(file, { env, execPath: node, execArgv: [], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    const timer = setTimeout(() => child.kill('SIGKILL'), MAX_SUITE_MS)
    const hear = (text) => {
      said += text
    }
    child.stdout.setEncoding('utf8').on('data', hear)
    child.stderr.setEncoding('utf8').on('data', hear)
    child.on('message', ({ row }) => {
      rows.push(row)
      console.log(
        `${row.problems.length === 0 ? 'ok    ' : 'FAILED'}  ${row.framework}, ${row.scenario} (${row.mode}, Node ${row.node})`,
      )
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const sawFailure = rows.slice(before).some(({ problems }) => problems.length > 0)
      const isQuiet = rows.length === before && !process.env.HIVELOG_TEST_ONLY
      // A suite that breaks down has failed, whatever it told before.
      if ((code !== 0 && !sawFailure) || isQuiet) {
        addFailure(framework, basename(file), node, `ended with ${signal ?? code}: ${said.slice(-2_000)}`)
      } else if (said !== '') console.log(said.trimEnd())
      resolve()
    })
  })
}

function addFailure(framework, scenario, node, problem) {
  rows.push({
    framework,
    version: '-',
    node,
    scenario,
    mode: '-',
    counts: {},
    slowestMs: 0,
    problems: [problem],
  })
}

/** Each count is what was found of what had to be. */
function printTable() {
  const kinds = ['agents', 'tool starts', 'tools', 'calls', 'messages', 'escalations', 'approvals']
  const header = ['framework', 'version', 'node', 'scenario', 'mode', ...kinds, 'late ms', '']
  const cells = rows.map((row) => [
    row.framework,
    row.version,
    row.node,
    row.scenario,
    row.mode,
    ...kinds.map((kind) => (row.counts[kind] === '0/0' ? '' : (row.counts[kind] ?? ''))),
    row.slowestMs.toFixed(0),
    row.problems.length === 0 ? 'ok' : 'FAILED',
  ])
  const widths = header.map((_, i) => Math.max(...[header, ...cells].map((row) => row[i].length)))
  const line = (row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('  ')
      .trimEnd()
  console.log(`\n${[header, ...cells].map(line).join('\n')}`)
}

/** What was tried of each framework, and how it went. */
function printVersions() {
  console.log(`\n${isLatest ? 'newest versions' : 'pinned versions'}:`)
  for (const { name, folder, manifest, rows } of frameworks) {
    const failed = rows.filter(({ problems }) => problems.length > 0).length
    const result = failed > 0 ? `${failed} of ${rows.length} rows FAILED` : `${rows.length} rows ok`
    console.log(`${name}: ${result}: ${versionsIn(folder, manifest).join(', ')}`)
  }
}
