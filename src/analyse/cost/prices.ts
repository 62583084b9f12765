/** Prices of tokens: the user's own, how a catalogue's are used, and what one model call costs by them. */
import { OptionsError } from '../../format/options.js'

/** What a model costs, in US dollars for a million tokens. */
export interface ModelPrices {
  /** US dollars for a million tokens of input. */
  inputPerMTok: number
  /** US dollars for a million tokens of output. */
  outputPerMTok: number
  /** Input tokens served from the provider's cache. Default: `inputPerMTok`. */
  cacheReadPerMTok?: number
  /** Input tokens written to the provider's cache. Default: `inputPerMTok`. */
  cacheWritePerMTok?: number
}

/** Tokens of one model call, as an event records them: finite, from 0. */
export interface CallTokens {
  input: number
  output: number
  cacheRead: number
  cacheWrite: number
}

/** Prices of one model at one time. What is left out has no price. */
export interface Rates {
  /** Dollars a million tokens; a function where the price depends on the size of the whole input. */
  input?: Rate
  output?: Rate
  cacheRead?: Rate
  cacheWrite?: Rate
  /** Dollars a call, whatever its tokens. */
  call?: number
}

export type Rate = number | ((totalInput: number) => number)

/** How the calls of one model are priced. */
export interface ModelPricing {
  /** Whose prices: `anthropic/claude-sonnet-4-5`, or `your own prices`. */
  as: string
  /** The prices at a time (epoch milliseconds). */
  at(ts: number): Rates
}

/** Knows models by name and, if the log tells it, provider. `undefined`: no price is known. */
export interface PriceSource {
  find(model: string, provider: string | undefined): ModelPricing | undefined
}

const MILLION = 1_000_000

/**
 * Whether cache tokens are recorded apart from the input. `inputTokens` is meant as OpenTelemetry means
 * `gen_ai.usage.input_tokens`: all input, that from and to the cache included. Some providers' own figures leave it
 * out, which shows where there are more tokens of the cache than of input.
 */
export function isCacheApart({ input, cacheRead, cacheWrite }: CallTokens): boolean {
  return cacheRead + cacheWrite > input
}

/** US dollars of one call; `undefined` where tokens were used for which there is no price. */
export function priceOf(rates: Rates, tokens: CallTokens): number | undefined {
  const { output, cacheRead, cacheWrite } = tokens
  const cached = cacheRead + cacheWrite
  const total = isCacheApart(tokens) ? tokens.input + cached : tokens.input
  if ((total > 0 && rates.input === undefined) || (output > 0 && rates.output === undefined)) return undefined
  const sum =
    (total - cached) * rateFor(rates.input, total) +
    cacheRead * rateFor(rates.cacheRead ?? rates.input, total) +
    cacheWrite * rateFor(rates.cacheWrite ?? rates.input, total) +
    output * rateFor(rates.output, total)
  return sum / MILLION + (rates.call ?? 0)
}

function rateFor(rate: Rate | undefined, totalInput: number): number {
  return typeof rate === 'function' ? rate(totalInput) : (rate ?? 0)
}

const NEEDED = ['inputPerMTok', 'outputPerMTok'] as const
const OPTIONAL = ['cacheReadPerMTok', 'cacheWritePerMTok'] as const
const KNOWN: readonly string[] = [...NEEDED, ...OPTIONAL]

/** A user's prices by exact model name, or by `provider/model`, which goes before. */
export class OwnPrices implements PriceSource {
  readonly #byName = new Map<string, ModelPricing>()

  /** @throws {OptionsError} naming the model and the field that is wrong */
  constructor(table: unknown) {
    if (!isObject(table)) throw new OptionsError('prices must be an object: {"MODEL": {"inputPerMTok", …}}')
    for (const [name, prices] of Object.entries(table)) {
      const rates = ratesOf(name, prices)
      this.#byName.set(name, { as: 'your own prices', at: () => rates })
    }
  }

  find(model: string, provider: string | undefined): ModelPricing | undefined {
    const ofProvider = provider === undefined ? undefined : this.#byName.get(`${provider}/${model}`)
    return ofProvider ?? this.#byName.get(model)
  }
}

function ratesOf(name: string, prices: unknown): Rates {
  const model = `prices of ${JSON.stringify(name.slice(0, 100))}`
  if (!isObject(prices)) throw new OptionsError(`${model}: must be an object with ${NEEDED.join(' and ')}`)
  const unknown = Object.keys(prices).find((field) => !KNOWN.includes(field))
  if (unknown !== undefined) {
    const field = JSON.stringify(unknown.slice(0, 100))
    throw new OptionsError(`${model}: there is no ${field}; known are ${KNOWN.join(', ')}`)
  }
  const dollars = (field: (typeof NEEDED)[number] | (typeof OPTIONAL)[number]): number => {
    const value = prices[field]
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
      throw new OptionsError(`${model}: ${field} must be US dollars for a million tokens, a number from 0`)
    return value
  }
  const rates: Rates = { input: dollars('inputPerMTok'), output: dollars('outputPerMTok') }
  if (prices.cacheReadPerMTok !== undefined) rates.cacheRead = dollars('cacheReadPerMTok')
  if (prices.cacheWritePerMTok !== undefined) rates.cacheWrite = dollars('cacheWritePerMTok')
  return rates
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
