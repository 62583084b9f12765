/** Reports on a terminal of 80 columns: no line is wider, whatever is in the log. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { hivelog } from '../kit/reader-cli.js'
import { LogWriter, scratch } from '../kit/reader-log.js'

const WIDTH = 80

const long = (name: string): string => `${name}-${'x'.repeat(100)}`
const MODEL = long('model')
const AGENTS = ['lead', 'coder', 'tester'].map(long)

/** A log in which every name is more than 100 characters long and every number great. */
function writeLog(file: string, seed: string): void {
  const log = new LogWriter(file)
  for (const agentId of AGENTS) log.event('spawn', { agentId, name: agentId, model: MODEL, isGod: false })
  const [lead, coder, tester] = AGENTS
  for (const agentId of AGENTS) {
    const used = { inputTokens: 987_654_321, outputTokens: 987_654_321, cacheReadTokens: 900_000_000 }
    const of = { agentId, provider: long('provider'), task: long('task'), decision: long('decision') }
    log.event('usage', { ...of, ...used, cacheWriteTokens: 80_000_000, model: MODEL, costUsd: 12_345_678.9 })
    log.event('usage', { ...of, ...used, model: MODEL, ms: 1e9 })
    log.event('call', {
      agentId,
      host: long('host'),
      path: `/${long(seed)}`,
      method: 'POST',
      status: 500,
      ms: 9e8,
    })
    log.event('call', { agentId, host: long('host'), path: '/', method: 'GET', status: 429, ms: 1 })
    log.event('call', { agentId, host: long('host'), path: '/', method: 'GET', status: 404, ms: 1 })
    log.event('call', { agentId, host: long('host'), path: '/', error: long('error'), ms: 1 })
    log.event('tool', { agentId, name: long('tool'), ok: false, ms: 1e9, error: long('error') })
    log.event('message', {
      from: agentId,
      to: lead,
      act: 'request',
      subject: long(seed),
      id: long(`m-${agentId}`),
    })
    log.event('escalate', { from: agentId, to: 'human', subject: long(seed), id: long(`e-${agentId}`) })
    log.event('approval', {
      id: long(`e-${agentId}`),
      approve: 'perhaps',
      by: long('ana'),
      note: long('note'),
    })
    log.event(long('kind'), { agentId })
  }
  log.event('wait', { agentId: coder, resource: long('db'), holder: tester, ms: 1e9 })
  log.event('wait', { agentId: tester, resource: long('cache'), holder: coder, ms: 1e9 })
  log.event('wait', { agentId: tester, resource: long('cache'), ms: 'long' })
  log.event('approval', { id: long('e-none'), approve: true })
  log.raw('not json\n')
  log.event('log.gap', { lost: 1e6, reason: 'disk full' })
}

const COMMANDS: string[][] = [
  ['audit'],
  ['audit', '--pending'],
  ['audit', '--id', long(`e-${long('coder')}`)],
  ...['agent', 'model', 'provider', 'task', 'decision', 'session', 'hour', 'day'].map((by) => [
    'cost',
    '--by',
    by,
  ]),
  ...['host', 'path', 'agent', 'status', 'tool'].map((by) => ['calls', '--by', by]),
  ...['resource', 'agent', 'holder', 'pair'].map((by) => ['waits', '--by', by]),
  ['stats'],
]

async function run(args: string[], cwd: string): Promise<string> {
  const { stdout, stderr, code } = await hivelog(args, { cwd, env: { NO_COLOR: '1' }, terminal: WIDTH })
  assert.ok(code === 0 || code === 1, stderr)
  assert.ok(stdout.length > 100, stdout)
  return stdout
}

const tooWide = (text: string): string[] => text.split('\n').filter((line) => line.length > WIDTH)

test('no report is wider than the terminal, with names of more than 100 characters', async (t) => {
  const cwd = scratch(t)
  const file = `${'y'.repeat(90)}.jsonl`
  writeLog(join(cwd, file), 'one')
  writeLog(join(cwd, `z${file}`), 'two')
  for (const args of COMMANDS) assert.deepEqual(tooWide(await run([...args, file], cwd)), [], args.join(' '))
  assert.deepEqual(tooWide(await run(['diff', file, `z${file}`], cwd)), [])
})

test('dollars have thousands separators in every report that tells some', async (t) => {
  const cwd = scratch(t)
  const log = new LogWriter(join(cwd, 'hive.jsonl')).event('spawn', { agentId: 'lead', name: 'Lead' })
  log.event('usage', { agentId: 'lead', model: 'm', inputTokens: 1, outputTokens: 1, costUsd: 12_345.67 })
  for (const args of [['cost'], ['stats'], ['state'], ['cat']]) {
    assert.match(await run([...args, 'hive.jsonl'], cwd), /\$12,345\.67/, args.join(' '))
  }
})
