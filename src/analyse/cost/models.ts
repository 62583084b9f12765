/** The models that a log names, with how each is priced: found once a model, and told of in the report. */

import { type CallTokens, type ModelPricing, type PriceSource, priceOf } from './prices.js'
import { CostTally } from './sums.js'

/** A model whose calls were priced. */
export interface PricedModel {
  /** Its name, as the log has it. */
  model: string
  /** Its provider, where the log names one. */
  provider?: string
  /** Whose prices were taken: `anthropic/claude-sonnet-4-5` of the list prices, or `your own prices`. */
  as: string
  /** Calls that were priced here. */
  calls: number
  /** US dollars of these calls. */
  costUsd: number
}

/** A model of which calls have no known price; without `model`, calls that name none. */
export interface UnpricedModel {
  /** Its name, as the log has it. */
  model?: string
  /** Its provider, where the log names one. */
  provider?: string
  /** Calls without a price. */
  calls: number
  /** Tokens of their input. */
  inputTokens: number
  /** Tokens of their output. */
  outputTokens: number
}

/** Pairs of model and provider that are looked up and listed; a log that names more is no honest one. */
const MAX_MODELS = 10_000
const MAX_CHARACTERS = 1_000_000

const NO_TOKENS: CallTokens = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 }

interface Entry {
  model: string | undefined
  provider: string | undefined
  pricing: ModelPricing | undefined
  priced: CostTally
  unpriced: CostTally
}

export class ModelCosts {
  /** Calls of models beyond the bound, which are not looked up. */
  beyond = 0
  readonly #source: PriceSource
  readonly #entries = new Map<string, Entry>()
  #characters = 0
  #last: Entry | undefined

  constructor(source: PriceSource) {
    this.#source = source
  }

  /**
   * US dollars of one call; `undefined` where no price is known.
   * @param model any value: what is no name counts as none, as does `provider`
   * @param tokens `undefined` where the event tells none: such a call did not cost nothing
   */
  price(model: unknown, provider: unknown, ts: number, tokens: CallTokens | undefined): number | undefined {
    const entry = this.#entry(nameOf(model), nameOf(provider))
    if (entry === undefined) {
      this.beyond++
      return undefined
    }
    const rates = tokens === undefined ? undefined : entry.pricing?.at(ts)
    const costUsd = rates === undefined || tokens === undefined ? undefined : priceOf(rates, tokens)
    const tally = costUsd === undefined ? entry.unpriced : entry.priced
    tally.add(tokens ?? NO_TOKENS, costUsd, 0)
    return costUsd
  }

  /** The dearest first. */
  priced(): PricedModel[] {
    return [...this.#entries.values()]
      .filter(({ priced }) => priced.calls > 0)
      .map(({ model = '', provider, pricing, priced }) => {
        const { calls, costUsd } = priced.sums()
        return { model, ...named('provider', provider), as: pricing?.as ?? '', calls, costUsd }
      })
      .sort((a, b) => b.costUsd - a.costUsd)
  }

  /** Those with the most calls first. */
  unpriced(): UnpricedModel[] {
    return [...this.#entries.values()]
      .filter(({ unpriced }) => unpriced.calls > 0)
      .map(({ model, provider, unpriced }) => {
        const { calls, inputTokens, outputTokens } = unpriced.sums()
        return { ...named('model', model), ...named('provider', provider), calls, inputTokens, outputTokens }
      })
      .sort((a, b) => b.calls - a.calls || b.inputTokens - a.inputTokens)
  }

  #entry(model: string | undefined, provider: string | undefined): Entry | undefined {
    const last = this.#last
    if (last !== undefined && last.model === model && last.provider === provider) return last
    const key = JSON.stringify([model, provider])
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      if (this.#entries.size >= MAX_MODELS || this.#characters + key.length > MAX_CHARACTERS) return undefined
      this.#characters += key.length
      const pricing = model === undefined ? undefined : this.#source.find(model, provider)
      entry = { model, provider, pricing, priced: new CostTally(), unpriced: new CostTally() }
      this.#entries.set(key, entry)
    }
    this.#last = entry
    return entry
  }
}

const nameOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

function named<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: string })
}
