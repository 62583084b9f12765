import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hivelog, linesOf } from '../kit/reader-cli.js'
import { FIRST_TS, FOREIGN, LogWriter, scratch } from '../kit/reader-log.js'

const PRICES = { local: { inputPerMTok: 10, outputPerMTok: 100 } }

function fill(cwd: string): LogWriter {
  return new LogWriter(join(cwd, 'hive.jsonl'))
    .event('usage', {
      agentId: 'lead',
      model: 'x',
      inputTokens: 1000,
      outputTokens: 20,
      costUsd: 0.75,
      task: 'plan',
    })
    .event('usage', {
      agentId: 'coder',
      model: 'local',
      inputTokens: 20_000,
      outputTokens: 500,
      task: 'build',
      ms: 9,
    })
    .event('usage', { agentId: 'coder', model: 'my-model', inputTokens: 3400, outputTokens: 12 })
}

test('for people: a table with totals, where the dollars are from, and which are missing', async (t) => {
  const cwd = scratch(t)
  fill(cwd)
  writeFileSync(join(cwd, 'prices.json'), JSON.stringify(PRICES))
  const { code, stdout, stderr } = await hivelog(['cost', '--prices', 'prices.json'], { cwd })
  assert.deepEqual([code, stderr], [0, ''])
  assert.deepEqual(linesOf(stdout), [
    'hive.jsonl  3 model calls by agent',
    '',
    'agent  calls  tokens in  out      cost   share',
    'lead       1      1,000   20   $0.7500   75.0%',
    'coder      2     23,400  512  $0.2500+   25.0%',
    'total      3     24,400  532    $1.00+  100.0%',
    '',
    'recorded: $0.7500 in 1 event (costUsd)',
    'computed: $0.2500 for 1 call, by your own prices',
    'no price known for: my-model (1 call, 3,400 tokens in, 12 out)',
    '  give their events costUsd or the right provider, or give prices with --prices FILE',
  ])
})

test('calls that failed have a column and a note, and no price is missing for them', async (t) => {
  const cwd = scratch(t)
  fill(cwd)
    .event('usage', { agentId: 'lead', model: 'x', error: '429' })
    .event('usage', { agentId: 'lead', error: 'aborted', inputTokens: 5, costUsd: 0.25 })
  writeFileSync(join(cwd, 'prices.json'), JSON.stringify(PRICES))
  const { stdout } = await hivelog(['cost', '--prices', 'prices.json'], { cwd })
  const lines = linesOf(stdout)
  assert.deepEqual(lines.slice(2, 6), [
    'agent  calls  failed  tokens in  out      cost   share',
    'lead       3       2      1,005   20     $1.00   80.0%',
    'coder      2       0     23,400  512  $0.2500+   20.0%',
    'total      5       2     24,405  532    $1.25+  100.0%',
  ])
  assert.equal(lines.filter((line) => line.startsWith('no price known')).length, 1)
  assert.equal(lines.at(-1), 'note: 2 calls failed or aborted; their known tokens are counted')
})

test('--json is one object of the shape that --help tells', async (t) => {
  const cwd = scratch(t)
  fill(cwd).raw('nonsense\n')
  writeFileSync(join(cwd, 'prices.json'), JSON.stringify(PRICES))
  const { code, stdout } = await hivelog(['cost', '--json', '--by', 'task', '--prices', 'prices.json'], {
    cwd,
  })
  assert.equal(code, 0)
  assert.equal(linesOf(stdout).length, 1)
  const report = JSON.parse(stdout)
  assert.match(report.computed.source, /^@pydantic\/genai-prices \d/)
  delete report.computed.source
  const sums = (calls: number, inputTokens: number, outputTokens: number, ms: number, costUsd: number) => {
    const tokens = { inputTokens, outputTokens, cacheReadTokens: 0, cacheWriteTokens: 0 }
    return { calls, failedCalls: 0, ...tokens, ms, costUsd, unpricedCalls: 0 }
  }
  assert.deepEqual(report, {
    by: 'task',
    files: ['hive.jsonl'],
    lines: 5,
    rows: [
      { key: 'plan', ...sums(1, 1000, 20, 0, 0.75), share: 0.75 },
      { key: 'build', ...sums(1, 20_000, 500, 9, 0.25), share: 0.25 },
      { key: null, ...sums(1, 3400, 12, 0, 0), unpricedCalls: 1, share: 0 },
    ],
    total: { ...sums(3, 24_400, 532, 9, 1), unpricedCalls: 1 },
    shareOf: 'dollars',
    recorded: { calls: 1, costUsd: 0.75 },
    computed: {
      calls: 1,
      costUsd: 0.25,
      models: [{ model: 'local', as: 'your own prices', calls: 1, costUsd: 0.25 }],
    },
    unpriced: {
      calls: 1,
      models: [{ model: 'my-model', calls: 1, inputTokens: 3400, outputTokens: 12 }],
      others: 0,
    },
    cacheApart: 0,
    ignored: { costs: 0, tokens: 0 },
    events: 3,
    malformed: 1,
    lost: 0,
  })
})

test('a log without usage says so, and costs nothing', async (t) => {
  const cwd = scratch(t)
  writeFileSync(join(cwd, 'log.jsonl'), FOREIGN)
  const { code, stdout } = await hivelog(['cost', 'log.jsonl'], { cwd })
  assert.equal(code, 0)
  assert.equal(
    stdout,
    'log.jsonl: no usage is recorded (3 events, none of kind usage), so there is nothing to cost\n',
  )
  assert.equal(JSON.parse((await hivelog(['cost', '--json', 'log.jsonl'], { cwd })).stdout).total.calls, 0)
  writeFileSync(join(cwd, 'empty.jsonl'), '')
  const empty = await hivelog(['cost', 'empty.jsonl'], { cwd })
  assert.deepEqual([empty.code, empty.stdout], [1, ''])
  assert.match(empty.stderr, /^hivelog: empty\.jsonl is empty: /)
})

test('several files, and standard input, are added up', async (t) => {
  const cwd = scratch(t)
  fill(cwd)
  const input = `${JSON.stringify({ ts: FIRST_TS, kind: 'usage', agentId: 'lead', costUsd: 1 })}\n`
  const { stdout } = await hivelog(['cost', '--json', 'hive.jsonl', '-'], { cwd, input })
  const { files, total, rows } = JSON.parse(stdout)
  assert.deepEqual([files, total.calls, rows[0].key, rows[0].costUsd], [['hive.jsonl', '-'], 4, 'lead', 1.75])
  const text = (await hivelog(['cost', 'hive.jsonl', '-'], { cwd, input })).stdout
  assert.match(text, /^2 logs {2}4 model calls by agent$/m)
})

test('fits 100 columns, and is harmless, whatever a log says', async (t) => {
  const cwd = scratch(t)
  const log = new LogWriter(join(cwd, 'hive.jsonl'))
  const huge = Number.MAX_SAFE_INTEGER
  for (let i = 0; i < 30; i++) {
    const name = `agent-${i}-\x1b[31m${'漢字'.repeat(60)}`
    const tokens = { inputTokens: huge, outputTokens: huge, cacheReadTokens: huge, cacheWriteTokens: huge }
    log.event('usage', { agentId: name, model: name, provider: name, task: '__proto__', ...tokens })
    log.event('usage', { agentId: name, model: 'x', ...tokens, costUsd: 1e300 })
    log.event('usage', { agentId: 'bad', costUsd: 'x', inputTokens: -1 })
  }
  for (const by of ['agent', 'model', 'provider', 'task', 'decision', 'session', 'hour', 'day']) {
    const { code, stdout } = await hivelog(['cost', '--by', by], { cwd })
    assert.equal(code, 0)
    assert.ok(!stdout.includes('\x1b'))
    for (const line of linesOf(stdout)) {
      const columns = [...line].reduce((sum, character) => sum + (character > '\u2e80' ? 2 : 1), 0)
      assert.ok(columns <= 100, line)
    }
  }
  const { stdout } = await hivelog(['cost'], { cwd })
  assert.match(stdout, /^\(11 more\) /m)
  assert.match(stdout, /^note: 30 costUsd values ignored: not a number from 0$/m)
  assert.match(stdout, /^note: 30 token counts ignored: not a number from 0$/m)
  assert.match(stdout, /^no price known for: 21 calls of more models; see --json$/m)
})

test('without any dollars shares are of tokens, and no cost is shown', async (t) => {
  const cwd = scratch(t)
  new LogWriter(join(cwd, 'hive.jsonl'))
    .event('usage', { agentId: 'a', model: 'mine', inputTokens: 60, outputTokens: 15 })
    .event('usage', { agentId: 'b', model: 'mine', inputTokens: 20, outputTokens: 5 })
  const { stdout } = await hivelog(['cost'], { cwd })
  assert.match(stdout, /^agent +calls +tokens in +out +cost +of tokens$/m)
  assert.match(stdout, /^a +1 +60 +15 +\? +75\.0%$/m)
  assert.match(stdout, /^total +2 +80 +20 +\? +100\.0%$/m)
})

const BAD: [args: string[], message: RegExp][] = [
  [['--by', 'colour'], /--by needs one of agent, model, provider, .*, not 'colour'/],
  [['--by'], /argument missing; see hivelog cost --help/],
  [['--prices', 'none.json'], /cannot read the prices none.json: there is no such file/],
  [
    ['--prices', 'broken.json'],
    /cannot use the prices in broken.json: it is not JSON; see hivelog cost --help/,
  ],
  [
    ['--prices', 'wrong.json'],
    /cannot use the prices in wrong.json: prices of "m": there is no "price"; known are/,
  ],
  [['none.jsonl'], /cannot read none.jsonl: there is no such file/],
]

for (const [args, message] of BAD) {
  test(`bad use is one line on standard error and exit code 2: cost ${args.join(' ')}`, async (t) => {
    const cwd = scratch(t)
    writeFileSync(join(cwd, 'broken.json'), '{')
    writeFileSync(join(cwd, 'wrong.json'), '{"m": {"price": 3}}')
    const { code, stdout, stderr } = await hivelog(['cost', ...args], { cwd })
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, message)
    assert.match(stderr, /^hivelog: [^\n]*\n$/)
  })
}
