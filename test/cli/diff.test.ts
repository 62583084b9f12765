import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hivelog, linesOf } from '../kit/reader-cli.js'
import { LogWriter, scratch } from '../kit/reader-log.js'

const SAMPLE = [
  '{"ts":1787386181194,"kind":"spawn","agentId":"god","name":"Nitya","isGod":true}',
  '{"ts":1787386181611,"kind":"archive","agentId":"god","archived":true}',
  '{"ts":1787386394433,"kind":"message","from":"scheduler","to":"god","act":"request","subject":"Hourly ops standup","id":"2026-08-22T08-13-14-431Z-7ffb1a"}',
  '{"ts":1787386937183,"kind":"spawn","agentId":"god","name":"Nitya","isGod":true}',
  '{"ts":1787387727415,"kind":"message","from":"human","to":"god","act":"request","subject":"Task from the human","id":"2026-08-22T08-35-27-413Z-622de6"}',
  '{"ts":1787390520924,"kind":"spawn","agentId":"jim-mt464s0y","name":"Jim","isGod":false}',
  '{"ts":1787390520983,"kind":"archive","agentId":"jim-mt464s0y","archived":true}',
]

/** The same run on another day. */
const again = (lines: readonly string[]): string[] =>
  lines.map((line) =>
    line
      .replace(/"ts":1787/, '"ts":1788')
      .replace(/"id":"2026-08-22(.*)"/, '"id":"2026-09-02$1-x"')
      .replace('jim-mt464s0y', 'jim-q0zz91ab'),
  )

const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('')

function twoLogs(cwd: string, a: readonly string[], b: readonly string[]): void {
  writeFileSync(join(cwd, 'a.jsonl'), text(a))
  writeFileSync(join(cwd, 'b.jsonl'), text(b))
}

test('diff: two runs that did the same: exit code 0, and a line that says so', async (t) => {
  const cwd = scratch(t)
  twoLogs(cwd, SAMPLE, again(SAMPLE))
  const { code, stdout, stderr } = await hivelog(['diff', 'a.jsonl', 'b.jsonl'], { cwd })
  assert.deepEqual([code, stderr], [0, ''])
  assert.equal(stdout, 'a  a.jsonl  7 events\nb  b.jsonl  7 events\n\nsame: every event, in the same order\n')
})

test('diff: where they part, side by side; agent by agent; what only one has; exit code 1', async (t) => {
  const cwd = scratch(t)
  const other = again(SAMPLE)
  other[4] = (other[4] as string).replace('Task from the human', 'Another task')
  other.splice(6, 0, 'not json')
  other.push('{"ts":1788390520999,"kind":"drain","agentId":"jim-q0zz91ab","count":2}')
  twoLogs(cwd, SAMPLE, other)
  const { code, stdout } = await hivelog(['diff', '--context', '1', 'a.jsonl', 'b.jsonl'], { cwd })
  assert.equal(code, 1)
  assert.deepEqual(linesOf(stdout), [
    'a  a.jsonl  7 events, 1 only here',
    'b  b.jsonl  8 events, 2 only here, 1 malformed line skipped',
    '',
    'DIFFERENT: human parts first, at a line 5, b line 5: another event in each',
    '',
    'a  a.jsonl                                         b  b.jsonl',
    '4   spawn     god  "Nitya"  god                    4   spawn     god  "Nitya"  god',
    '5   message   human → god  request  "Task from … | 5   message   human → god  request  "Another ta…',
    '6   spawn     jim-mt464s0y  "Jim"                  6   spawn     jim-q0zz91ab  "Jim"',
    '',
    'a line 5 and b line 5 differ in subject:',
    '  a  subject  "Task from the human"',
    '  b  subject  "Another task"',
    '',
    'agent                               in a             in b    events a  b  only a  b',
    'human                               parts at line 5  line 5         1  1       1  1',
    'Jim#1 (jim-mt464s0y, jim-q0zz91ab)  parts at end     line 9         2  3       0  1',
    'god                                 identical                       3  3       0  0',
    'scheduler                           identical                       1  1       0  0',
    '',
    'Only in a: 1 event',
    '  1 message by human',
    '    line 5  message   human → god  request  "Task from the human"',
    '',
    'Only in b: 2 events',
    '  1 drain by Jim#1',
    '    line 9  drain     jim-q0zz91ab  took 2 messages',
    '  1 message by human',
    '    line 5  message   human → god  request  "Another task"',
  ])
})

test('diff: only the order between agents differs: said so, exit code 1, or 0 with --any-order', async (t) => {
  const cwd = scratch(t)
  const [first = '', second = ''] = SAMPLE.slice(2, 4)
  twoLogs(cwd, [...SAMPLE.slice(0, 2), first, second], again([...SAMPLE.slice(0, 2), second, first]))
  const { code, stdout } = await hivelog(['diff', 'a.jsonl', 'b.jsonl'], { cwd })
  assert.equal(code, 1)
  assert.match(stdout, /^ORDER: same events for every agent; only the order between agents differs$/m)
  assert.match(stdout, /^The logs part at a line 3, b line 3\.$/m)
  assert.match(stdout, / > /)
  assert.ok(!stdout.includes('Only in'))
  assert.equal((await hivelog(['diff', '--any-order', 'a.jsonl', 'b.jsonl'], { cwd })).code, 0)
})

test('diff: --json is one object of the documented shape', async (t) => {
  const cwd = scratch(t)
  twoLogs(cwd, SAMPLE.slice(0, 3), [
    ...again(SAMPLE.slice(0, 2)),
    (SAMPLE[2] as string).replace('Hourly', 'Daily'),
  ])
  const { code, stdout } = await hivelog(['diff', '--json', '--context', '0', 'a.jsonl', 'b.jsonl'], { cwd })
  assert.equal(code, 1)
  assert.equal(linesOf(stdout).length, 1)
  const place = (file: string, line: string): object => ({
    log: file,
    file,
    seq: 3,
    agent: 'scheduler',
    event: JSON.parse(line),
    line: 3,
  })
  const a = place('a.jsonl', SAMPLE[2] as string)
  const b = place('b.jsonl', (SAMPLE[2] as string).replace('Hourly', 'Daily'))
  assert.deepEqual(JSON.parse(stdout), {
    verdict: 'differ',
    a: { file: 'a.jsonl', events: 3, only: 1, malformed: 0, isCut: false },
    b: { file: 'b.jsonl', events: 3, only: 1, malformed: 0, isCut: false },
    common: 2,
    around: { of: 'hive', rows: [{ mark: 'changed', a, b }] },
    agents: [
      {
        agent: 'scheduler',
        events: { a: 1, b: 1 },
        only: { a: 1, b: 1 },
        parts: { index: 0, a, b },
      },
      { agent: 'god', events: { a: 2, b: 2 }, only: { a: 0, b: 0 } },
    ],
    only: [
      { side: 'a', kind: 'message', agent: 'scheduler', events: 1, first: [a] },
      { side: 'b', kind: 'message', agent: 'scheduler', events: 1, first: [b] },
    ],
    notes: [],
    parts: { index: 2, a, b },
    first: {
      agent: 'scheduler',
      change: 'changed',
      index: 0,
      a,
      b,
      fields: [{ field: 'subject', a: '"Hourly ops standup"', b: '"Daily ops standup"' }],
    },
  })
})

test('diff: one side can be standard input, of which nothing is left behind', async (t) => {
  const cwd = scratch(t)
  const temporary = scratch(t)
  twoLogs(cwd, SAMPLE, [])
  const options = { cwd, env: { TMPDIR: temporary }, input: text(again(SAMPLE).slice(0, 6)) }
  for (const args of [
    ['diff', '--json', '-', 'a.jsonl'],
    ['diff', '--json', 'a.jsonl', '-'],
  ]) {
    const { code, stdout } = await hivelog(args, options)
    assert.equal(code, 1)
    const diff = JSON.parse(stdout)
    const [own, other] = args[2] === '-' ? ['a', 'b'] : ['b', 'a']
    assert.deepEqual([diff[own].file, diff[own].events, diff[other].only], ['-', 6, 1])
    assert.equal(diff.around.rows[0][own].file, '-')
  }
  assert.deepEqual(readdirSync(temporary), [])
})

test('diff: --agent, --ignore and --keep', async (t) => {
  const cwd = scratch(t)
  twoLogs(
    cwd,
    SAMPLE,
    again(SAMPLE).map((line) => line.replace('Hourly', 'Daily')),
  )
  const run = async (...options: string[]): Promise<number | null> =>
    (await hivelog(['diff', ...options, 'a.jsonl', 'b.jsonl'], { cwd })).code
  assert.equal(await run(), 1)
  assert.equal(await run('--ignore', 'subject'), 0)
  assert.equal(await run('--ignore', 'subject', '--keep', 'id'), 1)
  assert.equal(await run('--agent', 'scheduler'), 1)
  assert.equal(await run('--agent', 'god'), 0)
  assert.equal(await run('--agent', 'jim-q0zz91ab'), 0)
  assert.equal(await run('--agent', 'jim-mt464s0y'), 0)
})

test('diff: lines with another seq show both, and everything fits 100 columns and is cleaned', async (t) => {
  const cwd = scratch(t)
  const a = new LogWriter(join(cwd, 'a.jsonl')).messages(5)
  a.rotate()
  a.messages(5)
  const b = new LogWriter(join(cwd, 'b.jsonl')).messages(5).messages(3)
  for (let i = 0; i < 30; i++)
    b.event(`odd.kind-${i}`, { agentId: `agent-${i}-\x1b[31m${'漢'.repeat(60)}`, v: '\x07' })
  const { code, stdout } = await hivelog(['diff', 'a.jsonl', 'b.jsonl'], { cwd })
  assert.equal(code, 1)
  assert.match(stdout, /^5 +seq 12 +message/m)
  assert.ok(!stdout.includes('\x1b') && !stdout.includes('\x07'))
  assert.match(stdout, /^ {2}… and \d+ more groups; see --json$/m)
  for (const line of linesOf(stdout)) {
    const wide = [...line].filter((character) => character === '漢').length
    assert.ok([...line].length + wide <= 100, line)
  }
})

const BAD: [args: string[], message: RegExp][] = [
  [['diff'], /takes two files, A and B, not 0; see hivelog diff --help/],
  [['diff', 'a.jsonl'], /takes two files, A and B, not 1/],
  [['diff', 'a.jsonl', 'a.jsonl', 'a.jsonl'], /takes two files, A and B, not 3/],
  [['diff', '-', '-'], /only one of two logs can be standard input/],
  [['diff', 'a.jsonl', 'none.jsonl'], /cannot read none.jsonl: there is no such file/],
  [['diff', 'a.jsonl', '.'], /cannot read \.: it is a directory/],
  [
    ['diff', '--context', 'few', 'a.jsonl', 'a.jsonl'],
    /--context needs a whole number from 0 to 1000, not 'few'/,
  ],
  [
    ['diff', '--context', '1001', 'a.jsonl', 'a.jsonl'],
    /--context needs a whole number from 0 to 1000, not '1001'/,
  ],
  [
    ['diff', '--max-events', '0', 'a.jsonl', 'a.jsonl'],
    /--max-events needs a whole number from 1 on, not '0'/,
  ],
  [['diff', '--agent', 'nobody', 'a.jsonl', 'a.jsonl'], /neither log has an event of agent 'nobody'/],
  [['diff', '--frobnicate', 'a.jsonl', 'a.jsonl'], /Unknown option '--frobnicate'/],
]

for (const [args, message] of BAD) {
  test(`diff: bad use is one line on standard error and exit code 2: hivelog ${args.join(' ')}`, async (t) => {
    const cwd = scratch(t)
    writeFileSync(join(cwd, 'a.jsonl'), text(SAMPLE))
    const { code, stdout, stderr } = await hivelog(args, { cwd, input: '' })
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, message)
    assert.match(stderr, /^hivelog: [^\n]*\n$/)
  })
}

test('diff: --help fits 80 columns and has an example; the logs are left as they are', async (t) => {
  const { code, stdout } = await hivelog(['diff', '--help'])
  assert.equal(code, 0)
  assert.match(stdout, /^Example: hivelog diff /m)
  for (const line of linesOf(stdout)) assert.ok(line.length <= 80, line)
  const cwd = scratch(t)
  twoLogs(cwd, SAMPLE, SAMPLE.slice(1))
  await hivelog(['diff', 'a.jsonl', 'b.jsonl'], { cwd })
  assert.equal(readFileSync(join(cwd, 'a.jsonl'), 'utf8'), text(SAMPLE))
  assert.deepEqual(readdirSync(cwd).sort(), ['a.jsonl', 'b.jsonl'])
})
