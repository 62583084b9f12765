/** Work that takes time and is over when it is recorded (tools, calls of APIs and of models): a child span, and a line at its end. */
import type { SpanContext } from '@opentelemetry/api'
import type { Fields } from '../format/fields.js'
import { endTime } from '../otel/span-mapping.js'
import { AS_IS, type WorkKind, workShape } from '../otel/span-shapes.js'
import type { Life } from '../record/owners.js'
import type { LifeSpan } from './agent-span.js'
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
  under: LifeSpan,
  now: number,
): void {
  const place = core.unheardPlace(under.spanContext) ?? core.placeIn(tellWork(core, kind, fields, under, now))
  core.recorder.record(place, now, kind, fields, life, true)
}

/** @returns the context of its span, which has ended */
function tellWork(core: HiveCore, kind: WorkKind, fields: Fields, under: LifeSpan, now: number): SpanContext {
  const shape = workShape(kind, fields, core.session, AS_IS)
  // Nothing began before 1970: no request could say so.
  const startTime = now - Math.min(shape.ms, now)
  const end = endTime(startTime, now)
  const told = core.workSpans?.tell(shape, startTime, end, under.part.span)
  if (told !== undefined) return told
  core.beforeSpan()
  const { name, kind: spanKind, attributes, status } = shape
  const event = { kind, fields }
  const span = core.startWork(name, { kind: spanKind, startTime, attributes }, under.workContext, event)
  if (status !== undefined) span.setStatus(status)
  span.end(end)
  return span.spanContext()
}
