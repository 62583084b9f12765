/**
 * Marks the spans that a `Hive` starts itself: it writes their lines directly, so a `HiveSpanProcessor` on the
 * same file leaves them alone.
 */
import { type Context, createContextKey } from '@opentelemetry/api'
import type { Recorder } from './recorder.js'

const OWNER = createContextKey('hivelog owner of the span')

export const markOwned = (context: Context, recorder: Recorder): Context => context.setValue(OWNER, recorder)

export const isOwned = (context: Context, recorder: Recorder): boolean => context.getValue(OWNER) === recorder
