/**
 * Finds windows of time that cost far more than usual. Time is cut into windows of one length. A window of an agent
 * is a spike when it costs at least `usd`, at least `windows` windows with usage of that agent went before, and it
 * costs more than `factor` times the median of the last 100 of them. Windows without usage count as none, so that
 * an agent that works now and then is measured by its own work. The hive as a whole is judged alike, where no agent
 * alone made the greater part of its spike. Spikes in a row are one finding. Usage of which neither the event nor the
 * price list says a cost is judged by its tokens (in and out).
 */

import { amountOf, idOf } from '../../format/bounded.js'
import type { HiveEntry } from '../../model/model.js'
import type { AnyEvent, Check } from './checker.js'
import { type CheckPlace, type Findings, Group, placeOf } from './findings.js'
import { Recent } from './recent.js'
import { between, grouped, lasting, named } from './words.js'

const MAX_AGENTS = 5_000
const MAX_HISTORY = 100

type Unit = 'usd' | 'tokens'

interface Series {
  /** `undefined` for the hive. */
  agent: string | undefined
  unit: Unit
  /** Number of the present window. */
  window: number
  sum: number
  events: number
  first: CheckPlace
  last: CheckPlace
  history: number[]
  /** Windows in a row that cost too much, up to the last one. */
  spike: { group: Group; windows: number; sum: number; usual: number } | undefined
}

export class CostSpikes implements Check {
  readonly #findings: Findings
  readonly #window: number
  readonly #factor: number
  readonly #windows: number
  readonly #least: Record<Unit, number>
  readonly #agents = new Recent<Series>(MAX_AGENTS, (series) => this.#finish(series))
  readonly #hive: Partial<Record<Unit, Series>> = {}
  /** The greatest spike of an agent in the last window that had one: what the hive's is measured against. */
  #ofAgents: { window: number; unit: Unit; sum: number } = { window: Number.NaN, unit: 'usd', sum: 0 }

  constructor(findings: Findings) {
    this.#findings = findings
    const { settings } = findings
    this.#window = Math.max(1, settings.number('cost-spike', 'window'))
    this.#factor = settings.number('cost-spike', 'factor')
    this.#windows = settings.number('cost-spike', 'windows')
    this.#least = {
      usd: settings.number('cost-spike', 'usd'),
      tokens: settings.number('cost-spike', 'tokens'),
    }
  }

  /** What the call of the next event cost; `undefined`: no price is known. */
  costUsd: number | undefined

  add(event: AnyEvent, entry: HiveEntry): void {
    const { costUsd } = this
    const unit: Unit = costUsd === undefined ? 'tokens' : 'usd'
    const value = costUsd ?? amountOf(event.inputTokens) + amountOf(event.outputTokens)
    if (value === 0) return
    const place = placeOf(entry)
    const window = Math.floor(event.ts / this.#window)
    const agent = idOf(event.agentId)
    if (agent !== undefined) {
      const key = `${unit}\n${agent}`
      let series = this.#agents.get(key)
      if (series === undefined) {
        series = begin(agent, unit, window, place)
        this.#agents.set(key, series)
      }
      this.#spend(series, window, value, place)
    }
    const hive = this.#hive[unit] ?? begin(undefined, unit, window, place)
    this.#hive[unit] = hive
    // Agents are judged before the hive.
    if (this.#isOver(hive, window))
      for (const series of this.#agents.values()) this.#closeIfOver(series, window)
    this.#spend(hive, window, value, place)
  }

  end(): void {
    for (const series of this.#agents.values()) this.#finish(series)
    for (const series of Object.values(this.#hive)) this.#finish(series)
    this.#findings.forgot(this.#agents.forgotten, "agent's usage")
  }

  #finish(series: Series): void {
    this.#close(series)
    this.#report(series)
  }

  #spend(series: Series, window: number, value: number, place: CheckPlace): void {
    this.#closeIfOver(series, window)
    if (series.events === 0) {
      series.window = window
      series.first = place
    }
    series.sum += value
    series.events++
    series.last = place
  }

  /** A line may be a little late; what is earlier than the window before is of another time. */
  #isOver(series: Series, window: number): boolean {
    return series.events > 0 && window !== series.window && window !== series.window - 1
  }

  #closeIfOver(series: Series, window: number): void {
    if (this.#isOver(series, window)) this.#close(series)
  }

  #close(series: Series): void {
    const { history, sum, unit, events } = series
    if (events === 0) return
    const usual = history.length >= this.#windows && sum >= this.#least[unit] ? median(history) : undefined
    if (usual !== undefined && sum > this.#factor * usual) this.#spiked(series, usual)
    else this.#report(series)
    history.push(sum)
    if (history.length > MAX_HISTORY) history.shift()
    series.sum = 0
    series.events = 0
  }

  #spiked(series: Series, usual: number): void {
    const { agent, unit, window, sum, events, first, last } = series
    if (agent === undefined) {
      // Agents are judged first.
      for (const each of this.#agents.values()) {
        if (each.unit === unit && each.window === window) this.#close(each)
      }
    }
    const known = this.#ofAgents
    const isKnown = known.window === window && known.unit === unit
    if (agent === undefined) {
      if (isKnown && known.sum * 2 > sum) return
    } else if (!isKnown || known.sum < sum) {
      this.#ofAgents = { window, unit, sum }
    }
    // Windows in a row are one spike.
    if (series.spike === undefined)
      series.spike = { group: new Group(first, events), windows: 0, sum: 0, usual }
    else series.spike.group.add(first, events)
    if (events > 1) series.spike.group.add(last, 0)
    series.spike.windows++
    series.spike.sum += sum
  }

  #report(series: Series): void {
    const { agent, unit, spike } = series
    if (spike === undefined) return
    series.spike = undefined
    const { group, windows, sum, usual } = spike
    const who = agent === undefined ? 'the hive' : `agent ${named(agent)}`
    const time =
      windows === 1 ? lasting(this.#window) : `${grouped(windows)} windows of ${lasting(this.#window)}`
    const spent = `${who} spent ${amount(sum, unit)} in ${time} (${between(group.first, group.last)})`
    const each = windows === 1 ? '' : ' each'
    const rise =
      usual > 0 ? `${grouped(Math.round(sum / windows / usual))} times its median` : 'after a median'
    const message = `${spent}, ${rise} of ${amount(usual, unit)}${each}`
    this.#findings.report('cost-spike', { message, group, agents: agent === undefined ? [] : [agent] })
  }
}

const begin = (agent: string | undefined, unit: Unit, window: number, place: CheckPlace): Series => ({
  agent,
  unit,
  window,
  sum: 0,
  events: 0,
  first: place,
  last: place,
  history: [],
  spike: undefined,
})

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)] as number
}

function amount(value: number, unit: Unit): string {
  if (unit === 'tokens') return `${grouped(Math.round(value))} tokens`
  return `$${value.toFixed(value < 1 ? 4 : 2)}`
}
