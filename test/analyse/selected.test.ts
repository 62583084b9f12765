/** Reports read only the kinds that they need, and say what they would say of all. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { Audit } from '../../src/analyse/audit.js'
import { Calls } from '../../src/analyse/calls.js'
import { Cost } from '../../src/analyse/cost.js'
import { type EntryTaker, type LogTally, tallyLogs } from '../../src/analyse/reading.js'
import { Waits } from '../../src/analyse/waits.js'
import { packageRoot } from '../kit/hive-support.js'
import { cases, seedOfRun } from '../kit/long-run.js'
import { scratch } from '../kit/reader-log.js'

/** Hands everything on, whatever is needed. */
const ofAll = (taker: EntryTaker): EntryTaker => ({
  add: (entry) => taker.add(entry),
  broken: (file, log) => taker.broken?.(file, log),
})

const withoutSkipped = ({ skipped: _, ...tally }: LogTally): LogTally => tally

const id = fc.constantFrom('e1', 'e2', 'e3')
// None ends as a line does: a line that was torn there would look whole.
const words = fc.constantFrom('', 'ü', 'a"b', '\u001b', '"kind":')
const agent = fc.constantFrom('a', 'b')
const fields = fc.oneof(
  fc.record({ kind: fc.constant('escalate'), from: agent, to: fc.constant('human'), id }),
  fc.record({ kind: fc.constant('approval'), id, approve: fc.constantFrom(true, false, 'yes'), by: agent }),
  fc.record({ kind: fc.constantFrom('spawn', 'rename'), agentId: agent, name: words }),
  fc.record({ kind: fc.constant('role'), agentId: agent, role: words }),
  fc.record({ kind: fc.constant('message'), from: agent, to: agent, subject: words, id }),
  fc.record({
    kind: fc.constant('usage'),
    agentId: agent,
    inputTokens: fc.nat(),
    costUsd: fc.constantFrom(0.5, 2),
  }),
  fc.record({ kind: fc.constant('call'), agentId: agent, host: fc.constantFrom('x', 'y'), ms: fc.nat() }),
  fc.record({ kind: fc.constant('tool'), agentId: agent, name: fc.constant('grep'), ok: fc.boolean() }),
  fc.record({
    kind: fc.constant('wait'),
    agentId: agent,
    resource: fc.constant('lock'),
    holder: agent,
    ms: fc.nat(99),
  }),
  fc.record({ kind: fc.constant('log.gap'), lost: fc.nat(5), reason: words }),
)
/** Some lines were torn, and some are no events. */
const line = fc
  .tuple(fields, fc.integer({ min: 1, max: 40 }), fc.constantFrom('', '', '', '', '', 'torn', 'no event'))
  .map(([{ kind, ...rest }, ts, damage]) => {
    const text = JSON.stringify({ ts, kind, ...rest })
    return damage === 'torn' ? text.slice(0, -3) : damage === 'no event' ? '{"kind":"call"}' : text
  })

test('reports say of the kinds that they need what they say of everything', async (t) => {
  const dir = scratch(t)
  const file = join(dir, 'hive.jsonl')
  const child = join(`${file}.agents`, 'one.jsonl')
  mkdirSync(`${file}.agents`)
  const reports: [string, () => EntryTaker & { report(): unknown }][] = [
    ['audit', () => new Audit()],
    ['audit of one', () => new Audit({ id: 'e1', context: 5 })],
    ['calls', () => new Calls()],
    ['tools', () => new Calls({ by: 'tool' })],
    ['waits', () => new Waits()],
    ['cost', () => new Cost()],
  ]
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 15 }),
      fc.array(line, { maxLength: 8 }),
      async (lines, ofChild) => {
        writeFileSync(file, lines.map((each) => `${each}\n`).join(''))
        writeFileSync(child, ofChild.map((each) => `${each}\n`).join(''))
        for (const [name, make] of reports) {
          const [some, all] = [make(), make()]
          const tally = await tallyLogs([file], some)
          assert.deepEqual(withoutSkipped(tally), await tallyLogs([file], ofAll(all)), name)
          assert.deepEqual(some.report(), all.report(), name)
          const needed = some.kinds
          const others = [...lines, ...ofChild].filter((each) => {
            const kind = /^\{"ts":\d+,"kind":"([^"]*)".*\}$/.exec(each)?.[1]
            return kind !== undefined && !kind.startsWith('log.') && needed?.includes(kind) === false
          })
          assert.equal(tally.skipped ?? 0, others.length, name)
        }
      },
    ),
    { numRuns: cases(150, 50), seed: seedOfRun() },
  )
})

test('where WebAssembly cannot run, everything is parsed, and the answer is the same', (t) => {
  const file = join(scratch(t), 'hive.jsonl')
  for (let i = 1; i <= 50; i++) {
    appendFileSync(
      file,
      `${JSON.stringify({ ts: i, kind: i % 7 === 0 ? 'wait' : 'message', agentId: 'a', resource: 'r', ms: 1 })}\n`,
    )
  }
  const main = join(packageRoot(), '.build/src/cli/bin.js')
  const answers = [[], ['--jitless']].map((flags) => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [...flags, main, 'waits', '--json', file],
      {
        encoding: 'utf8',
      },
    )
    assert.deepEqual([status, stderr.replace(/^Warning:.*\n/gm, '')], [0, ''])
    return JSON.parse(stdout)
  })
  assert.equal(answers[0].total.waits, 7)
  assert.deepEqual(answers[1], answers[0])
})
