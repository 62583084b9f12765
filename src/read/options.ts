/** What the options of the readers may be. */
import {
  anyOf,
  callable,
  flag,
  group,
  listOf,
  number,
  oneOf,
  type Rule,
  type RulesOf,
  text,
} from '../format/options.js'
import type { CursorOptions } from './cursor.js'
import type { FollowOptions } from './follow.js'
import type { FollowHiveOptions } from './follow-hive.js'
import type { HiveReadOptions } from './hive.js'
import type { LineOptions } from './items.js'
import type { ReadOptions } from './read.js'
import type { PassedOver, Selection } from './select.js'
import type { TailOptions } from './tail.js'
import type { TailHiveOptions } from './tail-hive.js'

const LINE_RULES: RulesOf<LineOptions> = {
  maxLineBytes: number('bytes', { from: 1, endless: true }),
  text: flag,
}

/** A `seq`; that of a foreign log can be 0. */
const seq: Rule = number('', { from: 0, whole: true, endless: true })

const texts: Rule = listOf('texts', text)
const ts: Rule = number('milliseconds', { endless: true })

const SELECT_RULES: RulesOf<Pick<ReadOptions, 'select' | 'passed' | 'index'>> = {
  select: group<Selection>({
    kinds: texts,
    agents: texts,
    traces: texts,
    spans: texts,
    ids: texts,
    since: ts,
    until: ts,
    last: flag,
  }),
  passed: group<PassedOver>({ lines: seq, unparsed: seq }),
  index: flag,
}

export const READ_RULES: RulesOf<ReadOptions> = {
  ...LINE_RULES,
  ...SELECT_RULES,
  segments: flag,
  from: seq,
  to: seq,
}

export const HIVE_READ_RULES: RulesOf<HiveReadOptions> = {
  ...LINE_RULES,
  ...SELECT_RULES,
  thisFile: flag,
  since: ts,
  until: ts,
  onProgress: callable,
}

export const TAIL_RULES: RulesOf<TailOptions> = { ...LINE_RULES, filter: callable }

export const TAIL_HIVE_RULES: RulesOf<TailHiveOptions> = { ...TAIL_RULES, thisFile: flag }

const CURSOR_RULES: RulesOf<CursorOptions> = {
  name: text,
  commit: oneOf('auto', 'manual'),
  commitEveryMs: number('milliseconds', { from: 0, endless: true }),
  beforeCommit: callable,
  onLost: oneOf('error', 'oldest'),
}

export const FOLLOW_RULES: RulesOf<FollowOptions> = {
  ...TAIL_RULES,
  from: anyOf(
    oneOf('start', 'end'),
    group<{ last: number }>({ last: number('lines', { from: 0, whole: true, endless: true }) }),
  ),
  cursor: anyOf(text, group<CursorOptions>(CURSOR_RULES)),
  stopAtEnd: flag,
  signal: { allowed: 'an AbortSignal', fits: (value) => value instanceof AbortSignal },
  pollMs: number('milliseconds', { from: 1 }),
}

export const FOLLOW_HIVE_RULES: RulesOf<FollowHiveOptions> = {
  ...FOLLOW_RULES,
  thisFile: flag,
  onCaughtUp: callable,
}
