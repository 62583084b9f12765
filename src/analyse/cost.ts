/** What a hive's model calls used and cost, from its `usage` events: by agent, model, task, decision, hour and more. */

import type { HiveEvent } from '../format/kinds.js'
import { checkOptions, OptionsError } from '../format/options.js'
import { hasFailed } from '../format/outcome.js'
import { usedNothing } from '../model/model.js'
import { CallCosts, isAmount, isTokenCount, nameOf, tokensOf } from './cost/call-cost.js'
import { ModelCosts, type PricedModel, type UnpricedModel } from './cost/models.js'
import { isCacheApart, type ModelPrices, OwnPrices } from './cost/prices.js'
import { BoundedGroups, type CostSums, CostTally } from './cost/sums.js'
import { LocalTime, localZone } from './cost/time.js'
import { COST_KEYS, COST_RULES } from './options.js'
import { type HiveSelection, type LogTally, tallyLogs } from './reading.js'

export { COST_KEYS } from './options.js'

/** What costs are broken down by. Hours and days are those of local time. */
export type CostBy = (typeof COST_KEYS)[number]

/** What `costReport` takes. */
export interface CostOptions extends HiveSelection {
  /** Default `agent`. */
  by?: CostBy
  /**
   * Prices of your own by model name as in the log, or by `provider/model`. They go before list prices, and a
   * recorded `costUsd` goes before them. Default: none.
   */
  prices?: Readonly<Record<string, ModelPrices>>
}

/** The sums of one agent, model, task, hour, … */
export interface CostRow extends CostSums {
  /** The agent, model, …; an hour as `2026-08-22T14:00:00+02:00`, a day as `2026-08-22`; null where none is told. */
  key: string | null
  /** Begin of the hour or day, epoch milliseconds. */
  ts?: number
  /** Share of the whole, from 0 to 1: of what, see `shareOf`. */
  share: number
}

/** What `costReport` finds. */
export interface CostReport extends LogTally {
  /** What the rows are told apart by. */
  by: CostBy
  /** Paths of the logs that were read, as they were named. */
  files: string[]
  /** The greatest cost first, then the most tokens; hours and days in the order of time. */
  rows: CostRow[]
  /** Of an hour or day: the zone of local time, such as `Europe/Berlin`. */
  zone?: string
  /** All keys beyond the first 50,000 (or beyond 8 million characters of keys) together. */
  others?: CostSums & {
    /** Part of the whole, from 0 to 1; a ratio of `shareOf`. */
    share: number
  }
  /** All rows together. */
  total: CostSums
  /** What shares are of: US dollars; tokens (input and output) where no dollars are known. */
  shareOf: 'dollars' | 'tokens'
  /** Calls whose event carries `costUsd`. */
  recorded: {
    /** Calls of these events. */
    calls: number
    /** US dollars that they carry. */
    costUsd: number
  }
  /** Calls priced here; `source` names the package of list prices and its version, if it was asked. */
  computed: {
    /** Calls that were priced. */
    calls: number
    /** US dollars by these prices. */
    costUsd: number
    /** Package of the list prices and its version; left out where it was not asked. */
    source?: string
    /** The models, the dearest first. */
    models: PricedModel[]
  }
  /** Calls of no known price, the most first; `others`: calls of models beyond the first 10,000. */
  unpriced: {
    /** Calls without a price. */
    calls: number
    /** The models, those with the most calls first. */
    models: UnpricedModel[]
    /** Calls of models beyond the first 10,000. */
    others: number
  }
  /** Priced calls with more cache tokens than input tokens: taken as recorded apart from each other. */
  cacheApart: number
  /** Values that are no number from 0, and were taken as absent: of `costUsd`, of token counts. */
  ignored: {
    /** Values of `costUsd`. */
    costs: number
    /** Values of token counts. */
    tokens: number
  }
}

const TOKEN_FIELDS = ['inputTokens', 'outputTokens', 'cacheReadTokens', 'cacheWriteTokens']

const MAX_KEYS = 50_000
const MAX_KEY_CHARACTERS = 8_000_000

/**
 * What model calls used and cost in a hive: over all segments of its log, or of several logs, and those of their child
 * processes (`-` is standard input).
 *
 * A call costs its `costUsd` where the event has one, else what its tokens cost at the time of the event by
 * `options.prices` or by the list prices in the package `@pydantic/genai-prices`; a model that neither knows is
 * listed in `unpriced`, and its calls add no dollars. `inputTokens` is meant as OpenTelemetry means
 * `gen_ai.usage.input_tokens`: all input, with what was read from and written to the cache. Where an event has more
 * cache tokens than that, its `inputTokens` is taken as without them. A call that failed (`error`) counts as a call with
 * the tokens that are known of it; one of which none are known costs nothing.
 * @throws {OptionsError} when an option is none, or has a value that it cannot have, prices among them
 * @throws {LogReadError} when a file is missing, a directory, or must not be read; never because of a line
 */
export async function costReport(
  files: string | readonly string[],
  options: CostOptions = {},
): Promise<CostReport> {
  checkOptions('costReport', options, COST_RULES)
  const list = typeof files === 'string' ? [files] : [...files]
  const cost = new Cost(options)
  const tally = await tallyLogs(list, cost, options)
  return { files: list, ...tally, ...cost.report() }
}

/** Adds up events. */
export class Cost {
  readonly kinds = ['usage']
  readonly #by: CostBy
  readonly #prices: CallCosts
  readonly #time: LocalTime | undefined
  readonly #rows = new BoundedGroups(
    () => ({ tally: new CostTally(), ts: undefined as number | undefined }),
    MAX_KEYS,
    MAX_KEY_CHARACTERS,
  )
  readonly #total = new CostTally()
  readonly #recorded = new CostTally()
  readonly #computed = new CostTally()
  readonly #models = new ModelCosts()
  readonly #ignored = { costs: 0, tokens: 0 }
  #cacheApart = 0

  /** @throws {OptionsError} on an unknown `by`, or prices that are none */
  constructor({ by = 'agent', prices = {} }: CostOptions = {}) {
    if (!COST_KEYS.includes(by)) throw new OptionsError(`by must be one of ${COST_KEYS.join(', ')}`)
    this.#by = by
    this.#prices = new CallCosts(new OwnPrices(prices))
    if (by === 'hour' || by === 'day') this.#time = new LocalTime(by)
  }

  add({ event }: { event: HiveEvent }): void {
    if (event.kind === 'usage') this.#call(event)
  }

  report(): Omit<CostReport, 'files' | keyof LogTally> {
    const total = this.#total.sums()
    const shareOf = total.costUsd > 0 ? 'dollars' : 'tokens'
    const weight = (sums: CostSums): number =>
      shareOf === 'dollars' ? sums.costUsd : sums.inputTokens + sums.outputTokens
    const whole = weight(total)
    const shared = <T extends CostSums>(sums: T): T & { share: number } => ({
      ...sums,
      share: whole > 0 ? Math.min(1, weight(sums) / whole) : 0,
    })
    const rows = [...this.#rows.groups].map(([key, { tally, ts }]): CostRow => {
      const row = shared({ key, ...tally.sums() })
      return ts === undefined ? row : { ...row, ts }
    })
    rows.sort(this.#time === undefined ? byCost : byTime)
    const { others } = this.#rows
    const { calls, costUsd } = this.#recorded.sums()
    const computed = this.#computed.sums()
    const { source } = this.#prices
    return {
      by: this.#by,
      ...(this.#time === undefined ? {} : { zone: localZone() }),
      rows,
      ...(others === undefined ? {} : { others: shared(others.tally.sums()) }),
      total,
      shareOf,
      recorded: { calls, costUsd },
      computed: {
        calls: computed.calls,
        costUsd: computed.costUsd,
        ...(source !== undefined && { source }),
        models: this.#models.priced(),
      },
      unpriced: { calls: total.unpricedCalls, models: this.#models.unpriced(), others: this.#models.beyond },
      cacheApart: this.#cacheApart,
      ignored: { ...this.#ignored },
    }
  }

  #call(event: HiveEvent): void {
    const fields = event as Record<string, unknown>
    const tokens = tokensOf(fields)
    for (const field of TOKEN_FIELDS) if (isNonsense(fields[field], isTokenCount)) this.#ignored.tokens++
    const ms = isAmount(fields.ms) ? fields.ms : 0
    const costUsd = this.#prices.costOf(fields, event.ts)
    if (isAmount(fields.costUsd)) this.#recorded.add(tokens, costUsd, ms)
    else if (isNonsense(fields.costUsd, isAmount)) this.#ignored.costs++
    if (!isAmount(fields.costUsd) && !usedNothing(fields)) {
      this.#models.add(nameOf(fields.model), nameOf(fields.provider), tokens, costUsd, this.#priceName)
      if (costUsd !== undefined) {
        this.#computed.add(tokens, costUsd, ms)
        if (isCacheApart(tokens)) this.#cacheApart++
      }
    }
    const failed = hasFailed(fields)
    this.#total.add(tokens, costUsd, ms, failed)
    const span = this.#time?.of(event.ts)
    const row = this.#rows.of(this.#time === undefined ? costKeyOf(this.#by, fields) : (span?.key ?? null))
    row.tally.add(tokens, costUsd, ms, failed)
    if (span !== undefined) row.ts = span.ts
  }

  readonly #priceName = (model: string, provider: string | undefined): string | undefined =>
    this.#prices.pricingOf(model, provider)?.as
}

/** The agent, model, … that a call is told under; null where its event tells none. */
export function costKeyOf(by: CostBy, fields: Record<string, unknown>): string | null {
  const value = fields[by === 'agent' ? 'agentId' : by]
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : null
}

/** Whether something stands where such a value should. */
const isNonsense = (value: unknown, fits: (value: unknown) => boolean): boolean =>
  value !== undefined && value !== null && !fits(value)

function byCost(a: CostRow, b: CostRow): number {
  const tokens = (row: CostRow): number => row.inputTokens + row.outputTokens
  return (
    b.costUsd - a.costUsd || tokens(b) - tokens(a) || b.calls - a.calls || compare(a.key ?? '', b.key ?? '')
  )
}

const byTime = (a: CostRow, b: CostRow): number =>
  (a.ts ?? Number.POSITIVE_INFINITY) - (b.ts ?? Number.POSITIVE_INFINITY) || 0

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
