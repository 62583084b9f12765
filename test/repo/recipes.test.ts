/** The recipes work as they stand: each is written out as a project with the built package in it, and run. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { cleanEnvironment, eventsOf, packageRoot } from '../kit/hive-support.js'
import { scratch } from '../kit/reader-log.js'

const PAGE = readFileSync(join(packageRoot(), 'docs/recipes.md'), 'utf8')

interface Recipe {
  title: string
  files: Map<string, string>
  script: string
}

function recipesIn(page: string): Recipe[] {
  return page
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const files = new Map<string, string>()
      let script = ''
      for (const [, info = '', text = ''] of section.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)) {
        const file = /^(?:js|ts|json) file=([\w.]+)$/.exec(info)?.[1]
        if (file !== undefined) files.set(file, text)
        else {
          assert.equal(info, 'sh', `a block that nobody runs: ${info}\n${text}`)
          script += text
        }
      }
      return { title: section.split('\n')[0] as string, files, script }
    })
}

/** A project that has the package, as npm would link it from a folder. */
function project(t: TestContext, { files }: Recipe): string {
  const folder = scratch(t)
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, '.bin'), { recursive: true })
  symlinkSync(packageRoot(), join(modules, 'hivelog'))
  symlinkSync(join(packageRoot(), 'dist/cli/bin.js'), join(modules, '.bin/hivelog'))
  for (const name of ['@opentelemetry', 'typescript', '@types'])
    symlinkSync(join(packageRoot(), 'node_modules', name), join(modules, name))
  symlinkSync(join(packageRoot(), 'node_modules/typescript/bin/tsc'), join(modules, '.bin/tsc'))
  if (!files.has('package.json')) writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  for (const [name, text] of files) writeFileSync(join(folder, name), text)
  return folder
}

/** What must be in which log after it, and in what is printed. */
const EXPECTED: Record<string, { logs: Record<string, string[]>; says: RegExp[] }> = {
  'A harness that used appendFileSync': {
    logs: {
      'log.jsonl': 'spawn message idle spawn spawn message drain message idle exit exit'.split(' '),
    },
    says: [/lead → coder {2}request {2}"Need the schema"/, /^ok: log\.jsonl: 1[0-9] lines, no damage$/m],
  },
  'A tracer provider that you have already': {
    logs: { 'hive.jsonl': ['spawn', 'message', 'tool.start', 'tool', 'exit'] },
    says: [/^2 spans for my own exporter$/m, /coder → lead {2}inform {2}"The schema is ready"/],
  },
  'Agents in child processes': {
    logs: {
      'hive.jsonl': ['spawn', 'spawn', 'exit', 'exit'],
      'hive.jsonl.agents/coder.jsonl': ['spawn', 'message', 'tool', 'exit'],
    },
    says: [/^ok: hive\.jsonl: /m, /^ok: hive\.jsonl\.agents\/coder\.jsonl: /m],
  },
  'No change to the code': {
    logs: { 'hive.jsonl': ['spawn', 'exit'] },
    says: [/^I know nothing of hivelog$/m, /spawn +solo/],
  },
  CommonJS: { logs: { 'hive.jsonl': ['spawn', 'escalate', 'exit'] }, says: [/^ok: /m] },
  'TypeScript, ES modules': {
    logs: { 'hive.jsonl': ['spawn', 'message', 'exit'] },
    says: [/^\d+ message hello$/m],
  },
  'TypeScript, CommonJS': { logs: { 'hive.jsonl': ['spawn', 'exit'] }, says: [/^ok: /m] },
  "Under Node's permission model": {
    logs: { 'logs/hive.jsonl': ['spawn', 'escalate', 'approval', 'exit'] },
    says: [/^ok: logs\/hive\.jsonl: /m],
  },
}

const RECIPES = recipesIn(PAGE)

test('every recipe is run, and the contents name them all', () => {
  assert.deepEqual(
    RECIPES.map(({ title }) => title),
    Object.keys(EXPECTED),
  )
  assert.deepEqual(
    [...PAGE.matchAll(/^- \[(.*)\]\(#/gm)].map(([, title]) => title),
    Object.keys(EXPECTED),
  )
})

for (const recipe of RECIPES) {
  test(`${recipe.title}: works as it stands`, (t) => {
    const folder = project(t, recipe)
    const { status, stdout, stderr } = spawnSync('bash', ['-euc', recipe.script], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...cleanEnvironment(), NO_COLOR: '1', npm_config_offline: 'true' },
    })
    assert.equal(status, 0, `${stdout}\n${stderr}`)
    const { logs, says } = EXPECTED[recipe.title] ?? { logs: {}, says: [] }
    for (const [log, kinds] of Object.entries(logs)) {
      assert.deepEqual(
        eventsOf(join(folder, log)).map(({ kind }) => kind),
        kinds,
        log,
      )
    }
    for (const said of says) assert.match(stdout, said)
  })
}
