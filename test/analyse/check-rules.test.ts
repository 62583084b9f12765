/** Each rule finds what breaks it, once, and nothing in what nearly does. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  CHECK_RULES,
  type CheckOptions,
  type CheckReport,
  type CheckRule,
  checkLog,
} from '../../src/analyse.js'
import { CASES, type Line, textOf } from '../kit/check-cases.js'
import { scratch } from '../kit/reader-log.js'

async function check(
  t: TestContext,
  lines: Line[],
  ours = true,
  options: CheckOptions = {},
): Promise<CheckReport> {
  const file = join(scratch(t), 'hive.jsonl')
  writeFileSync(file, textOf(lines, ours))
  return checkLog(file, options)
}

const rules = Object.keys(CHECK_RULES) as CheckRule[]

test('there is a case for every rule', () => {
  assert.deepEqual(Object.keys(CASES), rules)
})

for (const rule of rules) {
  const { bad, good, foreign, says, agents, count } = CASES[rule] as (typeof CASES)[string]

  test(`${rule}: one finding for what is wrong`, async (t) => {
    const { findings } = await check(t, bad)
    const found = findings.filter((finding) => finding.rule === rule && says.test(finding.message))
    assert.equal(found.length, 1, JSON.stringify(findings, undefined, 1))
    const [finding] = found
    assert.equal(finding?.severity, CHECK_RULES[rule].severity)
    assert.deepEqual(finding?.agents, agents)
    assert.equal(finding?.count, count)
    assert.ok((finding?.first.line ?? 0) <= (finding?.last.line ?? 0))
    assert.deepEqual([finding?.places[0], finding?.places.at(-1)], [finding?.first, finding?.last])
  })

  test(`${rule}: nothing for what is nearly the same`, async (t) => {
    const { findings } = await check(t, good)
    assert.deepEqual(
      findings.filter((finding) => finding.rule === rule),
      [],
    )
  })

  if (foreign !== undefined) {
    test(`${rule}: found in a log without seq and sessions`, async (t) => {
      const { findings } = await check(t, foreign, false)
      assert.equal(findings.filter((finding) => finding.rule === rule).length, 1, JSON.stringify(findings))
      assert.ok(findings.every((finding) => !/^seq|checkpoint/.test(finding.rule)))
    })
  }

  test(`${rule}: nothing when it is off`, async (t) => {
    const { findings } = await check(t, bad, true, { rules: { [rule]: 'off' } })
    assert.ok(findings.every((finding) => finding.rule !== rule))
  })

  test(`${rule}: fields of any type do no harm`, async (t) => {
    const odd = [
      null,
      true,
      -1,
      1e308,
      'x'.repeat(2000),
      '__proto__',
      [],
      [null, 1, {}],
      {},
      { toString: 1 },
    ] as unknown[]
    const lines = bad.flatMap((line): Line[] => {
      if (typeof line === 'string') return [line]
      const fields = Object.keys(line).filter((field) => field !== 'kind' && field !== 'at')
      return [line, ...fields.flatMap((field) => odd.map((value) => ({ ...line, [field]: value })))]
    })
    for (const ours of [true, false]) {
      const { findings, lines: read } = await check(t, lines, ours)
      assert.equal(read, lines.length)
      for (const { message } of findings) assert.ok(message.length < 1000, message)
    }
  })
}
