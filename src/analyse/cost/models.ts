/** The models of the calls that did not say their cost, with how each was priced. */
import type { CallTokens } from './prices.js'
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

/** Pairs of model and provider that are listed. */
const MAX_MODELS = 10_000
const MAX_CHARACTERS = 1_000_000

interface Entry {
  model: string | undefined
  provider: string | undefined
  as: string
  priced: CostTally
  unpriced: CostTally
}

export class ModelCosts {
  /** Calls without a price, of models that are not listed. */
  beyond = 0
  readonly #entries = new Map<string, Entry>()
  #characters = 0
  #last: Entry | undefined

  /**
   * @param costUsd `undefined` where no price is known
   * @param as gives whose prices were taken; asked once a model
   */
  add(
    model: string | undefined,
    provider: string | undefined,
    tokens: CallTokens,
    costUsd: number | undefined,
    as: (model: string, provider: string | undefined) => string | undefined,
  ): void {
    const entry = this.#entry(model, provider)
    if (entry === undefined) {
      if (costUsd === undefined) this.beyond++
      return
    }
    if (costUsd === undefined) entry.unpriced.add(tokens, undefined, 0)
    else {
      if (entry.as === '' && model !== undefined) entry.as = as(model, provider) ?? ''
      entry.priced.add(tokens, costUsd, 0)
    }
  }

  /** The dearest first. */
  priced(): PricedModel[] {
    return [...this.#entries.values()]
      .filter(({ priced }) => priced.calls > 0)
      .map(({ model = '', provider, as, priced }) => {
        const { calls, costUsd } = priced.sums()
        return { model, ...named('provider', provider), as, calls, costUsd }
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
      entry = { model, provider, as: '', priced: new CostTally(), unpriced: new CostTally() }
      this.#entries.set(key, entry)
    }
    this.#last = entry
    return entry
  }
}

function named<K extends string>(key: K, value: string | undefined): { [P in K]?: string } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: string })
}
