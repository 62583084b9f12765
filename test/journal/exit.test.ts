import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkLog, lockFiles, ofKind, sha256, startChild, tempFolder } from '../kit/journal-kit.js'

const ARTIFACT = sha256('an artifact that nobody waits for')

/** Way to end, and how many events are recorded by then. */
const WAYS: [way: string, events: number][] = [
  ['exit', 1_000],
  ['SIGINT', 1_000],
  ['SIGTERM', 1_000],
  ['SIGHUP', 1_000],
  ['exception', 1_000],
  ['exception later', 2_000],
  ['rejection', 1_000],
  ['end', 1_000],
  ['end with exitCode', 1_000],
  ['exit handler before', 1_001],
  ['exit handler after', 1_001],
  ['another library at the exit', 1_001],
  ['own SIGINT handler exits', 1_001],
  ['own SIGINT handler goes on', 2_000],
  ['exit while it closes', 1_001],
  ['two journals', 1_000],
]

for (const [index, [way, events]] of WAYS.entries()) {
  const fsync = ['everysec', 'no', 'always'][index % 3] as string
  test(`${way}, right after 1,000 events: all are there, sealed, and the process ends as without a journal`, async (t) => {
    const file = join(tempFolder(t), 'hive.jsonl')
    const control = await startChild(t, 'journal-exit-child', ['-', way]).ended
    const { code, signal, stderr } = await startChild(t, 'journal-exit-child', [file, way, fsync]).ended
    assert.deepEqual({ code, signal }, { code: control.code, signal: control.signal })
    assert.equal(withoutPlaces(stderr), withoutPlaces(control.stderr))

    const lines = checkLog(file)
    assert.equal(ofKind(lines, 'message').length, events)
    assert.equal(lines.at(-1)?.event.kind, 'log.seal')
    assert.deepEqual(lockFiles(file), [])
    const artifact = readFileSync(join(`${file}.artifacts`, ARTIFACT.slice(0, 2), ARTIFACT))
    assert.equal(sha256(artifact), ARTIFACT)
    if (way === 'two journals') {
      const second = `${file}.second.jsonl`
      assert.equal(ofKind(checkLog(second), 'message').length, 1)
      assert.ok(!existsSync(`${second}.lock`))
    }
  })
}

test('a process that may not touch its files any more still ends as it would', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can give up its rights')
  const file = join(tempFolder(t), 'hive.jsonl')
  const { code, stderr } = await startChild(t, 'journal-exit-child', [file, 'lock not readable any more'])
    .ended
  assert.equal(stderr, '')
  assert.equal(code, 11)
  assert.equal(ofKind(checkLog(file), 'message').length, 1_000)
})

/** A stack trace without the places in it, which differ by the journal's own frames. */
const withoutPlaces = (stderr: string): string =>
  stderr
    .split('\n')
    .filter((line) => !/^\s+at |^file:|^node:/.test(line))
    .join('\n')
