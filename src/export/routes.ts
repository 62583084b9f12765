/** What leads from one span to another: messages, whose drains link to their senders, and escalations. */
import type { SpanContext } from '@opentelemetry/api'
import type { HiveEvent } from '../format/kinds.js'
import { BoundedMap } from './bounded-map.js'
import type { Life } from './life.js'
import type { OpenSpan } from './open-span.js'

/** What is remembered at least. */
const MESSAGES = 50_000
const ESCALATIONS = 10_000

export class Routes {
  /** Drained messages without a link. */
  unlinked = 0
  #senders = new BoundedMap<SpanContext>(MESSAGES)
  #escalations = new BoundedMap<Life>(ESCALATIONS)

  /** The open life whose escalation an approval answers. */
  escalatedBy(approval: object): Life | undefined {
    const { id } = approval as { id?: unknown }
    const life = typeof id === 'string' ? this.#escalations.get(id) : undefined
    return life?.isEnded ? undefined : life
  }

  /** Notes what an event on `span` sends, and links the span to those whose messages it takes. */
  follow(event: HiveEvent, span: OpenSpan, life: Life): void {
    const { kind } = event
    const { id, ids } = event as { id?: unknown; ids?: unknown }
    if (kind === 'drain') this.#drained(ids, span)
    else if (typeof id !== 'string') return
    else if (kind === 'message' || kind === 'terminal-handoff') this.#senders.set(id, span.context)
    else if (kind === 'escalate') this.#escalations.set(id, life)
    else if (kind === 'approval') this.#escalations.delete(id)
  }

  #drained(ids: unknown, span: OpenSpan): void {
    if (!Array.isArray(ids)) return
    for (const id of ids as unknown[]) {
      const sender = typeof id === 'string' ? this.#senders.get(id) : undefined
      if (sender === undefined) this.unlinked++
      else span.link(sender)
    }
  }
}
