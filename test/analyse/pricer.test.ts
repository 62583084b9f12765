/** What a call cost: the one rule (what its event says, else the price list, else unknown). */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { calcPrice } from '@pydantic/genai-prices'
import { pricer } from '../../src/analyse/cost/call-cost.js'
import { Cost } from '../../src/analyse/cost.js'
import type { HiveEvent } from '../../src/format/kinds.js'
import { packageRoot } from '../kit/hive-support.js'

const NOW = Date.UTC(2026, 7, 22, 9, 30)
const MODEL = { model: 'claude-sonnet-4-5', provider: 'anthropic', inputTokens: 1000, outputTokens: 100 }
const rounded = (usd: number | undefined): number | undefined =>
  usd === undefined ? undefined : Number(usd.toPrecision(12))
const LISTED = rounded(
  calcPrice({ input_tokens: 1000, output_tokens: 100 }, MODEL.model, {
    providerId: 'anthropic',
    timestamp: new Date(NOW),
  })?.total_price,
) as number

/** Fields of a call, and what it cost by the rule's words. */
const CALLS: [Record<string, unknown>, number | undefined][] = [
  [{ ...MODEL, costUsd: 6 }, 6],
  [{ ...MODEL, costUsd: 0 }, 0],
  [{ costUsd: 0.25 }, 0.25],
  [MODEL, LISTED],
  [{ ...MODEL, costUsd: -1 }, LISTED],
  [{ ...MODEL, costUsd: Number.POSITIVE_INFINITY }, LISTED],
  [{ ...MODEL, costUsd: '6' }, LISTED],
  [{ ...MODEL, costUsd: null }, LISTED],
  [{ model: MODEL.model, provider: MODEL.provider }, undefined],
  [{ ...MODEL, inputTokens: 'many', outputTokens: 1e300 }, undefined],
  [{ ...MODEL, model: 'nobody-knows-this' }, undefined],
  [{ ...MODEL, provider: 'nobody-knows-this' }, undefined],
  [{ inputTokens: 10, outputTokens: 1 }, undefined],
  [{ ...MODEL, model: { toString: 1 } }, undefined],
]

test('a call costs what its event says, else what the list says, else nobody knows', () => {
  assert.ok(LISTED > 0)
  const price = pricer()
  for (const [fields, expected] of CALLS)
    assert.equal(rounded(price(fields, NOW)), expected, JSON.stringify(fields))
})

test('the cost report goes by the same rule, call by call', () => {
  for (const [fields, expected] of CALLS) {
    const cost = new Cost()
    cost.add({ event: { ts: NOW, kind: 'usage', agentId: 'a', ...fields } as HiveEvent })
    const { total, unpriced } = cost.report()
    assert.equal(rounded(total.costUsd), expected ?? 0)
    assert.equal(unpriced.calls, expected === undefined ? 1 : 0)
  }
})

test('the price of the time of the call, whatever was asked before', () => {
  const price = pricer()
  const [now, then] = [NOW, Date.UTC(2020, 0, 1)].map((ts) => price(MODEL, ts))
  assert.deepEqual([price(MODEL, NOW), price(MODEL, Date.UTC(2020, 0, 1))], [now, then])
})

test('models without end are not looked up without end', () => {
  const price = pricer()
  for (let i = 0; i < 12_000; i++) price({ ...MODEL, model: `model-${i}`, provider: 'anthropic' }, NOW)
  assert.equal(price({ ...MODEL, model: 'gpt-4o', provider: 'openai' }, NOW), undefined)
  assert.equal(price({ ...MODEL, model: 'gpt-4o', provider: 'openai', costUsd: 2 }, NOW), 2)
})

test('it says the version of the price list', () => {
  const manifest = join(packageRoot(), 'node_modules/@pydantic/genai-prices/package.json')
  const { version } = JSON.parse(readFileSync(manifest, 'utf8'))
  assert.equal(pricer().version, `@pydantic/genai-prices ${version}`)
})

test('the price list is loaded when a price is wanted, and not before', () => {
  const module = new URL('../../src/analyse/cost/call-cost.js', import.meta.url)
  const program = `
    import { createRequire } from 'node:module'
    const { pricer } = await import(${JSON.stringify(module)})
    const loaded = () => Object.keys(createRequire(${JSON.stringify(module)}).cache).some((f) => f.includes('genai-prices'))
    const price = pricer()
    price({ costUsd: 1 }, 0)
    price.version
    const before = loaded()
    price({ model: 'gpt-4o', inputTokens: 1 }, ${NOW})
    console.log(before, loaded())`
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  assert.equal(output.trim(), 'false true')
})
