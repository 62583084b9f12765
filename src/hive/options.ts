/** What the options of `startHive` may be. */

import { isCustomKind, isKnownKind } from '../format/kinds.js'
import {
  anyOf,
  callable,
  flag,
  group,
  having,
  httpUrl,
  listOf,
  number,
  type Rule,
  type RulesOf,
  secret,
  text,
} from '../format/options.js'
import { COMMIT_RULES } from '../git/options.js'
import { otlpRule, PROVIDER_RULES, RECORDER_RULES } from '../otel/options.js'
import type { GitOptions } from './git.js'
import type { ShipOptions } from './ship.js'
import type { HiveOptions } from './start-hive.js'

const { signal: _signal, ...commit } = COMMIT_RULES

const no: Rule = { allowed: 'false', fits: (value) => value === false }
const kind: Rule = {
  allowed: 'a kind of events',
  fits: (value) => typeof value === 'string' && (isKnownKind(value) || isCustomKind(value)),
}

export const HIVE_RULES: RulesOf<HiveOptions> = {
  ...RECORDER_RULES,
  ...PROVIDER_RULES,
  file: anyOf(no, text),
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
  ship: anyOf(
    no,
    group<ShipOptions>({
      url: httpUrl,
      token: secret(text),
      flushMs: number('milliseconds', { from: 1, to: 86_400_000 }),
      maxBytes: number('bytes', { from: 1, to: 8 * 1024 * 1024, whole: true }),
      kinds: listOf('kinds of events', kind),
      shutdownTimeoutMs: number('milliseconds', { from: 0, endless: true }),
      onDecision: callable,
    }),
  ),
}
