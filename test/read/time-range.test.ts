/** A part of a hive by its time is what reading everything and then leaving out the rest gives, in the same order. */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { type HiveItem, hiveBatches } from '../../src/read/hive.js'
import { isMalformed } from '../../src/read/items.js'
import { cases, seedOfRun } from '../kit/long-run.js'
import { scratch } from '../kit/reader-log.js'

/** Each has a number of its own, by which it is told apart. */
const line = fc
  .tuple(
    fc.integer({ min: 0, max: 40 }),
    fc.constantFrom('message', 'drain', 'log.seal'),
    fc.constantFrom('', '', '', '', '', 'torn', 'no event', 'foreign'),
  )
  .map(([ts, kind, how]) => {
    if (how === 'foreign') return `{"kind":"${kind}", "ts": ${ts}}`
    const text = JSON.stringify({ ts, kind, agentId: 'a', subject: '"ts":9' })
    return how === 'torn' ? text.slice(0, -3) : how === 'no event' ? '[]' : text
  })
const log = fc.array(line, { minLength: 1, maxLength: 30 })

/**
 * By the rule's words: a line that is no event has the time of the event before it, the first ones that of the event
 * after them, as far as that is read together with them: in the same segment.
 */
function inTime(items: readonly HiveItem[], since: number, until: number): HiveItem[] {
  return items.filter((item, i) => {
    if (!isMalformed(item)) return item.event.ts >= since && item.event.ts <= until
    const isOther = (each: HiveItem): boolean => each.log === item.log && !isMalformed(each)
    const next = items.slice(i).find((each) => isOther(each) && each.file === item.file)
    const near = items.slice(0, i).findLast(isOther) ?? next
    if (near === undefined || isMalformed(near)) return since === Number.NEGATIVE_INFINITY
    return near.event.ts >= since && near.event.ts <= until
  })
}

const told = (item: HiveItem): string =>
  `${item.log} ${item.file}:${item.line} ${isMalformed(item) ? item.reason : JSON.stringify(item.event)}`

async function all(file: string, options: { since?: number; until?: number } = {}): Promise<HiveItem[]> {
  const items: HiveItem[] = []
  for await (const batch of hiveBatches(file, options)) items.push(...batch)
  return items
}

test('a part by time is the same from bytes as from events: segments, children, damage', async (t) => {
  const dir = scratch(t)
  let runs = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(log, { minLength: 1, maxLength: 3 }),
      fc.array(log, { maxLength: 2 }),
      fc.boolean(),
      fc.tuple(fc.option(fc.integer({ min: 0, max: 40 })), fc.option(fc.integer({ min: 0, max: 40 }))),
      async (segments, children, isZipped, [since, until]) => {
        const folder = join(dir, String(runs++))
        mkdirSync(folder)
        const file = join(folder, 'hive.jsonl')
        let seq = 1
        for (const [i, lines] of segments.entries()) {
          const text = `${lines.join('\n')}\n`
          const name = join(folder, `hive.${String(seq).padStart(12, '0')}.jsonl`)
          if (i === segments.length - 1) writeFileSync(file, lines.length > 9 ? text.slice(0, -1) : text)
          else if (isZipped) writeFileSync(`${name}.gz`, gzipSync(text))
          else writeFileSync(name, text)
          seq += lines.length
        }
        for (const [i, lines] of children.entries()) {
          mkdirSync(`${file}.agents`, { recursive: true })
          writeFileSync(join(`${file}.agents`, `child-${i}.jsonl`), `${lines.join('\n')}\n`)
        }
        const range = { ...(since !== null && { since }), ...(until !== null && { until }) }
        const wanted = inTime(await all(file), since ?? Number.NEGATIVE_INFINITY, until ?? Infinity)
        assert.deepEqual((await all(file, range)).map(told), wanted.map(told))
        rmSync(folder, { recursive: true })
      },
    ),
    { numRuns: Number(process.env.RANGE_RUNS ?? cases(300, 100)), seed: seedOfRun() },
  )
})
