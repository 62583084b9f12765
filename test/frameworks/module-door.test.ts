/** Classes met as their module is loaded: by ESM and CommonJS, before the application has them, and it notices nothing. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runNode, tempFolder } from '../kit/hive-support.js'

const DOOR = fileURLToPath(new URL('../../src/frameworks/module-door.js', import.meta.url))
/** Node 20 has no hooks that see both; then nothing is met, and nothing breaks. */
const HAS_HOOKS = 'registerHooks' in nodeModule

const CLASS = `class Greeter { constructor(name) { this.name = name } greet(word) { return word + ', ' + this.name } }`

/** A folder with a package that comes as ESM and CommonJS, and a program that opens a door before it imports it. */
function application(t: TestContext, files: Record<string, string>): string {
  const folder = tempFolder(t)
  const all = {
    'node_modules/greeting/package.json': JSON.stringify({
      name: 'greeting',
      exports: { import: './dist/index.mjs', require: './dist/index.js' },
    }),
    'node_modules/greeting/dist/index.mjs': `export ${CLASS}\nexport const other = 1`,
    'node_modules/greeting/dist/index.js': `${CLASS}\nexports.Greeter = Greeter // no line feed at the end`,
    'door.mjs': `
      import { openDoor, wrapMethod } from ${JSON.stringify(DOOR)}
      globalThis.met = []
      const open = (className, module = /\\/greeting\\/dist\\/index\\.m?js$/) => openDoor({
        package: 'greeting', module, className,
        met(given) {
          globalThis.met.push(given.name)
          if (given.name === 'Greeter') wrapMethod(given, 'greet', (self, args, call) => {
            globalThis.met.push(self.name + ':' + args.join())
            return call()
          })
        },
      })
      open('Greeter')
      open('Missing')
      open('Elsewhere', /\\/nowhere\\.js$/)
    `,
    ...files,
  }
  for (const [name, text] of Object.entries(all)) {
    const file = join(folder, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  return folder
}

const USE = `
  console.log(new Greeter('Ann').greet('Hello'))
  console.log(JSON.stringify(globalThis.met))
  console.log(Object.keys(Greeter.prototype).length, Greeter.prototype.greet.name === 'greet')
`
const EXPECTED = HAS_HOOKS ? '["Greeter","Ann:Hello"]' : '[]'

for (const [how, program, text] of [
  ['an ES module', 'app.mjs', `import { Greeter } from 'greeting'\n${USE}`],
  ['a CommonJS module', 'app.cjs', `const { Greeter } = require('greeting')\n${USE}`],
] as const) {
  test(`a class is met that ${how} loads`, async (t) => {
    const folder = application(t, { [program]: text })
    const { stdout, stderr, code } = await runNode(['--import', './door.mjs', program], {}, folder)
    assert.deepEqual({ stderr, code }, { stderr: '', code: 0 })
    const [greeting, met, shape] = stdout.trim().split('\n')
    assert.equal(greeting, 'Hello, Ann')
    assert.equal(met, EXPECTED)
    assert.equal(shape, '0 true')
  })
}

test('nobody’s loading is looked at where the package is not installed', async (t) => {
  const folder = application(t, {
    'app.mjs': `
      console.log(globalThis[Symbol.for('hivelog.module-door')] === undefined)
    `,
  })
  const inside = await runNode(['--import', './door.mjs', 'app.mjs'], {}, folder)
  assert.equal(inside.stdout.trim(), String(!HAS_HOOKS))
  const elsewhere = tempFolder(t)
  writeFileSync(
    join(elsewhere, 'app.mjs'),
    "console.log(globalThis[Symbol.for('hivelog.module-door')] === undefined)",
  )
  const { stdout } = await runNode(['--import', join(folder, 'door.mjs'), 'app.mjs'], {}, elsewhere)
  assert.equal(stdout.trim(), 'true')
})

test('what fails as a class is met is said once, and the application goes on', async (t) => {
  const folder = application(t, {
    'door.mjs': `
      import { openDoor } from ${JSON.stringify(DOOR)}
      openDoor({
        package: 'greeting', module: /greeting/, className: 'Greeter',
        met() { throw new Error('broken') },
      })
    `,
    'app.mjs': `import { Greeter } from 'greeting'\nconsole.log(new Greeter('Ann').greet('Hello'))`,
  })
  const { stdout, code } = await runNode(['--import', './door.mjs', 'app.mjs'], {}, folder)
  assert.deepEqual({ stdout: stdout.trim(), code }, { stdout: 'Hello, Ann', code: 0 })
})

/** A package whose two copies lie beside each other, and a door for both. */
const TWIN = {
  'node_modules/twin/package.json': JSON.stringify({
    name: 'twin',
    type: 'module',
    exports: { import: './dist/index.js', require: './dist/index.cjs' },
  }),
  'node_modules/twin/dist/index.js': `export ${CLASS}`,
  'node_modules/twin/dist/index.cjs': `${CLASS}\nexports.Greeter = Greeter`,
  'late.mjs': `
    import { meetLoaded, openDoor } from ${JSON.stringify(DOOR)}
    export const met = []
    export const open = (isLoaded, module = /\\/twin\\/dist\\/index\\.c?js$/) =>
      openDoor({ package: 'twin', module, className: 'Greeter', isLoaded, met: (given) => met.push(given) })
    export { meetLoaded }
  `,
}

test('classes that were loaded before are met at once, of both kinds of module, each once', async (t) => {
  const folder = application(t, {
    ...TWIN,
    'app.mjs': `
      import { Greeter as imported } from 'twin'
      import { createRequire } from 'node:module'
      import { meetLoaded, met, open } from './late.mjs'
      const { Greeter: required } = createRequire(import.meta.url)('twin')
      open()
      meetLoaded(false)
      meetLoaded(false)
      console.log(met.length, met.includes(imported), met.includes(required), (await import('twin')).Greeter === imported)
    `,
  })
  const { stdout, stderr } = await runNode(['app.mjs'], {}, folder)
  assert.deepEqual({ stderr, stdout: stdout.trim() }, { stderr: '', stdout: '2 true true true' })
})

test('what was not loaded stays so, and before the application begins only a door that knows is shown what is', async (t) => {
  const folder = application(t, {
    ...TWIN,
    'node_modules/twin/dist/index.cjs': `console.log('loaded')\n${CLASS}\nexports.Greeter = Greeter`,
    'app.mjs': `
      import { Greeter } from 'twin'
      import { meetLoaded, met, open } from './late.mjs'
      const seen = []
      open(() => false)
      meetLoaded(true)
      seen.push(met.length)
      open(() => true, /\\/elsewhere\\.js$/)
      meetLoaded(true)
      seen.push(met.length)
      open(() => true)
      meetLoaded(true)
      console.log(...seen, met.length, met[0] === Greeter)
    `,
  })
  const { stdout, stderr } = await runNode(['app.mjs'], {}, folder)
  assert.deepEqual({ stderr, stdout: stdout.trim() }, { stderr: '', stdout: '0 0 1 true' })
})

test('where modules cannot be looked for that is said, and the application goes on', async (t) => {
  const folder = application(t, {
    ...TWIN,
    'app.mjs': `
      import { Greeter } from 'twin'
      import { diag } from ${JSON.stringify(import.meta.resolve('@opentelemetry/api'))}
      import inspector from 'node:inspector'
      import { meetLoaded, met, open } from './late.mjs'
      diag.setLogger({ warn: (text) => console.log(text) })
      inspector.Session.prototype.connect = () => { throw new Error('not here') }
      open()
      meetLoaded(false)
      console.log(new Greeter('Ann').greet('Hello'), met.length)
    `,
  })
  const { stdout, code } = await runNode(['app.mjs'], {}, folder)
  assert.deepEqual(
    { lines: stdout.trim().split('\n'), code },
    {
      lines: ['hivelog: frameworks that were loaded before it are not looked for: not here', 'Hello, Ann 0'],
      code: 0,
    },
  )
})
