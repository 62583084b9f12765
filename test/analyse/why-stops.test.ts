/** `why` reads the logs the second time only as far as anything can change its answer: that this is far enough. */
import assert from 'node:assert/strict'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { identityOf } from '../../src/analyse/show/places.js'
import { type Chain, chainFrom } from '../../src/analyse/why/chain.js'
import { CauseWatch, whyEvent } from '../../src/analyse/why.js'
import { type HiveEntry, hiveBatches } from '../../src/read/hive.js'
import { isMalformed } from '../../src/read/items.js'
import { cases, seedOfRun } from '../kit/long-run.js'
import { scratch } from '../kit/reader-log.js'
import { StoryLog } from '../kit/story.js'

const AGENT = fc.constantFrom('lead', 'coder', 'human')
const MESSAGE = fc.constantFrom('m-1', 'm-2', 'm-3', 'm-4')
const QUESTION = fc.constantFrom('e-1', 'e-2')
const EVENT = fc.oneof(
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('spawn'), agentId: AGENT, parent: AGENT }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('message'),
      from: AGENT,
      to: AGENT,
      id: MESSAGE,
      inReplyTo: fc.option(MESSAGE, { nil: undefined }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('drain'),
      agentId: AGENT,
      count: fc.nat(2),
      ids: fc.option(fc.array(MESSAGE, { maxLength: 2 }), { nil: undefined }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('escalate'), from: AGENT, to: AGENT, id: QUESTION }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('approval'), id: QUESTION, approve: fc.constant(true) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('drop', 'tool'), agentId: AGENT, id: MESSAGE }) },
)
const LOG = fc.array(fc.tuple(fc.nat(30), EVENT), { minLength: 1, maxLength: 14 })

async function entriesOf(file: string): Promise<HiveEntry[]> {
  const entries: HiveEntry[] = []
  for await (const items of hiveBatches(file)) {
    for (const item of items) if (!isMalformed(item)) entries.push(item)
  }
  return entries
}

test('what comes after it is read on would not change the answer', async (t) => {
  const folder = scratch(t)
  let [stopped, read] = [0, 0]
  await fc.assert(
    fc.asyncProperty(LOG, LOG, async (own, childs) => {
      const main = new StoryLog(join(folder, 'hive.jsonl'))
      const child = main.child('coder')
      for (const [log, events] of [
        [main, own],
        [child, childs],
      ] as const) {
        for (const [ts, { kind, ...fields }] of events) log.at(ts, kind, fields)
      }
      const entries = await entriesOf(main.file)
      for (const target of entries) {
        const watch = new CauseWatch(main.file, identityOf(target))
        let wasDone = false
        for (const entry of entries) {
          watch.add(entry)
          if (watch.isDone && !wasDone) {
            wasDone = true
            if (entry !== entries.at(-1)) stopped++
          }
        }
        read++
        assert.ok(watch.target)
        const chain: Chain = chainFrom(watch.target, 50)
        const found = await whyEvent(main.file, `${basename(target.log)}:${target.line}`)
        assert.deepEqual(found.chain, chain)
      }
    }),
    { seed: seedOfRun(), numRuns: cases(120, 40) },
  )
  assert.ok(stopped > read / 4, `${stopped} of ${read} were not read to the end`)
})
