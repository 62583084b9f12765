/** `--trace` and `--span` of `hivelog cat` and `tail`: from a span in Jaeger to its lines. */
import assert from 'node:assert/strict'
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hivelog, linesOf } from '../kit/reader-cli.js'
import { FOREIGN, LogWriter, scratch } from '../kit/reader-log.js'

const A = 'abcdef0123456789abcdef0123456789'
const B = '1'.repeat(32)
const SPAN = 'abcdef0123456789'

/** One line of kind `e` with these ids; `name` tells it apart. */
const line = (name: unknown, trace: unknown, span: unknown, agentId = 'a'): string =>
  `${JSON.stringify({ ts: 1_787_386_181_194, kind: name === 'out' ? 'exit' : 'e', agentId, name, trace, span })}\n`

const LINES = [
  line(1, A, SPAN),
  line(2, A, '2'.repeat(16), 'b'),
  line(3, B, SPAN),
  line(4, A.toUpperCase(), SPAN.toUpperCase()),
  line('out', A, SPAN),
  // A log that others wrote: no ids, or something else in their place.
  line(6, undefined, undefined),
  line(7, [A], { toLowerCase: SPAN }),
  line(8, 5, null),
  'not json\n',
].join('')

const names = async (args: string[], input = LINES): Promise<unknown[]> =>
  linesOf((await hivelog([...args, '--json', '-'], { input })).stdout).map((text) => JSON.parse(text).name)

test('--trace and --span choose lines, in upper or lower case, and can be given several times', async () => {
  assert.deepEqual(await names(['cat', '--trace', A]), [1, 2, 4, 'out'])
  assert.deepEqual(await names(['cat', '--trace', A.toUpperCase()]), [1, 2, 4, 'out'])
  assert.deepEqual(await names(['cat', '--trace', A, '--trace', B]), [1, 2, 3, 4, 'out'])
  assert.deepEqual(await names(['cat', '--span', SPAN]), [1, 3, 4, 'out'])
  assert.deepEqual(await names(['cat', '--span', SPAN, '--span', '2'.repeat(16)]), [1, 2, 3, 4, 'out'])
  assert.deepEqual(await names(['cat', '--trace', 'f'.repeat(32)]), [])
})

test('all options that are given must match', async () => {
  assert.deepEqual(await names(['cat', '--trace', A, '--span', SPAN]), [1, 4, 'out'])
  assert.deepEqual(await names(['cat', '--trace', A, '--agent', 'b']), [2])
  assert.deepEqual(await names(['cat', '--trace', A, '--span', SPAN, '--kind', 'exit']), ['out'])
  assert.deepEqual(await names(['cat', '--trace', B, '--agent', 'b']), [])
})

test('a log without trace ids has no line of a trace, and is otherwise shown as ever', async () => {
  assert.deepEqual(await names(['cat', '--trace', A], FOREIGN), [])
  assert.equal((await hivelog(['cat', '--json', '-'], { input: FOREIGN })).stdout, FOREIGN)
})

test('what is no id is bad use, in one line that says what an id is', async () => {
  for (const command of ['cat', 'tail']) {
    for (const [option, id, digits] of [
      ['--trace', SPAN, 32],
      ['--trace', `${A}0`, 32],
      ['--trace', `${A.slice(1)}g`, 32],
      ['--trace', `${A}\n`, 32],
      ['--span', A, 16],
      ['--span', `0x${SPAN.slice(2)}`, 16],
    ] as const) {
      const { code, stdout, stderr } = await hivelog([command, `${option}=${id}`, 'hive.jsonl'])
      assert.deepEqual([code, stdout], [2, ''])
      assert.ok(stderr.startsWith(`hivelog: ${option} needs ${digits} hex digits, not '`), stderr)
      assert.equal(linesOf(stderr).length, 1, stderr)
    }
    // The second of several is looked at too.
    assert.equal((await hivelog([command, '--trace', A, '--trace', 'x', 'hive.jsonl'])).code, 2)
  }
})

test('archived segments and the files of sub-processes are searched, and tail counts only what matches', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file)
  log.raw(line(1, A, SPAN)).rotate({ gzip: true })
  log
    .raw(line(2, B, SPAN))
    .raw(line(3, A, SPAN))
    .raw(line(4, B, SPAN))
  const child = `${file}.child`
  appendFileSync(child, line(5, A, '3'.repeat(16)))
  const shown = async (args: string[]): Promise<unknown[]> =>
    linesOf((await hivelog([...args, '--json'])).stdout).map((text) => JSON.parse(text).name)
  assert.deepEqual(await shown(['cat', '--trace', A, file, child]), [1, 3, 5])
  assert.deepEqual(await shown(['tail', '-n', '2', '--trace', A, file]), [1, 3])
  assert.deepEqual(await shown(['tail', '-n', '1', '--trace', A, '--span', SPAN, file]), [3])
  // The lines come as they are in the file.
  assert.ok(
    readFileSync(file, 'utf8').includes(
      (await hivelog(['tail', '-n', '1', '--trace', A, '--json', file])).stdout,
    ),
  )
})
