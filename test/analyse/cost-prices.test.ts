import assert from 'node:assert/strict'
import { test } from 'node:test'
import { calcPrice, findProvider, type Provider } from '@pydantic/genai-prices'
import fc from 'fast-check'
import { Catalogue, listName } from '../../src/analyse/cost/catalogue.js'
import { type CallTokens, isCacheApart, OwnPrices, priceOf } from '../../src/analyse/cost/prices.js'
import { cases } from '../kit/long-run.js'

const NOW = Date.UTC(2026, 7, 22, 9, 30)
const catalogue = Catalogue.load()

const PROVIDERS = [
  'anthropic',
  'openai',
  'google',
  'azure',
  'aws',
  'openrouter',
  'groq',
  'mistral',
  'deepseek',
  'x-ai',
  'cohere',
  'perplexity',
  'together',
  'moonshotai',
]
  .map((providerId) => findProvider({ providerId }))
  .filter((provider): provider is Provider => provider !== undefined)

const models = PROVIDERS.flatMap(({ id, models }) =>
  models.map((model) => ({ provider: id, model: model.id })),
)

const count = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 0, max: 500_000 }),
  fc.constantFrom(200_000, 200_001),
)
const tokens = fc.record({ input: count, output: count, cacheRead: count, cacheWrite: count })
const time = fc.integer({ min: Date.UTC(2025, 0, 1), max: Date.UTC(2027, 5, 1) })

function byPackage(
  model: string,
  provider: string,
  ts: number,
  { input, output, cacheRead, cacheWrite }: CallTokens,
) {
  const cached = cacheRead + cacheWrite
  const usage = {
    input_tokens: cached > input ? input + cached : input,
    output_tokens: output,
    cache_read_tokens: cacheRead,
    cache_write_tokens: cacheWrite,
  }
  return calcPrice(usage, model, { providerId: provider, timestamp: new Date(ts) })
}

test('list prices are what the package computes: any model, any tokens (tiers), any time', () => {
  assert.ok(models.length > 500)
  fc.assert(
    fc.property(fc.constantFrom(...models), tokens, time, ({ model, provider }, used, ts) => {
      const expected = byPackage(model, provider, ts, used)
      const pricing = catalogue.find(model, provider)
      assert.equal(pricing === undefined, expected === null)
      if (pricing === undefined || expected === null) return
      assert.equal(pricing.as, `${expected.provider.id}/${expected.model.id}`)
      const usd = priceOf(pricing.at(ts), used)
      if (usd === undefined) {
        const { input_mtok, output_mtok } = expected.model_price
        assert.ok(input_mtok === undefined || output_mtok === undefined, model)
      } else {
        assert.ok(Math.abs(usd - expected.total_price) <= 1e-12 * Math.max(1, expected.total_price), model)
      }
    }),
    { seed: 7, numRuns: cases(5000, 5000) },
  )
})

test('prices of a model over time: the one of the event’s time, in whatever order events come', () => {
  const [dated] = PROVIDERS.flatMap(({ id, models }) =>
    models.flatMap(({ id: model, prices }) => {
      if (!Array.isArray(prices)) return []
      const [before, after] = prices
      if (prices.length !== 2 || after?.constraint?.type !== 'start_date') return []
      const [old, now] = [before?.prices.output_mtok, after.prices.output_mtok]
      const isChanged = typeof old === 'number' && typeof now === 'number' && old !== now
      return isChanged ? [{ provider: id, model, start: after.constraint.start_date }] : []
    }),
  )
  assert.ok(dated)
  const begin = Date.parse(dated.start)
  const pricing = catalogue.find(dated.model, dated.provider)
  const used = { input: 1000, output: 1000, cacheRead: 0, cacheWrite: 0 }
  for (const ts of [begin - 1, begin, begin + 86_400_000, begin - 1]) {
    const usd = priceOf(pricing?.at(ts) ?? {}, used) ?? Number.NaN
    const expected: number | undefined = byPackage(dated.model, dated.provider, ts, used)?.total_price
    assert.equal(usd.toPrecision(12), expected?.toPrecision(12))
  }
  const [before, after] = [begin - 1, begin].map((ts) => priceOf(pricing?.at(ts) ?? {}, used))
  assert.notEqual(before, after)
})

const NAMES: [model: string, provider: string | undefined, as: string | undefined][] = [
  ['claude-sonnet-4-5', undefined, 'anthropic/claude-sonnet-4-5'],
  ['claude-sonnet-4-5-20250929', undefined, 'anthropic/claude-sonnet-4-5'],
  ['claude-sonnet-4-5', 'anthropic', 'anthropic/claude-sonnet-4-5'],
  ['claude-sonnet-4-5', ' Anthropic ', 'anthropic/claude-sonnet-4-5'],
  ['claude-sonnet-4-5', '', 'anthropic/claude-sonnet-4-5'],
  ['anthropic/claude-sonnet-4-5', undefined, 'anthropic/claude-sonnet-4-5'],
  [
    'us.anthropic.claude-sonnet-4-20250514-v1:0',
    'aws.bedrock',
    'aws/regional.anthropic.claude-sonnet-4-20250514-v1:0',
  ],
  ['gpt-4o-2024-08-06', undefined, 'openai/gpt-4o'],
  ['openai/gpt-4o', undefined, 'openai/gpt-4o'],
  ['gpt-4o', 'azure.ai.openai', 'azure/gpt-4o'],
  ['gemini-2.5-pro', 'gcp.gemini', 'google/gemini-2.5-pro'],
  ['gemini-2.5-pro', 'gcp.gen_ai', 'google/gemini-2.5-pro'],
  ['mistral-large-latest', 'mistral_ai', 'mistral/mistral-large'],
  ['my-model', undefined, undefined],
  ['my-claude-clone', undefined, undefined],
  ['', undefined, undefined],
  ['claude-sonnet-4-5', 'my-gateway', undefined],
  ['acme/claude-sonnet-4-5', undefined, undefined],
  ['__proto__', undefined, undefined],
  [`claude-sonnet-4-5-${'x'.repeat(1_000_000)}`, undefined, undefined],
]

test('names of models and providers, as OpenTelemetry and providers spell them; nothing is guessed', () => {
  for (const [model, provider, as] of NAMES) {
    assert.equal(catalogue.find(model, provider)?.as, as, `${provider} ${model.slice(0, 60)}`)
  }
})

test('a call that used what has no price has no price', () => {
  const transcriber = catalogue.find('whisper-1', 'openai')
  assert.ok(transcriber)
  assert.equal(priceOf(transcriber.at(NOW), { input: 5, output: 0, cacheRead: 0, cacheWrite: 0 }), undefined)
  const embedder = catalogue.find('text-embedding-3-small', 'openai')
  assert.ok(embedder)
  assert.equal(priceOf(embedder.at(NOW), { input: 1e6, output: 0, cacheRead: 0, cacheWrite: 0 }), 0.02)
  assert.equal(priceOf(embedder.at(NOW), { input: 1e6, output: 1, cacheRead: 0, cacheWrite: 0 }), undefined)
})

test('the source says which package and version', () => {
  assert.match(listName(), /^@pydantic\/genai-prices \d+\.\d+\.\d+$/)
})

test('input holds the cache’s tokens, unless those are more: then they are apart', () => {
  const own = new OwnPrices({
    m: { inputPerMTok: 10, outputPerMTok: 100, cacheReadPerMTok: 1, cacheWritePerMTok: 20 },
  })
  const price = (tokens: CallTokens): number | undefined =>
    priceOf(own.find('m', undefined)?.at(NOW) ?? {}, tokens)
  const M = 1_000_000
  assert.equal(price({ input: 10 * M, output: M, cacheRead: 4 * M, cacheWrite: M }), 50 + 4 + 20 + 100)
  assert.equal(price({ input: 5 * M, output: 0, cacheRead: 4 * M, cacheWrite: M }), 0 + 4 + 20)
  assert.equal(price({ input: M, output: 0, cacheRead: 4 * M, cacheWrite: M }), 10 + 4 + 20)
  assert.ok(isCacheApart({ input: 0, output: 9, cacheRead: 0, cacheWrite: 1 }))
  assert.ok(!isCacheApart({ input: 1, output: 0, cacheRead: 0, cacheWrite: 1 }))
})

test('own prices: without prices for the cache its tokens cost as input does; provider/model goes before', () => {
  const own = new OwnPrices({
    m: { inputPerMTok: 10, outputPerMTok: 0 },
    'here/m': { inputPerMTok: 1, outputPerMTok: 0 },
    ['__proto__']: { inputPerMTok: 7, outputPerMTok: 0 },
  })
  const used = { input: 1e6, output: 5, cacheRead: 500, cacheWrite: 700 }
  const price = (model: string, provider?: string) => priceOf(own.find(model, provider)?.at(NOW) ?? {}, used)
  assert.deepEqual([price('m'), price('m', 'there'), price('m', 'here'), price('__proto__')], [10, 10, 1, 7])
  assert.equal(own.find('M', undefined), undefined)
  assert.equal(own.find('toString', undefined), undefined)
})

const BAD: [table: unknown, message: RegExp][] = [
  [undefined, /prices must be an object/],
  [[], /prices must be an object/],
  ['x', /prices must be an object/],
  [{ m: 3 }, /prices of "m": must be an object with inputPerMTok and outputPerMTok/],
  [{ m: { inputPerMTok: 1 } }, /prices of "m": outputPerMTok must be US dollars for a million tokens/],
  [{ m: { inputPerMTok: '1', outputPerMTok: 1 } }, /inputPerMTok must be US dollars/],
  [{ m: { inputPerMTok: -1, outputPerMTok: 1 } }, /inputPerMTok must be US dollars/],
  [{ m: { inputPerMTok: Number.NaN, outputPerMTok: 1 } }, /inputPerMTok must be US dollars/],
  [
    { m: { inputPerMTok: 1, outputPerMTok: 1, cacheReadPerMTok: null } },
    /cacheReadPerMTok must be US dollars/,
  ],
  [{ m: { inputPerMTok: 1, outputPerMTok: 1, input: 1 } }, /there is no "input"; known are inputPerMTok, /],
]

for (const [table, message] of BAD) {
  test(`prices that are none are refused: ${JSON.stringify(table)}`, () => {
    assert.throws(() => new OwnPrices(table), { name: 'OptionsError', message })
  })
}
