/** What the options of redaction may be. */
import { types } from 'node:util'
import { flag, group, listOf, type RulesOf, text } from '../format/options.js'
import type { RedactOptions } from './redact.js'

const isNamed = (value: unknown): boolean => {
  const { name, pattern } = Object(value) as { name?: unknown; pattern?: unknown }
  return typeof name === 'string' && types.isRegExp(pattern)
}

export const REDACT_RULES: RulesOf<RedactOptions> = {
  patterns: listOf('regular expressions, or of { name, pattern }', {
    allowed: '',
    fits: (value) => types.isRegExp(value) || isNamed(value),
  }),
  keys: listOf('names', text),
  builtin: flag,
}

export const redactRule = group<RedactOptions>(REDACT_RULES)
