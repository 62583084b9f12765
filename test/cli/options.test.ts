/** Every option of every command is checked: what is wrong is told in one line that says what is allowed. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Command } from '../../src/cli/args.js'
import { clean } from '../../src/text/clean.js'
import { type CliResult, hivelog, MAIN } from '../kit/reader-cli.js'
import { LogWriter, scratch } from '../kit/reader-log.js'

const COMMANDS = [...(await hivelog(['--help'])).stdout.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map(
  ([, name]) => name as string,
)
const OPTIONS = new Map(
  await Promise.all(
    COMMANDS.map(async (command) => {
      const found = (await hivelog([command, '--help'])).stdout.matchAll(
        /^ +(?:-\w, )?--([a-z-]+)(?:[ ]([A-Z]+\S*))?/gm,
      )
      return [
        command,
        Array.from(found, ([, name, value]) => ({ name: name as string, takesValue: value !== undefined })),
      ] as const
    }),
  ),
)
const optionsOf = (command: string): { name: string; takesValue: boolean }[] => OPTIONS.get(command) ?? []

const NUMBERS = ['NaN', '-1', '1.5', '1e3', '0x10', '9'.repeat(16), '9'.repeat(400), 'Infinity', '１', ' 1']
const TIMES = ['25:00', '2026-13-01', '2026-02-30', 'someday', '12', '-5', '99999999999999999', 'NaN']
const DURATIONS = ['5', '-5s', '1e3s', 'NaN', 'Infinitys', '5 s', '5S', '1w']
const WORDS = ['', 'x', 'AGENT', 'agent,kind', '__proto__', 'constructor']
const HEX = ['', 'xyz', '0'.repeat(31), '0'.repeat(33), 'g'.repeat(32)]

const TIME = /a time like 2026-08-22T14:03:07/
/** Of every command that reads a hive. */
const SPAN: Record<string, [values: string[], allowed: RegExp][]> = {
  since: [[TIMES, TIME]],
  until: [[TIMES, TIME]],
}

/** Values that no option of this kind takes, and what the line says is allowed. */
const REFUSED: Record<string, Record<string, [values: string[], allowed: RegExp][]>> = {
  tail: {
    ...SPAN,
    lines: [[NUMBERS, /a whole number from 0 on/]],
    cursor: [[['../x', 'a/b', '.', 'x'.repeat(300)], /name/]],
    kind: [[['a,b', 'a b', 'a\u202e\tb'], /one kind, such as message/]],
    trace: [[HEX.slice(1), /32 hex digits/]],
    span: [[HEX.slice(1), /16 hex digits/]],
  },
  cat: {
    ...SPAN,
    kind: [[['a,b', 'a b'], /one kind, such as message/]],
    trace: [[HEX.slice(1), /32 hex digits/]],
    span: [[HEX.slice(1), /16 hex digits/]],
  },
  diff: {
    ...SPAN,
    context: [[[...NUMBERS, '1001'], /a whole number from 0 to 1000/]],
    'max-events': [[[...NUMBERS, '0'], /a whole number from 1 on/]],
  },
  check: {
    ...SPAN,
    'fail-on': [[WORDS.slice(1), /one of error, warning, info, none/]],
    after: [[DURATIONS, /a duration like 500ms, 90s, 10m, 1h or 2d/]],
    only: [[WORDS.slice(1), /one of .*retry-storm/]],
    off: [[WORDS.slice(1), /one of .*retry-storm/]],
    rule: [
      [['x', '=', 'retry-storm'], /ID=off, ID=error\|warning\|info or ID\.OPTION=VALUE/],
      [
        ['retry-storm.max=NaN', 'retry-storm.max=-1', 'retry-storm.max=1e9', 'retry-storm.max=99999999'],
        /number from/,
      ],
      [['x=off', 'retry-storm=loud', 'retry-storm.mxa=1'], /has no option|there is no|one of|off, error/],
    ],
  },
  verify: {},
  stats: SPAN,
  state: { at: [[NUMBERS, /a whole number from 0 on/]], time: [[TIMES, /a time like 2026-08-22T14:03:07/]] },
  replay: {
    from: [[TIMES.filter((time) => time !== '12'), /a time like 2026-08-22T14:03:07/]],
    to: [[TIMES.filter((time) => time !== '12'), /a time like 2026-08-22T14:03:07/]],
    speed: [[['NaN', '-1', '1e3', 'fast', '9'.repeat(7), 'Infinity'], /a number from 0 to 999999/]],
    'max-pause': [
      [DURATIONS, /a duration like 500ms, 90s, 10m, 1h or 2d/],
      [['25d', '999999999999d'], /24d at most/],
    ],
    kind: [[['a,b'], /one kind, such as message/]],
  },
  index: { 'max-seconds': [[[...NUMBERS, '0', '2000001'], /a whole number from 1 to 2000000/]] },
  audit: SPAN,
  calls: {
    ...SPAN,
    by: [[WORDS.slice(1, 2).concat('Host', 'hots'), /one of host, path, agent, status, tool/]],
  },
  waits: { ...SPAN, by: [[['x', 'Agent', 'pairs'], /one of resource, agent, holder, pair/]] },
  cost: {
    ...SPAN,
    by: [[['x', 'Agent', 'days'], /one of agent, model, provider, task, decision, session, hour, day/]],
  },
  export: {
    ...SPAN,
    otlp: [[['x', 'localhost:4318', 'ftp://x', 'http://'], /a URL like http:\/\/localhost:4318/]],
    header: [[['x', '=x', 'a b=c', 'a=b\r\nc: d', 'ä=b', 'a=\u2028'], /KEY=VALUE, as HTTP allows/]],
    'missing-in': [[['x', 'ftp://x'], /a URL like http:\/\/localhost:16686/]],
    'query-header': [[['x'], /--missing-in|KEY=VALUE/]],
    format: [[['', 'xml', 'CSV'].slice(1), /one of otlp, otlp-json, csv/]],
    trace: [[HEX.slice(1), /32 hex digits/]],
    from: [[NUMBERS, /a whole number from 0 on/]],
    to: [[NUMBERS, /a whole number from 0 on/]],
  },
  show: {},
  talk: { ...SPAN, lines: [[[...NUMBERS, '0'], /a whole number from 1 on/]] },
  why: { depth: [[[...NUMBERS, '0'], /a whole number from 1 to/]] },
  top: { sort: [[WORDS.slice(1), /one of action, inbox, pending, cost/]] },
  report: {
    output: [],
    events: [[[...NUMBERS, '0', '50001'], /a whole number from 1 to 50000/]],
    floors: [[[...NUMBERS, '0', '5001'], /a whole number from 1 to 5000/]],
  },
  serve: { port: [[[...NUMBERS, '65536'], /a whole number from 0 to 65535/]] },
  pull: { from: [[['x', 'localhost:9428', 'ftp://x'], /--from (?:needs a )?URL/]] },
  setup: {
    url: [[['x', 'localhost:4319', 'ftp://x', 'http://a:b@c', 'http://x/?y'], /--url needs http/]],
    token: [[['a b', 'ä', 'x\r\ny'], /--token needs a token/]],
    wait: [[[...NUMBERS, '601'], /a whole number from 0 to 600/]],
  },
  ship: {
    to: [[['x', 'localhost:4319', 'ftp://x'], /a URL|--to URL/]],
    kinds: [[['Message', 'usage,,x'], /--kinds takes kinds of events/]],
    'otlp-logs': [[['x', 'localhost:4318', 'ftp://x'], /a URL, http:/]],
    'missing-in': [[['x'], /--otlp-logs URL/]],
  },
  mcp: {},
  token: {},
  pending: {},
  approve: {},
  reject: {},
  commit: {
    segments: [[['x', 'All'], /one of all, archived/]],
    wait: [[[...NUMBERS, '86400001'], /a whole number from 0 to 86400000/]],
  },
}

/** One line on standard error that is safe to print, exit code 2, nothing on standard output. */
async function assertRefused(args: string[], cwd: string, allowed: RegExp): Promise<void> {
  const { code, stdout, stderr } = await hivelog(args, { cwd })
  const what = `hivelog ${JSON.stringify(args)}: ${code} ${stderr.slice(0, 500)}`
  assert.deepEqual([code, stdout], [2, ''], what)
  assert.match(stderr, /^hivelog: [^\n]+\n$/, what)
  assert.doesNotMatch(stderr.slice(0, -1), /[\p{Cc}\u2028\u202e]/u, what)
  assert.match(stderr, allowed, what)
}

/** The same in this process, which takes less time than one for each value: the command throws that line. */
async function assertThrows(name: string, args: string[], folder: string, allowed: RegExp): Promise<void> {
  const { command } = (await import(`../../src/cli/${name}.js`)) as { command: Command }
  const what = `hivelog ${JSON.stringify([name, ...args])}`
  const inFolder = args.map((arg) => (arg === 'hive.jsonl' ? join(folder, arg) : arg))
  await assert.rejects(
    command.run(inFolder),
    (error: Error) => {
      assert.match(clean(error.message), allowed, what)
      return true
    },
    what,
  )
}

function folderWithLog(t: TestContext): string {
  const folder = scratch(t)
  new LogWriter(join(folder, 'hive.jsonl')).messages(2)
  return folder
}

/** What each command needs beside the option. */
const NEEDED: Record<string, string[]> = {
  diff: ['hive.jsonl'],
  show: ['1'],
  why: ['1'],
  talk: ['a'],
  approve: ['a'],
  reject: ['a'],
}
/** What takes no log. */
const APART: Record<string, string[]> = { pull: [], serve: [], setup: ['codex'], token: ['list'] }
const filesOf = (command: string): string[] => APART[command] ?? [...(NEEDED[command] ?? []), 'hive.jsonl']

test('the table has every command', () => {
  assert.deepEqual(Object.keys(REFUSED).sort(), [...COMMANDS].sort())
})

for (const command of COMMANDS) {
  test(`${command}: values that its options do not take`, async (t) => {
    const folder = folderWithLog(t)
    const options = optionsOf(command)
    assert.ok(options.length > 1)
    for (const [option, groups] of Object.entries(REFUSED[command] ?? {})) {
      assert.ok(
        options.some(({ name }) => name === option),
        `--${option} is in the help`,
      )
      for (const [values, allowed] of groups) {
        await assertRefused([command, `--${option}=${values[0]}`, ...filesOf(command)], folder, allowed)
        for (const value of values.slice(1)) {
          await assertThrows(command, [`--${option}=${value}`, ...filesOf(command)], folder, allowed)
        }
      }
    }
  })

  test(`${command}: an option without its value, with an empty one, and one that is mistyped`, async (t) => {
    const folder = folderWithLog(t)
    for (const { name, takesValue } of optionsOf(command)) {
      if (takesValue) {
        await assertThrows(command, [`--${name}=`, ...filesOf(command)], folder, /needs a value, not ''/)
        await assertThrows(
          command,
          [...filesOf(command), `--${name}`],
          folder,
          /argument missing|needs a value/,
        )
        await assertThrows(
          command,
          [`--${name}`, '-5', ...filesOf(command)],
          folder,
          /needs a value; one that begins with -/,
        )
      } else if (name !== 'help') {
        await assertThrows(command, [`--${name}=x`, ...filesOf(command)], folder, /does not take an argument/)
      }
      const slip = `--${name.slice(0, -2)}${name.at(-1)}${name.at(-2)}`
      if (
        name.length > 3 &&
        name.at(-1) !== name.at(-2) &&
        !optionsOf(command).some((each) => `--${each.name}` === slip)
      ) {
        await assertThrows(
          command,
          [slip, ...filesOf(command)],
          folder,
          new RegExp(`Unknown option '${slip}'; did you mean --`),
        )
      }
    }
    await assertThrows(command, [''], folder, /FILE is the name of a log, not ''/)
    await assertRefused([command, '--\u001b[2J\u202e'], folder, /Unknown option '--\\u001b\[2J\\u202e'/)
  })
}

test('a mistyped command', async (t) => {
  await assertRefused(['tial'], scratch(t), /there is no command 'tial'; did you mean tail\?/)
  await assertRefused(['verfy'], scratch(t), /did you mean verify\?/)
})

test('ranges that end before they begin', async (t) => {
  const folder = folderWithLog(t)
  await assertRefused(
    ['replay', '--from', '5', '--to', '3', 'hive.jsonl'],
    folder,
    /--from 5 is after --to 3/,
  )
  await assertRefused(
    ['export', '--format', 'csv', '--from', '5', '--to', '3', 'hive.jsonl'],
    folder,
    /--to needs a whole number from 5/,
  )
})

const COMMANDS_CHILD = fileURLToPath(new URL('../programs/commands-child.js', import.meta.url))

test('files of options that are no such file: one line, no hang, bounded memory', (t) => {
  const folder = folderWithLog(t)
  mkdirSync(join(folder, 'folder'))
  symlinkSync('loop', join(folder, 'loop'))
  const files = ['folder', 'loop', 'none']
  if (spawnSync('mkfifo', [join(folder, 'pipe')]).status === 0) files.push('pipe')
  if (existsSync('/dev/zero')) files.push('/dev/zero', '/dev/null')
  writeFileSync(join(folder, 'large'), Buffer.alloc(17 * 1024 * 1024, 32))
  const all = [...files, 'large'].flatMap((file) => [
    ['verify', '--key', file, 'hive.jsonl'],
    ['cost', '--prices', file, 'hive.jsonl'],
    ['check', '--config', file, 'hive.jsonl'],
  ])
  // All at once in one process, which may take no more than one of them might.
  const ended = spawnSync(process.execPath, ['--max-old-space-size=256', COMMANDS_CHILD], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
    input: all.map((args) => `${JSON.stringify(args)}\n`).join(''),
  })
  assert.deepEqual([ended.status, ended.signal, ended.stderr], [0, null, ''])
  const { results }: { results: CliResult[] } = JSON.parse(ended.stdout)
  assert.equal(results.length, all.length)
  for (const [i, { code, stdout, stderr }] of results.entries()) {
    const what = `${all[i]?.join(' ')}: ${stderr}`
    assert.deepEqual([code, stdout], [2, ''], what)
    assert.match(stderr, /^hivelog: cannot read the (key|prices|config) [^\n]+\n$/, what)
  }
})

test('a pipe beside a log is no config', (t) => {
  const folder = folderWithLog(t)
  if (spawnSync('mkfifo', [join(folder, '.hivelog-check.json')]).status !== 0) return t.skip('no mkfifo')
  const { status } = spawnSync(process.execPath, [MAIN, 'check', 'hive.jsonl'], {
    cwd: folder,
    timeout: 60_000,
  })
  assert.equal(status, 0)
})
