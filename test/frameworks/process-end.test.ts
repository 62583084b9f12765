/** Agents and tools that are under way when their process ends have their ends in the log, in whatever way it ends. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventsOf, fixture, linesOf, runNode, tempFolder } from '../kit/hive-support.js'

const CHILD = fixture('agents-exit-child')

for (const [way, code, signal, processEnd, reason] of [
  ['exit 0', 0, null, 'ok', undefined],
  ['exit 3', 3, null, 'error', 'exit code 3'],
  ['throw', 1, null, 'error', 'it broke'],
  ['reject', 1, null, 'error', 'it was rejected'],
  ['signal', null, 'SIGTERM', 'killed', 'SIGTERM'],
  ['run out of work', 0, null, 'ok', undefined],
  ['shutdown', 0, null, 'ok', undefined],
  ['no process agent', 0, null, undefined, undefined],
] as const) {
  test(`by "${way}" agents are killed, children first, and their tools left unfinished`, async (t) => {
    const file = join(tempFolder(t), 'hive.jsonl')
    const run = await runNode([CHILD, way], { HIVELOG_FILE: file })
    assert.deepEqual([run.code, run.signal], [code, signal], run.stderr)
    const events = eventsOf(file)
    assert.deepEqual(
      events
        .filter(({ kind }) => kind === 'tool')
        .map(({ agentId, name, toolCallId, ok, error }) => [agentId, name, toolCallId, ok, error]),
      [
        ['coder', 'done', undefined, true, undefined],
        ['coder', 'grep', 'c-1', false, 'left unfinished'],
        ['away', 'late', undefined, false, 'left unfinished'],
      ],
    )
    const ofProcess = processEnd === undefined ? [] : [['app', processEnd, reason]]
    // Whoever was handed to a process of its own may go on there, unless the hive itself is over.
    const away = way === 'shutdown' ? [['away', 'killed', undefined]] : []
    assert.deepEqual(
      events
        .filter(({ kind }) => kind === 'exit')
        .map(({ agentId, status, error }) => [agentId, status, error]),
      [...away, ['coder', 'killed', reason], ['lead', 'killed', reason], ...ofProcess],
    )
    assert.equal(linesOf(file).at(-1)?.kind, 'log.seal')
  })
}

test('hives of one process, however many, make Node warn of no leak', async (t) => {
  const folder = tempFolder(t)
  const said: string[] = []
  const hear = (warning: Error): void => void said.push(warning.message)
  process.on('warning', hear)
  const { startHive } = await import('../../src/index.js')
  const hives = Array.from({ length: 12 }, (_, i) =>
    startHive({ file: join(folder, `${i}.jsonl`), otlp: false }),
  )
  for (const hive of hives) hive.spawn({ agentId: 'coder' })
  await new Promise(setImmediate)
  await Promise.all(hives.map((hive) => hive.shutdown()))
  process.off('warning', hear)
  assert.deepEqual(said, [])
})
