/** What is due is due by a clock that nobody sets: a corrected or wrong system clock holds up nothing. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Journal } from '../../src/journal/journal.js'
import {
  append,
  captureDiag,
  checkLog,
  ofKind,
  pause,
  segmentsOf,
  tempFolder,
  until,
} from '../kit/journal-kit.js'

const DAY_MS = 86_400_000

/** Sets the system's clock forward or back. */
function setClock(t: TestContext, byMs: number): void {
  const now = Date.now
  t.mock.method(Date, 'now', () => now.call(Date) + byMs)
}

function warningsOf(t: TestContext): Error[] {
  const warnings: Error[] = []
  const note = (warning: Error) => warnings.push(warning)
  process.on('warning', note)
  t.after(() => process.off('warning', note))
  return warnings
}

for (const [what, byMs] of [
  ['30 days back', -30 * DAY_MS],
  ['an hour back', -3_600_000],
  ['30 days forward', 30 * DAY_MS],
] as const) {
  test(`the clock is set ${what}: seals, rotation by age and the look at the file go on, without a warning`, async (t) => {
    const told = captureDiag(t)
    const warnings = warningsOf(t)
    const file = join(tempFolder(t), 'hive.jsonl')
    const journal = new Journal({
      file,
      session: 's-1',
      fsync: 'no',
      seal: { everyMs: 40 },
      rotate: { maxAgeMs: 400 },
    })
    append(journal, { n: 0 })
    await until('a seal', () => ofKind(checkLog(file), 'log.seal').length > 0)
    setClock(t, byMs)
    const before = ofKind(checkLog(file), 'log.seal').length
    append(journal, { n: 1 })
    await until('a seal after it', () => ofKind(checkLog(file), 'log.seal').length > before)
    const segments = segmentsOf(file).length
    await until('a rotation after it', () => {
      append(journal, { n: 2 })
      return segmentsOf(file).length > segments
    })
    rmSync(file)
    await until('the look at the file', () => {
      append(journal, { n: 3 })
      return told.some((line) => /was removed while it was written/.test(line))
    })
    await pause(200)
    await journal.close()
    assert.deepEqual(warnings, [])
  })
}

test('periods without end are never due, and no timer takes them for the shortest', async (t) => {
  const warnings = warningsOf(t)
  const file = join(tempFolder(t), 'hive.jsonl')
  const journal = new Journal({
    file,
    session: 's-1',
    fsync: 'no',
    seal: { everyMs: Infinity, everyBytes: Infinity },
    rotate: { maxAgeMs: Infinity, maxBytes: Infinity },
  })
  for (let n = 0; n < 20; n++) {
    append(journal, { n })
    await pause(10)
  }
  assert.equal(ofKind(checkLog(file), 'log.seal').length, 0)
  await journal.close()
  assert.equal(ofKind(checkLog(file), 'log.seal').length, 1)
  assert.deepEqual(warnings, [])
})
