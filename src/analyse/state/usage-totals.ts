/** Sums of tokens and dollars. */
import { amountOf } from '../bounded.js'
import type { UsageTotals } from './state.js'

/** Adds the numbers of a `usage` event, whatever its fields are. */
export function addUsage(totals: UsageTotals, fields: Record<string, unknown>): void {
  totals.calls++
  totals.inputTokens += amountOf(fields.inputTokens)
  totals.outputTokens += amountOf(fields.outputTokens)
  totals.cacheReadTokens += amountOf(fields.cacheReadTokens)
  totals.cacheWriteTokens += amountOf(fields.cacheWriteTokens)
  if (typeof fields.costUsd === 'number') totals.costUsd += amountOf(fields.costUsd)
  else totals.unpriced++
}
