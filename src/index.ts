export type {
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
export type { BrokenChain } from './analyse/reading.js'
export { type ReplayOptions, replay, type Step, type VisitOptions, visitLog } from './analyse/replay.js'
export type { Target } from './analyse/side-index/walk.js'
export type { StateChange } from './analyse/state/changes.js'
export { StateReducer } from './analyse/state/reducer.js'
export type { MutualWait } from './analyse/waits/mutual.js'
export {
  type WaitBy,
  type WaitOptions,
  type WaitPlace,
  type WaitReport,
  type WaitRow,
  waitReport,
} from './analyse/waits.js'
export { type FormatOptions, formatEvent } from './cli/format-event.js'
export { type ExportOptions, type ExportReport, exportLog } from './export/export-log.js'
export { type RebuildOptions, type RebuildReport, rebuildSpans } from './export/rebuild-spans.js'
export type { QueryOptions } from './export/stored-spans.js'
export {
  type Act,
  type ArtifactRef,
  type CustomEvent,
  type Envelope,
  type ExitStatus,
  FORMAT_VERSION,
  type HiveEvent,
  isKind,
  type KindFields,
  type KnownEvent,
  type KnownKind,
} from './format/kinds.js'
export { OptionsError } from './format/options.js'
export { type CommitOptions, type CommitReport, commitLog } from './git/commit.js'
export { CommitError, type CommitErrorCode } from './git/errors.js'
export type { CommitBatch, CommitMessage } from './git/message.js'
export type { Agent } from './hive/agent.js'
export type { GitOptions } from './hive/git.js'
export type { Hive } from './hive/hive.js'
export type {
  ApproveInput,
  CallInput,
  CustomKind,
  DrainedMessage,
  DropInput,
  EndInput,
  EscalateInput,
  Escalation,
  MessageInput,
  OutsideMessageInput,
  SentMessage,
  SnapshotInput,
  SpawnInput,
  ToolInput,
  UsageInput,
  WaitInput,
} from './hive/inputs.js'
export { type HiveOptions, startHive } from './hive/start-hive.js'
export {
  type LockHolder,
  LogLockedError,
  LogOpenError,
  NotDurableError,
  OptionsConflictError,
} from './journal/errors.js'
export type { SealOptions } from './journal/seal.js'
export type { RotateOptions } from './journal/segment-chain.js'
export type { FsyncPolicy } from './journal/syncer.js'
export type {
  AgentState,
  AgentStatus,
  HiveState,
  InboxState,
  PendingEscalation,
  SnapshotState,
  UsageTotals,
  WaitingMessage,
  WriterState,
} from './model/state.js'
export { HiveSpanProcessor, type HiveSpanProcessorOptions } from './otel/hive-span-processor.js'
export { JsonlSpanExporter } from './otel/jsonl-span-exporter.js'
export type { OtlpOptions, ProviderOptions } from './otel/provider.js'
export type { RecorderOptions } from './otel/recorder.js'
export type { CursorOptions } from './read/cursor.js'
export type { LogFollower } from './read/cursor-follower.js'
export { type CursorLoss, CursorLostError, type OldestLine } from './read/cursor-lost.js'
export { type FollowOptions, followLog } from './read/follow.js'
export { isBreak, isMalformed, type LogEntry, type LogItem, type MalformedLine } from './read/items.js'
export { type ReadOptions, readLog } from './read/read.js'
export type { PassedOver, Selection } from './read/select.js'
export { type TailOptions, tailLog } from './read/tail.js'
export type { RedactOptions } from './redact/redact.js'
export type {
  AdoptedStretch,
  VerifiedFile,
  VerifyFinding,
  VerifyKind,
  VerifyReport,
} from './verify/report.js'
export { type VerifyOptions, verifyLog } from './verify/verify.js'
export { VERSION } from './version.js'
