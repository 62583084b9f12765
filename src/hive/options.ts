/** What the options of `startHive` may be. */
import { anyOf, flag, group, having, number, type RulesOf, text } from '../format/options.js'
import { COMMIT_RULES } from '../git/options.js'
import { otlpRule, PROVIDER_RULES, RECORDER_RULES } from '../otel/options.js'
import type { GitOptions } from './git.js'
import type { HiveOptions } from './start-hive.js'

const { signal: _signal, ...commit } = COMMIT_RULES

export const HIVE_RULES: RulesOf<HiveOptions> = {
  ...RECORDER_RULES,
  ...PROVIDER_RULES,
  file: anyOf({ allowed: 'false', fits: (value) => value === false }, text),
  tracerProvider: having('a tracer provider', 'getTracer'),
  maxEventsPerSpan: number('events', { from: 1, endless: true }),
  maxSpanAgeMs: number('milliseconds', { from: 1, endless: true }),
  shutdownTimeoutMs: number('milliseconds', { from: 0, endless: true }),
  git: group<GitOptions>({
    ...commit,
    everyMs: number('milliseconds', { from: 1, endless: true }),
    shutdownTimeoutMs: number('milliseconds', { from: 1, endless: true }),
  }),
  otlpLogs: anyOf(flag, otlpRule),
  recover: flag,
}
