/** The tables of frameworks in README and docs/frameworks.md: the versions named are those that the suites pin, and each
 * suite has its row. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { packageRoot } from '../kit/hive-support.js'

const FOLDER = join(packageRoot(), 'test/frameworks')
/** Suites of what is no framework: an application's own OpenTelemetry. */
const NO_FRAMEWORK = ['providers', 'providers-3']

interface Manifest {
  dependencies: Record<string, string>
}

const suites = readdirSync(FOLDER)
  .filter((name) => existsSync(join(FOLDER, name, 'package.json')) && !NO_FRAMEWORK.includes(name))
  .map((name) => ({
    name,
    pinned: (JSON.parse(readFileSync(join(FOLDER, name, 'package.json'), 'utf8')) as Manifest).dependencies,
  }))

const readme = readFileSync(join(packageRoot(), 'README.md'), 'utf8')
const page = readFileSync(join(packageRoot(), 'docs/frameworks.md'), 'utf8')
const table = (readme.split('## Record the framework that you run')[1]?.split('\n## ')[0] ?? '') + page
/** `package` and the versions behind it, in the third column. */
const named = [...table.matchAll(/^\|[^|]*\|[^|]*\| `([^`]+)` ([\d., ]+) \|/gm)].flatMap(
  ([, name, versions]) =>
    (versions as string).split(',').map((version) => ({ name: name as string, version: version.trim() })),
)

test('the versions that are named are those that the suites pin', () => {
  assert.ok(named.length >= 9)
  for (const { name, version } of named) {
    assert.ok(
      suites.some(({ pinned }) => pinned[name] === version),
      `no suite pins ${name} ${version}`,
    )
  }
})

test('every suite has its row', () => {
  for (const { name, pinned } of suites) {
    assert.ok(
      named.some((each) => pinned[each.name] === each.version),
      `there is no row for test/frameworks/${name}`,
    )
  }
})

test('adapters that README lists can be chosen by name', async () => {
  const { ADAPTERS } = await import('../../src/frameworks/instrument.js')
  assert.deepEqual(Object.keys(ADAPTERS).sort(), [
    'ai-sdk',
    'claude-agent-sdk',
    'http',
    'langchain',
    'mastra',
    'model-sdks',
    'openai-agents',
  ])
})
