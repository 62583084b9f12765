// Compiles src/ to dist/, and src/page/ to dist/page/; with --tests also src/ and test/ to .build/ (what the suite runs).
//   node scripts/build.mjs [--tests [--modules]]
// --modules leaves the programs that tests start in one module a file, for those who look at single modules of src/.
//
// What ships of dist/ is its doors and the command, each with all that it needs in few files: to find and read one
// module for each of our files took a third of the time that a process needs to load hivelog. The modules themselves
// stay there too, for the benchmarks of single parts; they are not packed.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { buildPage } from './lib/build-page.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
process.chdir(root)

const DOORS = ['index', 'read', 'analyse', 'register']
const COMMAND = 'cli/bin'

function compile(project, outDir) {
  rmSync(outDir, { recursive: true, force: true })
  const run = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project], {
    stdio: 'inherit',
  })
  if (run.status !== 0) process.exit(run.status ?? 1)
}

const API = 'node_modules/@opentelemetry/api'

/**
 * Takes the parts of OpenTelemetry's API that are used into the bundle: as a package of forty CommonJS files it takes a
 * quarter of what a process needs to load hivelog. All copies of the API in a process share their globals, and the keys
 * of their contexts have one name; the application may have a copy of another version in any case.
 */
const apiWithin = {
  name: 'api-within',
  setup(build) {
    const { module, version } = JSON.parse(readFileSync(`${API}/package.json`, 'utf8'))
    build.onResolve({ filter: /^@opentelemetry\/api$/ }, () => ({
      path: join(root, API, module),
      sideEffects: false,
    }))
    // Each copy has this file. The licence's text is that of this package.
    build.onLoad({ filter: /api\/build\/esm\/internal\/global-utils\.js$/ }, ({ path }) => ({
      contents: `/*! @opentelemetry/api ${version}, Copyright The OpenTelemetry Authors, Apache-2.0 */\n${readFileSync(path, 'utf8')}`,
    }))
  },
}

/** Small packages of which a part ships with us, so that no user has to install them. */
const BUNDLED = /^(@bufbuild\/protobuf\/|@modelcontextprotocol\/|signal-exit$|zod(\/|$))/

const MCP_SERVER = 'node_modules/@modelcontextprotocol/server'

/**
 * The protocol's package takes a JSON Schema validator of 290 KB with it, to check what it asks clients for. We ask them
 * for nothing; so it gets the small one that it has for other runtimes.
 */
const smallValidator = {
  name: 'small-validator',
  setup(build) {
    build.onResolve({ filter: /^@modelcontextprotocol\/server\/_shims$/ }, () => ({
      path: join(root, MCP_SERVER, 'dist/shimsBrowser.mjs'),
    }))
    const { version } = JSON.parse(readFileSync(`${MCP_SERVER}/package.json`, 'utf8'))
    build.onLoad({ filter: /modelcontextprotocol\/server\/dist\/index\.mjs$/ }, ({ path }) => ({
      contents: `/*! @modelcontextprotocol/server ${version}, Copyright Anthropic, PBC, Apache-2.0 */\n${readFileSync(path, 'utf8')}`,
    }))
  },
}

/** Its copies in a process know each other by a global symbol, so ours may be one of them. */
const exitWithin = {
  name: 'exit-within',
  setup(build) {
    const { version } = JSON.parse(readFileSync('node_modules/signal-exit/package.json', 'utf8'))
    build.onLoad({ filter: /signal-exit\/dist\/mjs\/index\.js$/ }, ({ path }) => ({
      contents: `/*! signal-exit ${version}, Copyright 2015-2023 Benjamin Coe, Isaac Z. Schlueter, and Contributors, ISC; docs/third-party.md has the text */\n${readFileSync(path, 'utf8')}`,
    }))
  },
}

const external = (name, within) => ({
  name,
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === 'entry-point' || within.test(path) ? undefined : { path, external: true },
    )
  },
})
const externalButBundled = external('packages are external, but for those that are bundled', BUNDLED)
const externalPackages = external('packages are external', /^$/)

const OWN_IMPORT = /^import\s+(?:\*\s+as\s+(\w+)|(\w+)|\{([^}]*)\})\s+from\s+"(node:[a-z_/]+)";\n/gm

/**
 * Takes what is imported of Node itself from the function that gives it. For an `import` Node makes a module of each of
 * its own, with all that is in it, which loads parts that nobody uses (Web Crypto for one): 7 ms of a process's start.
 */
function withoutImportsOfNode(text) {
  const taken = new Map()
  const rest = text.replace(OWN_IMPORT, (_, all, whole, names, from) => {
    const lines = taken.get(from) ?? []
    taken.set(from, lines)
    lines.push(all ?? whole ?? `{${names.replaceAll(' as ', ': ')}}`)
    return ''
  })
  const hashbang = /^#!.*\n/.exec(rest)?.[0] ?? ''
  const consts = Array.from(taken, ([from, lines]) =>
    lines
      .map((line) => `const ${line.replace(/\s+/g, ' ')} = globalThis.process.getBuiltinModule("${from}");\n`)
      .join(''),
  )
  return `${hashbang}${consts.join('')}${rest.slice(hashbang.length)}`
}

const COMMANDS = join(root, 'dist/cli')

/**
 * What commands share would be in some thirty small files, one for each set of commands that need it, and a process
 * takes longer to find and open those than to read what is in them. So every command takes with it all that one of
 * them needs, which makes that one file.
 */
const sharedByCommands = {
  name: 'what commands share is one file',
  setup({ onLoad, onResolve }) {
    const typical = join(COMMANDS, 'state.js')
    const main = readFileSync(join(COMMANDS, 'main.js'), 'utf8')
    const names = Array.from(main.matchAll(/import\('\.\/([\w-]+\.js)'\)/g), ([, name]) => name)
    const others = new Set(names.map((name) => join(COMMANDS, name)).filter((path) => path !== typical))
    onResolve({ filter: /^typical-command$/ }, () => ({ path: typical }))
    onLoad({ filter: /[\\/]cli[\\/][\w-]+\.js$/ }, ({ path }) => {
      if (!others.has(path)) return undefined
      const contents = readFileSync(path, 'utf8')
      return { contents: `${contents}\nexport { command as typical } from 'typical-command'`, loader: 'js' }
    })
  },
}

/**
 * What two of the entries share is in a file of its own, so that it is there once; what is loaded when needed stays so.
 * The command shares none with the doors: nobody loads both, and each set of them that needs a module is a file.
 */
const bundled = (entries, ...plugins) =>
  build({
    entryPoints: entries.map((entry) => `dist/${entry}.js`),
    outdir: 'dist',
    outbase: 'dist',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    plugins: [...plugins, apiWithin, smallValidator, exitWithin, externalButBundled],
    chunkNames: 'chunks/[name]-[hash]',
    logLevel: 'warning',
    logOverride: { 'ignored-bare-import': 'silent' },
    metafile: true,
    write: false,
  })

/**
 * Where one character of a file is beyond ASCII, Node holds all of it at two bytes a character for as long as the process
 * lives, which was 0.8 MB for a few ellipses. esbuild escapes what is in texts; what is left stands in comments and
 * regular expressions, where an escape says the same.
 */
const asAscii = (text) =>
  text.replace(/[\u0080-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)

function write({ outputFiles }) {
  mkdirSync('dist/chunks', { recursive: true })
  for (const { path, text } of outputFiles) writeFileSync(path, asAscii(withoutImportsOfNode(text)))
}

/** Shared files of fewer bytes than that are put together. */
const SMALL = 16_384

/**
 * The doors share much that is small, in a file for each set of them that needs it, and a process takes half a
 * millisecond to find and open each. So every door takes all of it with it, which makes that one file.
 */
function smallTogether({ metafile: { outputs } }) {
  const shared = Object.entries(outputs).filter(([, { entryPoint, bytes }]) => !entryPoint && bytes < SMALL)
  const small = shared.flatMap(([, { inputs }]) => Object.keys(inputs)).map((path) => join(root, path))
  const entries = new Set(
    Object.values(outputs).flatMap(({ entryPoint }) => (entryPoint ? [join(root, entryPoint)] : [])),
  )
  return {
    name: 'what is shared and small is one file',
    setup({ onLoad, onResolve }) {
      onResolve({ filter: /^small-and-shared$/ }, () => ({
        path: 'all',
        namespace: 'small',
        sideEffects: true,
      }))
      onResolve({ filter: /./, namespace: 'small' }, ({ path }) => ({ path, sideEffects: true }))
      onLoad({ filter: /./, namespace: 'small' }, () => ({
        contents: small.map((path) => `import ${JSON.stringify(path)}`).join('\n'),
        resolveDir: root,
      }))
      onLoad({ filter: /[\\/]dist[\\/].*\.js$/ }, ({ path }) =>
        entries.has(path)
          ? { contents: `import 'small-and-shared'\n${readFileSync(path, 'utf8')}`, loader: 'js' }
          : undefined,
      )
    },
  }
}

/** Where programs of the tests find hivelog, as `--import` or in a text that they evaluate: `.build/doors/`. */
const TEST_DOORS = ['index', 'register']

/**
 * The suite starts some five hundred processes that load hivelog, and each would look for two hundred modules. They get
 * what ships: few files, with OpenTelemetry's API in them. Doors and programs share these, as one may load the other.
 */
async function bundleTestPrograms() {
  const programs = readdirSync('.build/test/programs').filter((name) => name.endsWith('.js'))
  await build({
    entryPoints: [
      ...TEST_DOORS.map((door) => ({ in: `.build/src/${door}.js`, out: `doors/${door}` })),
      ...programs.map((name) => ({
        in: `.build/test/programs/${name}`,
        out: `test/programs/${name.slice(0, -3)}`,
      })),
    ],
    outdir: '.build',
    allowOverwrite: true,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    plugins: [apiWithin, externalPackages],
    // As deep as a room of src/, and in a folder of its own: the code asks where it lies.
    chunkNames: 'chunks/own/[name]-[hash]',
    sourcemap: true,
    logLevel: 'warning',
  })
}

function testDoorsOfModules() {
  mkdirSync('.build/doors', { recursive: true })
  for (const door of TEST_DOORS)
    writeFileSync(`.build/doors/${door}.js`, `export * from '../src/${door}.js'\n`)
}

compile('tsconfig.build.json', 'dist')
// The command first: the doors' own files become their bundles.
write(await bundled([COMMAND], sharedByCommands))
write(await bundled(DOORS, smallTogether(await bundled(DOORS))))
await buildPage()
chmodSync('dist/cli/bin.js', 0o755)
if (process.argv.includes('--tests')) {
  compile('tsconfig.json', '.build')
  if (process.argv.includes('--modules')) testDoorsOfModules()
  else await bundleTestPrograms()
}
