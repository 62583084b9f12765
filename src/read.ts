/** `hivelog/read` reads logs: whole, from their end, as they grow, and whether anybody changed them. */

export { LogReadError } from './disk/errors.js'
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
export type { CursorOptions } from './read/cursor.js'
export { CursorFileError, type CursorLoss, CursorLostError, type OldestLine } from './read/errors.js'
export { type FollowOptions, followLog, type LogFollower } from './read/follow.js'
export { type FollowHiveOptions, followHive, type HiveFollower } from './read/follow-hive.js'
export { type LogSpan, spanOf } from './read/glance.js'
export {
  type HiveEntry,
  type HiveItem,
  type HiveReadOptions,
  hiveBatches,
  logsOfHive,
  type OnProgress,
} from './read/hive.js'
export {
  isBreak,
  isMalformed,
  type LineOptions,
  type LogEntry,
  type LogItem,
  type MalformedLine,
} from './read/items.js'
export { type ReadOptions, readLog } from './read/read.js'
export type { PassedOver, Selection } from './read/select.js'
export { type TailOptions, tailLog } from './read/tail.js'
export { type TailHiveOptions, tailHive } from './read/tail-hive.js'
export type {
  AdoptedStretch,
  VerifiedFile,
  VerifyFinding,
  VerifyKind,
  VerifyReport,
} from './verify/report.js'
export { type VerifyOptions, verifyLog } from './verify/verify.js'
