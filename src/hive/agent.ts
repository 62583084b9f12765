import {
  type Attributes,
  type Context,
  context,
  diag,
  type SpanContext,
  SpanKind,
  type SpanStatus,
  SpanStatusCode,
} from '@opentelemetry/api'
import { encodeTailEnd, type Fields } from '../events/encode.js'
import { type ArtifactRef, type ExitStatus, isCustomKind } from '../events/kinds.js'
import { describe } from '../events/quote.js'
import { ATTR } from '../otel/span-mapping.js'
import { AgentSpan } from './agent-span.js'
import type { HiveCore } from './core.js'
import { childEnvironment } from './environment.js'
import type {
  CallInput,
  CustomKind,
  DrainedMessage,
  DropInput,
  EndInput,
  EscalateInput,
  Escalation,
  MessageInput,
  SentMessage,
  SnapshotInput,
  SpawnInput,
  ToolInput,
  UsageInput,
  WaitInput,
} from './inputs.js'
import { formatTraceparent, Sent, spanContextOf } from './sent-message.js'

/** What an agent needs of its hive. */
export interface AgentHost {
  core: HiveCore
  spawn(input: SpawnInput, parent: Agent): Agent
  /** The agent put an item into the approval queue. */
  escalated(id: string, agent: Agent): void
  ended(agent: Agent): void
}

/**
 * One agent of a hive. Its life is a span; what it does is recorded as it happens. No call throws: one that cannot
 * be recorded as it is says so in one line of the OpenTelemetry diag logger.
 */
export class Agent {
  readonly agentId: string
  readonly name: string
  #host: AgentHost
  #core: HiveCore
  #span: AgentSpan
  #checkpoint = 0
  #ended = false

  /** @internal Agents are made by `spawn`. */
  constructor(host: AgentHost, input: SpawnInput, parentId: string | undefined, parent: Context) {
    const { core } = host
    const now = Date.now()
    if (typeof input.agentId !== 'string')
      diag.error('hivelog: spawn lacks `agentId`; the agent is recorded as "undefined"')
    const fields = core.scrubber.known({
      agentId: String(input.agentId),
      name: input.name === undefined ? String(input.agentId) : input.name,
      isGod: input.isGod === true,
      parent: parentId,
      role: input.role,
      model: input.model,
      pid: input.pid,
    })
    this.#host = host
    this.#core = core
    this.agentId = String(fields.agentId)
    this.name = String(fields.name)
    this.#span = new AgentSpan(
      core,
      `invoke_agent ${this.name}`,
      spawnAttributes(fields, core.session),
      parent,
      core.traceId,
      now,
    )
    core.recordLine(this.#span.part.tailEnd, now, 'spawn', fields, this.#checkpoint++)
  }

  /** Context of the agent's current span. */
  get spanContext(): SpanContext {
    return this.#span.spanContext
  }

  /** The agent's incoming context with its current span active. */
  get context(): Context {
    return this.#span.context
  }

  /** Whether `end` was called. */
  get ended(): boolean {
    return this.#ended
  }

  /** Creates an agent under this one; its span is a child of this one's. */
  spawn(input: SpawnInput): Agent {
    return this.#host.spawn(input, this)
  }

  /** Records a message that is routed to another agent. */
  message(input: MessageInput): SentMessage {
    const given = this.#given('message', input, MESSAGE_NEEDS)
    const id = given.id ?? this.#core.newId()
    this.#event('message', messageFields(this.agentId, given, id))
    return new Sent(id, this.#span.spanContext)
  }

  /** Records that the inbox was drained: which messages were taken, or how many. */
  drain(messages: number | readonly DrainedMessage[]): void {
    const fields: Fields = { agentId: this.agentId, count: messages }
    if (typeof messages !== 'number') {
      const list = Array.isArray(messages) ? (messages as readonly DrainedMessage[]) : []
      fields.count = list.length
      fields.ids = list.map((message) => (typeof message === 'string' ? message : message?.id))
      const senders = list.map(spanContextOf).filter((context) => context !== undefined)
      if (senders.length > 0) this.#span.addLinks(senders, Date.now())
    }
    this.#event('drain', fields)
  }

  /** Puts an item into the human-approval queue. Answer it with `hive.approve(id, …)`. */
  escalate(input: EscalateInput): Escalation {
    const given = this.#given('escalate', input, ['subject'])
    const id = given.id ?? this.#core.newId()
    const fields = { from: this.agentId, to: given.to ?? 'human', subject: given.subject, id }
    const seq = this.#eventNow('escalate', fields)
    this.#host.escalated(id, this)
    return { id, durable: this.#core.durable(seq) }
  }

  /** Records the tokens and the cost of one model call. */
  usage(input: UsageInput): void {
    const {
      model,
      provider,
      inputTokens,
      outputTokens,
      cacheReadTokens,
      cacheWriteTokens,
      costUsd,
      task,
      decision,
      ms,
    } = this.#given('usage', input, ['inputTokens', 'outputTokens'])
    const fields: Fields = { agentId: this.agentId, model, provider, inputTokens, outputTokens }
    Object.assign(fields, { cacheReadTokens, cacheWriteTokens, costUsd, task, decision, ms })
    this.#event('usage', fields)
  }

  /** Records a tool that ran, `ms` milliseconds until now. */
  tool(input: ToolInput): void {
    const { name, ok, ms, error } = this.#given('tool', input, ['name', 'ok'])
    const fields = this.#core.scrubber.known({ agentId: this.agentId, name, ok, ms, error })
    this.#work('tool', fields, `execute_tool ${fields.name}`, SpanKind.INTERNAL, !ok, {
      [ATTR.operation]: 'execute_tool',
      [ATTR.toolName]: String(fields.name),
    })
  }

  /** Records a query of an external API, `ms` milliseconds until now. */
  call(input: CallInput): void {
    const { host, method, path, status, ms, error } = this.#given('call', input, ['host'])
    const fields = this.#core.scrubber.known({ agentId: this.agentId, host, method, path, status, ms, error })
    const failed = error !== undefined || (typeof status === 'number' && status >= 400)
    this.#work(
      'call',
      fields,
      method === undefined ? String(fields.host) : String(method),
      SpanKind.CLIENT,
      failed,
      {
        [ATTR.method]: method,
        [ATTR.host]: String(fields.host),
        [ATTR.path]: typeof fields.path === 'string' ? fields.path : undefined,
        [ATTR.statusCode]: status,
      },
    )
  }

  /** Records that the agent waited `ms` milliseconds, until now, for something that another held. */
  wait(input: WaitInput): void {
    const { resource, ms, holder } = this.#given('wait', input, ['resource', 'ms'])
    this.#event('wait', { agentId: this.agentId, resource, ms, holder })
  }

  /** Stores state or a context window as an artifact and records where. */
  snapshot(input: SnapshotInput): ArtifactRef {
    const { scrubber, recorder } = this.#core
    const given = this.#given('snapshot', input, ['content'])
    const content = given.content instanceof Uint8Array ? given.content : scrubber.content(given.content)
    const stored = recorder?.journal.artifacts.put(content) ?? {
      ref: 'not-stored',
      bytes: Buffer.byteLength(content),
    }
    this.#event('snapshot', { agentId: this.agentId, label: given.label, ...stored })
    return stored
  }

  /** Records that a message of this agent's could not be delivered. */
  drop(input: DropInput): void {
    const { to, id, reason } = this.#given('drop', input, ['to', 'id', 'reason'])
    this.#event('drop', { from: this.agentId, to, id, reason })
  }

  /** Records an event of your own kind. Anything can be in `fields`; what JSON cannot say becomes a note. */
  log<K extends string>(kind: CustomKind<K>, fields?: object): void {
    if (!isCustomKind(kind)) {
      diag.error(
        `hivelog: agent ${this.agentId} cannot log kind ${JSON.stringify(kind)}: use one of your own, lower-case ` +
          'letters, digits, "_", "." and "-", beginning with a letter, not "log."',
      )
      return
    }
    this.#event(kind, { agentId: this.agentId, ...this.#core.scrubber.custom(fields) })
  }

  /** Runs `work` with the agent's span active: spans of instrumented libraries nest under it. */
  run<T>(work: () => T): T {
    return context.with(this.#span.context, work)
  }

  /** Environment for a child process that goes on as this agent: trace, ids, a log of its own beside this one. */
  env(): Record<string, string> {
    return childEnvironment(this, formatTraceparent(this.#span.spanContext), this.#core)
  }

  /** Ends the agent's life. */
  end(input: EndInput = {}): void {
    if (this.#ended) {
      diag.warn(`hivelog: agent ${this.agentId} was ended already; this end is not recorded`)
      return
    }
    const now = Date.now()
    const error = input.error === undefined ? undefined : describe(input.error)
    const status: ExitStatus = input.status ?? (error === undefined ? 'ok' : 'error')
    const fields = this.#core.scrubber.known({ agentId: this.agentId, status, error })
    this.#core.recordLine(this.#span.part.tailEnd, now, 'exit', fields, this.#checkpoint++)
    this.#ended = true
    const failed = status === 'error' || status === 'lost'
    const attributes: Attributes = { [ATTR.exitStatus]: status }
    if (failed) attributes[ATTR.errorType] = input.error instanceof Error ? input.error.name : status
    this.#span.end(now, attributes, failed ? errorStatus(fields.error) : undefined)
    this.#host.ended(this)
  }

  /** @internal An approval of what this agent escalated. */
  approval(fields: Fields): number {
    const now = Date.now()
    return this.#core.recordNow(this.#span.take(now), now, 'approval', fields, undefined)
  }

  /** @internal Lets a backend see a long life: begins a new part of the span if this one is old. */
  rollIfOld(now: number): void {
    if (!this.#ended) this.#span.roll(now)
  }

  #event(kind: string, fields: Fields): void {
    const now = Date.now()
    if (this.#ended) this.#late(kind, fields, now)
    else this.#core.record(this.#span.take(now), now, kind, fields, this.#checkpoint++)
  }

  /** As `#event`, and tells the line's `seq`. */
  #eventNow(kind: string, fields: Fields): number {
    const now = Date.now()
    if (this.#ended) return this.#late(kind, fields, now)
    return this.#core.recordNow(this.#span.take(now), now, kind, fields, this.#checkpoint++)
  }

  #late(kind: string, fields: Fields, now: number): number {
    diag.warn(`hivelog: agent ${this.agentId} has ended; its ${kind} is recorded in the file only`)
    const part = { ...this.#span.part, recording: false }
    return this.#core.recordNow(part, now, kind, fields, this.#checkpoint++)
  }

  /** A child span that is over, and its line. */
  #work(
    kind: string,
    fields: Fields,
    name: string,
    spanKind: SpanKind,
    failed: boolean,
    attributes: Attributes,
  ): void {
    const now = Date.now()
    const ms = typeof fields.ms === 'number' && fields.ms > 0 ? fields.ms : 0
    const ids = { [ATTR.agentId]: this.agentId, [ATTR.conversation]: this.#core.session }
    const options = { kind: spanKind, startTime: now - ms, attributes: { ...ids, ...attributes } }
    const span = this.#core.startSpan(name, options, this.#span.context, undefined)
    if (failed) {
      span.setAttribute(ATTR.errorType, errorType(fields))
      span.setStatus(errorStatus(fields.error))
    }
    span.end(now)
    const { traceId, spanId } = span.spanContext()
    this.#core.recordLine(encodeTailEnd(traceId, spanId), now, kind, fields, this.#checkpoint++)
  }

  /** `input`, or what can be made of it when plain JavaScript passed less than the types ask for: it is said once a call. */
  #given<T extends object>(call: string, input: T, needs: readonly (keyof T & string)[]): T {
    const given = typeof input === 'object' && input !== null ? input : ({} as T)
    for (const name of needs) {
      if (given[name] === undefined)
        diag.error(`hivelog: ${call} of agent ${this.agentId} lacks \`${name}\`; it is recorded without`)
    }
    return given
  }
}

const MESSAGE_NEEDS = ['to', 'act', 'subject'] as const

/** The fields of a message, in the format's order. */
export function messageFields(from: string, input: MessageInput, id: string): Fields {
  const fields: Fields = { from, to: input.to, act: input.act, subject: input.subject, id }
  if (input.inReplyTo !== undefined) fields.inReplyTo = input.inReplyTo
  if (input.conversation !== undefined) fields.conversation = input.conversation
  if (input.requiresReply !== undefined) fields.requiresReply = input.requiresReply
  return fields
}

function spawnAttributes(fields: Fields, session: string): Attributes {
  const attributes: Attributes = {
    [ATTR.operation]: 'invoke_agent',
    [ATTR.agentId]: String(fields.agentId),
    [ATTR.agentName]: String(fields.name),
    [ATTR.conversation]: session,
    [ATTR.session]: session,
    [ATTR.isGod]: fields.isGod === true,
  }
  const optional = {
    [ATTR.requestModel]: 'model',
    [ATTR.parentId]: 'parent',
    [ATTR.role]: 'role',
    [ATTR.pid]: 'pid',
  }
  for (const [attribute, field] of Object.entries(optional)) {
    const value = fields[field]
    if (typeof value === 'string' || typeof value === 'number') attributes[attribute] = value
  }
  return attributes
}

const errorType = (fields: Fields): string =>
  typeof fields.status === 'number' ? String(fields.status) : 'error'

function errorStatus(error: unknown): SpanStatus {
  return { code: SpanStatusCode.ERROR, ...(typeof error === 'string' && { message: error }) }
}
