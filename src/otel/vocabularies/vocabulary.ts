/** What a vocabulary is: the words in which an instrumentation says what its spans are. */
import type { AttributeValue } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'

/**
 * What a span is. `agent`: an agent's life; `tool`: one run of a tool; `model`: one call of a model; `call`: a query of
 * an external API; `handOff`: one agent gives over to another; `pause`: a person is asked; `group`: known, and nothing
 * of its own: a step, a turn, a workflow. Numbers on anything but a `model` are sums.
 */
export type Role = 'agent' | 'tool' | 'model' | 'call' | 'handOff' | 'pause' | 'group'

/** What is read of a span: also before it has ended. */
export type SpanView = Pick<
  ReadableSpan,
  'attributes' | 'name' | 'kind' | 'status' | 'instrumentationScope' | 'spanContext' | 'events'
>

/** Texts of a span. */
export type TextField =
  | 'agentId'
  | 'agentName'
  | 'session'
  | 'model'
  | 'provider'
  | 'responseId'
  | 'toolName'
  | 'toolCallId'
  | 'error'

/** Numbers of a span. */
export type NumberField =
  | 'inputTokens'
  | 'outputTokens'
  | 'cacheReadTokens'
  | 'cacheWriteTokens'
  | 'costUsd'
  | 'ttftMs'

/** What people said and tools were given: it stays out of lines. */
export type ContentField = 'prompt' | 'answer' | 'arguments' | 'result'

/** Names of attributes, the one that counts first. */
type Names<Field extends string> = Partial<Record<Field, readonly string[]>>

/** The token counts and times of a model call. */
export type Usage = Partial<Record<NumberField, number>>

export interface Vocabulary {
  /** As people call it. */
  readonly name: string
  /** The attribute whose value says what a span is. */
  readonly kind: string
  /** Its values. */
  readonly roles: Readonly<Record<string, Role>>
  /** Where the value does not say all: `undefined` when that is not known yet. */
  roleOf?(span: SpanView, role: Role | undefined): Role | undefined
  readonly texts?: Names<TextField>
  readonly numbers?: Names<NumberField>
  readonly contents?: Names<ContentField>
  /** Usage that is told otherwise than by a number an attribute. */
  usage?(span: SpanView): Usage
  /** A text that is told otherwise than by an attribute of its own. */
  text?(span: SpanView, field: TextField): string | undefined
}

export const textOf = (value: AttributeValue | undefined): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

export const numberOf = (value: AttributeValue | undefined): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined

/** Characters of JSON in an attribute that are read. */
const MAX_JSON = 64 * 1024

/** The object that the JSON of an attribute is; `undefined` when it is none. */
export function objectOf(value: AttributeValue | undefined): Record<string, unknown> | undefined {
  if (typeof value !== 'string' || value.length > MAX_JSON || value[0] !== '{') return undefined
  try {
    return JSON.parse(value) as Record<string, unknown>
  } catch {
    return undefined
  }
}

export function countIn(object: Record<string, unknown> | undefined, name: string): number | undefined {
  const value = object !== undefined && Object.hasOwn(object, name) ? object[name] : undefined
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

export function wordIn(object: Record<string, unknown> | undefined, name: string): string | undefined {
  const value = object !== undefined && Object.hasOwn(object, name) ? object[name] : undefined
  return typeof value === 'string' && value !== '' ? value : undefined
}
