/**
 * List prices of providers' models over time, from the package `@pydantic/genai-prices`: its data is in the package,
 * so nothing is fetched. It is big, and loaded only when a price is wanted.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { calcPrice, ModelInfo, ModelPrice, PriceCalculation, Provider } from '@pydantic/genai-prices'
import type { ModelPricing, PriceSource, Rate, Rates } from './prices.js'

const PACKAGE = '@pydantic/genai-prices'

/** Names that OpenTelemetry gives providers (`gen_ai.provider.name`) and the package does not know. */
const PROVIDER_IDS = new Map([
  ['azure.ai.inference', 'azure'],
  ['azure.ai.openai', 'azure'],
  ['gcp.gen_ai', 'google'],
  ['x_ai', 'x-ai'],
])

/** Under this name the package takes `provider/model` apart, if it knows the provider. */
const NAMED_IN_MODEL = 'litellm'

/** Names that are longer are nobody's model; patterns need not be tried on them. */
const MAX_NAME = 200

const SECOND = 1000
const DAY = 86_400_000

export class Catalogue implements PriceSource {
  readonly #calcPrice: typeof calcPrice
  readonly #rates = new WeakMap<ModelPrice, Rates>()

  private constructor(calc: typeof calcPrice) {
    this.#calcPrice = calc
  }

  /** At once, so that a reducer can ask in the middle of a log. */
  static load(): Catalogue {
    const { calcPrice: calc } = createRequire(import.meta.url)(PACKAGE) as { calcPrice: typeof calcPrice }
    return new Catalogue(calc)
  }

  /**
   * The model by its name, dated and aliased names included. A provider that is named must be known too: what
   * another asks for the same model is not its price. One that is not named may be told by the model's name.
   */
  find(model: string, provider: string | undefined): ModelPricing | undefined {
    if (model.length > MAX_NAME || (provider?.length ?? 0) > MAX_NAME) return undefined
    const said = provider?.trim().toLowerCase()
    const providerId = said === undefined || said === '' ? NAMED_IN_MODEL : (PROVIDER_IDS.get(said) ?? said)
    const found = this.#lookUp(model, { providerId })
    if (found === undefined) return undefined
    const as = `${found.provider.id}/${found.model.id}`
    const { prices } = found.model
    if (!Array.isArray(prices)) {
      const rates = this.#ratesOf(found.model, prices)
      return { as, at: () => rates }
    }
    // Prices begin on days, or hold for a part of each day; events come mostly in the order of time.
    const step = prices.some(({ constraint }) => constraint?.type === 'time_of_date') ? SECOND : DAY
    const only: Provider = { ...found.provider, models: [{ ...found.model, match: { contains: '' } }] }
    let last = Number.NaN
    let rates: Rates = {}
    const at = (ts: number): Rates => {
      const part = Math.floor(ts / step)
      if (part === last) return rates
      last = part
      const then = this.#lookUp(model, { provider: only, timestamp: new Date(ts) })
      rates = then === undefined ? {} : this.#ratesOf(found.model, then.model_price)
      return rates
    }
    return { as, at }
  }

  /** The package throws on data that it cannot make sense of: then there is no price. */
  #lookUp(model: string, options: Parameters<typeof calcPrice>[2]): PriceCalculation | undefined {
    try {
      return this.#calcPrice({}, model, options) ?? undefined
    } catch {
      return undefined
    }
  }

  #ratesOf(model: ModelInfo, price: ModelPrice): Rates {
    const known = this.#rates.get(price)
    if (known !== undefined) return known
    const rates: Rates = {}
    const set = (name: 'input' | 'output' | 'cacheRead' | 'cacheWrite', key: string): void => {
      const rate = rateOf(price[key])
      if (rate !== undefined) rates[name] = rate
    }
    set('input', 'input_mtok')
    set('output', 'output_mtok')
    set('cacheRead', 'cache_read_mtok')
    set('cacheWrite', 'cache_write_mtok')
    const thousand = rateOf(price.requests_kcount)
    if (typeof thousand === 'number') rates.call = thousand / 1000
    // A model without any price is one whose price is not known, unless its name says what it costs.
    if (Object.keys(price).length === 0 && model.id.endsWith(':free'))
      Object.assign(rates, { input: 0, output: 0 })
    this.#rates.set(price, rates)
    return rates
  }
}

/** A price for a part, or prices by the size of the whole input: the last tier that it exceeds holds for all. */
function rateOf(price: ModelPrice[string]): Rate | undefined {
  if (price === undefined || typeof price === 'number') return price
  const tiers = [...price.tiers].sort((a, b) => a.start - b.start)
  return (total) => tiers.findLast(({ start }) => total > start)?.price ?? price.base
}

let named: string | undefined

/** The price list by name and version, such as `@pydantic/genai-prices 0.1.8`. It is not loaded for that. */
export function listName(): string {
  named ??= `${PACKAGE} ${installedVersion() ?? ''}`.trimEnd()
  return named
}

function installedVersion(): string | undefined {
  try {
    const { version } = JSON.parse(manifest()) as { version?: unknown }
    return typeof version === 'string' ? version : undefined
  } catch {
    return undefined
  }
}

/** Looked for where packages are by custom, which is quick; where another loader keeps them, that is asked. */
function manifest(): string {
  for (
    let folder = new URL('./', import.meta.url), up = new URL('../', folder);
    ;
    up = new URL('../', folder)
  ) {
    const there = new URL(`node_modules/${PACKAGE}/package.json`, folder)
    if (existsSync(there)) return readFileSync(there, 'utf8')
    if (up.href === folder.href) break
    folder = up
  }
  return readFileSync(new URL('../package.json', import.meta.resolve(PACKAGE)), 'utf8')
}
