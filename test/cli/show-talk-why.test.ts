/** The commands on single events and conversations: what they print, how it fits, and what they exit with. */
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hivelog, linesOf } from '../kit/reader-cli.js'
import { scratch } from '../kit/reader-log.js'
import { cleanUp, StoryLog } from '../kit/story.js'

const tidy = (text: string): string[] => linesOf(text).map((line) => line.replace(/(\S) {2,}/g, '$1  '))

test('show: every field, where and when, the content, and what came of it', async (t) => {
  const cwd = scratch(t)
  const { main } = cleanUp(cwd)
  main.at(500, 'message', {
    from: 'lead',
    to: 'coder',
    act: 'inform',
    subject: main.artifact('a\nlong\ntext'),
    id: 'm-9',
  })
  const { code, stdout, stderr } = await hivelog(['show', 'm-9'], { cwd })
  assert.deepEqual([code, stderr], [0, ''])
  const lines = tidy(stdout)
  assert.equal(lines[0], 'message  hive.jsonl:11 seq 11')
  assert.ok(lines.includes('  time  2026-08-22 08:09:41.500 +00:00, 2026-08-22T08:09:41.500Z'))
  assert.ok(lines.includes('  act  inform'))
  assert.deepEqual(
    lines.filter((line) => line.startsWith('  │ ')),
    ['  │ a', '  │ long', '  │ text'],
  )
  assert.ok(lines.includes('  waits in the inbox of coder'))
  const taken = (await hivelog(['show', 'm-1'], { cwd })).stdout
  assert.match(taken, /^ {2}drained by coder 2026-08-22 08:09:41\.070 after 20 ms +coder\.jsonl:2 seq 2$/m)
  assert.match(taken, /^replies\n.*coder → lead {2}inform {2}"Here" +coder\.jsonl:4 seq 4$/m)
  assert.match(
    (await hivelog(['show', 'e-1'], { cwd })).stdout,
    /^rejected after 110 ms\n.*by ana.*hive\.jsonl:9 seq 9$/m,
  )
  assert.match(
    (await hivelog(['show', 'coder'], { cwd })).stdout,
    /coder: error, 260 ms, 8 events\n {2}1 model call, .*\$0\.2500/,
  )
})

test('show: long content is cut, and --full shows it all; what is missing or changed is exit code 1', async (t) => {
  const cwd = scratch(t)
  const { main } = cleanUp(cwd)
  const content = Array.from({ length: 100 }, (_, i) => `line ${i}`).join('\n')
  const named = main.artifact(content)
  main.at(500, 'snapshot', { agentId: 'lead', ...named })
  const shown = async (args: string[]): Promise<string[]> =>
    linesOf((await hivelog(['show', ...args], { cwd })).stdout).filter((line) => line.startsWith('  │ '))
  assert.equal((await shown(['11'])).length, 40)
  assert.equal((await shown(['11', '--full'])).length, 100)
  assert.equal((await shown([named.ref.slice(0, 8), '--full'])).length, 100)
  writeFileSync(main.artifactPath(named.ref), 'other')
  const changed = await hivelog(['show', '11'], { cwd })
  assert.equal(changed.code, 1)
  assert.match(changed.stdout, /^! changed: its content is not that of its name/m)
  rmSync(main.artifactPath(named.ref))
  const missing = await hivelog(['show', '11'], { cwd })
  assert.deepEqual([missing.code, /^! missing: it is not there$/m.test(missing.stdout)], [1, true])
  const binary = main.artifact(Buffer.from([0, 27, 91, 50, 74]))
  main.at(501, 'snapshot', { agentId: 'lead', ...binary })
  const told = await hivelog(['show', '12'], { cwd })
  assert.deepEqual([told.code, /it is no text, and not shown/.test(told.stdout)], [0, true])
  assert.ok(!told.stdout.includes('\x1b'))
})

test('show and why: what fits several things is listed, with how to name one', async (t) => {
  const cwd = scratch(t)
  cleanUp(cwd)
  for (const command of ['show', 'why']) {
    const { code, stdout, stderr } = await hivelog([command, 'm-'], { cwd })
    assert.deepEqual([code, stderr], [1, ''])
    const lines = linesOf(stdout)
    assert.equal(lines[0], 'm- is 5 things:')
    assert.equal(lines.length, 7)
    const [, named] = /^name one by its place: hivelog \w+ (\S+)$/.exec(lines.at(-1) ?? '') ?? []
    assert.equal((await hivelog([command, named as string], { cwd })).code, 0)
    const none = await hivelog([command, 'nothing-like-it\x1b[31m'], { cwd })
    assert.deepEqual([none.code, none.stdout], [1, ''])
    assert.match(
      none.stderr,
      /^hivelog: nothing in this hive is called nothing-like-it\\u001b\[31m \(15 events read\)\n$/,
    )
  }
})

test('why: read downwards, guesses are called so, and where it ends', async (t) => {
  const cwd = scratch(t)
  cleanUp(cwd)
  const { code, stdout, stderr } = await hivelog(['why', 'e-1'], { cwd })
  assert.deepEqual([code, stderr], [0, ''])
  assert.deepEqual(
    tidy(stdout).map((line) => line.replace(/^[\d-]+ [\d:.]+/, 'T')),
    [
      'T ▲ escalate  coder → human  e-1  "Drop users?"  coder.jsonl:5 seq 5',
      '  ↑ probably: coder had just drained its inbox',
      'T  drain  coder  took 2 messages  coder.jsonl:2 seq 2',
      '  ↑ probably: the drain took this message',
      'T  message  lead → coder  request  "Need the schema"  hive.jsonl:6 seq 6',
      '    or 2026-08-22 08:09:41.055  message  lead → broadcast  inform  "Standup"  hive.jsonl:7 seq 7',
      '  ↑ probably: lead had just drained its inbox',
      'T  drain  lead  took 1 message  hive.jsonl:4 seq 4',
      '  ↑ the drain took this message',
      'T  message  human → god  request  "Clean up"  hive.jsonl:3 seq 3',
      '  ■ origin: human is no agent of this hive',
    ],
  )
  const cut = tidy((await hivelog(['why', '--depth', '1', 'e-1'], { cwd })).stdout)
  assert.deepEqual([cut.length, cut.at(-1)], [4, '  ■ and so on: --depth follows more links'])
})

test('talk: threads with answers further in, drains, and what has no answer', async (t) => {
  const cwd = scratch(t)
  cleanUp(cwd)
  const { code, stdout, stderr } = await hivelog(['talk', 'lead', 'coder'], { cwd })
  assert.deepEqual([code, stderr], [0, ''])
  assert.deepEqual(
    linesOf(stdout).map((line) =>
      line.replace(/\d{4}-[\d-]+ [\d:.]+/, 'T').replace(/ {3,}(?=\S*\.jsonl)/, '  '),
    ),
    [
      '  T   message   lead → coder  request  "Need the schema"  hive.jsonl:6 seq 6',
      '      drained 08:09:41.070, after 20 ms',
      '    T   message   coder → lead  inform  "Here"  coder.jsonl:4 seq 4',
      '        drained 08:09:41.200, after 110 ms',
      '',
      '  T   message   lead → broadcast  inform  "Standup"  hive.jsonl:7 seq 7',
      '      drained 08:09:41.070, after 15 ms',
      '',
      '? T   message   coder → lead  query  "And now?"  coder.jsonl:6 seq 6',
      '      waits for lead; no answer',
      '',
      '4 messages: lead 2, coder 2; 3 threads',
      '1 of them asks and has no answer',
    ],
  )
})

test('talk: one name or two, files after them, and names that nobody has', async (t) => {
  const cwd = scratch(t)
  const { main } = cleanUp(cwd)
  const both = (await hivelog(['talk', 'lead', 'coder'], { cwd })).stdout
  for (const args of [
    ['lead', 'coder', 'hive.jsonl'],
    ['lead', 'coder', '--', 'hive.jsonl'],
  ]) {
    assert.equal((await hivelog(['talk', ...args], { cwd })).stdout, both)
  }
  const one = await hivelog(['talk', 'lead'], { cwd })
  assert.deepEqual(tidy(one.stdout).slice(0, 5), [
    'lead talks with 2 others',
    '',
    'with  last  sent  received  unanswered by them  by lead',
    'coder  2026-08-22 08:09:41  2  2  0  1',
    'human  2026-08-22 08:09:41  0  1  0  1',
  ])
  for (const args of [
    ['lead', 'hive.jsonl'],
    ['lead', '--', 'hive.jsonl'],
  ]) {
    assert.equal((await hivelog(['talk', ...args], { cwd })).stdout, one.stdout)
  }
  const unknown = await hivelog(['talk', 'lead', 'cder'], { cwd })
  assert.deepEqual([unknown.code, unknown.stdout], [1, ''])
  assert.match(
    unknown.stderr,
    /^hivelog: no event is from or to cder \(15 events read\); did you mean coder\?\n$/,
  )
  main.at(500, 'spawn', { agentId: 'idle', name: 'I', isGod: false })
  assert.match(
    (await hivelog(['talk', 'lead', 'idle'], { cwd })).stderr,
    /^hivelog: lead and idle have not talked /,
  )
  assert.match((await hivelog(['talk', 'idle'], { cwd })).stderr, /^hivelog: idle has talked with nobody /)
  const some = await hivelog(['talk', 'lead', 'coder', '--since', '2026-08-22T08:09:41.110Z'], { cwd })
  assert.match(some.stdout, /^1 message: lead 0, coder 1; 1 thread$/m)
})

test('--json of each is one object with what its help names', async (t) => {
  const cwd = scratch(t)
  cleanUp(cwd)
  for (const args of [
    ['show', 'm-1'],
    ['why', 'e-1'],
    ['talk', 'lead', 'coder'],
    ['talk', 'lead'],
    ['top', '--once'],
  ]) {
    const { code, stdout } = await hivelog([...args, '--json'], { cwd })
    assert.equal(code, 0)
    assert.equal(linesOf(stdout).length, 1)
    const report = JSON.parse(stdout)
    const help = (await hivelog([args[0] as string, '--help'])).stdout
    for (const name of Object.keys(report)) {
      if (name !== 'broken') assert.ok(help.includes(`"${name}"`), `${args[0]} --help names ${name}`)
    }
  }
})

test('within their columns, and harmless, whatever the log holds', async (t) => {
  const cwd = scratch(t)
  const long = `\x1b[31m${'wide 漢字 '.repeat(40)}${'x'.repeat(300)}\u202e`
  const log = new StoryLog(join(cwd, 'hive.jsonl'))
    .at(1, 'spawn', { agentId: long, name: long, isGod: false, parent: long, role: long })
    .at(2, 'message', {
      from: long,
      to: long,
      act: long,
      subject: long,
      id: long,
      requiresReply: true,
      [long]: long,
    })
    .at(3, 'drain', { agentId: long, count: 2, ids: [long, `${long}2`] })
    .at(4, 'escalate', { from: long, to: long, subject: long, id: long, deep: { deep: [long] } })
    .at(5, 'approval', { id: long, approve: true, by: long, note: long })
    .at(6, 'drop', { from: long, to: long, id: long, reason: long })
    .at(7, 'exit', { agentId: long, status: 'error', error: long })
    .at(8, 'note', { content: new StoryLog(join(cwd, 'x.jsonl')).artifact(long) })
  const content = log.artifact(`${long}\n${long}`)
  log.at(9, 'snapshot', { agentId: long, label: long, ...content })
  const runs = Array.from({ length: 9 }, (_, i) => i + 1).flatMap((seq) => [
    ['show', String(seq)],
    ['why', String(seq)],
  ])
  runs.push(
    ['talk', long, long],
    ['talk', long],
    ['top'],
    ['show', content.ref, '--full'],
    ['show', '\x1b[31m'],
    ['talk', 'x', long],
  )
  for (const args of runs) {
    const { code, stdout, stderr } = await hivelog(args, { cwd })
    const what = `${args.join(' ').slice(0, 60)}: ${stdout}${stderr}`
    assert.ok(code === 0 || code === 1, what)
    for (const harm of ['\x1b', '\u202e']) assert.ok(!(stdout + stderr).includes(harm), what)
    for (const line of linesOf(stdout))
      assert.ok(columnsOf(line) <= 100, `${columnsOf(line)} columns: ${line}`)
  }
})

/** What is wide takes two columns. */
const columnsOf = (line: string): number =>
  Array.from(line).reduce((sum, character) => sum + (/[\u4e00-\u9fff]/.test(character) ? 2 : 1), 0)

test('an event that is nested as deep as a line can be is shown, and as JSON refused in one line', async (t) => {
  const cwd = scratch(t)
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
  new StoryLog(join(cwd, 'hive.jsonl')).raw(`{"ts":1,"kind":"x","agentId":"a","deep":${deep},"seq":1}\n`)
  const shown = await hivelog(['show', '1'], { cwd })
  assert.equal(shown.code, 0)
  assert.match(shown.stdout, /^ {2}deep +\(nested too deeply\)$/m)
  for (const args of [['why', '1'], ['top'], ['why', '--json', '1']])
    assert.equal((await hivelog(args, { cwd })).code, 0)
  const json = await hivelog(['show', '--json', '1'], { cwd })
  assert.deepEqual([json.code, json.stdout], [1, ''])
  assert.equal(
    json.stderr,
    'hivelog: 1 is nested too deeply to be written as JSON; it is shown without --json\n',
  )
})

test('help fits 80 columns; bad use is one line and exit code 2', async (t) => {
  const cwd = scratch(t)
  cleanUp(cwd)
  for (const command of ['show', 'talk', 'why', 'top']) {
    const help = (await hivelog([command, '--help'])).stdout
    assert.match(help, new RegExp(`^Example: hivelog ${command} `, 'm'))
    for (const line of linesOf(help)) assert.ok(line.length <= 80, line)
  }
  for (const args of [
    ['show'],
    ['show', ''],
    ['show', '1', '-'],
    ['show', '1', 'none.jsonl'],
    ['show', '1', '--log', 'none'],
    ['why'],
    ['why', '1', '--depth', '0'],
    ['talk'],
    ['talk', 'a', 'b', '-n', 'x'],
    ['top', '--sort', 'name'],
    ['top', 'none.jsonl'],
    ['top', '.'],
  ]) {
    const { code, stdout, stderr } = await hivelog(args, { cwd })
    assert.deepEqual([code, stdout], [2, ''], args.join(' '))
    assert.match(stderr, /^hivelog: [^\n]*\n$/)
  }
})
