/** States in the index that leave out what a state before them has: the answer is that of reading the whole log. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { replay, stateAt } from '../../src/analyse/replay.js'
import { cases, seedOfRun } from '../kit/long-run.js'
import { LogWriter, scratch } from '../kit/reader-log.js'
import { directoryOf, type Row, rowsOf } from '../kit/side-index.js'

const stateHome = mkdtempSync(join(tmpdir(), 'hivelog-state-'))
process.env.XDG_STATE_HOME = stateHome
after(() => rmSync(stateHome, { recursive: true, force: true }))

const indexSpacing = 512
const NAMES = ['a', 'b', 'c', 'd', 'late', 'human', 'god']

/** The places of states, as the file says them. */
function blocksOf(file: string): Row[] {
  const bytes = readFileSync(join(`${file}.index`, '000000000001.idx'))
  return rowsOf(directoryOf(bytes).directory.blocks)
}

type Step = { what: string; to: number; n: number }

/** Sends far more than is taken, so that states are big beside what is new in them. */
const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom(
    ...['send', 'send', 'send', 'send', 'send', 'send', 'send'],
    ...['odd', 'all', 'count', 'ids', 'drop', 'spawn'],
  ),
  to: fc.nat(NAMES.length - 1),
  n: fc.nat(1000),
})

/** Ids that were sent to each, oldest first. */
type Sent = Map<string, string[]>

function play(log: LogWriter, steps: readonly Step[], sent: Sent): void {
  for (const { what, to, n } of steps) {
    const agentId = NAMES[to] as string
    const from = NAMES[n % 4] as string
    const id = `m-${log.seq + 1}`
    const ids = sent.get(agentId) ?? []
    sent.set(agentId, ids)
    /** One of the last. */
    const known = ids.at(-1 - (n % 70)) ?? 'm-0'
    if (what === 'send') {
      for (let i = 0; i <= n % 40; i++) {
        ids.push(`${id}.${i}`)
        log.event('message', { from, to: agentId, act: 'request', subject: `s ${i}`, id: `${id}.${i}` })
      }
    } else if (what === 'odd') {
      const odd = { subject: 'two\nlines \x7f', id: n % 2 === 0 ? id : 7, requiresReply: true }
      log.event('message', { from, to: agentId, ...odd })
    } else if (what === 'all')
      log.event('message', { from, to: 'broadcast', act: 'inform', subject: 'all', id })
    else if (what === 'count') log.event('drain', { agentId, count: n % 30 })
    else if (what === 'ids') log.event('drain', { agentId, count: 2, ids: [known, ids.at(-1) ?? 'm-1'] })
    else if (what === 'drop') log.event('drop', { from, to: agentId, id: known, reason: 'full' })
    else log.event('spawn', { agentId, name: agentId, isGod: n % 9 === 0 })
  }
}

test('at any event, whatever was taken out of the inboxes since the state that has the rest', async (t) => {
  const folder = scratch(t)
  let runs = 0
  let news = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 60, maxLength: 160 }),
      fc.array(step, { maxLength: 60 }),
      fc.array(fc.nat(10_000), { minLength: 6, maxLength: 6 }),
      async (steps, more, places) => {
        const file = join(folder, `${++runs}.jsonl`)
        const log = new LogWriter(file)
        for (const agentId of NAMES.slice(0, 4)) log.event('spawn', { agentId, name: agentId, isGod: false })
        const sent: Sent = new Map()
        play(log, steps, sent)
        await replay(file, { indexSpacing })
        news += blocksOf(file).filter(({ back }) => back > 0).length
        play(log, more, sent)
        const seqs = [log.seq, ...places.map((place) => place % (log.seq + 1))]
        for (const at of seqs) {
          const expected = await replay(file, { at, index: false })
          assert.deepEqual(await replay(file, { at, indexSpacing }), expected, `at ${at}`)
          const newest = expected.inboxes.map(({ messages }) => messages.slice(-1))
          const shown = await stateAt(file, { at, indexSpacing }, 'newest')
          assert.deepEqual(
            shown.inboxes.map(({ messages }) => messages),
            newest,
            `newest at ${at}`,
          )
        }
      },
    ),
    { numRuns: cases(300, 10), seed: seedOfRun() },
  )
  assert.ok(news > 0, 'no state left anything out')
})

test('a damaged state is noticed by those that need it', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file)
  play(
    log,
    Array.from({ length: 200 }, (_, n) => ({ what: 'send', to: n % 4, n })),
    new Map(),
  )
  await replay(file, { indexSpacing })
  const blocks = blocksOf(file)
  const at = blocks.findIndex(({ back }) => back > 1)
  const inNews = blocks[at] as Row
  const whole = blocks[at - inNews.back] as Row
  const expected = await replay(file, { at: inNews.maxSeq + 1, index: false })
  const path = join(`${file}.index`, '000000000001.idx')
  const bytes = readFileSync(path)
  const place = whole.at + (whole.size >> 1)
  bytes[place] = (bytes[place] as number) ^ 1
  writeFileSync(path, bytes)
  assert.deepEqual(await replay(file, { at: inNews.maxSeq + 1, indexSpacing }), expected)
})

test('messages that wait for long are repeated now and then, so that no state needs many before it', async (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  const log = new LogWriter(file)
  for (let i = 0; i < 40; i++)
    log.event('message', { from: 'a', to: 'b', act: 'inform', subject: `s ${i}`, id: `m-${i}` })
  for (let i = 0; i < 2000; i++) {
    log.event('tool', { agentId: 'a', name: 'grep', ok: true, ms: i })
    if (i % 500 === 0) log.event('message', { from: 'a', to: 'b', act: 'done', subject: 's', id: `n-${i}` })
  }
  const spacing = 8192
  await replay(file, { indexSpacing: spacing })
  const blocks = blocksOf(file)
  const backs = blocks.map(({ back }) => back)
  assert.ok(Math.max(...backs) > 1 && Math.max(...backs) < 8, `back: ${backs}`)
  assert.ok(backs.filter((back) => back === 0).length > 4, `back: ${backs}`)
  for (const { maxSeq } of blocks) {
    const at = maxSeq + 3
    assert.deepEqual(
      await replay(file, { at, indexSpacing: spacing }),
      await replay(file, { at, index: false }),
      `at ${at}`,
    )
  }
})
