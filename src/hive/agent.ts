import { types } from 'node:util'
import { type Context, context, diag, type SpanContext } from '@opentelemetry/api'
import { isCalled } from '../decide/only-people.js'
import { type Fields, isList, readField, readFields, readList } from '../format/fields.js'
import { type ArtifactRef, FIELD_ORDER, isCustomKind, type KnownKind } from '../format/kinds.js'
import { brief, describe, MAX_NODES } from '../format/quote.js'
import type { PlainEvent } from '../otel/plain-events.js'
import { AS_IS, agentShape, endingOf, type WorkKind } from '../otel/span-shapes.js'
import { formatTraceparent } from '../otel/traceparent.js'
import type { Life } from '../record/owners.js'
import { counted } from '../record/recorder.js'
import { AgentSpan, type LifeSpan } from './agent-span.js'
import { BorrowedSpan } from './borrowed-span.js'
import type { HiveCore } from './core.js'
import { childEnvironment } from './environment.js'
import { MESSAGE_NEEDS, messageFields, missingFields, spawnFields } from './fields.js'
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
import { Sent, spanContextOf } from './sent-message.js'
import { recordWork } from './work.js'

/** An item that is in the approval queue. */
export interface AskedItem {
  id: unknown
  durable: Promise<void>
  /** Milliseconds; `undefined`: none. */
  timeoutMs: number | undefined
}

/** What an agent needs of its hive. */
export interface AgentHost {
  core: HiveCore
  spawn(input: SpawnInput, parent: Agent): Agent
  /** The agent put an item into the approval queue. */
  escalated(asked: AskedItem, agent: Agent): Escalation
  /** The agent goes on in a process of its own. */
  handedOver(): void
  ended(agent: Agent): void
}

/** What all hold that stand for one agent. */
interface Shared {
  readonly life: Life
  readonly span: LifeSpan
  isEnded: boolean
  readonly isGod: boolean
  /** Whether a process of its own may go on with it. */
  isHandedOver: boolean
  /** One in each hive that has it. */
  readonly in: Set<Agent>
}

/**
 * One agent of a hive. Its life is a span; what it does is recorded as it happens. No call throws: one that cannot
 * be recorded as it is says so in one line of the OpenTelemetry diag logger.
 */
export class Agent {
  /** Id of the agent, in every event of it. */
  readonly agentId: string
  /** For people; its spans are called `invoke_agent <name>`. */
  readonly name: string
  #host: AgentHost
  #core: HiveCore
  #span: LifeSpan
  #life: Life
  #shared: Shared

  /** @internal Agents are made by `spawn`. */
  constructor(host: AgentHost, agentId: string, name: string, shared: Shared) {
    this.#host = host
    this.#core = host.core
    this.agentId = agentId
    this.name = name
    this.#shared = shared
    this.#span = shared.span
    this.#life = shared.life
    shared.in.add(this)
  }

  /**
   * @internal Begins the life of an agent.
   * @param isProcess whether it is the agent that the process is
   */
  static begin(
    host: AgentHost,
    input: SpawnInput,
    parentId: string | undefined,
    parent: Context,
    isProcess = false,
  ): Agent {
    const { core } = host
    const now = Date.now()
    if (typeof readField(input, 'agentId') !== 'string') {
      diag.error('hivelog: spawn lacks `agentId`, a string; the agent is recorded as it is')
    }
    const fields = core.scrubber.known(spawnFields(input, parentId))
    const agentId = String(fields.agentId)
    const life = core.recorder.owners.beginLife(agentId, core.session, isProcess)
    const span = new AgentSpan(core, {
      ...agentShape(fields, core.session, AS_IS),
      life,
      parent,
      now,
      onEvent: (event) => agent.#added(event),
    })
    const agent: Agent = new Agent(host, agentId, String(fields.name), {
      life,
      span,
      isEnded: false,
      isGod: fields.isGod === true,
      isHandedOver: false,
      in: new Set(),
    })
    core.recorder.record(span.part.line, now, 'spawn', fields, life, true)
    return agent
  }

  /**
   * @internal An agent whose life somebody else tells, for what a hive knows of it.
   * @param context with the span of that life active, or one under it
   */
  static of(host: AgentHost, life: Life, context: Context): Agent {
    const { core } = host
    const { owners } = core.recorder
    return new Agent(host, life.agentId, life.agentId, {
      life,
      span: new BorrowedSpan(core, context),
      get isEnded() {
        return !owners.lives(life)
      },
      // Whoever began it ends it.
      set isEnded(_is) {},
      isGod: false,
      isHandedOver: false,
      in: new Set(),
    })
  }

  /** @internal Whether a person who decides is called so: then it is this agent. */
  isCalled(by: string): boolean {
    return isCalled(by, { id: this.agentId, name: this.name, isGod: this.#shared.isGod })
  }

  /** @internal The same agent, in the same life, for another hive on the same log. */
  joinedBy(host: AgentHost): Agent {
    return new Agent(host, this.agentId, this.name, this.#shared)
  }

  /** @internal Its hive ends: another that has it too goes on with it. @returns whether there is one */
  leave(): boolean {
    const { in: all, span } = this.#shared
    const next = [...all].find((each) => each !== this)
    if (next === undefined) return false
    all.delete(this)
    if (span.core === this.#core) span.moveTo(next.#core, Date.now())
    return true
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
    return this.#shared.isEnded
  }

  /** Creates an agent under this one; its span is a child of this one's. */
  spawn(input: SpawnInput): Agent {
    return this.#host.spawn(input, this)
  }

  /** Records a message that is routed to another agent. */
  message(input: MessageInput): SentMessage {
    const fields = messageFields(this.agentId, input, this.#core.newId)
    const { to, act, subject } = fields
    // The loop over the needs costs a fifth of this call.
    if (typeof to !== 'string' || typeof act !== 'string' || typeof subject !== 'string') {
      this.#need('message', fields, MESSAGE_NEEDS)
    }
    this.#event('message', fields)
    return new Sent(fields.id as string, this.#span.spanContext)
  }

  /** Records that the inbox was drained: which messages were taken, or how many. */
  drain(messages: number | readonly DrainedMessage[]): void {
    const list = isList(messages) ? readList(messages, MAX_NODES) : undefined
    if (typeof messages !== 'number' && list === undefined) {
      diag.error(`hivelog: drain of agent ${this.agentId} lacks a number or a list; it is recorded as of 0`)
    }
    const count = list?.length ?? (typeof messages === 'number' ? messages : 0)
    const fields: Fields = { agentId: this.agentId, count }
    const now = Date.now()
    if (list !== undefined) {
      const { items } = list
      const ids = items.map((message) => (typeof message === 'string' ? message : readField(message, 'id')))
      if (items.length < count) ids.push(`[cut, ${count - items.length} more items]`)
      fields.ids = ids
      const senders = items.map(spanContextOf).filter((context) => context !== undefined)
      if (senders.length > 0 && !this.#shared.isEnded) this.#span.addLinks(senders, now)
    }
    this.#event('drain', fields, now)
  }

  /**
   * Puts an item into the human-approval queue. A person answers it from a shell (`hivelog approve`), on the page, or
   * by `hive.approve(id, …)` in code; `(await agent.escalate(…).decision).approve` waits for the answer.
   */
  escalate(input: EscalateInput): Escalation {
    const given = readFields({}, input, ['to', 'subject', 'id', 'timeoutMs'])
    const { to = 'human', subject, id = this.#core.newId() } = given
    const fields: Fields = { from: this.agentId, to, subject, id }
    this.#need('escalate', fields, ['subject'])
    const durable = this.#core.recorder.durable(this.#eventNow('escalate', fields))
    return this.#host.escalated({ id, durable, timeoutMs: this.#timeout(given.timeoutMs) }, this)
  }

  #timeout(ms: unknown): number | undefined {
    if (ms === undefined || ms === null || ms === Number.POSITIVE_INFINITY) return undefined
    if (typeof ms === 'number' && ms >= 0) return ms
    diag.error(
      `hivelog: \`timeoutMs\` of an escalation of agent ${this.agentId} is ${brief(ms)}, not milliseconds from 0; there is no limit`,
    )
    return undefined
  }

  /** Records the tokens and the cost of one model call. One that failed has an `error`, and the tokens that are known. */
  usage(input: UsageInput): void {
    const fields = this.#own('usage', input, [])
    if (fields.error === undefined) this.#need('usage', fields, ['inputTokens', 'outputTokens'])
    this.#work('usage', fields)
  }

  /**
   * @internal As `usage` and `call`, as somebody else tells it: a stream may end without its tokens, which nobody can
   * mend.
   * @param now when it ended, epoch milliseconds
   */
  asTold(kind: 'usage' | 'call', input: Partial<UsageInput> | CallInput, now = Date.now()): void {
    this.#work(kind, this.#own(kind, input, []), now)
  }

  /** Records a tool that ran, `ms` milliseconds until now. */
  tool(input: ToolInput): void {
    this.#work('tool', this.#own('tool', input, ['name', 'ok']))
  }

  /** Records a query of an external API, `ms` milliseconds until now. */
  call(input: CallInput): void {
    this.#work('call', this.#own('call', input, ['host']))
  }

  /** Records that the agent waited `ms` milliseconds, until now, for something that another held. */
  wait(input: WaitInput): void {
    this.#event('wait', this.#own('wait', input, ['resource', 'ms']))
  }

  /**
   * Stores state or a context window as an artifact and records where. Of bytes the first 32 MiB are stored, of a text
   * the first 8 Mi characters, of anything else as many values and characters as `toPlain` takes; a note in it, for
   * bytes in the label, says how much is missing.
   */
  snapshot(input: SnapshotInput): ArtifactRef {
    const { label, content } = readFields({}, input, ['label', 'content'])
    const { stored, note } = this.#store(content)
    const labels = note === undefined ? label : label === undefined ? note : `${describe(label)} ${note}`
    const fields: Fields = { agentId: this.agentId, label: labels, ...stored }
    if (content === undefined) this.#need('snapshot', { content }, ['content'])
    this.#event('snapshot', fields)
    return stored
  }

  /** Records that a message of this agent's could not be delivered. */
  drop(input: DropInput): void {
    this.#event('drop', this.#own('drop', input, ['to', 'id', 'reason']))
  }

  /** Records an event of your own kind. Anything can be in `fields`; what JSON cannot say becomes a note. */
  log<K extends string>(kind: CustomKind<K>, fields?: object): void {
    if (!isCustomKind(kind)) {
      this.#core.refuseKind(kind)
      return
    }
    this.#event(kind, { agentId: this.agentId, ...this.#core.scrubber.custom(fields) }, Date.now(), true)
  }

  /**
   * Runs `work` with the agent's span active: spans of instrumented libraries nest under it, and what frameworks and
   * clients do in it is the agent's, as far as `hive.instrument()` sees it.
   */
  run<T>(work: () => T): T {
    if (typeof work !== 'function') {
      diag.error(`hivelog: run of agent ${this.agentId} lacks a function; nothing is run`)
      return undefined as T
    }
    return this.#core.recorder.enter(this, () => context.with(this.#span.context, work))
  }

  /** Environment for a child process that goes on as this agent: trace, ids, a log of its own beside this one. */
  env(): Record<string, string> {
    this.#core.hasProcesses = true
    this.#shared.isHandedOver = true
    this.#host.handedOver()
    return childEnvironment(this, formatTraceparent(this.#span.spanContext), this.#core)
  }

  /**
   * Ends the agent's life. One that still lives when its hive is shut down is `killed`; when the process ends without,
   * so is one that no `env()` has handed to another process.
   */
  end(input: EndInput = {}): void {
    if (this.#shared.isEnded) {
      diag.warn(`hivelog: agent ${this.agentId} was ended already; this end is not recorded`)
      return
    }
    const now = Date.now()
    const given = readFields({}, input, ['status', 'error'])
    const error = given.error === undefined ? undefined : describe(given.error)
    const status = given.status ?? (error === undefined ? 'ok' : 'error')
    const fields = this.#core.scrubber.known({ agentId: this.agentId, status, error })
    this.#core.recorder.recordNow(this.#span.part.line, now, 'exit', fields, this.#life, true)
    this.#shared.isEnded = true
    const errorType = brief(readField(given.error, 'name') ?? status)
    const ending = endingOf(describe(fields.status), fields.error, AS_IS, errorType)
    this.#span.end(now, ending, { kind: 'exit', fields })
    this.#core.recorder.owners.endLife(this.#life)
    for (const each of this.#shared.in) each.#host.ended(each)
  }

  /** @internal Whether a process of its own may go on with it when this one ends. */
  get isHandedOver(): boolean {
    return this.#shared.isHandedOver
  }

  /** @internal */
  get life(): Life {
    return this.#life
  }

  /** @internal An approval of what this agent escalated. */
  approval(fields: Fields): number {
    const now = Date.now()
    return this.#core.recorder.recordNow(this.#span.take(now).events, now, 'approval', fields, undefined)
  }

  /** @internal Lets a backend see a long life: begins a new part of the span if this one is old. */
  rollIfOld(now: number): void {
    if (!this.#shared.isEnded) this.#span.rollIfOld(now)
  }

  /** An event that somebody else added to the agent's span. */
  #added(event: PlainEvent): boolean {
    const { kind, at } = event
    const fields = this.#core.plainFields(event, this.agentId)
    if (fields === undefined) return false
    if (this.#shared.isEnded) this.#late(kind, fields, at, true)
    else {
      const { events } = this.#span.take(Date.now())
      this.#core.recorder.record(events, at, kind, fields, counted(kind, this.#life), true)
    }
    return true
  }

  #event(kind: string, fields: Fields, now = Date.now(), isScrubbed = false): void {
    if (this.#shared.isEnded) this.#late(kind, fields, now, isScrubbed)
    else this.#core.recorder.record(this.#span.take(now).events, now, kind, fields, this.#life, isScrubbed)
  }

  /** As `#event`, and tells the line's `seq`. */
  #eventNow(kind: string, fields: Fields): number {
    const now = Date.now()
    if (this.#shared.isEnded) return this.#late(kind, fields, now, false)
    return this.#core.recorder.recordNow(this.#span.take(now).events, now, kind, fields, this.#life)
  }

  #late(kind: string, fields: Fields, ts: number, isScrubbed: boolean): number {
    const { recorder } = this.#core
    const where = recorder.journal === undefined ? 'not recorded' : 'recorded in the file only'
    diag.warn(`hivelog: agent ${this.agentId} has ended; its ${kind} is ${where}`)
    return recorder.recordNow(this.#span.part.line, ts, kind, fields, counted(kind, this.#life), isScrubbed)
  }

  #work(kind: WorkKind, given: Fields, now = Date.now()): void {
    const fields = this.#core.scrubber.known(given)
    if (this.#shared.isEnded) this.#late(kind, fields, now, true)
    else recordWork(this.#span.core, this.#life, kind, fields, this.#span, now)
  }

  /** Content as an artifact, with a note of what of it is cut; without a file it can only be measured. */
  #store(content: unknown): { stored: ArtifactRef; note: string | undefined } {
    const { scrubber, recorder } = this.#core
    const binary = types.isUint8Array(content) ? firstBytes(content) : undefined
    const bytes = binary === undefined ? scrubber.content(content) : scrubber.bytes(binary.bytes)
    const stored = recorder.journal?.artifacts.put(bytes) ?? {
      ref: 'not-stored',
      bytes: Buffer.byteLength(bytes),
    }
    return { stored, note: binary?.note }
  }

  /** The fields of a known kind whose first names this agent, and whose others are what the call was given. */
  #own(kind: KnownKind, input: unknown, needs: readonly string[]): Fields {
    const [first, ...others] = FIELD_ORDER[kind] as readonly string[]
    const fields = readFields({ [first as string]: this.agentId }, input, others)
    this.#need(kind, fields, needs)
    return fields
  }

  #need(call: string, fields: Fields, needs: readonly string[]): void {
    const missing = missingFields(fields, needs)
    if (missing === undefined) return
    diag.error(`hivelog: ${call} of agent ${this.agentId} lacks ${missing}; it is recorded without`)
  }
}

/** Bytes of a snapshot that are stored. As many take some 40 ms to hash. */
const MAX_BYTES = 32 * 1024 * 1024

/** `undefined` for bytes whose own code throws. */
function firstBytes(content: Uint8Array): { bytes: Uint8Array; note: string | undefined } | undefined {
  try {
    const { buffer, byteOffset, byteLength } = content
    const length = Math.min(byteLength, MAX_BYTES)
    const note = length < byteLength ? `[cut, ${byteLength - length} more bytes]` : undefined
    return { bytes: new Uint8Array(buffer, byteOffset, length), note }
  } catch {
    return undefined
  }
}
