/** The span of a life that somebody else tells: an application's own span of an agent, under which a hive's work lies. */
import { type Context, INVALID_SPAN_CONTEXT, type Span, type SpanContext, trace } from '@opentelemetry/api'
import type { LifeSpan, SpanPart } from './agent-span.js'
import type { HiveCore } from './core.js'

export class BorrowedSpan implements LifeSpan {
  readonly core: HiveCore
  readonly context: Context
  readonly part: SpanPart

  /** @param context with the span active */
  constructor(core: HiveCore, context: Context) {
    this.core = core
    this.context = context
    const span: Span = trace.getSpan(context) ?? trace.wrapSpanContext(INVALID_SPAN_CONTEXT)
    const line = core.placeOf(span)
    // Whose span it is puts its events on it.
    this.part = { span, events: line, line, startTs: Date.now(), startedAt: performance.now() }
  }

  get spanContext(): SpanContext {
    return this.part.span.spanContext()
  }

  get workContext(): Context {
    return this.core.recorder.owners.mark(this.context)
  }

  take(): SpanPart {
    return this.part
  }

  rollIfOld(): void {}
  addLinks(): void {}
  end(): void {}
  moveTo(): void {}
}
