/**
 * What the traces of OpenAI's Agents SDK mean. Tokens are taken from `response` and `generation` spans alone: those of
 * `turn` and `task` are sums of them.
 */
import { readField } from '../../format/fields.js'
import type { Agent } from '../../hive/agent.js'
import type { ToolInput } from '../../hive/inputs.js'
import { bytesOf, itemsIn, messageOf, numberIn, textIn } from '../reading.js'
import type { CallSeen, Stage } from '../stage.js'
import type { Approvals } from './approvals.js'
import { currentSpan, type Listener } from './provider.js'

/** A span that is under way. */
interface Node {
  type: string
  trace: Trace
  parent: Node | undefined
  /** Of an agent's span: the agent. */
  agent: Agent | undefined
  began: number
  /** Of a tool's span, once the tool runs: what tells its end. */
  endTool: ((end: Omit<ToolInput, 'name' | 'ms'>) => void) | undefined
  /** Of a turn: model calls that did not say their tokens, as an application can ask for. */
  untold: { agent: Agent; call: CallSeen }[]
}

interface Trace {
  /** Who ran the workflow. */
  outer: Agent
  /** What the stage said was running then. */
  running: Agent | undefined
  open: number
  hasEnded: boolean
  /** By the agent's name that work goes to: who gives it, and lives until the other does. */
  transfers: Map<string, Transfer>
}

interface Transfer {
  from: Agent
  /** How the agent that gives the work ends, once its span has. */
  end: { error?: string } | undefined
}

/** Spans whose end nobody tells. */
const MAX_OPEN = 20_000

export class Runs implements Listener {
  /** Whether the SDK's runner tells when a tool's own code begins, and with which id; else its span's start has to do. */
  hasToolEvents = false
  #stage: Stage
  #approvals: Approvals
  #traces = new Map<string, Trace>()
  #nodes = new Map<string, Node>()
  #isSeen = false

  constructor(stage: Stage, approvals: Approvals) {
    this.#stage = stage
    this.#approvals = approvals
  }

  get isOver(): boolean {
    return this.#stage.isOver
  }

  /** In whose run code is by the SDK's own context, unless another framework's run lies within. */
  located(running: Agent | undefined): Agent | undefined {
    if (this.#nodes.size === 0) return running
    const node = this.#nodes.get(textIn(currentSpan(), 'spanId') ?? '')
    if (node === undefined || node.trace.running !== running) return running
    return agentOf(node) ?? running
  }

  traceStarted(trace: unknown): void {
    this.#traceOf(textIn(trace, 'traceId') ?? '')
  }

  traceEnded(given: unknown): void {
    const id = textIn(given, 'traceId') ?? ''
    const trace = this.#traces.get(id)
    if (trace === undefined) return
    trace.hasEnded = true
    this.#tidy(id, trace)
  }

  spanStarted(span: unknown): void {
    const id = textIn(span, 'spanId')
    if (id === undefined || this.#nodes.has(id)) return
    if (!this.#isSeen) {
      this.#isSeen = true
      this.#stage.covers('@arizeai/openinference-instrumentation-openai-agents')
    }
    const data = readField(span, 'spanData')
    const trace = this.#traceOf(textIn(span, 'traceId') ?? '')
    const node: Node = {
      type: textIn(data, 'type') ?? '',
      trace,
      parent: this.#nodes.get(textIn(span, 'parentId') ?? ''),
      agent: undefined,
      began: Date.now(),
      endTool: undefined,
      untold: [],
    }
    if (this.#nodes.size >= MAX_OPEN) this.#nodes.delete(this.#nodes.keys().next().value as string)
    this.#nodes.set(id, node)
    trace.open++
    if (node.type === 'agent') node.agent = this.#agentStarted(node, textIn(data, 'name'))
    else if (node.type === 'function' && !this.hasToolEvents) {
      this.#toolStarted(node, textIn(data, 'name'), undefined, undefined)
    }
  }

  /** A tool's own code begins; the arguments are those of the runner's event. */
  toolStarted([, , , tool, more]: unknown[]): void {
    const node = this.#nodes.get(textIn(currentSpan(), 'spanId') ?? '')
    if (node?.type !== 'function') return
    const toolCall = readField(more, 'toolCall')
    const name = textIn(toolCall, 'name') ?? textIn(tool, 'name')
    this.#toolStarted(node, name, textIn(toolCall, 'callId'), bytesOf(readField(toolCall, 'arguments')))
  }

  spanEnded(span: unknown): void {
    const id = textIn(span, 'spanId') ?? ''
    const node = this.#nodes.get(id)
    if (node === undefined) return
    this.#nodes.delete(id)
    const { trace } = node
    trace.open--
    const data = readField(span, 'spanData')
    const error = errorIn(readField(span, 'error'))
    const agent = this.#agentAt(node)
    if (node.type === 'agent') this.#agentEnded(node, span as object, error)
    else if (node.type === 'function') this.#toolEnded(node, data, error)
    else if (node.type === 'response') this.#responded(node, data, error)
    else if (node.type === 'generation') this.#generated(node, data, error)
    else if (node.type === 'turn') this.#turnEnded(node, data)
    else if (node.type === 'handoff') handedOff(agent, trace, data)
    else if (node.type === 'guardrail') {
      const name = textIn(data, 'name')
      agent.log('guardrail', {
        ...(name !== undefined && { name }),
        triggered: readField(data, 'triggered') === true,
      })
    } else if (node.type === 'task') this.#settle(trace)
    this.#tidy(textIn(span, 'traceId') ?? '', trace)
  }

  #traceOf(id: string): Trace {
    const known = this.#traces.get(id)
    if (known !== undefined) return known
    const running = this.#stage.running.getStore()
    const trace: Trace = {
      outer: this.#stage.current(),
      running,
      open: 0,
      hasEnded: false,
      transfers: new Map(),
    }
    if (this.#traces.size >= MAX_OPEN) this.#traces.delete(this.#traces.keys().next().value as string)
    this.#traces.set(id, trace)
    return trace
  }

  #agentAt(node: Node): Agent {
    return agentOf(node) ?? node.trace.outer
  }

  #agentStarted(node: Node, name: string | undefined): Agent {
    const { trace } = node
    const parent = node.parent === undefined ? trace.outer : this.#agentAt(node.parent)
    const agent = this.#stage.begin({ parent, ...(name !== undefined && { name }) })
    const transfer = trace.transfers.get(name ?? '')
    if (transfer !== undefined) {
      trace.transfers.delete(name ?? '')
      this.#transfer(transfer, agent.agentId)
    } else if (isInTool(node)) {
      this.#stage.handOff(parent, agent.agentId, 'delegate', `task for ${agent.name}`)
    }
    return agent
  }

  #transfer({ from, end }: Transfer, to: string): void {
    if (from.ended) return
    this.#stage.handOff(from, to, 'transfer', `hand-off to ${to}`)
    if (end !== undefined) from.end(end)
  }

  /** Work that goes to agents which do not begin: the run ended before. */
  #settle(trace: Trace): void {
    for (const [to, transfer] of trace.transfers) this.#transfer(transfer, to)
    trace.transfers.clear()
  }

  #agentEnded(node: Node, span: object, error: string | undefined): void {
    const { agent, trace } = node
    if (agent === undefined || agent.ended) return
    if (error === undefined) this.#approvals.asked(span, agent)
    const end = error === undefined ? {} : { error }
    const waiting = [...trace.transfers.values()].find(({ from }) => from === agent)
    if (waiting !== undefined) {
      waiting.end = end
      return
    }
    if (isInTool(node) && node.parent !== undefined) {
      const to = this.#agentAt(node.parent)
      if (!to.ended) this.#stage.handOff(agent, to.agentId, 'return', `result of ${agent.name}`)
    }
    agent.end(end)
  }

  #toolStarted(
    node: Node,
    name: string | undefined,
    toolCallId: string | undefined,
    argsBytes: number | undefined,
  ): void {
    node.endTool ??= this.#stage.tool(this.#agentAt(node), {
      name: name ?? 'tool',
      ...(toolCallId !== undefined && { toolCallId }),
      ...(argsBytes !== undefined && { argsBytes }),
    })
  }

  #toolEnded(node: Node, data: unknown, error: string | undefined): void {
    // One that did not run: it was refused, or its arguments were none.
    if (node.endTool === undefined) return
    if (error !== undefined) {
      node.endTool({ ok: false, error })
      return
    }
    const output = readField(data, 'output')
    const resultBytes = output === '' ? undefined : bytesOf(output)
    node.endTool({ ok: true, ...(resultBytes !== undefined && { resultBytes }) })
  }

  #responded(node: Node, data: unknown, error: string | undefined): void {
    const response = readField(data, '_response')
    this.#called(node, readField(response, 'usage'), error, {
      model: textIn(response, 'model'),
      responseId: textIn(data, 'response_id') ?? textIn(response, 'id'),
    })
  }

  #generated(node: Node, data: unknown, error: string | undefined): void {
    const [output] = itemsIn(data, 'output')
    const id = textIn(output, 'id')
    this.#called(node, readField(output, 'usage') ?? readField(data, 'usage'), error, {
      model: textIn(data, 'model') ?? textIn(output, 'model'),
      // Streamed chat completions get this one.
      responseId: id === 'FAKE_ID' ? undefined : id,
    })
  }

  #called(
    node: Node,
    usage: unknown,
    error: string | undefined,
    known: { model: string | undefined; responseId: string | undefined },
  ): void {
    const agent = this.#agentAt(node)
    const call = {
      ...known,
      source: 'openai-agents',
      endTs: Date.now(),
      ms: Date.now() - node.began,
      ...(error === undefined ? tokensIn(usage) : { error }),
    } as CallSeen
    const turn = upTo(node, 'turn')
    if (error === undefined && call.inputTokens === undefined && turn !== undefined)
      turn.untold.push({ agent, call })
    else this.#stage.usage(agent, call)
  }

  #turnEnded(node: Node, data: unknown): void {
    // Of several it is not known whose tokens are whose.
    const isSum = node.untold.length > 1
    for (const [i, { agent, call }] of node.untold.entries()) {
      this.#stage.usage(agent, {
        ...call,
        ...(i === 0 && !isSum && tokensIn(readField(data, 'usage'))),
      } as CallSeen)
    }
  }

  #tidy(id: string, trace: Trace): void {
    if (!trace.hasEnded || trace.open > 0) return
    this.#settle(trace)
    this.#traces.delete(id)
  }
}

/** The agent in whose span a span lies. */
function agentOf(node: Node): Agent | undefined {
  for (let each: Node | undefined = node; each !== undefined; each = each.parent) {
    if (each.agent !== undefined) return each.agent
  }
  return undefined
}

function upTo(node: Node, type: string): Node | undefined {
  let each: Node | undefined = node
  while (each !== undefined && each.type !== type) each = each.parent
  return each
}

/** Whether an agent's span lies in a tool of another agent. */
function isInTool(node: Node): boolean {
  for (let each = node.parent; each !== undefined && each.agent === undefined; each = each.parent) {
    if (each.type === 'function') return true
  }
  return false
}

function handedOff(from: Agent, trace: Trace, data: unknown): void {
  const to = textIn(data, 'to_agent')
  if (to !== undefined) trace.transfers.set(to, { from, end: undefined })
}

function errorIn(error: unknown): string | undefined {
  if (error === undefined || error === null) return undefined
  const details = readField(error, 'data')
  const said = textIn(details, 'error') ?? textIn(details, 'guardrail')
  return said === undefined ? messageOf(error) : `${messageOf(error)}: ${said}`
}

/** Tokens by the names of both of OpenAI's interfaces. */
function tokensIn(usage: unknown): Partial<CallSeen> {
  const details = readField(usage, 'input_tokens_details') ?? readField(usage, 'prompt_tokens_details')
  return {
    inputTokens: numberIn(usage, 'input_tokens') ?? numberIn(usage, 'prompt_tokens'),
    outputTokens: numberIn(usage, 'output_tokens') ?? numberIn(usage, 'completion_tokens'),
    cacheReadTokens: numberIn(details, 'cached_tokens') ?? numberIn(usage, 'cached_input_tokens'),
    cacheWriteTokens: numberIn(details, 'cache_write_tokens') ?? numberIn(usage, 'cache_write_input_tokens'),
  } as Partial<CallSeen>
}
