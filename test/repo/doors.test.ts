/** The doors of the package: what each exports, and what it loads. */
import assert from 'node:assert/strict'
import { isAscii } from 'node:buffer'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import * as analyseDoor from '../../src/analyse.js'
import * as indexDoor from '../../src/index.js'
import * as readDoor from '../../src/read.js'
import { packageRoot, runNode, tempFolder } from '../kit/hive-support.js'

type Names = Record<string, unknown>
const [index, read, analyse]: [Names, Names, Names] = [{ ...indexDoor }, { ...readDoor }, { ...analyseDoor }]
const root = packageRoot()
const { exports: doors, sideEffects } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

test('each door has its types and its code, and nothing else of the package can be reached', () => {
  assert.deepEqual(Object.keys(doors), ['.', './read', './analyse', './register', './package.json'])
  for (const [name, door] of Object.entries(doors)) {
    if (name === './package.json') continue
    const file = name === '.' ? 'index' : name.slice(2)
    assert.deepEqual(door, { types: `./dist/${file}.d.ts`, default: `./dist/${file}.js` })
    for (const path of Object.values(door as Record<string, string>))
      assert.ok(existsSync(join(root, path)), path)
  }
})

test('Node holds what ships at one byte a character', () => {
  const folders = ['dist', 'dist/chunks', 'dist/cli']
  const files = folders.flatMap((folder) => {
    const names = readdirSync(join(root, folder)).filter((name) => name.endsWith('.js'))
    // What lies beside the command in its folder is not packed.
    return names
      .filter((name) => folder !== 'dist/cli' || name === 'bin.js')
      .map((name) => join(root, folder, name))
  })
  assert.ok(files.length > 20)
  for (const file of files) assert.ok(isAscii(readFileSync(file)), file)
})

test('a bundler drops neither the start without code nor the command', () => {
  assert.deepEqual(sideEffects, ['./dist/register.js', './dist/cli/bin.js'])
})

test('hivelog records: no reader and no report is among its names', () => {
  for (const name of [
    'startHive',
    'HiveSpanProcessor',
    'JsonlSpanExporter',
    'VERSION',
    'isKind',
    'HivelogError',
  ]) {
    assert.ok(name in index, name)
  }
  const names = new Set(Object.keys(index))
  const shared = ['FORMAT_VERSION', 'HivelogError', 'OptionsError', 'isKind']
  assert.deepEqual(
    Object.keys(read)
      .filter((name) => names.has(name))
      .sort(),
    shared,
  )
  assert.deepEqual(
    Object.keys(analyse)
      .filter((name) => names.has(name))
      .sort(),
    ['HivelogError', 'OptionsError'],
  )
})

test('hivelog/read has the readers, hivelog/analyse the reports', () => {
  for (const name of [
    'readLog',
    'tailLog',
    'followLog',
    'hiveBatches',
    'tailHive',
    'followHive',
    'logsOfHive',
    'spanOf',
    'verifyLog',
    'isMalformed',
    'isBreak',
    'CursorLostError',
  ] as const) {
    assert.equal(typeof read[name], 'function', name)
  }
  const reports = [
    ...([
      'replay',
      'visitLog',
      'StateReducer',
      'diffLogs',
      'auditTrail',
      'costReport',
      'callReport',
    ] as const),
    ...([
      'statsReport',
      'showEvent',
      'whyEvent',
      'talkBetween',
      'talkPartners',
      'topReport',
      'TopWatch',
    ] as const),
    ...(['waitReport', 'checkLog', 'exportLog', 'rebuildSpans', 'commitLog', 'formatEvent'] as const),
  ]
  for (const name of reports) assert.equal(typeof analyse[name], 'function', name)
})

test('what two doors have in common is the same', () => {
  for (const name of ['HivelogError', 'OptionsError'] as const) {
    assert.equal(read[name], index[name])
    assert.equal(analyse[name], index[name])
  }
  assert.equal(analyse.LogReadError, read.LogReadError)
})

const door = (name: string): string => JSON.stringify(pathToFileURL(join(root, 'dist', `${name}.js`)).href)

const api = JSON.stringify(import.meta.resolve('@opentelemetry/api'))

/** The packages, beside this one, that a program has loaded when it ends. */
async function loadedBy(code: string, folder: string): Promise<string[]> {
  const tell = `import { createRequire } from 'node:module'
process.on('exit', () => {
  const files = Object.keys(createRequire(import.meta.url).cache).map((file) => file.replaceAll('\\\\', '/'))
  const names = files.map((file) => file.split('/node_modules/').at(-1).split('/').slice(0, 2).join('/'))
  process.stdout.write(JSON.stringify([...new Set(names)].sort()))
})
`
  const run = await runNode(['--input-type=module', '-e', tell + code], {}, folder)
  assert.deepEqual([run.code, run.stderr], [0, ''])
  return JSON.parse(run.stdout)
}

/** What keeps a context, and the API that it is made for; the API that is used here itself lies within the doors. */
const CONTEXT = ['@opentelemetry/api', '@opentelemetry/context-async-hooks']
/** What a provider of the hive's own is made of, and these need themselves. */
const SDK = [
  ...CONTEXT,
  '@opentelemetry/core',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace',
  '@opentelemetry/sdk-trace-base',
  '@opentelemetry/semantic-conventions',
]

for (const [what, code, loads] of [
  ['hivelog', `await import(${door('index')})`, []],
  ['hivelog/read', `await import(${door('read')})`, []],
  [
    'the plug-in, recording',
    `const { HiveSpanProcessor, JsonlSpanExporter } = await import(${door('index')})
const exporter = new JsonlSpanExporter({ file: 'plug-in.jsonl' })
await new HiveSpanProcessor({ exporter }).shutdown()`,
    [],
  ],
  [
    'a hive with a file only',
    `const { startHive } = await import(${door('index')})
const hive = startHive({ file: 'file.jsonl' })
const lead = hive.spawn({ agentId: 'lead' })
lead.drain([lead.message({ to: 'lead', act: 'inform', subject: 's' })])
await hive.shutdown()`,
    CONTEXT,
  ],
  [
    'a hive with a file only, and a library that makes spans,',
    `const { startHive } = await import(${door('index')})
const hive = startHive({ file: 'library.jsonl' })
const { trace } = await import(${api})
hive.spawn({ agentId: 'lead' }).run(() => trace.getTracer('library').startSpan('work').end())
await hive.shutdown()`,
    SDK,
  ],
  // The process is an agent, so that a run in which nothing happens is recorded too.
  ['hivelog/register', `process.env.AGENT_ID = 'app'; await import(${door('register')})`, []],
] as const) {
  const extent = loads.length === 0 ? 'nothing' : loads === SDK ? 'no exporter' : 'no SDK'
  test(`${what} loads ${extent}`, async (t) => {
    assert.deepEqual(await loadedBy(code, tempFolder(t)), loads)
  })
}

test('hivelog/analyse loads no exporter, no SDK and no prices until they are asked for', async (t) => {
  const loaded = await loadedBy(`await import(${door('analyse')})`, tempFolder(t))
  assert.deepEqual(
    loaded.filter((name) => !CONTEXT.includes(name) && name !== '@jest/diff-sequences'),
    [],
  )
})

test('a hive with a trace backend loads what OpenTelemetry’s exporters are made of', async (t) => {
  const code = `const { startHive } = await import(${door('index')})
const hive = startHive({ file: 'otlp.jsonl', otlp: { url: 'http://127.0.0.1:9/v1/traces' } })
await hive.shutdown()`
  const loaded = await loadedBy(code, tempFolder(t))
  assert.ok(loaded.includes('@opentelemetry/otlp-exporter-base'))
})

test('the SDK that a hive loads is the copy that the application imports', async (t) => {
  const code = `import { trace } from '@opentelemetry/api'
const { startHive } = await import(${door('index')})
const { BasicTracerProvider } = await import(${JSON.stringify(
    pathToFileURL(createRequire(import.meta.url).resolve('@opentelemetry/sdk-trace-base')).href,
  )})
const hive = startHive({ file: 'same.jsonl' })
if (!(hive.tracerProvider instanceof BasicTracerProvider)) throw new Error('two copies')
if (!trace.getTracer('app').startSpan('heard').isRecording()) throw new Error('two APIs')
await hive.shutdown()`
  const script = code.replace(
    "'@opentelemetry/api'",
    JSON.stringify(pathToFileURL(createRequire(import.meta.url).resolve('@opentelemetry/api')).href),
  )
  const run = await runNode(['--input-type=module', '-e', script], {}, tempFolder(t))
  assert.deepEqual([run.code, run.stderr], [0, ''])
})

test('without the SDK, as in a bundle, the plug-in records, and startHive says what is missing', async (t) => {
  const folder = tempFolder(t)
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  mkdirSync(join(folder, 'node_modules', '@opentelemetry'), { recursive: true })
  const api = join('node_modules', '@opentelemetry', 'api')
  symlinkSync(join(root, api), join(folder, api), 'junction')
  const code = `import { HiveSpanProcessor, JsonlSpanExporter, startHive } from './dist/index.js'
let error
try {
  startHive({ file: 'hive.jsonl' })
} catch (reason) {
  error = reason
}
// The lock was given back.
await new HiveSpanProcessor({ exporter: new JsonlSpanExporter({ file: 'hive.jsonl' }) }).shutdown()
process.stdout.write(JSON.stringify([error.name, error.code, error.dependency, error.message]))`
  writeFileSync(join(folder, 'main.js'), code)
  const run = await runNode(['main.js'], {}, folder)
  assert.deepEqual([run.code, run.stderr], [0, ''])
  const dependency = '@opentelemetry/sdk-trace-base'
  assert.deepEqual(JSON.parse(run.stdout), [
    'DependencyError',
    'ERR_HIVELOG_DEPENDENCY',
    dependency,
    `${dependency} cannot be loaded; install the dependencies of hivelog, and name hivelog as external where it is bundled`,
  ])
})
