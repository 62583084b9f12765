/**
 * The tool calls of one run of Claude Code: when each begins to run, who is asked whether it may, and how it ends.
 * That is told by messages, by hooks of the application's and by logs, any of them first; whatever tells it, it is
 * recorded once.
 */
import type { Agent } from '../../hive/agent.js'
import type { Stage } from '../stage.js'

/** Milliseconds after which a tool that nobody has decided on counts as running. */
const START_MS = 150
/** Of what is remembered of one session: a bound for one that is hostile. */
const MAX_REMEMBERED = 20_000

export interface ToolSeen {
  readonly agent: Agent
  readonly name: string
  readonly toolCallId: string
  readonly argsBytes?: number | undefined
  /** The kind of sub-agent that it runs, if it runs one. */
  readonly agentType?: string | undefined
}

interface ToolCall extends ToolSeen {
  /** Whether a permission was asked for, and whether somebody has answered. */
  permission: 'not asked' | 'asked' | 'given' | 'refused'
  timer: NodeJS.Timeout | undefined
  end: ReturnType<Stage['tool']> | undefined
}

/** Who answers: `canUseTool` of the application's, or a hook. */
export type Answerer = 'code' | 'hook'

/** A hook, or `canUseTool`, that was called and has not answered. */
interface Open {
  readonly toolCallId: string
  /** Whether the tool waits for it before anybody is asked. */
  readonly isBefore: boolean
}

export class ToolCalls {
  /** Whether the logs are known to come: they say which tools may run, so that nothing is guessed. */
  hearsDecisions = false
  #stage: Stage
  #escalationOf: (toolCallId: string) => string
  #tools = new Map<string, ToolCall>()
  /** Those that are known, and those that were. */
  #seen = new Set<string>()
  #open = new Map<string, Open>()

  /** @param escalationOf the id of the question whether that tool call may run */
  constructor(stage: Stage, escalationOf: (toolCallId: string) => string) {
    this.#stage = stage
    this.#escalationOf = escalationOf
  }

  /** The model wants a tool to run. */
  add(tool: ToolSeen): void {
    const { toolCallId } = tool
    if (this.#seen.has(toolCallId) || this.#tools.size >= MAX_REMEMBERED) return
    if (this.#seen.size >= MAX_REMEMBERED) this.#seen = new Set(this.#tools.keys())
    this.#seen.add(toolCallId)
    const call: ToolCall = { ...tool, permission: 'not asked', timer: undefined, end: undefined }
    this.#tools.set(toolCallId, call)
    this.#startSoon(call)
  }

  /** One that has not ended. */
  get(toolCallId: string | undefined): ToolSeen | undefined {
    return toolCallId === undefined ? undefined : this.#tools.get(toolCallId)
  }

  /** One of that agent's which has not begun: with that name, and with those arguments if there is such a one. */
  waiting(agent: Agent, name: string, argsBytes: number | undefined): ToolSeen | undefined {
    const waiting = [...this.#tools.values()].filter(
      (tool) => tool.agent === agent && tool.end === undefined && nameOf(tool.name) === nameOf(name),
    )
    return waiting.find((tool) => tool.argsBytes === argsBytes) ?? waiting[0]
  }

  /** Whose tool of that MCP server runs, or is about to. */
  agentAt(server: string): Agent | undefined {
    const prefix = `mcp__${server.replace(/[^a-zA-Z0-9_-]/g, '_')}__`
    return [...this.#tools.values()].find(({ name }) => name.startsWith(prefix))?.agent
  }

  /** It runs. */
  start(toolCallId: string | undefined): void {
    const tool = this.#tools.get(toolCallId ?? '')
    if (tool !== undefined) this.#start(tool)
  }

  /** It has run, or may not: then it is not recorded, for it never began. */
  finish(
    toolCallId: string,
    {
      ok,
      isRefused = false,
      resultBytes,
    }: { ok: boolean; isRefused?: boolean; resultBytes?: number | undefined },
  ): void {
    const tool = this.#tools.get(toolCallId)
    if (tool === undefined) return
    this.#tools.delete(toolCallId)
    clearTimeout(tool.timer)
    if (isRefused && tool.end === undefined) return
    this.#start(tool)
    tool.end?.({
      ok,
      ...(!ok && { error: isRefused ? 'not allowed' : 'failed' }),
      ...(resultBytes !== undefined && { resultBytes }),
    })
  }

  /** Somebody is asked whether it may run: by that request. */
  ask(request: string, toolCallId: string, agent: Agent, name: string): void {
    const tool = this.#tools.get(toolCallId)
    // Who is asked second may be told after the first has answered.
    if (tool?.permission === 'given' || tool?.permission === 'refused') return
    if (tool !== undefined) tool.permission = 'asked'
    this.#opened(request, { toolCallId, isBefore: false })
    this.#stage.escalate(agent, this.#escalationOf(toolCallId), `may ${name} run?`)
  }

  /** A hook decides before anybody is asked; nothing runs until it has. */
  hold(request: string, toolCallId: string): void {
    this.#opened(request, { toolCallId, isBefore: true })
  }

  /** Who was called by that request has answered; without a decision others decide. */
  answer(request: string, isAllowed: boolean | undefined, via: Answerer): void {
    const open = this.#open.get(request)
    if (open === undefined) return
    this.#open.delete(request)
    const tool = this.#tools.get(open.toolCallId)
    if (!open.isBefore) {
      if (isAllowed !== undefined) this.decided(open.toolCallId, isAllowed, via)
    } else if (tool !== undefined && isAllowed === false) tool.permission = 'refused'
    else if (tool !== undefined) this.#startSoon(tool)
  }

  /** The answer is known, whoever gave it. */
  decided(toolCallId: string, isAllowed: boolean, via: Answerer): void {
    const tool = this.#tools.get(toolCallId)
    const { permission = 'asked' } = tool ?? {}
    // Who was asked too may answer later.
    if (permission === 'given' || permission === 'refused') return
    if (permission === 'asked' && this.#stage.hive.isPending(this.#escalationOf(toolCallId)))
      this.#stage.decide(this.#escalationOf(toolCallId), isAllowed, { via })
    if (tool === undefined) return
    tool.permission = isAllowed ? 'given' : 'refused'
    if (isAllowed) this.#start(tool)
  }

  /** Whether somebody was asked, and nobody has answered. */
  isAsked(toolCallId: string): boolean {
    return this.#tools.get(toolCallId)?.permission === 'asked'
  }

  /** Nothing runs any more. */
  cutOff(): void {
    for (const tool of this.#tools.values()) {
      clearTimeout(tool.timer)
      tool.end?.({ ok: false, error: 'Claude Code ended while it ran' })
    }
    this.#tools.clear()
    this.#open.clear()
  }

  #opened(request: string, open: Open): void {
    if (this.#open.size < MAX_REMEMBERED) this.#open.set(request, open)
  }

  #isHeld(toolCallId: string): boolean {
    return [...this.#open.values()].some((open) => open.isBefore && open.toolCallId === toolCallId)
  }

  /** It runs if nobody objects, and nobody says that it does. */
  #startSoon(tool: ToolCall): void {
    clearTimeout(tool.timer)
    if (tool.end !== undefined) return
    tool.timer = setTimeout(() => {
      if (this.hearsDecisions || tool.permission !== 'not asked' || this.#isHeld(tool.toolCallId)) return
      this.#start(tool)
    }, START_MS).unref()
  }

  #start(tool: ToolCall): void {
    if (tool.end !== undefined) return
    clearTimeout(tool.timer)
    const { agent, name, toolCallId, argsBytes } = tool
    tool.end = this.#stage.tool(agent, { name, toolCallId, ...(argsBytes !== undefined && { argsBytes }) })
  }
}

/** What runs a sub-agent has two names: that which models know, and that which hooks and logs say. */
const nameOf = (name: string): string => (name === 'Task' ? 'Agent' : name)
