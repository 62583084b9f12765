/** collector-config/jaeger-ui.js, as Jaeger's page uses it: the commands that its links show, and what Jaeger asks of it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import fc from 'fast-check'
import { cases } from '../kit/long-run.js'

// Compiled tests are two folders below the repository.
const SOURCE = readFileSync(
  fileURLToPath(new URL('../../../collector-config/jaeger-ui.js', import.meta.url)),
  'utf8',
)
const TRACE = 'b476bcffd6e31c421bf9cc2195f8833a'

interface Template {
  parameters: string[]
  template(values: Record<string, unknown>): string
}
interface Pattern {
  type: string
  key?: string
  url: Template
  text: Template
}

const listeners: unknown[] = []
const page = createContext({
  window: {},
  document: { addEventListener: (...of: unknown[]) => listeners.push(of) },
  encodeURIComponent,
})
runInContext(SOURCE, page)
const config = (): { linkPatterns: Pattern[] } => runInContext('UIConfig()', page)

/** The command that the link of a pattern shows. */
function command(type: string, key: string | undefined, values: Record<string, unknown>): string {
  const pattern = config().linkPatterns.find((each) => each.type === type && each.key === key)
  assert.ok(pattern)
  for (const { parameters } of [pattern.url, pattern.text]) {
    for (const name of parameters) assert.ok(name in values, name)
  }
  const text = pattern.text.template(values)
  assert.equal(pattern.url.template(values), `#command=${encodeURIComponent(text)}`)
  return text
}

/** What a shell makes of a command: its words. */
function words(text: string): string[] {
  const run = spawnSync('sh', ['-c', `printf '%s\\0' ${text}`], { encoding: 'utf8' })
  assert.equal(run.status, 0, run.stderr)
  return run.stdout.split('\0').slice(0, -1)
}

test('it is a script that Jaeger takes as it is', () => {
  assert.match(SOURCE, /function\s+UIConfig(\s)?\(\s?\)(\s)?{/)
  assert.ok(!SOURCE.includes('$'), 'Jaeger replaces what follows a dollar sign')
  assert.ok(!/<\/script/i.test(SOURCE))
})

test('however often Jaeger asks, the page listens once', () => {
  config()
  config()
  assert.equal(listeners.length, 1)
})

test('a trace, an agent, an escalation, a message and a drain each lead to their lines', () => {
  const trace = { 'trace.traceID': TRACE }
  assert.equal(command('traces', undefined, { traceID: TRACE }), `hivelog cat --trace=${TRACE}`)
  assert.equal(
    command('tags', 'gen_ai.agent.id', { ...trace, 'gen_ai.agent.id': 'coder' }),
    `hivelog cat --trace=${TRACE} --agent=coder`,
  )
  for (const event of ['hive.escalate', 'hive.approval']) {
    assert.equal(command('logs', 'hive.id', { ...trace, event, 'hive.id': 'x-1' }), 'hivelog audit --id=x-1')
  }
  assert.equal(
    command('logs', 'hive.id', { ...trace, event: 'hive.message', 'hive.id': 'x-1' }),
    `hivelog cat --json --trace=${TRACE} | grep -F -e '"x-1"'`,
  )
  for (const ids of ['["x-1","x-2"]', ['x-1', 'x-2']]) {
    assert.equal(
      command('logs', 'hive.ids', { ...trace, 'hive.ids': ids }),
      `hivelog cat --json --trace=${TRACE} | grep -F -e '"x-1"' -e '"x-2"'`,
    )
  }
  assert.match(command('logs', 'hive.ids', { ...trace, 'hive.ids': '["cut' }), /grep -F -e '.*cut"'$/)
})

test('whatever an agent is called, it stays one word of the shell', () => {
  const id = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom("'", '"', '\\', ' ', '`', '$(', ';', '-', '\n', 'a') }),
  )
  fc.assert(
    fc.property(id, (agent) => {
      const text = command('tags', 'gen_ai.agent.id', { 'trace.traceID': TRACE, 'gen_ai.agent.id': agent })
      assert.deepEqual(words(text), [
        'hivelog',
        'cat',
        `--trace=${TRACE}`,
        `--agent=${agent.replace(/\p{C}/gu, '')}`,
      ])
    }),
    { numRuns: cases(100, 100), seed: 4 },
  )
})
