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
export type { Agent } from './hive/agent.js'
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
export { VERSION } from './version.js'
