/** The shapes of spans for fields that were read from a file. */
import type { Fields } from '../format/fields.js'
import { exitStatus } from '../format/outcome.js'
import {
  type AgentShape,
  type Ending,
  type Fit,
  agentShape as liveAgentShape,
  endingOf as liveEndingOf,
  workShape as liveWorkShape,
  type WorkKind,
  type WorkShape,
} from '../otel/span-shapes.js'
import { sayable, shortText } from './attributes.js'

export {
  type AgentShape,
  type Ending,
  LOST,
  sessionShape,
  type WorkKind,
  type WorkShape,
} from '../otel/span-shapes.js'

/** What a backend takes. */
const FIT: Fit = { text: shortText, isSayable: sayable }

export const agentShape = (fields: Fields, session: string | undefined): AgentShape =>
  liveAgentShape(fields, session, FIT)

export const endingOf = (fields: Fields): Ending => liveEndingOf(exitStatus(fields), fields.error, FIT)

export const workShape = (kind: WorkKind, fields: Fields, session: string | undefined): WorkShape =>
  liveWorkShape(kind, fields, session, FIT)

/** Whether lines of this kind have a span each. */
export const isWork = (kind: string): kind is WorkKind =>
  kind === 'tool' || kind === 'call' || kind === 'usage'
