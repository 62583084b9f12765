/** Whether the side index is kept up where nobody writes code for it. */
import { diag } from '@opentelemetry/api'
import { shown } from '../format/options.js'

const WORDS = new Map([
  ['1', true],
  ['true', true],
  ['0', false],
  ['false', false],
])

/** What `HIVELOG_KEEP_INDEX` says, if it says anything. */
export function keepIndexByEnvironment(): boolean | undefined {
  const given = process.env.HIVELOG_KEEP_INDEX?.trim()
  if (!given) return undefined
  const is = WORDS.get(given.toLowerCase())
  if (is === undefined) {
    diag.warn(`hivelog: HIVELOG_KEEP_INDEX: ${shown(given)} is not possible; use true or false; it is false`)
  }
  return is
}
