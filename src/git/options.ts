/** What the options of a commit may be. */
import { anyOf, callable, flag, listOf, number, oneOf, type RulesOf, text } from '../format/options.js'
import type { CommitOptions } from './commit.js'

export const COMMIT_RULES: RulesOf<CommitOptions> = {
  message: anyOf({ allowed: 'a text', fits: (value) => typeof value === 'string' }, callable),
  paths: listOf('pathspecs', text),
  artifacts: flag,
  segments: oneOf('all', 'archived'),
  lockTimeoutMs: number('milliseconds', { from: 0, endless: true }),
  timeoutMs: number('milliseconds', { from: 1, endless: true }),
  signal: { allowed: 'an AbortSignal', fits: (value) => value instanceof AbortSignal },
}
