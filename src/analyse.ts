/** `hivelog/analyse` says what is in logs: states, reports, comparisons, their spans again, commits of them. */
export type {
  AuditAside,
  AuditAsker,
  AuditCase,
  AuditContext,
  AuditCounts,
  AuditDecision,
  AuditOptions,
  AuditOutcome,
  AuditPlace,
  AuditProblem,
  AuditProblemKind,
  AuditStatus,
  AuditTrail,
  Unsealed,
} from './analyse/audit/report.js'
export { auditTrail } from './analyse/audit.js'
export {
  type CallBy,
  type CallOptions,
  type CallReport,
  type CallRow,
  type CallTimes,
  callReport,
} from './analyse/calls.js'
export type { CheckReport } from './analyse/check/checker.js'
export type { CheckFinding, CheckPlace } from './analyse/check/findings.js'
export { CHECK_RULES, type CheckRule, type Severity as CheckSeverity } from './analyse/check/rules.js'
export { CheckConfigError, type RuleSetting, type RuleSettings } from './analyse/check/settings.js'
export { type CheckOptions, checkLog } from './analyse/check.js'
export type { PricedModel, UnpricedModel } from './analyse/cost/models.js'
export type { ModelPrices } from './analyse/cost/prices.js'
export type { CostSums } from './analyse/cost/sums.js'
export {
  type CostBy,
  type CostOptions,
  type CostReport,
  type CostRow,
  costReport,
} from './analyse/cost.js'
export type {
  AgentDiff,
  DiffOptions,
  DiffRow,
  DiffSide,
  DiffVerdict,
  Divergence,
  EventPlace,
  FieldDiff,
  FirstDivergence,
  LogDiff,
  OnlyGroup,
} from './analyse/diff/report.js'
export { diffLogs } from './analyse/diff.js'
export type { LinePlace } from './analyse/place.js'
export type { BrokenChain, HiveSelection, LogTally } from './analyse/reading.js'
export { type ReplayOptions, replay, type Step, type VisitOptions, visitLog } from './analyse/replay.js'
export type { ShownArtifact } from './analyse/show/artifact.js'
export type { FoundBy, Match } from './analyse/show/find.js'
export type { PlacedEvent, TimedPlace } from './analyse/show/places.js'
export type {
  ApprovalOutcome,
  Delivery,
  DrainOutcome,
  EscalationOutcome,
  LifeOutcome,
  Listed,
  MessageOutcome,
  Outcome,
  ShowOptions,
  ShowReport,
} from './analyse/show/report.js'
export { showEvent } from './analyse/show.js'
export type { Target } from './analyse/side-index/walk.js'
export type { OnChange, StateChange } from './analyse/state/changes.js'
export { type ReducerOptions, StateReducer } from './analyse/state/reducer.js'
export {
  type AgentStats,
  type NameStats,
  type StatsOptions,
  type StatsReport,
  statsReport,
} from './analyse/stats.js'
export type { Partner, PartnersReport, TalkItem, TalkOptions, TalkReport } from './analyse/talk/report.js'
export { talkBetween, talkPartners } from './analyse/talk.js'
export type {
  PictureOptions,
  TopAgent,
  TopOptions,
  TopReport,
  TopSort,
  TopUsage,
} from './analyse/top/report.js'
export { TopWatch, topReport } from './analyse/top.js'
export type { MutualWait } from './analyse/waits/mutual.js'
export {
  type WaitBy,
  type WaitOptions,
  type WaitPlace,
  type WaitReport,
  type WaitRow,
  waitReport,
} from './analyse/waits.js'
export type { Origin, Relation } from './analyse/why/causes.js'
export type { Chain, ChainEnd, WhyStep } from './analyse/why/chain.js'
export type { WhyOptions, WhyReport } from './analyse/why/report.js'
export { whyEvent } from './analyse/why.js'
export { LogReadError } from './disk/errors.js'
export { ExportError } from './export/errors.js'
export { type ExportOptions, type ExportReport, exportLog } from './export/export-log.js'
export { type RebuildOptions, type RebuildReport, rebuildSpans } from './export/rebuild-spans.js'
export type { QueryOptions } from './export/stored-spans.js'
export { HivelogError } from './format/errors.js'
export { OptionsError } from './format/options.js'
export { type CommitOptions, type CommitReport, commitLog } from './git/commit.js'
export { CommitError, type CommitErrorCode } from './git/errors.js'
export type { CommitBatch, CommitMessage } from './git/message.js'
export type {
  AgentState,
  AgentStatus,
  HiveLogState,
  HiveState,
  InboxState,
  LogPlace,
  PendingEscalation,
  SnapshotState,
  Unlisted,
  UsageTotals,
  WaitingMessage,
  WriterState,
} from './model/state.js'
export type { OtlpOptions } from './otel/otlp.js'
export { type FormatOptions, formatEvent } from './text/format-event.js'
