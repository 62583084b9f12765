export { type FormatOptions, formatEvent } from './cli/format-event.js'
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
} from './events/kinds.js'
export type { RedactOptions } from './events/redact.js'
export { type ExportOptions, type ExportReport, exportLog } from './export/export-log.js'
export { type RebuildOptions, type RebuildReport, rebuildSpans } from './export/rebuild-spans.js'
export type { QueryOptions } from './export/stored-spans.js'
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
export { type LockHolder, LogLockedError, LogOpenError, NotDurableError } from './journal/errors.js'
export type { SealOptions } from './journal/seal.js'
export type { RotateOptions } from './journal/segment-chain.js'
export type { FsyncPolicy } from './journal/syncer.js'
export { HiveSpanProcessor, type HiveSpanProcessorOptions } from './otel/hive-span-processor.js'
export { JsonlSpanExporter } from './otel/jsonl-span-exporter.js'
export type { OtlpOptions, ProviderOptions } from './otel/provider.js'
export type { RecorderOptions } from './otel/recorder.js'
export type { CursorOptions } from './reader/cursor.js'
export type { LogFollower } from './reader/cursor-follower.js'
export { type CursorLoss, CursorLostError, type OldestLine } from './reader/cursor-lost.js'
export { type FollowOptions, followLog } from './reader/follow.js'
export { isMalformed, type LogEntry, type LogItem, type MalformedLine } from './reader/items.js'
export { type ReadOptions, readLog } from './reader/read.js'
export { type TailOptions, tailLog } from './reader/tail.js'
export { type VerifyOptions, verifyLog } from './reader/verify.js'
export type { VerifiedFile, VerifyFinding, VerifyKind, VerifyReport } from './reader/verify-report.js'
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
} from './replay/audit/report.js'
export { auditTrail } from './replay/audit.js'
export {
  type CallBy,
  type CallOptions,
  type CallReport,
  type CallRow,
  type CallTimes,
  callReport,
} from './replay/calls.js'
export type { CheckReport } from './replay/check/checker.js'
export type { CheckFinding, CheckPlace } from './replay/check/findings.js'
export { CHECK_RULES, type CheckRule, type Severity as CheckSeverity } from './replay/check/rules.js'
export { CheckConfigError, type RuleSetting, type RuleSettings } from './replay/check/settings.js'
export { type CheckOptions, checkLog } from './replay/check.js'
export type { PricedModel, UnpricedModel } from './replay/cost/models.js'
export type { ModelPrices } from './replay/cost/prices.js'
export type { CostSums } from './replay/cost/sums.js'
export {
  type CostBy,
  type CostOptions,
  type CostReport,
  type CostRow,
  costReport,
} from './replay/cost.js'
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
} from './replay/diff/report.js'
export { diffLogs } from './replay/diff.js'
export { type ReplayOptions, replay, type Step, type VisitOptions, visitLog } from './replay/replay.js'
export type { Target } from './replay/side-index/walk.js'
export type { StateChange } from './replay/state/changes.js'
export { StateReducer } from './replay/state/reducer.js'
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
} from './replay/state/state.js'
export type { MutualWait } from './replay/waits/mutual.js'
export {
  type WaitBy,
  type WaitOptions,
  type WaitPlace,
  type WaitReport,
  type WaitRow,
  waitReport,
} from './replay/waits.js'
export { VERSION } from './version.js'
