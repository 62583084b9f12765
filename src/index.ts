/**
 * `hivelog` records: a hive's own calls, and the plug-in for a tracer provider of OpenTelemetry. It loads no more than
 * that needs; `hivelog/read` reads logs, `hivelog/analyse` says what is in them.
 */
export { AlreadyDecidedError, DecisionError, type DecisionMade, NotDecidedError } from './decide/errors.js'
export { HivelogError } from './format/errors.js'
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
export type { CommitOptions } from './git/commit.js'
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
export type { ShipOptions, ShipStatus } from './hive/ship.js'
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
export type { KeepIndexOptions } from './keep/options.js'
export { HiveSpanProcessor, type HiveSpanProcessorOptions } from './otel/hive-span-processor.js'
export { JsonlSpanExporter, ShutDownError } from './otel/jsonl-span-exporter.js'
export type { OtlpOptions } from './otel/otlp.js'
export type { OtlpLogsOptions } from './otel/otlp-logs.js'
export type { ProviderOptions } from './otel/provider.js'
export type { ResourceOptions } from './otel/resource.js'
export { DependencyError } from './otel/sdk.js'
export type { RecorderOptions } from './record/log-recorder.js'
export type { RedactOptions } from './redact/redact.js'
export type { Shipped } from './ship/copy-sender.js'
export { VERSION } from './version.js'
