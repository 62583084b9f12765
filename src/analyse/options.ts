/** What the options of the reports may be. */
import {
  callable,
  flag,
  group,
  listOf,
  number,
  oneOf,
  type Rule,
  type RulesOf,
  recordOf,
  text,
} from '../format/options.js'
import type { AuditOptions } from './audit/report.js'
import type { CallOptions } from './calls.js'
import type { CheckOptions } from './check.js'
import type { CostOptions } from './cost.js'
import type { DiffOptions } from './diff/report.js'
import type { HiveSelection } from './reading.js'
import type { ReplayOptions, VisitOptions } from './replay.js'
import type { ShowOptions } from './show/report.js'
import type { StoryOptions } from './show/story.js'
import type { Target } from './side-index/walk.js'
import type { ReducerOptions } from './state/reducer.js'
import type { TalkOptions } from './talk/report.js'
import { type PictureOptions, TOP_SORTS, type TopOptions } from './top/report.js'
import type { WaitOptions } from './waits.js'
import type { WhyOptions } from './why/report.js'

/** What reports can be grouped by. */
export const COST_KEYS = ['agent', 'model', 'provider', 'task', 'decision', 'session', 'hour', 'day'] as const
export const CALL_KEYS = ['host', 'path', 'agent', 'status', 'tool'] as const
export const WAIT_KEYS = ['resource', 'agent', 'holder', 'pair'] as const

const seq: Rule = number('', { from: 0, whole: true, endless: true })
const time: Rule = number('milliseconds since 1970', { endless: true })
const keys: Rule = number('groups', { from: 0, whole: true, endless: true })
const names: Rule = listOf('names', text)
const target: Rule = group<Target>({ seq, time })

const SELECTION: RulesOf<HiveSelection> = { thisFile: flag, since: time, until: time, onProgress: callable }

export const REPLAY_RULES: RulesOf<ReplayOptions> = {
  at: seq,
  time,
  thisFile: flag,
  index: flag,
  indexSpacing: number('bytes', { from: 1, endless: true }),
  onProgress: callable,
}

export const VISIT_RULES: RulesOf<VisitOptions> = {
  from: target,
  to: target,
  thisFile: flag,
  index: flag,
  onProgress: callable,
}

export const DIFF_RULES: RulesOf<DiffOptions> = {
  ...SELECTION,
  agent: text,
  context: number('rows', { from: 0, to: 1000, whole: true }),
  ignoreFields: names,
  keepFields: names,
  maxEvents: number('events', { from: 1, whole: true }),
}

export const AUDIT_RULES: RulesOf<AuditOptions> = {
  ...SELECTION,
  id: text,
  match: text,
  agent: text,
  by: text,
  pending: flag,
  asOf: time,
  context: number('events', { from: 0, to: 100, whole: true }),
  limit: number('escalations', { from: 1, whole: true, endless: true }),
}

export const COST_RULES: RulesOf<CostOptions> = {
  ...SELECTION,
  by: oneOf(...COST_KEYS),
  prices: recordOf('prices by model', { allowed: '', fits: () => true }),
}

export const CALL_RULES: RulesOf<CallOptions> = { ...SELECTION, by: oneOf(...CALL_KEYS), maxKeys: keys }

export const WAIT_RULES: RulesOf<WaitOptions> = { ...SELECTION, by: oneOf(...WAIT_KEYS), maxKeys: keys }

export const STATS_RULES: RulesOf<HiveSelection> = SELECTION

export const REDUCER_RULES: RulesOf<ReducerOptions> = { price: callable, firstLog: text }

const STORY: RulesOf<StoryOptions> = { thisFile: flag, onProgress: callable }

export const SHOW_RULES: RulesOf<ShowOptions> = { ...STORY, log: text, full: flag }

export const WHY_RULES: RulesOf<WhyOptions> = {
  ...STORY,
  log: text,
  depth: number('links', { from: 0, whole: true, endless: true }),
}

export const TALK_RULES: RulesOf<TalkOptions> = {
  ...STORY,
  since: time,
  until: time,
  limit: number('messages', { from: 1, whole: true, endless: true }),
}

export const PICTURE_RULES: RulesOf<PictureOptions> = {
  sort: oneOf(...TOP_SORTS),
  limit: number('agents', { from: 0, whole: true, endless: true }),
  asOf: number('milliseconds since 1970'),
}

export const TOP_RULES: RulesOf<TopOptions> = { ...STORY, ...PICTURE_RULES }

export const CHECK_OPTION_RULES: RulesOf<CheckOptions> = {
  // `Settings` says what each can be.
  rules: { allowed: 'an object of settings by rule', fits: () => true },
  now: time,
  closed: flag,
  maxFindings: number('findings', { from: 0, whole: true, endless: true }),
  ...SELECTION,
}
