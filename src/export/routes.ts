/** What leads from one span to another: messages, whose drains link to their senders, and escalations. */
import type { SpanContext } from '@opentelemetry/api'
import { BoundedMap } from '../format/bounded-map.js'
import type { Message } from '../model/inbox.js'
import type { LogEntry } from '../read/items.js'
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

  /** What the drain that is followed next took, where it does not say that itself. */
  taken: readonly Message[] = []

  /** The open life, in this log, whose escalation an approval answers. */
  escalatedBy(approval: object, log: string): Life | undefined {
    const { id } = approval as { id?: unknown }
    const life = typeof id === 'string' ? this.#escalations.get(id) : undefined
    return life?.isEnded || life?.log !== log ? undefined : life
  }

  /** Notes what an event on `span` sends, and links the span to those whose messages it takes. */
  follow({ event, seq }: LogEntry, span: OpenSpan, life: Life): void {
    const { kind } = event
    const { id, ids } = event as { id?: unknown; ids?: unknown }
    if (kind === 'drain') this.#drained(ids, span)
    else if (kind === 'message' || kind === 'terminal-handoff') {
      this.#senders.set(typeof id === 'string' ? id : lineKey(life.log, seq), span.context)
    } else if (typeof id !== 'string') return
    else if (kind === 'escalate') this.#escalations.set(id, life)
    else if (kind === 'approval') this.#escalations.delete(id)
  }

  #drained(ids: unknown, span: OpenSpan): void {
    if (Array.isArray(ids) && ids.length > 0) for (const id of ids as unknown[]) this.#link(id, span)
    else for (const { id, log = '', seq } of this.taken) this.#link(id ?? lineKey(log, seq), span)
  }

  #link(id: unknown, span: OpenSpan): void {
    const sender = typeof id === 'string' ? this.#senders.get(id) : undefined
    if (sender === undefined) this.unlinked++
    else span.link(sender)
  }
}

/** Stands for the id of a message that has none. */
const lineKey = (log: string, seq: number): string => `\n${log}\n${seq}`
