/** A report of a log in which nothing is: the same line and the same exit code as every other command has. */
import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hivelog } from '../kit/reader-cli.js'
import { scratch } from '../kit/reader-log.js'

test('report says of an empty log and of no log what stats says, and writes nothing', async (t) => {
  const cwd = scratch(t)
  writeFileSync(join(cwd, 'empty.jsonl'), '')
  writeFileSync(join(cwd, 'text.jsonl'), 'no log at all\n')
  for (const [file, code, says] of [
    ['empty.jsonl', 1, 'hivelog: empty.jsonl is empty: there is no event in it\n'],
    ['text.jsonl', 2, 'hivelog: text.jsonl is no log: none of its lines is an event\n'],
  ] as const) {
    const stats = await hivelog(['stats', file], { cwd })
    assert.deepEqual([stats.code, stats.stderr], [code, says])
    const report = await hivelog(['report', '-o', 'r.html', file], { cwd })
    assert.deepEqual([report.code, report.stdout, report.stderr], [code, '', says])
    assert.ok(!existsSync(join(cwd, 'r.html')))
  }
})
