/** Long work shows on a terminal how far it has come, in every command; and nothing of it is left, nor anywhere else. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, type TestContext, test } from 'node:test'
import { tempFolder } from '../kit/hive-support.js'
import { type CliResult, hivelog } from '../kit/reader-cli.js'

const COUNT = 12_000

let text = ''
before(() => {
  const lines: object[] = [{ kind: 'spawn', agentId: 'a', name: 'a', isGod: true }]
  for (let i = 0; lines.length < COUNT - 1; i++) {
    lines.push({
      kind: 'message',
      from: 'a',
      to: 'b',
      act: 'inform',
      subject: `part ${i} `.repeat(9),
      id: `m${i}`,
    })
  }
  lines.push({ kind: 'usage', agentId: 'a', model: 'gpt-4o', inputTokens: 1, outputTokens: 1 })
  const begin = Date.UTC(2026, 0, 5)
  text = lines.map((line, i) => `${JSON.stringify({ ts: begin + i, ...line, seq: i + 1 })}\n`).join('')
})

/** What each command is given beside the log. */
const COMMANDS: Record<string, string[]> = {
  audit: [],
  calls: [],
  'cat --kind': ['--kind', 'usage'],
  check: [],
  cost: [],
  'export --format csv': ['--format', 'csv', '--output', 'FOLDER/out.csv'],
  'export --format otlp-json': ['--format', 'otlp-json', '--output', 'FOLDER/out.json'],
  index: [],
  'replay --from': ['--from', String(COUNT - 2)],
  show: [String(COUNT)],
  state: [],
  stats: [],
  'tail --since': ['--since', String(Date.UTC(2026, 0, 5) + COUNT - 3)],
  talk: ['a', 'b'],
  top: ['--once'],
  verify: [],
  waits: [],
  why: [String(COUNT)],
}

function write(t: TestContext): { folder: string; file: string } {
  const folder = tempFolder(t)
  const file = join(folder, 'hive.jsonl')
  writeFileSync(file, text)
  return { folder, file }
}

/** Runs it where every look at the clock takes 200 ms. */
async function slowly(t: TestContext, args: string[], terminal: boolean): Promise<CliResult> {
  let now = Date.now()
  const clock = t.mock.method(Date, 'now', () => (now += 200))
  try {
    return await hivelog(args, terminal ? { terminal: 80 } : {})
  } finally {
    clock.mock.restore()
  }
}

const percentsIn = (stderr: string): number[] =>
  [...stderr.matchAll(/\r\w+ +(\d+) %/g)].map(([, percent]) => Number(percent))

function assertTold({ stdout, stderr, code }: CliResult, what: string): void {
  const percents = percentsIn(stderr)
  assert.ok(percents.length > 0, `${what} tells nothing: ${JSON.stringify(stderr)}, exit code ${code}`)
  assert.deepEqual(
    percents,
    percents.toSorted((a, b) => a - b),
    what,
  )
  assert.ok(
    percents.every((percent) => percent > 0 && percent <= 100),
    what,
  )
  // Whatever is said later stands on a line of its own.
  const rest = stderr.slice(stderr.lastIndexOf(' %') + 2)
  assert.ok(rest.startsWith('\r\x1b[K'), `${what}: ${JSON.stringify(rest)}`)
  assert.doesNotMatch(stdout, / %\r/)
}

for (const [name, more] of Object.entries(COMMANDS)) {
  test(`${name} tells how far it has come`, async (t) => {
    const { folder, file } = write(t)
    const [command = ''] = name.split(' ')
    const given = more.map((arg) => arg.replace('FOLDER', folder))
    const args = ['show', 'why'].includes(command) ? [...given, file] : [file, ...given]
    const all = command === 'talk' ? [...given, file] : args
    assertTold(await slowly(t, [command, ...all], true), name)
    assert.deepEqual(percentsIn((await slowly(t, [command, ...all, ...forced(command)], false)).stderr), [])
  })
}

/** What was written before is in the way of a second export. */
const forced = (command: string): string[] => (command === 'export' ? ['--force'] : [])

test('diff tells how far it has come in both', async (t) => {
  const one = write(t)
  const other = write(t)
  assertTold(await slowly(t, ['diff', one.file, other.file], true), 'diff')
})

test('the logs of child processes, and archived segments, count', async (t) => {
  const { folder, file } = write(t)
  const lines = text.split('\n')
  const half = COUNT / 2
  writeFileSync(join(folder, 'hive.000000000001.jsonl'), `${lines.slice(0, half).join('\n')}\n`)
  writeFileSync(file, lines.slice(half).join('\n'))
  mkdirSync(`${file}.agents`)
  writeFileSync(join(`${file}.agents`, 'b.jsonl'), text.replaceAll('"a"', '"b"'))
  for (const command of ['cost', 'check', 'verify']) {
    const result = await slowly(t, [command, file], true)
    assertTold(result, command)
    const percents = percentsIn(result.stderr)
    assert.ok((percents[0] as number) < 40, `${command}: the first is ${percents[0]} %`)
    assert.ok((percents.at(-1) as number) > 80, `${command}: the last is ${percents.at(-1)} %`)
  }
})
