/** What the reports on single events, talks and the present refuse before they read anything. */
import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  LogReadError,
  OptionsError,
  StateReducer,
  showEvent,
  statsReport,
  TopWatch,
  talkBetween,
  talkPartners,
  topReport,
  whyEvent,
} from '../../src/analyse.js'
import { scratch } from '../kit/reader-log.js'

/** No such file: what reads it before it looks at the options fails by another error. */
const NONE = 'none/hive.jsonl'
const STORY = { thisFile: 'yes', onProgress: true }

const WRONG: [name: string, call: (options: never) => unknown, wrong: Record<string, unknown>][] = [
  ['statsReport', (o) => statsReport(NONE, o), { thisFile: 1, since: 'today', until: Number.NaN }],
  ['showEvent', (o) => showEvent(NONE, '1', o), { ...STORY, log: ['a'], full: 1 }],
  ['whyEvent', (o) => whyEvent(NONE, '1', o), { ...STORY, log: 5, depth: -1 }],
  ['talkBetween', (o) => talkBetween(NONE, 'a', 'b', o), { ...STORY, since: '1', until: '2', limit: 0 }],
  ['talkPartners', (o) => talkPartners(NONE, 'a', o), { ...STORY, since: null, limit: 1.5 }],
  ['topReport', (o) => topReport(NONE, o), { ...STORY, sort: 'name', limit: -1, asOf: Infinity }],
  ['TopWatch.report', (o) => new TopWatch(NONE).report([NONE], 1, o), { sort: 1, limit: '3', asOf: 'now' }],
  ['StateReducer', (o) => new StateReducer(undefined, undefined, o), { price: 3, firstLog: 1 }],
]

async function refusal(call: () => unknown): Promise<string> {
  try {
    await call()
  } catch (error) {
    assert.ok(error instanceof OptionsError, String(error))
    return error.message
  }
  throw new assert.AssertionError({ message: 'it was taken' })
}

for (const [name, call, wrong] of WRONG) {
  test(`${name} names the option that cannot be, and takes none that it does not know`, async () => {
    for (const [option, value] of Object.entries(wrong)) {
      const told = await refusal(() => call({ [option]: value } as never))
      assert.ok(told.startsWith(`${name}: ${option}: `), told)
      assert.match(told, / is not possible; use .{4,}$/)
    }
    const unknown = await refusal(() => call({ colour: 'red' } as never))
    assert.ok(unknown.startsWith(`\`colour\` is no option of ${name}; `), unknown)
    await refusal(() => call('hive.jsonl' as never))
  })
}

for (const [name, find] of [
  ['showEvent', showEvent],
  ['whyEvent', whyEvent],
] as const) {
  test(`${name} says so when the log is exchanged between its two readings`, async (t) => {
    const file = join(scratch(t), 'hive.jsonl')
    const line = (n: number): string => `{"ts":${n},"kind":"note","n":${n}}\n`
    writeFileSync(file, Array.from({ length: 600 }, (_, i) => line(i + 1)).join(''))
    // The first reading holds the old file, the second one finds another under its name.
    const onProgress = (): void => {
      writeFileSync(`${file}.other`, 'no event\n')
      renameSync(`${file}.other`, file)
    }
    await assert.rejects(find(file, '3', { onProgress }), (error) => {
      assert.ok(error instanceof LogReadError, String(error))
      assert.equal(error.message, `cannot read ${file}: it was changed while it was read; try again`)
      return true
    })
  })
}
