/** The sub-agents of one run of Claude Code: messages tell when one begins and ends, else hooks do, any of them first. */
import type { Agent } from '../../hive/agent.js'
import type { EndInput } from '../../hive/inputs.js'
import type { Stage } from '../stage.js'
import type { ToolCalls } from './tool-calls.js'

/** Of what is remembered of one session: a bound for one that is hostile. */
const MAX_REMEMBERED = 20_000

export interface SubAgent {
  readonly agent: Agent
  readonly parent: Agent
  /** Whether it goes on when its tool has returned. */
  readonly isInBackground: boolean
  /** Its id, once that is known. */
  id: string | undefined
  /** Whether messages tell it: else hooks do. */
  isTold: boolean
  /** How it ended, once it has. */
  ending: EndInput | undefined
}

/** What is known of one: by its own id, or by the tool call that began it. */
export interface SubSeen {
  id?: string | undefined
  toolCallId?: string | undefined
  /** The kind of sub-agent: its name. */
  type?: string | undefined
  isInBackground?: boolean
}

interface Owner {
  /** The run's own agent. */
  main(): Agent
  /** The id of one is known now. */
  named(id: string): void
  /** One has ended: `end` says so once nothing more is to come of it. */
  ended(sub: SubAgent, end: () => void): void
}

export class SubAgents {
  #stage: Stage
  #tools: ToolCalls
  #owner: Owner
  #byId = new Map<string, SubAgent>()
  #byTool = new Map<string, SubAgent>()

  constructor(stage: Stage, tools: ToolCalls, owner: Owner) {
    this.#stage = stage
    this.#tools = tools
    this.#owner = owner
  }

  get(id: string | undefined): SubAgent | undefined {
    return id === undefined ? undefined : this.#byId.get(id)
  }

  /** The one that this tool call began. */
  ofTool(toolCallId: string): SubAgent | undefined {
    return this.#byTool.get(toolCallId)
  }

  /** Whether any has not ended. */
  get isAnyAlive(): boolean {
    return [...this.#byId.values()].some(({ agent }) => !agent.ended)
  }

  /** Whether it is a sub-agent's sub-agent: what that does is in no message. */
  isNested(agent: Agent): boolean {
    const main = this.#owner.main()
    return [...this.#byId.values()].some((sub) => sub.agent === agent && sub.parent !== main)
  }

  /** The one that this is said of; it begins if nothing was said of it before. */
  begin(seen: SubSeen): SubAgent | undefined {
    const { id, toolCallId, type, isInBackground = false } = seen
    const known = this.get(id) ?? this.#byTool.get(toolCallId ?? '')
    if (known !== undefined) {
      this.#know(known, seen)
      return known
    }
    if (this.#byId.size >= MAX_REMEMBERED) return undefined
    const tool = this.#tools.get(toolCallId)
    this.#tools.start(toolCallId)
    const parent = tool?.agent ?? this.#owner.main()
    const name = type ?? tool?.agentType ?? 'agent'
    const agent = this.#stage.begin({ name, parent })
    this.#stage.handOff(parent, agent.agentId, 'delegate', name)
    const sub: SubAgent = { agent, parent, isInBackground, id, isTold: false, ending: undefined }
    this.#know(sub, seen)
    if (id === undefined) this.#byId.set(toolCallId ?? name, sub)
    return sub
  }

  /** A message says that it has begun. One that has ended may be told to go on: that is a life of its own. */
  started(seen: SubSeen & { id: string }): void {
    if (this.get(seen.id)?.ending !== undefined) this.#byId.delete(seen.id)
    const sub = this.begin(seen)
    if (sub !== undefined) sub.isTold = true
  }

  end(sub: SubAgent, status = 'completed'): void {
    if (sub.ending !== undefined) return
    const { agent, parent } = sub
    sub.ending =
      status === 'completed' ? {} : { status: status === 'stopped' ? 'killed' : 'error', error: status }
    if (!parent.ended) this.#stage.handOff(agent, parent.agentId, 'return', status)
    this.#owner.ended(sub, () => {
      if (!agent.ended) agent.end(sub.ending)
    })
  }

  /** Nothing runs any more: the last to begin ends first. */
  cutOff(): void {
    for (const { agent, ending } of [...new Set(this.#byId.values())].reverse()) {
      if (!agent.ended) agent.end(ending ?? { status: 'killed' })
    }
  }

  #know(sub: SubAgent, { id, toolCallId }: SubSeen): void {
    if (toolCallId !== undefined) this.#byTool.set(toolCallId, sub)
    if (id === undefined) return
    sub.id = id
    this.#byId.set(id, sub)
    this.#owner.named(id)
  }
}
