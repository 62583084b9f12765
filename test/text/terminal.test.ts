/**
 * What strangers wrote reaches a terminal as text: every command, with every class of character that a terminal obeys
 * or does not show, in every field that reaches its output, and on standard error too. The bytes themselves are looked at.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { clean, visible, visibleJson } from '../../src/text/clean.js'
import { hivelog, MAIN } from '../kit/reader-cli.js'
import { scratch } from '../kit/reader-log.js'

/** Code points, by what they do. */
const CLASSES: Record<string, (number | [number, number])[]> = {
  'C0 controls': [[0x01, 0x1f]],
  DEL: [0x7f],
  'C1 controls': [[0x80, 0x9f]],
  'bidi controls': [[0x202a, 0x202e], [0x2066, 0x2069], 0x200e, 0x200f, 0x061c],
  'line and paragraph separators': [0x2028, 0x2029],
  'zero width': [[0x200b, 0x200d], [0x2060, 0x2065], [0x206a, 0x206f], 0xfeff],
  'soft hyphen, joiner, fillers': [0x00ad, 0x034f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x3164, 0xffa0],
  'interlinear annotation': [[0xfff9, 0xfffb]],
  'variation selectors': [
    [0xfe00, 0xfe0f],
    [0x180b, 0x180f],
    [0xe0100, 0xe01ef],
  ],
  tags: [[0xe0000, 0xe007f]],
  'musical and shorthand controls': [
    [0x1d173, 0x1d17a],
    [0x1bca0, 0x1bca3],
  ],
  'lone surrogates': [0xd800, 0xdbff, 0xdc00, 0xdfff],
}
const codesOf = (ranges: (number | [number, number])[]): number[] =>
  ranges.flatMap((range) =>
    typeof range === 'number'
      ? [range]
      : Array.from({ length: range[1] - range[0] + 1 }, (_, i) => range[0] + i),
  )
const ALL = Object.values(CLASSES).flatMap(codesOf)
/** Any of them but the end of a line. A pattern, as a set that is asked for each character takes most of the test's time. */
const FORBIDDEN = new RegExp(
  `[${ALL.concat(0xfffd)
    .filter((code) => code !== 10)
    .map((code) => `\\u{${code.toString(16)}}`)
    .join('')}]`,
  'u',
)

/** Sequences that terminals obey, in seven and eight bits: clipboard, title, colours of others, clear, hyperlink. */
const SEQUENCES = [
  '\x1b]52;c;aGFjaw==\x07',
  '\x1b]0;title\x1b\\',
  '\x1b[41m',
  '\x1b[2J\x1b[H',
  '\x9b41m',
  '\x9d8;;http://x\x9c',
  '\x1b]8;;http://x\x1b\\',
  '\x1bP+q\x1b\\',
  '\x1bc',
]
/** Some characters of every class, between letters, in short texts so that no cut hides one. */
const POISONS = [
  ...SEQUENCES.map((sequence) => `a${sequence}b`),
  ...Object.values(CLASSES).map((ranges) => {
    const codes = codesOf(ranges)
    const some = [codes[0], codes[codes.length >> 1], codes.at(-1)] as number[]
    return some.map((code) => `x${String.fromCodePoint(code)}`).join('')
  }),
]

/** The colours of hivelog itself, and its progress line. */
const ESC = '\x1b'
const OWN = new RegExp(`${ESC}\\[(?:0|1|2|3[1-6]|1;33)m|\\rreading +\\d+ %|\\r${ESC}\\[K`, 'g')

function assertHarmless(bytes: Buffer, what: string): void {
  const text = bytes.toString('utf8').replace(OWN, '')
  const [found] = FORBIDDEN.exec(text) ?? []
  assert.ok(
    found === undefined,
    `U+${found?.codePointAt(0)?.toString(16)} in ${what}: ${JSON.stringify(text.slice(0, 3000))}`,
  )
}

test('no character of any class is left, each can be seen, and JSON stays the same value', () => {
  for (const code of ALL) {
    const text = `x${String.fromCodePoint(code)}y`
    for (const shown of [visible(text), clean(text), visibleJson(JSON.stringify(text))]) {
      assert.doesNotMatch(shown, /[^\x20-\x7e]/, `U+${code.toString(16)}`)
    }
    if (![9, 10, 13].includes(code)) assert.match(clean(text), /^x(\\u[0-9a-f]{4}){1,2}y$/)
    assert.equal(JSON.parse(visibleJson(JSON.stringify(text))), text)
  }
  const json = '{\r"a"\t:"\u202e\\n"}'
  assert.deepEqual(JSON.parse(visibleJson(json)), JSON.parse(json))
  assert.doesNotMatch(visibleJson(json), /[^\x20-\x7e]/)
})

test('what real text needs is left: emoji, joiners where scripts join, variants', () => {
  for (const text of [
    '👩‍👩‍👧‍👦 👩🏽‍💻 ❤️ ☎︎ 1️⃣ 🏳️‍🌈',
    'می‌خواهم', // Persian, with a non-joiner
    'क्‍ष ශ්‍රී', // Devanagari and Sinhala, with joiners
    '葛󠄀城',
    'שלום עולם, مرحبا',
    'naïve café 漢字 ﷽ 𝔘𝔫𝔦',
  ]) {
    assert.equal(clean(text), text)
  }
  // The same marks where they do nothing but hide.
  assert.equal(clean('pay\u200dload'), 'pay\\u200dload')
  assert.equal(clean('a\ufe0fb'), 'a\\ufe0fb')
  assert.equal(clean('❤\ufe0f\ufe0f'), '❤\ufe0f\\ufe0f')
  assert.equal(clean('😀\u{e0100}'), '😀\\udb40\\udd00')
})

test('a text of many harmful characters takes no time worth telling', () => {
  const from = performance.now()
  for (const each of ['\u200d', '👩\u200d', '\u001b', '\ufe0f', '葛\u{e0100}', 'क\u200d'])
    clean(each.repeat(300_000))
  assert.ok(performance.now() - from < 30_000)
})

const KINDS: ((poison: string, i: number) => object)[] = [
  (p) => ({
    kind: 'log.open',
    format: 1,
    segment: p,
    writer: p,
    pid: p,
    host: p,
    prev: { file: p, sha256: p },
  }),
  (p) => ({ kind: 'spawn', agentId: p, name: `n${p}`, isGod: true, parent: p, role: p, model: p, pid: p }),
  (p, i) => ({
    kind: 'message',
    from: p,
    to: `t${p}`,
    act: p,
    subject: p,
    id: `${p}${i}`,
    conversation: p,
    inReplyTo: p,
  }),
  (p, i) => ({
    kind: 'message',
    from: 'lead',
    to: p,
    act: 'request',
    subject: p,
    id: `r${i}`,
    requiresReply: true,
  }),
  (p) => ({ kind: 'drain', agentId: p, count: p, ids: [p] }),
  (p, i) => ({ kind: 'escalate', from: p, to: p, subject: p, id: `e${p}${i}` }),
  (p, i) => ({ kind: 'approval', id: `e${p}${i}`, approve: p, by: p, note: p, via: p }),
  (p, i) => ({ kind: 'approval', id: `e${p}${i}`, approve: { [p]: p }, by: { p }, note: [p] }),
  (p, i) => ({ kind: 'approval', id: `o${p}${i}`, approve: true, by: p, note: p }),
  (p) => ({
    kind: 'usage',
    agentId: p,
    model: p,
    provider: p,
    task: p,
    decision: p,
    inputTokens: 5,
    outputTokens: p,
    error: p,
  }),
  (p) => ({ kind: 'call', agentId: p, host: p, method: p, path: `/${p}`, status: p, ms: 5, error: p }),
  (p) => ({ kind: 'call', agentId: p, host: p, path: `/${p}`, status: 500, ms: 5 }),
  (p) => ({ kind: 'tool', agentId: p, name: p, ok: false, ms: p, error: p }),
  (p) => ({ kind: 'wait', agentId: p, resource: p, ms: 50, holder: `h${p}` }),
  (p) => ({ kind: 'wait', agentId: `h${p}`, resource: `s${p}`, ms: 50, holder: p }),
  (p) => ({ kind: 'snapshot', agentId: p, label: p, ref: p, bytes: 5 }),
  (p) => ({ kind: 'drop', from: p, to: p, id: p, reason: p }),
  (p) => ({ kind: `own${p}`, agentId: p, [p]: p, deep: { [p]: [p] } }),
  (p) => ({ kind: 'log.gap', lost: 3, reason: p }),
  (p) => ({ kind: 'log.torn', bytes: p }),
  (p) => ({ kind: 'log.seal', sha256: p, bytes: p, sig: p }),
  (p) => ({ kind: 'exit', agentId: p, status: p, error: p }),
]

/** A log whose every text is of strangers' making, characters unescaped wherever JSON lets them be. */
function hostileLog(file: string, shift = 0): void {
  const lines: string[] = []
  let seq = 0
  for (const [i, poison] of POISONS.entries()) {
    for (const make of KINDS) {
      seq++
      const fields = make(poison, i)
      lines.push(
        JSON.stringify({
          ts: 1_787_386_181_194 + seq * 60_000 + shift,
          ...fields,
          seq,
          session: poison,
          trace: poison,
          span: poison,
        }),
      )
    }
    // Not as UTF-8 can write it.
    const raw = poison.replace(/\p{Cs}/gu, '')
    lines.push(`not JSON ${raw}`, `{"ts":1,"kind":${raw}`)
  }
  writeFileSync(file, `${lines.join('\n')}\n`)
}

async function onTerminal(
  args: string[],
  cwd: string,
  env: Record<string, string>,
): Promise<{ status: number | null; all: Buffer[] }> {
  // Nobody answers the exports.
  const all = { TERM: 'xterm', OTEL_EXPORTER_OTLP_TIMEOUT: '200', ...env }
  const { code, stdout, stderr } = await hivelog(args, { cwd, env: all, terminal: 300 })
  return { status: code, all: [Buffer.from(stdout), Buffer.from(stderr)] }
}

/** A file name of a character of each class that can stand in one. */
const ODD_NAME = 'a\x1b[2J\n\x7f\x9b41m\u202e\u2028\u200b\u00ad\u115f\ufff9\ufe0f\u{e0041}\ufeff.jsonl'

/** An event of each kind, or of every few, each with another poison. */
const eachKind = (step: number): string[][] =>
  KINDS.flatMap((_, i) =>
    i % step === 0 ? [[`hive.jsonl:${i * (KINDS.length + 2) + i + 1}`, 'FILE']] : [],
  ).slice(0, POISONS.length)

const TEXT: Record<string, string[][]> = {
  tail: [
    ['-n', '100000', 'FILE'],
    ['--cursor', 'POISON', 'FILE'],
    ['--agent', 'POISON', 'FILE'],
  ],
  cat: [['FILE'], ['--kind', 'ownPOISON', 'FILE'], ['missingPOISON'], ['-POISON'], ['ODD']],
  show: eachKind(2).concat([
    ['POISON', 'FILE'],
    ['a', 'FILE'],
    ['--log', 'POISON', '1', 'FILE'],
    ['1', '--', 'ODD'],
  ]),
  talk: [
    ['lead', '--', 'FILE'],
    ['lead', 'WHO', '--', 'FILE'],
    ['WHO', 'WHO', '--', 'FILE'],
    ['POISON', '--', 'FILE'],
    ['x', 'POISON', '--', 'ODD'],
  ],
  why: eachKind(5).concat([['POISON', 'FILE']]),
  top: [
    ['--once', 'FILE'],
    ['--once', '--sort', 'cost', 'ODD'],
  ],
  diff: [
    ['FILE', 'OTHER'],
    ['FILE', 'ODD'],
    ['--agent', 'POISON', 'FILE', 'OTHER'],
  ],
  check: [['FILE'], ['--rule', 'POISON', 'FILE'], ['--config', 'CONFIG', 'FILE']],
  verify: [['FILE'], ['--key', 'KEY', 'FILE'], ['--key', 'POISON', 'FILE'], ['ODD']],
  stats: [['FILE'], ['ODD']],
  state: [['--no-index', 'FILE'], ['--time', 'POISON', 'FILE'], ['ODD']],
  replay: [
    ['--speed', '0', 'FILE'],
    ['--from', 'POISON', 'FILE'],
  ],
  audit: [['FILE'], ['--id', 'POISON', 'FILE'], ['--id', 'ID', 'FILE'], ['--pending', 'ODD']],
  calls: [
    ['FILE'],
    ['--by', 'path', 'FILE'],
    ['--by', 'agent', 'FILE'],
    ['--by', 'status', 'FILE'],
    ['--by', 'tool', 'FILE'],
    ['--by', 'POISON'],
  ],
  waits: [['FILE'], ['--by', 'agent', 'FILE'], ['--by', 'holder', 'FILE'], ['--by', 'pair', 'FILE']],
  pending: [['FILE'], ['ODD'], ['missingPOISON']],
  approve: [
    ['e1', '--note', 'POISON', 'ODD'],
    ['POISON', 'FILE'],
  ],
  reject: [
    ['e1', '--note', 'POISON', 'ODD'],
    ['POISON', 'ODD'],
  ],
  index: [['FILE'], ['ODD'], ['missingPOISON'], ['--remove', 'ODD']],
  cost: ['agent', 'model', 'provider', 'task', 'decision', 'session']
    .map((by) => ['--by', by, 'FILE'])
    .concat([['--prices', 'CONFIG', 'FILE']]),
  export: [
    ['--format', 'csv', 'FILE'],
    ['--format', 'otlp-json', 'FILE'],
    ['--format', 'csv', 'ODD', '-o', 'outPOISON'],
    ['--otlp', 'http://127.0.0.1:9/POISON', 'ODD'],
    ['--header', 'POISON', '--otlp', 'http://127.0.0.1:9/', 'ODD'],
  ],
  report: [
    ['--force', '-o', 'outPOISON', 'ODD'],
    ['-o', 'out', 'missingPOISON'],
  ],
  commit: [['ODD'], ['--message', 'POISON', '--path', 'xPOISON', 'ODD'], ['missingPOISON']],
}

function scene(t: TestContext): { folder: string; odd: string } {
  const folder = scratch(t)
  mkdirSync(join(folder, 'repo'))
  const git = (...args: string[]): void => {
    spawnSync('git', args, { cwd: join(folder, 'repo') })
  }
  git('init', '--quiet')
  git('config', 'user.name', 'x')
  git('config', 'user.email', 'x@example.com')
  hostileLog(join(folder, 'hive.jsonl'))
  hostileLog(join(folder, 'other.jsonl'), 7)
  appendFileSync(join(folder, 'other.jsonl'), '{"ts":1,"kind":"message","from":"a\u202e","to":"b"}\n')
  writeFileSync(
    join(folder, 'config'),
    JSON.stringify({ rules: { [POISONS[3] as string]: POISONS[4] }, 'm\u001b': { x: 1 } }),
  )
  const { publicKey } = generateKeyPairSync('ed25519')
  writeFileSync(join(folder, 'key.pem'), publicKey.export({ type: 'spki', format: 'pem' }))
  const odd = join(folder, 'repo', ODD_NAME)
  writeFileSync(
    odd,
    '{"ts":1,"kind":"escalate","from":"a","to":"human","subject":"s","id":"e1"}\nbad \u001b[2J\n',
  )
  return { folder, odd }
}

test('the table has every command', async () => {
  const commands = [...(await hivelog(['--help'])).stdout.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map(
    ([, name]) => name,
  )
  // These say nothing of what is in a log.
  const apart = ['mcp', 'pull', 'serve', 'setup', 'ship', 'token']
  assert.deepEqual([...Object.keys(TEXT), ...apart].sort(), commands.sort())
})

for (const [command, runs] of Object.entries(TEXT)) {
  test(`${command}: nothing of strangers reaches the terminal but text`, async (t) => {
    const { folder, odd } = scene(t)
    for (const [n, run] of runs.entries()) {
      const poison = POISONS[n % SEQUENCES.length] as string
      const args = run.map((arg) => {
        const file = {
          FILE: 'hive.jsonl',
          OTHER: 'other.jsonl',
          ODD: odd,
          KEY: 'key.pem',
          CONFIG: 'config',
          ID: `e${poison}${n}`,
          WHO: poison,
        }[arg]
        return file ?? arg.replace('POISON', `${poison}\u202e\u00ad\u{e0041}`)
      })
      const variants =
        command === 'export' && args.includes('otlp-json') ? [args] : [args, ['--json', ...args]]
      for (const variant of variants) {
        for (const env of [{ NO_COLOR: '1' }, {}] as Record<string, string>[]) {
          if (env.NO_COLOR === undefined && (n > 0 || variant.includes('--json'))) continue
          const what = `hivelog ${command} ${JSON.stringify(variant)} ${JSON.stringify(env)}`
          const { status, all } = await onTerminal([command, ...variant], folder, env)
          assert.ok(status === 0 || status === 1 || status === 2, `${what}: ${status} ${all[1]}`)
          if (n === 0) assert.ok((all[0] as Buffer).length > 0, what)
          for (const bytes of all) {
            assertHarmless(bytes, what)
            const uncoloured = bytes.toString().replaceAll('\r\x1b[K', '')
            if (env.NO_COLOR === '1') assert.ok(!uncoloured.includes('\x1b'), what)
          }
        }
      }
    }
  })
}

test('to a pipe, lines of a log go as they are; JSON of reports is escaped and the same value', async (t) => {
  const folder = scratch(t)
  const text = '\u202e\u0085\u00ad\u{e0041}'
  const line = `{"ts":1,\t"kind":"message","from":"${text}","to":"b","id":"1","subject":"${text}","act":"a"}`
  writeFileSync(join(folder, 'hive.jsonl'), `${line}\n`)
  for (const command of ['cat', 'tail']) {
    assert.equal((await hivelog([command, '--json', 'hive.jsonl'], { cwd: folder })).stdout, `${line}\n`)
  }
  const { stdout } = await hivelog(['replay', '--speed', '0', '--json', 'hive.jsonl'], { cwd: folder })
  assert.doesNotMatch(stdout.trimEnd(), /[^\x20-\x7e]/)
  assert.equal(JSON.parse(stdout).event.subject, text)
})

test('a real terminal, where this machine can make one', (t) => {
  const { folder } = scene(t)
  const make = 'import pty,sys;sys.exit(pty.spawn(sys.argv[1:])>>8)'
  if (spawnSync('python3', ['-c', 'import pty']).status !== 0) return t.skip('no python3 here')
  for (const args of [['cat'], ['cat', '--json'], ['audit'], ['export', '--format', 'csv']]) {
    const run = [process.execPath, MAIN, ...args, 'hive.jsonl']
    const { stdout } = spawnSync('python3', ['-c', make, ...run], {
      cwd: folder,
      maxBuffer: 1 << 30,
      timeout: 300_000,
      input: '',
      env: { ...process.env, TERM: 'xterm', NO_COLOR: '', FORCE_COLOR: '' },
    })
    assert.ok(stdout.length > 1000, args.join(' '))
    // The terminal makes a carriage return of its own before each newline.
    assertHarmless(
      Buffer.from(
        stdout
          .toString('utf8')
          .replaceAll('\r\n', '\n')
          .replace(/\^D[\b]+/, ''),
      ),
      args.join(' '),
    )
  }
})
