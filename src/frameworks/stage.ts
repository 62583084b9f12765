/**
 * What the adapters of the frameworks have in common: each tells here what its framework does, in the words of a hive,
 * and the stage sees to it that agents have ids of their own and that nothing is told twice.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { performance } from 'node:perf_hooks'
import { context } from '@opentelemetry/api'
import { idOf } from '../format/bounded.js'
import { BoundedMap } from '../format/bounded-map.js'
import { readFields } from '../format/fields.js'
import { FIELD_ORDER, type KindFields } from '../format/kinds.js'
import type { Agent } from '../hive/agent.js'
import type { Hive } from '../hive/hive.js'
import type { MessageInput, ToolInput } from '../hive/inputs.js'
import { addSeen, type ModelCall } from '../record/usage-once.js'
import { quietly } from './reading.js'

/** How one framework is recorded. */
export interface Adapter {
  /** As people call the framework. */
  readonly name: string
  /**
   * Begins to listen. It costs next to nothing until the framework shows up in the process, throws nothing, and loads
   * what else it needs only then.
   */
  install(stage: Stage): void
}

/** An agent that a framework begins to run. */
export interface BeginInput {
  /** Name of the agent in its framework; never that of its model. Default: its id, else a name of the framework's. */
  name?: string
  /** Id of the agent, where the framework has one that stays the same from run to run. Default: its name. */
  id?: string
  /** Who called it. Default: `current`. */
  parent?: Agent
  /** Name of its model. */
  model?: string
  /** What it is there for. */
  role?: string
}

/** A tool that has begun to run. */
export interface ToolStart {
  /** Name of the tool. */
  name: string
  /** Id that the model gave the call. */
  toolCallId?: string
  /** Bytes of its arguments as JSON. */
  argsBytes?: number
  /** When it began, by `performance.now()`, where that is told later. Default: now. */
  began?: number
}

/** A model call: what is known of it, and who tells. */
export interface CallSeen extends Omit<KindFields['usage'], 'agentId'> {
  /** Who tells of it: the adapter, by its name. Another's telling of the same call is not recorded. Default `adapter`. */
  source?: string
  /** When it ended, epoch milliseconds. Default: now. */
  endTs?: number
}

/** Tools that run at once, of which it is known that they do. */
const MAX_TOOLS = 10_000
/** Escalations that are remembered at least. */
const MAX_ASKED = 5_000

export class Stage {
  readonly hive: Hive
  /**
   * The agent in whose run code is, for what shows up without saying whose it is. An adapter that can wrap a run does
   * so with it.
   */
  readonly running = new AsyncLocalStorage<Agent>()
  /** By id, of what was asked or answered here: whether the answer was recorded here. */
  #answered = new BoundedMap<boolean>(MAX_ASKED)

  /** What frameworks with a context of their own say. */
  #locators: ((running: Agent | undefined) => Agent | undefined)[] = []

  /** Whether requests to models are seen as they go over the wire. */
  seesRequests = false
  /** Model calls that frameworks announced, in their order. */
  #announced = new Set<Announced>()

  /** What ends the tools that run. */
  #tools = new Set<() => void>()

  constructor(hive: Hive) {
    this.hive = hive
    hive.onEnd(() => {
      for (const leave of this.#tools) leave()
    })
    const { recorder } = hive
    const { enter } = recorder
    const before = recorder.running
    recorder.running = () => this.located()?.life ?? before()
    // So what is innermost counts: an application's `agent.run(…)` in a framework's tool, or a framework's run in that.
    recorder.enter = (agent, work) => this.running.run(agent as Agent, () => enter(agent, work))
  }

  /** Whether the hive is over: what frameworks do from now on is not recorded, which is told where nobody asked for it. */
  get isOver(): boolean {
    return this.hive.misses()
  }

  /** Takes in what a framework tells, while the hive is there. What goes wrong in that is no matter of the framework's. */
  tell<T>(framework: string, work: () => T): T | undefined {
    return this.isOver ? undefined : quietly(framework, work)
  }

  /** The agent in whose run the present code is, else the one in whose span it is, else the process's. */
  current(): Agent {
    return this.located() ?? this.hive.agentIn(context.active()) ?? this.implicit()
  }

  /** The living agent in whose run the present code is, as adapters and `agent.run(…)` know it. */
  located(): Agent | undefined {
    let agent = this.running.getStore()
    for (const find of this.#locators) agent = find(agent)
    return agent === undefined || agent.ended ? undefined : agent
  }

  /**
   * Whose run the present code is in, where a framework keeps that in a context of its own, which nobody can wrap.
   * @param find gets what `running` and the frameworks before say; answers the same if its own run does not lie within
   */
  locate(find: (running: Agent | undefined) => Agent | undefined): void {
    this.#locators.push(find)
  }

  /** The agent that the process is, for work in no agent's life. */
  implicit(): Agent {
    return this.hive.implicit()
  }

  /**
   * An agent begins a run. Of those that run at once under one name each has an id of its own: the name, `name#2` and
   * so on; the id of one that has ended is given again.
   */
  begin(input: BeginInput): Agent {
    const { parent = this.current() } = input
    const [id, name, model, role] = [input.id, input.name, input.model, input.role].map(textOf)
    const called = name ?? id ?? 'agent'
    return parent.spawn({
      agentId: this.hive.freeId(id ?? called),
      name: called,
      ...(model !== undefined && { model }),
      ...(role !== undefined && { role }),
    })
  }

  /**
   * A tool begins to run: a line of the kind `tool.start` says so at once.
   * @returns what tells its end, once
   */
  tool(
    agent: Agent,
    { name, toolCallId, argsBytes, began: beganAt }: ToolStart,
  ): (end: Omit<ToolInput, 'name' | 'ms'>) => void {
    agent.log('tool.start', { name, ...(toolCallId !== undefined && { toolCallId }) })
    // After the line: what that takes is no time of the tool's.
    const began = beganAt ?? performance.now()
    let hasEnded = false
    const tell = (end: Omit<ToolInput, 'name' | 'ms'>): void => {
      if (hasEnded) return
      hasEnded = true
      this.#tools.delete(leave)
      const ms = Math.round(performance.now() - began)
      agent.tool({
        ms,
        ...(toolCallId !== undefined && { toolCallId }),
        ...(argsBytes !== undefined && { argsBytes }),
        ...end,
        name,
      })
    }
    const leave = (): void => {
      if (!agent.ended) tell({ ok: false, error: 'left unfinished' })
    }
    const [oldest] = this.#tools.size < MAX_TOOLS ? [] : this.#tools
    if (oldest !== undefined) this.#tools.delete(oldest)
    this.#tools.add(leave)
    return tell
  }

  /** A model answered, or failed to. A call that somebody else tells of too is recorded once. */
  usage(agent: Agent, call: CallSeen): void {
    const { recorder } = this.hive
    const { source, endTs: end, ...given } = readFields({}, call, CALL_FIELDS) as Partial<CallSeen>
    const endTs = numberOf(end) ?? Date.now()
    const ms = numberOf(given.ms)
    const told: ModelCall = {
      source: textOf(source) ?? 'adapter',
      endTs,
      ...(ms !== undefined && { startTs: endTs - ms }),
      agentId: agent.agentId,
      session: agent.life.session,
      isImplicit: agent.life.isImplicit,
      responseId: textOf(given.responseId),
      model: textOf(given.model),
      inputTokens: numberOf(given.inputTokens),
      outputTokens: numberOf(given.outputTokens),
      isFailed: given.error !== undefined,
      known: { ...given },
    }
    recorder.usageOnce.tell(told, (seen) => {
      addSeen(given, seen)
      agent.asTold('usage', given)
    })
  }

  /**
   * A model is about to be asked by an agent. The next request to that model in its run is this one; where none is known
   * to be in its run, the next which is nobody's is taken for it.
   * @returns takes that back, when the call is over, and tells whether no such request was seen
   */
  announce(agent: Agent, model: string | undefined): () => boolean {
    const { recorder } = this.hive
    // What was seen before is not the one that is about to be asked.
    recorder.settle()
    const call: Announced = { agent, model }
    if (this.#announced.size < MAX_ANNOUNCED) this.#announced.add(call)
    return () => {
      recorder.settle()
      return this.#announced.delete(call)
    }
  }

  /**
   * The agent that announced the model call that was seen, if one did; each announcement counts until its call is
   * answered: one that failed may be tried again. Whose a failed one is that was sent in nobody's run is known only
   * where a single agent has announced such a call.
   * @param by in whose run the request was sent, if that is known
   */
  announced(model: string | undefined, isFailed: boolean, by?: Agent): Agent | undefined {
    let first: Announced | undefined
    for (const call of this.#announced) {
      const { agent } = call
      if (agent.ended) this.#announced.delete(call)
      const isModel = call.model === undefined || model === undefined || call.model === model
      if (agent.ended || !isModel || (by !== undefined && agent !== by)) continue
      if (first !== undefined && first.agent !== agent) return undefined
      first ??= call
      if (!isFailed || by !== undefined) break
    }
    if (first !== undefined && !isFailed) this.#announced.delete(first)
    return first?.agent
  }

  /** Work goes from one agent to another: `transfer`, `delegate` or `return`. */
  handOff(
    from: Agent,
    to: string,
    act: 'transfer' | 'delegate' | 'return',
    subject: string,
    more?: Partial<MessageInput>,
  ): void {
    from.message({ ...more, to, act, subject })
  }

  /**
   * A run stopped to ask a person. While it waits for the answer it is recorded once, however often it is told.
   * @param id the same in every run that waits for this answer, also in another process: a thread's id and a tool
   * call's, say
   */
  escalate(agent: Agent, id: string, subject: string): void {
    if (this.hive.isPending(id)) return
    this.#answered.set(idOf(id) ?? '', false)
    agent.escalate({ id, subject })
  }

  /**
   * The person's answer, as the resumed run has it: maybe in another process than the one that asked. Given twice it is
   * recorded once.
   */
  decide(
    id: string,
    approve: boolean,
    more: { by?: string | undefined; note?: string | undefined; via?: string | undefined } = {},
  ): void {
    const key = idOf(id) ?? ''
    const answered = this.#answered.get(key)
    // What was asked here and waits no more, `hive.approve` has answered.
    const isAnswered = answered === true || (answered === false && !this.hive.isPending(id))
    this.#answered.set(key, true)
    if (isAnswered) return
    void this.hive.resume(id, approve, { via: 'code', ...readFields({}, more, ['by', 'via', 'note']) })
  }

  /**
   * Spans of these instrumentation scopes tell what an adapter tells already; they are not recorded.
   * @param scopes names of scopes, or how they begin and then `*`
   */
  covers(...scopes: string[]): void {
    for (const scope of scopes) if (typeof scope === 'string') this.hive.recorder.covered.add(scope)
  }

  /**
   * The same of a scope that tells other things too.
   * @param isNow whether what begins now is told already
   */
  coversWhile(scope: string, isNow: () => boolean): void {
    this.hive.recorder.covered.addWhile(scope, isNow)
  }
}

/** Model calls that are under way at a time. */
const MAX_ANNOUNCED = 10_000

interface Announced {
  agent: Agent
  model: string | undefined
}

const CALL_FIELDS = [...FIELD_ORDER.usage.filter((name) => name !== 'agentId'), 'source', 'endTs']

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined
const numberOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined
