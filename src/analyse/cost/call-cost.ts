/** What one model call cost: the one rule, by which every report goes. */
import type { Fields } from '../../format/fields.js'
import { usedNothing } from '../../model/model.js'
import { Catalogue, listName } from './catalogue.js'
import { type CallTokens, type ModelPricing, type PriceSource, priceOf } from './prices.js'

/** Pairs of model and provider whose prices are looked up; a log that names more is no honest one. */
const MAX_MODELS = 10_000
const MAX_CHARACTERS = 1_000_000

/** A finite number from 0. */
export function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY
}

/** A count of tokens that can be one. */
export function isTokenCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER
}

/** The tokens that a `usage` event tells; 0 for a count that is missing or none. */
export function tokensOf(fields: Fields): CallTokens {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = fields
  return {
    input: isTokenCount(inputTokens) ? inputTokens : 0,
    output: isTokenCount(outputTokens) ? outputTokens : 0,
    cacheRead: isTokenCount(cacheReadTokens) ? cacheReadTokens : 0,
    cacheWrite: isTokenCount(cacheWriteTokens) ? cacheWriteTokens : 0,
  }
}

/** A model or provider as an event names it; `undefined` for what is no name. */
export const nameOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

/** Prices calls. What models cost is looked up once a model, in the list of prices only if a call wants it. */
export class CallCosts {
  readonly #own: PriceSource | undefined
  readonly #pricings = new Map<string, Map<string | undefined, ModelPricing | undefined>>()
  #catalogue: Catalogue | undefined
  #models = 0
  #characters = 0
  #lastModel: string | undefined
  #lastProvider: string | undefined
  #last: ModelPricing | undefined

  /** @param own prices that go before those of the list */
  constructor(own?: PriceSource) {
    this.#own = own
  }

  /** Name and version of the price list, if it was asked. */
  get source(): string | undefined {
    return this.#catalogue === undefined ? undefined : listName()
  }

  /**
   * US dollars of the call that a `usage` event tells of: what the event says (`costUsd`, a finite number from 0),
   * else what its tokens cost by the prices of its model at that time; nothing, where it failed and no tokens of it are
   * known; `undefined` where no price is known.
   */
  costOf(fields: Fields, ts: number): number | undefined {
    const { costUsd } = fields
    if (isAmount(costUsd)) return costUsd
    return usedNothing(fields) ? 0 : this.#listed(fields, ts)
  }

  /** How the calls of a model are priced. `undefined`: no price is known, or too many models were looked up. */
  pricingOf(model: string, provider: string | undefined): ModelPricing | undefined {
    if (model === this.#lastModel && provider === this.#lastProvider) return this.#last
    let providers = this.#pricings.get(model)
    let pricing = providers?.get(provider)
    if (pricing === undefined && providers?.has(provider) !== true) {
      const size = model.length + (provider?.length ?? 0)
      if (this.#models >= MAX_MODELS || this.#characters + size > MAX_CHARACTERS) return undefined
      this.#models++
      this.#characters += size
      pricing = this.#own?.find(model, provider) ?? this.#list().find(model, provider)
      providers ??= new Map()
      providers.set(provider, pricing)
      this.#pricings.set(model, providers)
    }
    this.#lastModel = model
    this.#lastProvider = provider
    this.#last = pricing
    return pricing
  }

  #listed(fields: Fields, ts: number): number | undefined {
    const model = nameOf(fields.model)
    // A call of which no tokens are told did not cost nothing.
    if (model === undefined || !tellsTokens(fields)) return undefined
    const pricing = this.pricingOf(model, nameOf(fields.provider))
    return pricing === undefined ? undefined : priceOf(pricing.at(ts), tokensOf(fields))
  }

  #list(): Catalogue {
    this.#catalogue ??= Catalogue.load()
    return this.#catalogue
  }
}

function tellsTokens(fields: Fields): boolean {
  return (
    isTokenCount(fields.inputTokens) ||
    isTokenCount(fields.outputTokens) ||
    isTokenCount(fields.cacheReadTokens) ||
    isTokenCount(fields.cacheWriteTokens)
  )
}

/**
 * US dollars of the call that a `usage` event with these fields tells of; `undefined` where no price is known. Cheap
 * for an event that says its cost; the first that does not loads the price list (some 50 ms, once).
 */
export interface Pricer {
  (fields: Fields, ts: number): number | undefined
  /** Name and version of the price list: another one may give other sums. */
  readonly version: string
}

/** Prices calls by their events and the price list. */
export function pricer(): Pricer {
  const costs = new CallCosts()
  const price = (fields: Fields, ts: number): number | undefined => costs.costOf(fields, ts)
  return Object.defineProperty(price, 'version', { get: listName, enumerable: true }) as Pricer
}
