import { type Context, context, diag, type TracerProvider, trace } from '@opentelemetry/api'
import { DecisionError } from '../decide/errors.js'
import { type Fields, readField, readFields } from '../format/fields.js'
import { isCustomKind } from '../format/kinds.js'
import { shown } from '../format/options.js'
import { brief } from '../format/quote.js'
import { instrument } from '../frameworks/instrument.js'
import type { PlainEvent } from '../otel/plain-events.js'
import { sessionShape } from '../otel/span-shapes.js'
import { processName } from '../record/implicit.js'
import type { Life } from '../record/owners.js'
import { ProcessEnd } from '../record/process-end.js'
import type { Recorder } from '../record/recorder.js'
import { Agent, type AgentHost } from './agent.js'
import { AgentSpan } from './agent-span.js'
import type { HiveCore } from './core.js'
import { type Clerk, type Desk, deskOf } from './desk.js'
import { type InheritedAgent, inheritedAgent } from './environment.js'
import { MESSAGE_NEEDS, messageFields, missingFields } from './fields.js'
import type {
  ApproveInput,
  CustomKind,
  EndInput,
  OutsideMessageInput,
  SentMessage,
  SpawnInput,
} from './inputs.js'
import { Sent } from './sent-message.js'
import type { ShipStatus } from './ship.js'

/** How a hive ends what `startHive` set up for it. */
export interface HiveParts {
  core: HiveCore
  /** The incoming context: parent of agents that have none. */
  incoming: Context
  /** Its tracer provider, which is made when it is first asked for. */
  provider(): TracerProvider
  /** Name of the service, if the application gave one. */
  serviceName?: string | undefined
  /** The agent that the process is has begun: what runs in no context is to run in its. */
  rootIs(root: () => Context): void
  /** How far the log is sent, where it is. */
  shipping(): ShipStatus | undefined
  /** Ends the provider, the file, and what was registered. */
  shutdown(): Promise<void>
}

/** The agent that this process is in a log, whichever hive on it began it: a process has one life. */
const processAgents = new WeakMap<Recorder, Agent>()

/** A set of agents and their log. Made by `startHive`. */
export class Hive {
  #parts: HiveParts
  #host: AgentHost
  #agents = new Map<string, Agent>()
  /** Agents whose lives others on the log tell: an application's own spans, or another hive. */
  #guests = new WeakMap<Life, Agent>()
  /** What agents ask people, and how it is decided. */
  #desk: Desk
  #clerk: Clerk
  #sessionSpan: AgentSpan | undefined
  #self: Agent | undefined
  #implicit: Agent | undefined
  /** Those that end with the process. */
  #process = new Set<Agent>()
  #processEnd: ProcessEnd | undefined
  #beforeEnd: (() => void) | undefined
  /** Whether the process ends, or the hive: nothing is begun any more that nobody would end. */
  #isOver = false
  /** Whether the process ends, as far as its hive knows. */
  #isProcessOver = false
  /** Whether it was told that something is missing. */
  #isMissing = false
  #giveNoMore: () => void
  #rollTimer: NodeJS.Timeout
  #shutdown: Promise<void> | undefined

  /** @internal */
  constructor(parts: HiveParts) {
    this.#parts = parts
    this.#host = {
      core: parts.core,
      spawn: (input, parent) => this.#spawn(input, parent.agentId, parent.context, parent),
      escalated: (asked, agent) =>
        this.#desk.ask({
          ...asked,
          clerk: this.#clerk,
          approval: (fields) => (agent.ended ? this.#event('approval', fields) : agent.approval(fields)),
        }),
      // What it asks and has no process any more to hear the answer is decided here.
      handedOver: () => this.#desk.lookFromNowOn(),
      ended: (agent) => this.#forget(agent),
    }
    const { recorder, session } = parts.core
    this.#clerk = {
      approval: (fields) => this.#event('approval', fields),
      isAgent: (name) =>
        recorder.owners.isLiving(name, session) ||
        [...this.#agents.values()].some((agent) => agent.isCalled(name)),
    }
    this.#desk = deskOf(recorder)
    this.#desk.join(this.#clerk)
    this.#giveNoMore = recorder.implicit.giveBy(session, () => this.implicit().life)
    const period = Math.min(Math.max(parts.core.maxSpanAgeMs / 10, 20), 10_000)
    this.#rollTimer = setInterval(() => this.#rollOld(), period).unref()
  }

  /** The tracer provider, to give to instrumentations. */
  get tracerProvider(): TracerProvider {
    return this.#parts.provider()
  }

  /** Session id, in every line and on every span. */
  get sessionId(): string {
    return this.#parts.core.session
  }

  /** Absolute path of the log; `undefined` when the hive writes none. */
  get file(): string | undefined {
    return this.#parts.core.recorder.journal?.path
  }

  /** How far the log is sent to a server; `undefined` when it is not (see the option `ship`). */
  get shipping(): ShipStatus | undefined {
    return this.#parts.shipping()
  }

  /** The living agents, by id. */
  get agents(): ReadonlyMap<string, Agent> {
    return this.#agents
  }

  /**
   * The agent that this process is, as the parent process said with `agent.env()` (`AGENT_ID`); `undefined` when
   * the environment names none. In a worker thread that `hivelog/register` records it is that thread. It is spawned at
   * the first use; from then on spans that begin in no context nest under it, unless the hive has a `tracerProvider` of
   * the application's. Unless the application ends it, it ends with the
   * process or with `shutdown`, whatever comes first: as `ok`; as `error` when an exception that nobody caught, or an
   * exit code other than 0, ends the process; as `killed` when a signal does. A process is one agent in a log: hives on
   * the same file share its life and its span, and it lives until the last of them that has used it is shut down.
   */
  get self(): Agent | undefined {
    if (this.#self === undefined) {
      const inherited = inheritedAgent()
      if (inherited !== undefined) {
        const begun = processAgents.get(this.recorder)
        const self = begun === undefined ? this.#spawnProcess(inherited) : this.#joinProcess(begun)
        this.#self = self
        this.#parts.rootIs(() => self.context)
      }
    }
    return this.#self
  }

  /**
   * @internal The agent for what happens in no agent's life: `self`, else one that is spawned at the first use, called
   * as the service or the script is. It ends as `self` does.
   */
  implicit(): Agent {
    const { self } = this
    if (self !== undefined) return self
    if (this.#implicit === undefined || (this.#implicit.ended && !this.#isOver)) {
      const begun = processAgents.get(this.recorder)
      const name = processName(this.#parts.serviceName)
      this.#implicit =
        begun === undefined || begun.ended
          ? this.#spawnProcess({ agentId: this.freeId(name), name })
          : this.#joinProcess(begun)
    }
    return this.#implicit
  }

  /** @internal The living agent to which the active span of a context belongs, if one does. */
  agentIn(active: Context): Agent | undefined {
    const { owners } = this.recorder
    const life = owners.of(trace.getSpanContext(active))?.life
    if (life === undefined || life.session !== this.sessionId || !owners.lives(life)) return undefined
    const own = this.#agents.get(life.agentId)
    if (own?.life === life) return own
    // The process's, which `implicit` gives.
    if (life.isImplicit === true) return undefined
    const guest = this.#guests.get(life) ?? Agent.of(this.#host, life, active)
    this.#guests.set(life, guest)
    return guest
  }

  /** @internal Whether the agent is there that `implicit` gives. */
  get isBegun(): boolean {
    const agent = this.#self ?? this.#implicit
    return agent !== undefined && !agent.ended
  }

  /** @internal An id for an agent of this name that no living one has: the name, else `name#2`, and so on. */
  freeId(name: string): string {
    return this.#parts.core.recorder.owners.freeId(name, this.sessionId)
  }

  /** @internal Does something before the hive, or its process, ends those who still live. */
  onEnd(work: () => void): void {
    const before = this.#beforeEnd
    this.#beforeEnd = () => {
      before?.()
      work()
    }
  }

  /** @internal Whether it was shut down, or its process ends: what happens from now on is not recorded. */
  get isOver(): boolean {
    return this.#isOver
  }

  /**
   * @internal Something happens that would be recorded: whether it is not, since the hive is over. Where that is because
   * its process had nothing left to do, and yet goes on, it is told to the diag logger, once.
   */
  misses(): boolean {
    if (this.#isProcessOver && !this.#isMissing) {
      this.#isMissing = true
      const where = this.file === undefined ? '' : ` in ${shown(this.file)}`
      diag.warn(
        `hivelog: the process had nothing left to do, and goes on all the same: from now on nothing is recorded${where}`,
      )
    }
    return this.#isOver
  }

  /** @internal */
  get recorder(): Recorder {
    return this.#parts.core.recorder
  }

  /** Creates an agent without a parent: its span is a child of the active span, else of the incoming context. */
  spawn(input: SpawnInput): Agent {
    const active = context.active()
    const parent = trace.getSpanContext(active) === undefined ? this.#parts.incoming : active
    return this.#spawn(input, undefined, parent)
  }

  /** Records a message from somebody who is no agent here: a human, a scheduler. */
  message(input: OutsideMessageInput): SentMessage {
    const fields = messageFields(readField(input, 'from'), input, this.#parts.core.newId)
    const missing = missingFields(fields, ['from', ...MESSAGE_NEEDS])
    if (missing !== undefined)
      diag.error(`hivelog: message of the hive lacks ${missing}; it is recorded without`)
    this.#event('message', fields)
    return new Sent(fields.id as string, this.#session().spanContext)
  }

  /** Records an event of your own kind that belongs to no agent. */
  log<K extends string>(kind: CustomKind<K>, fields?: object): void {
    const { core } = this.#parts
    if (isCustomKind(kind)) this.#event(kind, core.scrubber.custom(fields), true)
    else core.refuseKind(kind)
  }

  /**
   * Records how a human resolved an escalation, with `via: 'code'` unless the input says otherwise. The first decision
   * holds, by whatever way it came.
   *
   * Resolves when the line is on disk, whatever the fsync policy. Rejects with `NotDurableError` when it cannot be put
   * there, with `AlreadyDecidedError` when somebody decided before, who and when, and with `DecisionError` when `by` is
   * the id or the name of an agent of this hive: only people decide. A rejection that nobody awaits does no harm.
   */
  approve(id: string, approve: boolean, input: ApproveInput = {}): Promise<void> {
    const by = readField(input, 'by')
    const isRefused = typeof by === 'string' && this.#clerk.isAgent(by)
    if (!isRefused && !this.#parts.core.hasProcesses && !this.#desk.isAsked(id)) {
      diag.warn(
        `hivelog: approval of "${brief(id)}", which no agent of this hive has escalated; it is recorded`,
      )
    }
    return this.resume(id, approve, input)
  }

  /** @internal Whether an agent of this hive escalated this and has no answer. */
  isPending(id: string): boolean {
    return this.#desk.isPending(id)
  }

  /** @internal As `approve`, of what may have been escalated by a process that has ended since. */
  resume(id: string, approve: boolean, input: ApproveInput = {}): Promise<void> {
    const { by, via = 'code', note } = readFields({}, input, ['by', 'via', 'note'])
    if (typeof by === 'string' && this.#clerk.isAgent(by)) {
      const error = new DecisionError(
        `"${brief(by)}" is an agent and cannot decide "${brief(id)}": only people decide; it is not recorded`,
      )
      diag.error(`hivelog: ${error.message}`)
      const refused = Promise.reject(error)
      refused.catch(() => {})
      return refused
    }
    return this.#desk.decide({ id, approve, by, via, note }, this.#clerk)
  }

  /**
   * Records what the agent frameworks do that are in this process (AI SDK, LangGraph, OpenAI Agents and others), and
   * what is asked of model APIs over HTTP, without any code of theirs or of the application's: an adapter for each
   * waits for its framework, and costs next to nothing until it shows up. To be called before the frameworks are used;
   * what is loaded already takes some tens of milliseconds to find, once. Which of them is chosen by
   * `HIVELOG_INSTRUMENT`: `none`, or names divided by commas; default all. Further calls do nothing. Throws nothing; what
   * cannot be recorded is told to the diag logger.
   */
  instrument(): void {
    instrument(this)
  }

  /** Resolves when everything recorded before is in the file, and synced unless `fsync` is `no`. */
  async flush(): Promise<void> {
    await this.#parts.core.recorder.journal?.flush()
  }

  /**
   * Ends the agents that still live (as `killed`, but `self` as the process stands), writes, seals and closes the file, and sends the last spans.
   * A backend that does not answer holds it up for `shutdownTimeoutMs` at most.
   */
  shutdown(): Promise<void> {
    this.#shutdown ??= this.#end()
    return this.#shutdown
  }

  /**
   * @internal The process has nothing left to do, and its agent ends with it, though another hive may still have it.
   * Then as `shutdown`.
   */
  finish(): Promise<void> {
    this.#isProcessOver = true
    return this.shutdown()
  }

  async #end(): Promise<void> {
    clearInterval(this.#rollTimer)
    if (!this.#isOver) this.#beforeEnd?.()
    this.#isOver = true
    this.#giveNoMore()
    this.#desk.leave(this.#clerk)
    this.#parts.core.recorder.usageOnce.flush()
    // Children before their parents.
    for (const agent of [...this.#agents.values()].reverse()) {
      const isProcess = this.#process.has(agent)
      if (isProcess && !this.#isProcessOver && agent.leave()) this.#forget(agent)
      else {
        agent.end((isProcess ? this.#processEnd?.soFar() : undefined) ?? { status: 'killed' })
        // A hive that comes later begins a new life.
        if (isProcess) processAgents.delete(this.recorder)
      }
    }
    this.#parts.core.recorder.settle()
    this.#sessionSpan?.end(Date.now())
    await this.#parts.shutdown()
  }

  /** An agent that is the process itself. */
  #spawnProcess({ agentId, name, parent }: InheritedAgent): Agent {
    const { incoming } = this.#parts
    const agent = this.#spawn({ agentId, name, pid: process.pid }, parent, incoming, undefined, true)
    processAgents.set(this.recorder, agent)
    this.#process.add(agent)
    return agent
  }

  /** The same where another hive on the log has begun its life. */
  #joinProcess(begun: Agent): Agent {
    const agent = begun.joinedBy(this.#host)
    // Nobody goes on with it in a hive that is over.
    if (this.#isOver) agent.leave()
    else if (!agent.ended) {
      this.#add(agent)
      this.#process.add(agent)
    }
    return agent
  }

  #add(agent: Agent): void {
    this.#agents.set(agent.agentId, agent)
    this.#processEnd ??= new ProcessEnd((how) => this.#onProcessEnd(how))
  }

  /** The process ends, and with it who lives here alone. */
  #onProcessEnd(how: EndInput): void {
    this.#beforeEnd?.()
    this.#isOver = true
    const { error } = how
    const killed: EndInput = { status: 'killed', ...(error !== undefined && { error }) }
    // Children before their parents.
    for (const agent of new Set([...[...this.#agents.values()].reverse(), ...this.#process])) {
      if (this.#process.has(agent)) agent.end(how)
      else if (!agent.isHandedOver) agent.end(killed)
    }
  }

  /** The agent has ended, or goes on in another hive. */
  #forget(agent: Agent): void {
    if (this.#agents.get(agent.agentId) === agent) this.#agents.delete(agent.agentId)
    this.#process.delete(agent)
    if (this.#agents.size + this.#process.size > 0) return
    this.#processEnd?.forget()
    this.#processEnd = undefined
  }

  #spawn(
    input: SpawnInput,
    parentId: string | undefined,
    parent: Context,
    by?: Agent,
    isProcess = false,
  ): Agent {
    const agent = Agent.begin(this.#host, input, parentId, parent, isProcess)
    if (by?.ended) {
      diag.warn(`hivelog: agent ${by.agentId} has ended and spawns ${agent.agentId}; it is recorded`)
    }
    if (this.#agents.has(agent.agentId)) {
      diag.warn(`hivelog: an agent ${agent.agentId} lives already; the new one takes the id over`)
    }
    this.#agents.delete(agent.agentId)
    this.#add(agent)
    return agent
  }

  /** @param at when it happened, if that was given with it */
  #event(kind: string, fields: Fields, isScrubbed = false, at?: number): number {
    // The clock is asked once: an event lies within the span that it begins.
    const now = Date.now()
    const { events } = this.#session(now).take(now)
    return this.#parts.core.recorder.recordNow(events, at ?? now, kind, fields, undefined, isScrubbed)
  }

  /** The span of what belongs to no living agent; there is one only if something does. */
  #session(now = Date.now()): AgentSpan {
    const { core, incoming } = this.#parts
    this.#sessionSpan ??= new AgentSpan(core, {
      ...sessionShape(core.session),
      life: undefined,
      parent: incoming,
      now,
      onEvent: (event) => this.#added(event),
    })
    return this.#sessionSpan
  }

  /** An event that somebody else added to the session's span. */
  #added(event: PlainEvent): boolean {
    const fields = this.#parts.core.plainFields(event, undefined)
    if (fields !== undefined) this.#event(event.kind, fields, true, event.at)
    return fields !== undefined
  }

  #rollOld(): void {
    const now = Date.now()
    for (const agent of this.#agents.values()) agent.rollIfOld(now)
    this.#sessionSpan?.rollIfOld(now)
    this.#desk.lookAround()
  }
}
