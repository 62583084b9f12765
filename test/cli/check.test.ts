import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CHECK_RULES } from '../../src/analyse.js'
import { CASES, drain, exit, type Line, message, spawn, textOf } from '../kit/check-cases.js'
import { type CliResult, hivelog, linesOf } from '../kit/reader-cli.js'
import { FIRST_TS, scratch } from '../kit/reader-log.js'

const STORM = CASES['retry-storm']?.bad as Line[]

/** The first lines of a real log of another harness: `god` is archived at each start, and tasks still go to it. */
const FOREIGN: Line[] = [
  spawn('god', { name: 'Nitya', isGod: true }),
  { kind: 'archive', agentId: 'god', archived: true },
  message('scheduler', 'god', 'm-1', { act: 'request', subject: 'Hourly ops standup' }),
  spawn('god', { name: 'Nitya', isGod: true, at: 755 }),
  { kind: 'archive', agentId: 'god', archived: true },
  message('human', 'god', 'm-2', { act: 'request', subject: 'Task from the human' }),
  spawn('god', { name: 'Nitya', isGod: true, at: 9_022 }),
  { kind: 'archive', agentId: 'god', archived: true },
]

async function run(
  t: { after(fn: () => void): void },
  lines: Line[],
  args: string[],
  ours = true,
): Promise<CliResult> {
  const cwd = scratch(t)
  writeFileSync(join(cwd, 'hive.jsonl'), textOf(lines, ours))
  return await hivelog(['check', ...args], { cwd })
}

test('check: a finding with its level, rule, place and sentence, then a sum', async (t) => {
  const { code, stdout, stderr } = await run(t, STORM, [])
  assert.deepEqual([code, stderr], [0, ''])
  assert.equal(
    stdout,
    `warning  retry-storm  line 2–48  agent coder called POST api.example.com/v1 47 times in 46 s (lines
         2 to 48): 46 failed, at last with status 429: slow down
1 warning in 49 events of 1 agent
`,
  )
})

test('check: a line that says so when all is well', async (t) => {
  const { code, stdout } = await run(t, [spawn('lead'), exit('lead')], ['--closed'])
  assert.deepEqual([code, stdout], [0, 'ok: hive.jsonl: 2 events of 1 agent, nothing found\n'])
})

test('check: true and useful things only of a real log of another harness', async (t) => {
  const { code, stdout } = await run(t, FOREIGN, [], false)
  assert.equal(code, 0)
  assert.deepEqual(linesOf(stdout), [
    'warning  archived-recipient  line 3–6  2 messages went to agent god, which was archived; the log has',
    '         no drain at all',
    '1 warning in 8 events of 1 agent',
  ])
})

test('check: --fail-on decides about the exit code', async (t) => {
  const codes = await Promise.all(
    ['error', 'warning', 'info', 'none'].map(
      async (level) => (await run(t, STORM, ['--fail-on', level])).code,
    ),
  )
  assert.deepEqual(codes, [0, 1, 1, 0])
  const { code, stderr } = await run(t, STORM, ['--fail-on', 'fatal'])
  assert.equal(code, 2)
  assert.equal(stderr, "hivelog: --fail-on needs one of error, warning, info, none, not 'fatal'\n")
})

test('check: --json is one object of the documented shape', async (t) => {
  const cwd = scratch(t)
  writeFileSync(join(cwd, 'hive.jsonl'), textOf(CASES['unknown-recipient']?.bad as Line[], true))
  const { code, stdout } = await hivelog(['check', '--json'], { cwd })
  assert.equal(code, 1)
  assert.equal(linesOf(stdout).length, 1)
  const place = (line: number): object => ({
    file: 'hive.jsonl',
    line,
    seq: line,
    ts: FIRST_TS + 1000 * (line - 1),
  })
  const { firstTs, lastTs, ...report } = JSON.parse(stdout)
  assert.equal(lastTs - firstTs, 5000)
  assert.deepEqual(report, {
    file: 'hive.jsonl',
    ok: false,
    failOn: 'error',
    lines: 6,
    events: 6,
    malformed: 0,
    agents: 2,
    counts: { error: 1, warning: 0, info: 0 },
    findings: [
      {
        rule: 'unknown-recipient',
        severity: 'error',
        message: '2 messages went to codex, an agent that the log never shows',
        count: 2,
        agents: ['codex'],
        first: place(3),
        last: place(4),
        places: [place(3), place(4)],
      },
    ],
    omitted: 0,
    notes: [],
  })
})

test('check: --only, --off, --after and --rule', async (t) => {
  const late = CASES['unanswered-escalation']?.bad as Line[]
  const lines = [...late, { kind: 'approval', id: 'x', approve: true }]
  const rulesOf = async (args: string[]): Promise<string[]> => {
    const { stdout, code, stderr } = await run(t, lines, ['--json', ...args])
    assert.equal(code, 0, stderr)
    return JSON.parse(stdout).findings.map(
      ({ rule, severity }: Record<string, string>) => `${severity} ${rule}`,
    )
  }
  assert.deepEqual(await rulesOf([]), ['warning unanswered-escalation', 'warning unasked-approval'])
  assert.deepEqual(await rulesOf(['--only', 'unasked-approval,seq-gap']), ['warning unasked-approval'])
  assert.deepEqual(await rulesOf(['--off', 'unasked-approval']), ['warning unanswered-escalation'])
  assert.deepEqual(await rulesOf(['--after', '5h']), ['warning unasked-approval'])
  assert.deepEqual(
    await rulesOf(['--rule', 'unanswered-escalation.after=5h', '--rule', 'unasked-approval=info']),
    ['info unasked-approval'],
  )
})

test('check: a config beside the log, or named, and none when not wanted', async (t) => {
  const cwd = scratch(t)
  mkdirSync(join(cwd, 'logs'))
  writeFileSync(join(cwd, 'logs', 'hive.jsonl'), textOf(STORM, true))
  writeFileSync(join(cwd, 'logs', '.hivelog-check.json'), '{"rules": {"retry-storm": {"max": 48}}}')
  writeFileSync(join(cwd, 'strict.json'), '{"rules": {"retry-storm": "error"}}')
  const file = join('logs', 'hive.jsonl')
  const beside = await hivelog(['check', file], { cwd })
  assert.equal(beside.code, 0)
  assert.match(beside.stdout, /^note: rules as logs\/\.hivelog-check\.json has them\nok: /)
  assert.equal((await hivelog(['check', '--config', 'strict.json', file], { cwd })).code, 1)
  assert.match((await hivelog(['check', '--no-config', file], { cwd })).stdout, /^warning {2}retry-storm/)
  const won = await hivelog(['check', '--json', '--rule', 'retry-storm.max=10', file], { cwd })
  assert.equal(JSON.parse(won.stdout).counts.warning, 1)
  assert.equal(JSON.parse(won.stdout).config, 'logs/.hivelog-check.json')
})

test('check: what is wrong in a config or an option is one line, exit code 2', async (t) => {
  const cwd = scratch(t)
  writeFileSync(join(cwd, 'hive.jsonl'), textOf(STORM, true))
  let configs = 0
  const config = (text: string): string[] => {
    const name = `c${++configs}.json`
    writeFileSync(join(cwd, name), text)
    return ['--config', name]
  }
  const cases: [string[], RegExp][] = [
    [config('{'), /^c\d\.json is not JSON: /],
    [config('[]'), /^c\d\.json must be an object, not \[\]/],
    [config('{"rule": {}}'), /^c\d\.json: there is no key "rule"; the one key is "rules"/],
    [
      config('{"rules": {"storm": "off"}}'),
      /^c\d\.json: there is no rule "storm"; the rules are unknown-recipient, /,
    ],
    [['--config', 'none.json'], /^cannot read the config none\.json: /],
    [['--only', 'storm'], /^--only needs one of .*retry-storm.*, not 'storm'/],
    [['--off', 'storm'], /^--off needs one of .*, not 'storm'/],
    [['--rule', 'retry-storm'], /^--rule needs ID=off, .*, not 'retry-storm'/],
    [
      ['--rule', 'retry-storm.max=many'],
      /^--rule: retry-storm\.max must be a whole number from 1 to 10000, not "many"/,
    ],
    [['--rule', 'retry-storm.least=1'], /^--rule: rule retry-storm has no option "least"/],
    [['--after', 'soon'], /^--after needs a duration/],
    [['--loud'], /see hivelog check --help/],
    [['--since', 'soon'], /^--since needs a time like /],
    [['none.jsonl'], /^cannot read none\.jsonl: there is no such file/],
  ]
  for (const [args, says] of cases) {
    const { code, stdout, stderr } = await hivelog(['check', ...args], { cwd })
    assert.deepEqual([code, stdout], [2, ''], args.join(' '))
    assert.match(stderr.replace('hivelog: ', ''), says)
    assert.equal(linesOf(stderr).length, 1)
  }
})

test('check: --list-rules names every rule and option within 80 columns', async (t) => {
  const { code, stdout } = await hivelog(['check', '--list-rules'], { cwd: scratch(t) })
  assert.equal(code, 0)
  for (const [id, { severity, options }] of Object.entries(CHECK_RULES)) {
    assert.match(stdout, new RegExp(`^${id} +${severity}$`, 'm'))
    for (const option of Object.keys(options))
      assert.match(stdout, new RegExp(`^ {4}${option}=\\S+ {2}\\S`, 'm'))
  }
  for (const line of linesOf(stdout)) assert.ok(line.length <= 80, line)
})

test('check: --list-rules --json is the same as one object', async (t) => {
  const { code, stdout } = await hivelog(['check', '--list-rules', '--json'], { cwd: scratch(t) })
  assert.equal(code, 0)
  const { rules } = JSON.parse(stdout) as { rules: { rule: string; severity: string; options: object }[] }
  assert.deepEqual(
    rules.map(({ rule, severity, options }) => [rule, severity, Object.keys(options)]),
    Object.entries(CHECK_RULES).map(([id, { severity, options }]) => [id, severity, Object.keys(options)]),
  )
})

test('check: a finding in two logs names a place in each, for their numbers are no range', async (t) => {
  const cwd = scratch(t)
  mkdirSync(join(cwd, 'hive.jsonl.agents'))
  const lines = (each: [number, object][]): string =>
    each
      .map(
        ([at, fields], i) =>
          `${JSON.stringify({ ts: FIRST_TS + at, ...fields, seq: i + 1, session: 's' })}\n`,
      )
      .join('')
  const to = (id: string) => ({ kind: 'message', from: 'human', to: 'lead', act: 'inform', subject: 'x', id })
  const own: [number, object][] = [
    [0, { kind: 'spawn', agentId: 'lead', name: 'Lead' }],
    [1, { kind: 'spawn', agentId: 'kid', name: 'Kid', parent: 'lead' }],
    [2, { kind: 'note', agentId: 'lead' }],
    [3, to('m-1')],
    [9, { kind: 'exit', agentId: 'lead', status: 'ok' }],
  ]
  writeFileSync(join(cwd, 'hive.jsonl'), lines(own))
  writeFileSync(
    join(cwd, 'hive.jsonl.agents', 'kid.jsonl'),
    lines([
      [4, { kind: 'note' }],
      [5, to('m-2')],
    ]),
  )
  const { stdout } = await hivelog(['check', '--only', 'never-drained', 'hive.jsonl'], { cwd })
  assert.match(stdout, /^info {5}never-drained {2}hive\.jsonl line 4 – kid\.jsonl line 2 {2}2 messages/m)
})

test('check: help within 80 columns, with an example', async (t) => {
  const { code, stdout } = await hivelog(['check', '--help'], { cwd: scratch(t) })
  assert.equal(code, 0)
  assert.match(stdout, /^Example: hivelog check /m)
  for (const line of linesOf(stdout)) assert.ok(line.length <= 80, line)
})

test('check: hostile names neither break the lines nor the terminal; only the first of many are shown', async (t) => {
  const evil = `\x1b[31m\n${'wide 宽'.repeat(20)}${'x'.repeat(300)}`
  const lines = Array.from({ length: 30 }, (_, i) => message('lead', `${i}${evil}`, `m-${i}`))
  const { code, stdout } = await run(t, [spawn('lead'), ...lines], [])
  assert.equal(code, 1)
  assert.ok(!stdout.includes('\x1b'))
  for (const line of linesOf(stdout)) assert.ok([...line].length <= 100, line)
  assert.match(stdout, /^… and 10 more unknown-recipient; see --json$/m)
  assert.match(stdout, /^30 errors in 31 events of 1 agent$/m)
})

test('check: standard input', async (t) => {
  const { code, stdout } = await hivelog(['check', '-'], { cwd: scratch(t), input: textOf(STORM, false) })
  assert.equal(code, 0)
  assert.match(stdout, /^warning {2}retry-storm {2}line 2–48 /)
})

test('check: an agent that is spawned and archived again and again within a second', async (t) => {
  // As a real harness did, with an agent in between that came but once.
  const lives = [417, 447, 56, 440, 598, 929].flatMap((ms, i): Line[] => [
    spawn('god', { isGod: true, at: 600 * i }),
    { kind: 'archive', agentId: 'god', archived: true, at: 600 * i + ms / 1000 },
  ])
  const jim: Line[] = [
    spawn('jim', { at: 1300 }),
    { kind: 'archive', agentId: 'jim', archived: true, at: 1300.059 },
  ]
  const lines = [...lives.slice(0, 6), ...jim, ...lives.slice(6)]
  const { code, stdout } = await run(t, lines, ['--json'], false)
  assert.equal(code, 0)
  const { findings, agents, events } = JSON.parse(stdout)
  assert.deepEqual(
    findings.map(({ rule, agents, count, first, last }: Record<string, { line: number }>) => [
      rule,
      agents,
      count,
      first?.line,
      last?.line,
    ]),
    [['crash-loop', ['god'], 6, 1, 14]],
  )
  assert.deepEqual([agents, events], [2, 14])
})

test('check: --since and --until show the findings of that time, of all that was read', async (t) => {
  const cwd = scratch(t)
  const bad = message('lead', 'nobody', 'm-1', { at: 3600 })
  const worse = message('lead', 'no-one', 'm-2', { at: 7200 })
  writeFileSync(join(cwd, 'hive.jsonl'), textOf([spawn('lead', { at: 0 }), bad, worse, exit('lead')], true))
  const found = async (...args: string[]): Promise<string[]> => {
    const { stdout } = await hivelog(['check', '--json', ...args], { cwd })
    const { findings, counts, events } = JSON.parse(stdout)
    assert.deepEqual([counts.error, events], [findings.length, 4])
    return findings.flatMap(({ agents }: { agents: string[] }) => agents)
  }
  const at = (seconds: number): string => String(FIRST_TS + 1000 * seconds)
  assert.deepEqual(await found(), ['nobody', 'no-one'])
  assert.deepEqual(await found('--since', at(3601)), ['no-one'])
  assert.deepEqual(await found('--until', at(7199)), ['nobody'])
  assert.deepEqual(await found('--since', at(3600), '--until', at(3600)), ['nobody'])
  assert.deepEqual(await found('--since', at(3601), '--until', at(7199)), [])
})

test('check: the logs of child processes are one hive with the log, and findings name the log', async (t) => {
  const cwd = scratch(t)
  mkdirSync(join(cwd, 'hive.jsonl.agents'))
  const child = join('hive.jsonl.agents', 'coder.jsonl')
  const lead = [
    spawn('lead', { isGod: true, at: 0 }),
    message('lead', 'coder', 'm-1', { at: 20, act: 'request' }),
    { kind: 'approval', id: 'e-1', approve: true, by: 'lead', at: 40 },
    exit('lead', { at: 60 }),
  ]
  const coder = [
    spawn('coder', { parent: 'lead', at: 10 }),
    drain('coder', 1, { ids: ['m-1'], at: 25 }),
    { kind: 'escalate', from: 'coder', to: 'lead', subject: 'May I?', id: 'e-1', at: 30 },
    message('coder', 'codex', 'm-2', { at: 45 }),
    exit('coder', { at: 50 }),
  ]
  writeFileSync(join(cwd, 'hive.jsonl'), textOf(lead, true))
  writeFileSync(join(cwd, child), textOf(coder, true))
  const { code, stdout } = await hivelog(['check', '--json', '--closed'], { cwd })
  assert.equal(code, 1)
  const report = JSON.parse(stdout)
  assert.deepEqual([report.logs, report.events, report.agents], [['hive.jsonl', child], 9, 2])
  const [finding, ...others] = report.findings
  assert.deepEqual(others, [], 'a parent may approve, and a drain of another log takes the message')
  assert.equal(finding.rule, 'unknown-recipient')
  assert.deepEqual(finding.first, { file: child, line: 4, seq: 4, ts: FIRST_TS + 45_000, log: child })
  const text = (await hivelog(['check'], { cwd })).stdout
  assert.match(text, /^error {4}unknown-recipient {2}coder\.jsonl line 4 /)
  assert.match(text, /^1 error in 9 events of 2 agents in 2 logs$/m)
  const alone = JSON.parse((await hivelog(['check', '--json', '--this-file'], { cwd })).stdout)
  assert.deepEqual([alone.events, alone.logs], [4, undefined])
  assert.ok(alone.findings.some(({ rule }: { rule: string }) => rule === 'unknown-recipient'))
})

test('check: what is no log, or holds no event, is never ok', async (t) => {
  const cwd = scratch(t)
  writeFileSync(join(cwd, 'text.jsonl'), 'hello\nworld\n')
  writeFileSync(join(cwd, 'empty.jsonl'), '')
  for (const [file, expected, says] of [
    ['text.jsonl', 2, /text\.jsonl is no log/],
    ['empty.jsonl', 1, /empty\.jsonl is empty/],
  ] as const) {
    for (const args of [[], ['--json']]) {
      const { code, stdout, stderr } = await hivelog(['check', ...args, file], { cwd })
      assert.deepEqual([code, stdout], [expected, ''])
      assert.match(stderr, says)
    }
  }
  assert.equal((await hivelog(['check', '-'], { cwd, input: 'hello\n' })).code, 2)
})
