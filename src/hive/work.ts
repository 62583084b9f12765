/** Work that takes time and is over when it is recorded (tools, calls of APIs and of models): a child span, and a line at its end. */
import type { Context, Span } from '@opentelemetry/api'
import type { Fields } from '../format/fields.js'
import { endTime } from '../otel/span-mapping.js'
import { AS_IS, type WorkKind, workShape } from '../otel/span-shapes.js'
import type { Life } from '../record/owners.js'
import type { AgentSpan } from './agent-span.js'
import type { HiveCore } from './core.js'

/**
 * Records work in an agent's life, under its present span, that ended at `now` (epoch milliseconds).
 * @param fields scrubbed
 */
export function recordWork(
  core: HiveCore,
  life: Life,
  kind: WorkKind,
  fields: Fields,
  under: AgentSpan,
  now: number,
): void {
  const place =
    core.unheardPlace(under.spanContext) ?? core.placeOf(workSpan(core, kind, fields, under.workContext, now))
  core.recorder.record(place, now, kind, fields, life, true)
}

/** The span of that work, which has ended. */
function workSpan(core: HiveCore, kind: WorkKind, fields: Fields, parent: Context, now: number): Span {
  const shape = workShape(kind, fields, core.session, AS_IS)
  // Nothing began before 1970: no request could say so.
  const startTime = now - Math.min(shape.ms, now)
  core.beforeSpan()
  const { attributes, status } = shape
  const span = core.startWork(shape.name, { kind: shape.kind, startTime, attributes }, parent, {
    kind,
    fields,
  })
  if (status !== undefined) span.setStatus(status)
  span.end(endTime(startTime, now))
  return span
}
