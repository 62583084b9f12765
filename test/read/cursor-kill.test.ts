/** A consumer that is killed again and again, and goes on where it was: nothing is missed, nothing out of order. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isMalformed, type LogEntry } from '../../src/read/items.js'
import { readLog } from '../../src/read/read.js'
import { cases, seedOfRun } from '../kit/long-run.js'
import { LogWriter, scratch } from '../kit/reader-log.js'

const CHILD = fileURLToPath(new URL('../programs/cursor-child.js', import.meta.url))
/** How often, and how the cursor is committed. */
const WAYS = [
  { commit: 'auto', kills: cases(100, 10) },
  { commit: 'manual', kills: cases(40, 5) },
]

/** The same numbers for a seed (a linear congruential generator). */
function randomness(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** A log that grows, rotates, is compressed now and then, and has torn lines. */
class Growing {
  readonly log: LogWriter
  readonly #random = randomness(seedOfRun() + 7)
  #timer: NodeJS.Timeout | undefined

  constructor(file: string) {
    this.log = new LogWriter(file)
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.log.messages(1 + this.#random(12))
      const chance = this.#random(60)
      if (chance < 3) this.log.rotate({ gzip: chance === 0 })
      else if (chance === 3) this.log.crash()
    }, 4)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

const idOf = ({ event }: LogEntry): string => ('id' in event ? String(event.id) : event.kind)

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

for (const { commit, kills } of WAYS) {
  test(`killed ${kills} times: every line at least once, in order, and the same (${commit})`, {
    timeout: 120_000,
  }, async (t) => {
    const folder = scratch(t)
    const file = join(folder, 'hive.jsonl')
    const notes = join(folder, 'notes')
    writeFileSync(notes, '')
    const random = randomness(seedOfRun() + (commit === 'auto' ? 1 : 2))
    const growing = new Growing(file)
    growing.start()
    t.after(() => growing.stop())
    const run = (options: object): ChildProcess => {
      appendFileSync(notes, '-\n')
      const json = JSON.stringify({ cursor: { name: 'killed', commit, commitEveryMs: 10 }, ...options })
      return spawn(process.execPath, [CHILD, file, notes, json], { stdio: ['ignore', 'ignore', 'inherit'] })
    }

    for (let i = 0; i < kills; i++) {
      const child = run({})
      t.after(() => kill(child))
      // Every fifth dies at its start, the others somewhere in their work.
      if (i % 5 === 0) {
        await setTimeout(random(80))
      } else {
        const size = statSync(notes).size + random(2000)
        while (statSync(notes).size < size) {
          assert.equal(child.exitCode, null, 'the consumer runs')
          await setTimeout(1)
        }
        await setTimeout(random(10))
      }
      await kill(child)
    }
    growing.stop()
    const last = run({ stopAtEnd: true })
    assert.deepEqual(await once(last, 'exit'), [0, null])

    const expected: string[] = []
    let malformed = 0
    for await (const item of readLog(file)) {
      if (isMalformed(item)) malformed++
      else expected.push(`${item.seq} ${idOf(item)}`)
    }
    const runs = readFileSync(notes, 'utf8').split('-\n').slice(1)
    assert.equal(runs.length, kills + 1)
    const seen = new Map<number, string>()
    let torn = 0
    for (const [i, text] of runs.entries()) {
      let before: number | undefined
      for (const line of text.split('\n').slice(0, -1)) {
        if (line.startsWith('!')) {
          assert.equal(line, '! JSON cut short')
          torn++
          continue
        }
        const seq = Number(line.split(' ')[0])
        if (before === undefined) assert.ok(seq <= seen.size + 1, `run ${i} leaves out lines before ${seq}`)
        else assert.equal(seq, before + 1, `run ${i} is out of order`)
        before = seq
        assert.equal(seen.get(seq) ?? line, line, 'a line seen twice is the same')
        seen.set(seq, line)
      }
    }
    assert.deepEqual([...seen.values()], expected)
    assert.ok(torn >= malformed, `${torn} of ${malformed} malformed lines were given`)
    const given = runs.join('').split('\n').length
    assert.ok(given < 5 * expected.length, `${given} lines given for ${expected.length}: the cursor moves`)
    const cursors = `${file}.cursors`
    assert.ok(existsSync(join(cursors, 'killed.json')))
    assert.deepEqual(readdirSync(cursors), ['killed.json'], 'drafts are taken away')
  })
}
