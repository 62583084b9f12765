/**
 * What the adapters of the frameworks have in common: each tells here what its framework does, in the words of a hive,
 * and the stage sees to it that agents have ids of their own and that nothing is told twice.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { performance } from 'node:perf_hooks'
import { MAX_ID_LENGTH } from '../format/fields.js'
import type { Agent } from '../hive/agent.js'
import type { Hive } from '../hive/hive.js'
import type { MessageInput, ToolInput, UsageInput } from '../hive/inputs.js'

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
}

export class Stage {
  readonly hive: Hive
  /**
   * The agent in whose run code is, for what shows up without saying whose it is. An adapter that can wrap a run does
   * so with it.
   */
  readonly running = new AsyncLocalStorage<Agent>()

  constructor(hive: Hive) {
    this.hive = hive
  }

  /** The agent in whose run the present code is, else the process's. */
  current(): Agent {
    return this.running.getStore() ?? this.implicit()
  }

  /** The agent that the process is, for work in no agent's life. */
  implicit(): Agent {
    return this.hive.self ?? this.hive.agents.get('main') ?? this.hive.spawn({ agentId: 'main' })
  }

  /** An agent begins a run. Of those that run at once under one name each has an id of its own. */
  begin({ name, id = name, parent = this.current(), model, role }: BeginInput): Agent {
    const agentId = this.#freeId((id || 'agent').slice(0, MAX_ID_LENGTH))
    return parent.spawn({
      agentId,
      ...(name !== undefined && { name }),
      ...(model !== undefined && { model }),
      ...(role !== undefined && { role }),
    })
  }

  /**
   * A tool begins to run: a line says so at once.
   * @returns what tells its end
   */
  tool(
    agent: Agent,
    { name, toolCallId, argsBytes }: ToolStart,
  ): (end: Omit<ToolInput, 'name' | 'ms'>) => void {
    const began = performance.now()
    agent.log('tool.start', { name, ...(toolCallId !== undefined && { toolCallId }) })
    return (end) => {
      const ms = Math.round(performance.now() - began)
      agent.tool({
        name,
        ms,
        ...(toolCallId !== undefined && { toolCallId }),
        ...(argsBytes !== undefined && { argsBytes }),
        ...end,
      })
    }
  }

  /** A model answered, or failed to. A call that somebody else tells of too is recorded once. */
  usage(agent: Agent, call: UsageInput): void {
    agent.usage(call)
  }

  /** Work goes from one agent to another: `transfer`, `delegate` or `return`. */
  handOff(
    from: Agent,
    to: string,
    act: 'transfer' | 'delegate' | 'return',
    subject: string,
    more?: Partial<MessageInput>,
  ): void {
    from.message({ to, act, subject, ...more })
  }

  /**
   * A run stopped to ask a person.
   * @param id the same in every run that waits for this answer, also in another process: a thread's id and a tool
   * call's, say
   */
  escalate(agent: Agent, id: string, subject: string): void {
    agent.escalate({ id, subject })
  }

  /** The person's answer, as the resumed run has it. Given twice it is recorded once. */
  decide(id: string, approve: boolean, more: { by?: string; note?: string } = {}): void {
    void this.hive.approve(id, approve, { via: 'code', ...more })
  }

  /** Spans of these instrumentation scopes tell what an adapter tells already; they are not recorded. */
  covers(..._scopes: string[]): void {}

  #freeId(id: string): string {
    for (let n = 1; ; n++) {
      const free = n === 1 ? id : `${id}#${n}`
      if (!this.hive.agents.has(free)) return free
    }
  }
}
