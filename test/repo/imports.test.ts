/** The layout of the sources: imports point one way. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { VERSION } from '../../src/index.js'
import { packageRoot } from '../kit/hive-support.js'

/** What each folder may import beside itself; `*` is everything. The files of `src` itself are the surface. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  format: [],
  disk: ['format', 'text'],
  text: ['format'],
  // Only the rule of what decides what.
  decide: ['model', 'read', 'journal', 'format', 'disk', 'text'],
  redact: ['format'],
  keep: ['format'],
  journal: ['format', 'disk', 'text', 'keep'],
  read: ['format', 'disk', 'text'],
  verify: ['read', 'format', 'disk'],
  model: ['format'],
  analyse: ['model', 'read', 'verify', 'format', 'disk', 'text'],
  record: ['format', 'redact', 'journal', 'keep'],
  otel: ['record', 'format', 'redact', 'journal', 'text'],
  export: ['otel', 'analyse', 'model', 'read', 'format', 'disk'],
  git: ['disk', 'format', 'text'],
  // The hive loads the adapters only when it is asked to, and they call it; what sends its log see `LAZILY`.
  hive: [
    'otel',
    'record',
    'journal',
    'redact',
    'format',
    'export',
    'git',
    'frameworks',
    'decide',
    'disk',
    'ship',
  ],
  frameworks: ['hive', 'otel', 'record', 'redact', 'format', 'text'],
  ship: ['read', 'format', 'disk', 'decide', 'otel'],
  pull: ['read', 'format', 'disk'],
  serve: [
    // For its lock alone: its tokens have one writer too.
    'journal',
    'otel',
    'record',
    'redact',
    'analyse',
    'model',
    'verify',
    'read',
    'format',
    'disk',
    'decide',
    'ship',
    'text',
    'keep',
  ],
  // Agents ask what pages ask: of the same parts as the API.
  mcp: ['serve', 'analyse', 'model', 'read', 'format', 'text'],
  // The shapes of what the API and the reports say, bounds, and how text is made harmless: the rest is asked for.
  page: ['serve', 'analyse', 'verify', 'decide', 'text'],
  cli: ['*'],
}
/**
 * Rooms that a room loads only when it is told to use them: what reads a log, which is a good part of the package, must
 * not be in a process that only records.
 */
const LAZILY: Record<string, readonly string[]> = { hive: ['ship'] }
const SURFACE = ['index.ts', 'read.ts', 'analyse.ts', 'register.ts']

const src = join(packageRoot(), 'src')
const files = (readdirSync(src, { recursive: true }) as string[]).filter((file) => /\.tsx?$/.test(file))
const textOf = (file: string): string => readFileSync(join(src, file), 'utf8')

/** Relative imports of a file, as paths in `src`. */
function importsOf(file: string): string[] {
  const found = textOf(file).matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?\bfrom '(\.[^']+)'|\bimport\(\s*'(\.[^']+)'/g,
  )
  const bare = textOf(file).matchAll(/(?:^|\n)import '(\.[^']+)'/g)
  return [...found, ...bare].map(([, from, dynamic]) => {
    const path = normalize(join(dirname(file), (from ?? dynamic) as string))
    const module = path.replace(/\.js$/, '.ts')
    return files.includes(`${module}x`) ? `${module}x` : module
  })
}

const folderOf = (file: string): string => (file.includes('/') ? (file.split('/')[0] as string) : '')

test('every folder has its row in the table, and every file its folder', () => {
  for (const file of files) {
    const folder = folderOf(file)
    if (folder === '') assert.ok([...SURFACE, 'version.ts'].includes(file), `src/${file} belongs in a folder`)
    else assert.ok(MAY_IMPORT[folder], `say in MAY_IMPORT what src/${folder} may import`)
  }
})

test('imports are found, and lead to files', () => {
  assert.ok(files.length > 40)
  assert.ok(importsOf('hive/agent.ts').includes('otel/span-shapes.ts'))
  assert.ok(importsOf('index.ts').includes('format/kinds.ts'), 'what is passed on is imported')
  for (const file of files) {
    for (const imported of importsOf(file)) assert.ok(existsSync(join(src, imported)), `${file}: ${imported}`)
  }
})

test('imports point one way', () => {
  const wrong = files.flatMap((file) => {
    const folder = folderOf(file)
    if (SURFACE.includes(file)) return []
    const allowed = folder === '' ? [] : ([folder, ...(MAY_IMPORT[folder] ?? [])] as string[])
    return importsOf(file)
      .filter((imported) => imported !== 'version.ts')
      .filter((imported) => !allowed.includes('*') && !allowed.includes(folderOf(imported)))
      .map((imported) => `${file} imports ${imported}`)
  })
  assert.deepEqual(wrong, [])
})

test('recording loads what sends a log only when it sends one', () => {
  for (const [folder, rooms] of Object.entries(LAZILY)) {
    const inFolder = files.filter((file) => folderOf(file) === folder)
    const lazy = inFolder.flatMap((file) => [...textOf(file).matchAll(/\bimport\(\s*'\.\.\/([^/']+)\//g)])
    for (const room of rooms) {
      assert.ok(
        lazy.some(([, loaded]) => loaded === room),
        `${folder} does not load ${room} at all`,
      )
      const eager = inFolder.filter((file) =>
        [
          ...textOf(file).matchAll(
            /(?:^|\n)\s*(?:import|export)\b(?! type\b)[^'"`;]*?\bfrom '\.\.\/([^/']+)\//g,
          ),
        ].some(([, loaded]) => loaded === room),
      )
      assert.deepEqual(eager, [], `these load ${room} with ${folder}`)
    }
  }
})

test('nobody imports the surface but the command line', () => {
  const wrong = files.filter(
    (file) => folderOf(file) !== 'cli' && importsOf(file).some((imported) => SURFACE.includes(imported)),
  )
  assert.deepEqual(wrong, [])
})

/** Packages that `scripts/build.mjs` puts into what ships. */
const BUNDLED = ['@bufbuild/protobuf', '@modelcontextprotocol/server', 'signal-exit']

test('what is imported from other packages is what the package depends on', () => {
  const { dependencies, devDependencies, peerDependencies } = JSON.parse(
    readFileSync(join(packageRoot(), 'package.json'), 'utf8'),
  )
  const declared = new Set(Object.keys({ ...dependencies, ...peerDependencies }))
  const isPage = (file: string): boolean => folderOf(file) === 'page'
  const used = packagesOf(files.filter((file) => !isPage(file)))
  for (const name of BUNDLED) {
    assert.ok(used.delete(name), `${name} is not used`)
    assert.ok(name in devDependencies, `${name} is bundled, so a user need not install it`)
  }
  assert.deepEqual([...used].sort(), [...declared].sort())
  // The page is bundled when it is built, so that nobody who installs hivelog installs these.
  for (const name of packagesOf(files.filter(isPage))) assert.ok(name in devDependencies, name)
})

test('the page takes nothing but types of rooms that are made for Node', () => {
  const bundled = files
    .filter((file) => folderOf(file) === 'page')
    .flatMap((file) =>
      [...textOf(file).matchAll(/(?:^|\n)import (?!type )[^'`;]*?from '(\.[^']+)'/g)].map(([, from]) =>
        normalize(join(dirname(file), from as string)),
      ),
    )
  assert.ok(bundled.includes('page/app.js'))
  // What a decision may hold is one rule for all, and needs nothing of Node.
  const others = bundled.filter((file) => file !== 'decide/decision.js')
  assert.doesNotMatch(textOf('decide/decision.ts'), /\bfrom '/)
  assert.deepEqual([...new Set(others.map(folderOf))].sort(), ['page', 'text'])
})

function packagesOf(some: readonly string[]): Set<string> {
  return new Set(
    some.flatMap((file) =>
      [...textOf(file).matchAll(/\b(?:from |import\()'([^'.][^']*)'/g)]
        .map(([, name]) => name as string)
        .filter((name) => !name.startsWith('node:'))
        .map((name) => name.split('/', name.startsWith('@') ? 2 : 1).join('/')),
    ),
  )
}

test('what ends a process is told by one module, which keeps signals ignored that Node ignores', () => {
  const direct = files.filter((file) => /(?:from |import\()'signal-exit'/.test(textOf(file)))
  assert.deepEqual(direct, ['format/on-exit.ts'])
})

test('VERSION is the version of the package', () => {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8'))
  assert.equal(VERSION, version)
})
