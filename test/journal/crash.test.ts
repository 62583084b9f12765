import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Journal, type JournalOptions } from '../../src/journal/journal.js'
import { checkLog, ofKind, padOf, pause, randomFrom, startChild, tempFolder } from '../kit/journal-kit.js'
import { cases, seedOfRun } from '../kit/long-run.js'

/** Of each file. */
const LIVES = cases(20, 3)
const SEED = seedOfRun()

const PLAIN = {}
const SEALING = { seal: { everyBytes: 32 * 1024 } }
const ROTATING = { seal: { everyBytes: 64 * 1024 }, rotate: { maxBytes: 256 * 1024 } }
const COMPRESSING = { rotate: { maxBytes: 256 * 1024, gzip: true } }
const FILES: Partial<JournalOptions>[] = [
  PLAIN,
  PLAIN,
  PLAIN,
  PLAIN,
  SEALING,
  SEALING,
  ROTATING,
  ROTATING,
  COMPRESSING,
  COMPRESSING,
]

/** One life of a writer, ended by SIGKILL. Returns the `seq`s that it was told are on disk. */
async function live(t: TestContext, file: string, life: number, random: () => number, options: object) {
  const seed = Math.floor(random() * 2 ** 31)
  const child = startChild(t, 'journal-crash-child', [
    file,
    String(life),
    String(seed),
    JSON.stringify(options),
  ])
  if (random() < 0.8) {
    // Into the opening, or into the recording.
    if (random() < 0.9) await child.says('open\n')
    await pause(random() * 40)
  } else await pause(random() * 120)
  child.process.kill('SIGKILL')
  const { signal, stdout, stderr } = await child.ended
  assert.equal(signal, 'SIGKILL', `the writer ended by itself: ${stderr}`)
  return stdout
    .split('\n')
    .slice(0, -1)
    .filter((line) => line !== 'open')
    .map(Number)
}

async function crashFile(t: TestContext, file: string, options: object, random: () => number) {
  const acknowledged = new Map<number, number>()
  for (let life = 1; life <= LIVES; life++) {
    for (const seq of await live(t, file, life, random, options)) acknowledged.set(seq, life)
  }
  await new Journal({ file, session: 's-1', ...options }).close()

  const lines = checkLog(file)
  for (const [seq, life] of acknowledged) {
    const line = lines[seq - 1]
    assert.ok(line, `acknowledged line ${seq} of life ${life} is there`)
    assert.equal(line.event.life, life, `line ${seq} is the one that was acknowledged`)
  }
  for (const event of ofKind(lines, 'message')) {
    assert.equal(event.pad, padOf(event.life as number, event.n as number), `line ${event.seq} is whole`)
  }
  const torn = ofKind(lines, 'log.torn').length
  assert.ok(torn <= LIVES, `${torn} log.torn after ${LIVES} crashes`)
  assert.equal(lines.at(-1)?.event.kind, 'log.seal')
  assert.ok(!existsSync(`${file}.lock`))
  return { acknowledged: acknowledged.size, torn, lines: lines.length }
}

test('writers are killed at random moments: what was acknowledged is there, whole and in order', async (t) => {
  const folder = tempFolder(t)
  const total = { acknowledged: 0, torn: 0, lines: 0 }
  const waiting = FILES.map((options, index) => ({ options, index }))
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const random = randomFrom(SEED + next.index)
      try {
        const got = await crashFile(t, join(folder, `${next.index}.jsonl`), next.options, random)
        for (const key of ['acknowledged', 'torn', 'lines'] as const) total[key] += got[key]
      } catch (error) {
        throw new Error(`file ${next.index}, HIVELOG_TEST_SEED=${SEED}: ${(error as Error).message}`, {
          cause: error,
        })
      }
    }
  }
  await Promise.all([work(), work(), work()])
  t.diagnostic(`${total.acknowledged} acknowledgements, ${total.lines} lines, ${total.torn} torn tails`)
  assert.ok(total.acknowledged > FILES.length * LIVES, 'the writers came to write')
})
