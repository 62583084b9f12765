/**
 * What the traces of OpenAI's Agents SDK mean. Tokens are taken from `response` and `generation` spans alone: those of
 * `turn` and `task` are sums of them.
 */
import { performance } from 'node:perf_hooks'
import { readField } from '../../format/fields.js'
import type { Agent } from '../../hive/agent.js'
import type { EndInput, ToolInput } from '../../hive/inputs.js'
import { bytesOf, itemsIn, messageOf, numberIn, textIn } from '../reading.js'
import type { CallSeen, Stage, ToolStart } from '../stage.js'
import type { Approvals } from './approvals.js'
import { currentSpan, type Listener } from './provider.js'

const NAME = 'OpenAI Agents SDK'

/** A span that is under way. */
interface Node {
  type: string
  trace: Trace
  parent: Node | undefined
  /** Of an agent's span: the agent. */
  agent: Agent | undefined
  /** What the stage said was running as it began: another agent than now if another framework's run lies within. */
  running: Agent | undefined
  /** Of an agent's span: the agent that called it as a tool. */
  caller: Agent | undefined
  /** The span, while it is needed to ask for the state of its run. */
  span: object | undefined
  began: number
  /** Of a tool's span that began, while nobody knows whether the tool runs: what tells that it does. */
  mayRun: (() => void) | undefined
  /** Of a tool's span, once the tool runs: what tells its end. */
  endTool: ((end: Omit<ToolInput, 'name' | 'ms'>) => void) | undefined
  /** Of a turn: model calls that did not say their tokens, as an application can ask for. */
  untold: { agent: Agent; call: CallSeen }[]
}

interface Trace {
  /** Who ran the workflow. */
  outer: Agent
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
/** What the SDK tells the model of a tool with `timeoutMs` that took longer, unless the application says it. */
const TIMED_OUT = /^Tool '.{0,200}' timed out after (\d{1,12})ms\.$/
/** What the span of a tool says that a person refused. */
const REFUSED = /^Tool execution for .{1,1000} was manually rejected by user\.$/
/** What it says where the run was aborted: in the words of OpenAI's client, or as an `AbortError`. */
const ABORTED = /^(?:Error: Request was aborted\.$|AbortError\b)/
/** Milliseconds by which a timer may seem early, by the clock on the wall. */
const EARLY_MS = 5

export class Runs implements Listener {
  /**
   * Whether the SDK's runner tells when a tool's own code begins, and with which id; else its span has to do, which one
   * that a person refused has too.
   */
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
    const at = node === undefined ? undefined : upTo(node, hasAgent)
    return at !== undefined && at.running === running ? at.agent : running
  }

  traceStarted(trace: unknown): void {
    this.#traceOf(textIn(trace, 'traceId') ?? '')
  }

  traceEnded(given: unknown): void {
    const id = textIn(given, 'traceId') ?? ''
    const trace = this.#traces.get(id)
    if (trace === undefined) return
    trace.hasEnded = true
    this.#pause(trace)
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
      parent: this.#parentOf(span),
      agent: undefined,
      running: this.#stage.running.getStore(),
      caller: undefined,
      span: span as object,
      began: Date.now(),
      mayRun: undefined,
      endTool: undefined,
      untold: [],
    }
    if (this.#nodes.size >= MAX_OPEN) this.#nodes.delete(this.#nodes.keys().next().value as string)
    this.#nodes.set(id, node)
    trace.open++
    // What is within it shows that it runs.
    if (node.parent !== undefined) upTo(node.parent, ({ mayRun }) => mayRun !== undefined)?.mayRun?.()
    if (node.type === 'agent') node.agent = this.#agentStarted(node, textIn(data, 'name'))
    else if (node.type === 'function' && !this.hasToolEvents) {
      const began = performance.now()
      node.mayRun = () => {
        node.mayRun = undefined
        this.#toolStarted(node, { name: textIn(data, 'name') ?? 'tool', began })
      }
      // The span of one that was refused has ended by then.
      setImmediate(() => this.#stage.tell(NAME, () => node.mayRun?.()))
    }
  }

  /** A tool's own code begins; the arguments are those of the runner's event. */
  toolStarted([, , , tool, more]: unknown[]): void {
    const node = this.#nodes.get(textIn(currentSpan(), 'spanId') ?? '')
    if (node?.type !== 'function') return
    const toolCall = readField(more, 'toolCall')
    const toolCallId = textIn(toolCall, 'callId')
    const argsBytes = bytesOf(readField(toolCall, 'arguments'))
    this.#toolStarted(node, {
      name: textIn(toolCall, 'name') ?? textIn(tool, 'name') ?? 'tool',
      ...(toolCallId !== undefined && { toolCallId }),
      ...(argsBytes !== undefined && { argsBytes }),
    })
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
    else if (node.type === 'function') this.#toolEnded(node, span, error)
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

  #parentOf(span: unknown): Node | undefined {
    const id = textIn(span, 'parentId')
    if (id === undefined) return undefined
    const known = this.#nodes.get(id)
    if (known !== undefined) return known
    // Of an agent that goes on: its span began in another process.
    const above = [readField(span, 'previousSpan'), currentSpan()].find(
      (each) => textIn(each, 'spanId') === id,
    )
    if (textIn(readField(above, 'spanData'), 'type') !== 'agent') return undefined
    this.spanStarted(above)
    return this.#nodes.get(id)
  }

  /** Before 0.9 or so the span of an agent that waits for a person stays open, and goes on with the next run. */
  #pause(trace: Trace): void {
    for (const { agent, span, trace: its } of this.#nodes.values()) {
      if (its !== trace || agent === undefined || span === undefined || agent.ended) continue
      if (this.#approvals.asked(span, agent)) agent.end()
    }
  }

  #traceOf(id: string): Trace {
    const known = this.#traces.get(id)
    if (known !== undefined) return known
    const trace: Trace = {
      outer: this.#stage.current(),
      open: 0,
      hasEnded: false,
      transfers: new Map(),
    }
    if (this.#traces.size >= MAX_OPEN) this.#traces.delete(this.#traces.keys().next().value as string)
    this.#traces.set(id, trace)
    return trace
  }

  #agentAt(node: Node): Agent {
    const at = upTo(node, hasAgent)
    if (at?.agent === undefined) return node.trace.outer
    // It waited, and goes on.
    if (at.agent.ended && this.#nodes.get(textIn(at.span, 'spanId') ?? '') === at) {
      const parent = at.parent === undefined ? at.trace.outer : this.#agentAt(at.parent)
      at.agent = this.#stage.begin({ parent, name: at.agent.name })
    }
    return at.agent
  }

  #agentStarted(node: Node, name: string | undefined): Agent {
    const { trace, running } = node
    const above = node.parent === undefined ? undefined : upTo(node.parent, hasAgent)
    const isWithin = above !== undefined && running !== undefined && above.running !== running
    const parent = isWithin ? running : node.parent === undefined ? trace.outer : this.#agentAt(node.parent)
    const agent = this.#stage.begin({ parent, ...(name !== undefined && { name }) })
    const transfer = trace.transfers.get(name ?? '')
    if (transfer !== undefined) {
      trace.transfers.delete(name ?? '')
      this.#transfer(transfer, agent.agentId)
    } else if (!isWithin && isInTool(node)) {
      node.caller = parent
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
    const hasAsked = error === undefined && this.#approvals.asked(span, agent)
    const waiting = [...trace.transfers.values()].find(({ from }) => from === agent)
    if (waiting !== undefined) {
      waiting.end = error === undefined ? {} : { error }
      return
    }
    const end = this.#endOf(span, error, hasAsked)
    const { caller } = node
    if (caller !== undefined && !caller.ended) {
      this.#stage.handOff(agent, caller.agentId, 'return', `result of ${agent.name}`)
    }
    agent.end(end)
  }

  #endOf(span: object, error: string | undefined, hasAsked: boolean): EndInput {
    if (error === undefined) {
      const isLeft = !hasAsked && this.#approvals.isGivenUp(span)
      return isLeft ? { status: 'killed', error: 'left unfinished' } : {}
    }
    return ABORTED.test(saidIn(span)) ? { status: 'killed', error: 'aborted' } : { error }
  }

  #toolStarted(node: Node, start: ToolStart): void {
    node.endTool ??= this.#stage.tool(this.#agentAt(node), start)
  }

  #toolEnded(node: Node, span: unknown, error: string | undefined): void {
    if (error === undefined || !REFUSED.test(saidIn(span))) node.mayRun?.()
    node.mayRun = undefined
    // One that did not run: it was refused, or its arguments were none.
    if (node.endTool === undefined) return
    if (error !== undefined) {
      node.endTool({ ok: false, error })
      return
    }
    const output = readField(readField(span, 'spanData'), 'output')
    const timeout = timeoutIn(output)
    if (timeout !== undefined && Date.now() - node.began >= timeout - EARLY_MS) {
      node.endTool({ ok: false, error: `timed out after ${timeout}ms` })
      return
    }
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
    const turn = upTo(node, ({ type }) => type === 'turn')
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

const TOTALS = ['input_tokens', 'output_tokens', 'prompt_tokens', 'completion_tokens']

const hasAgent = ({ agent }: Node): boolean => agent !== undefined

function upTo(node: Node, is: (node: Node) => boolean): Node | undefined {
  let each: Node | undefined = node
  while (each !== undefined && !is(each)) each = each.parent
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

/** What the SDK was told went wrong in a span. */
const saidIn = (span: unknown): string => textIn(readField(readField(span, 'error'), 'data'), 'error') ?? ''

/**
 * The milliseconds after which the SDK gave a tool up, where it answers the model in its place: then its span bears no
 * error, and what the model is told is all that there is.
 */
function timeoutIn(output: unknown): number | undefined {
  const found = typeof output === 'string' ? TIMED_OUT.exec(output)?.[1] : undefined
  return found === undefined ? undefined : Number(found)
}

/** Tokens by the names of both of OpenAI's interfaces. Where a stream was left the SDK has noughts: none are known. */
function tokensIn(usage: unknown): Partial<CallSeen> {
  if (TOTALS.every((name) => !numberIn(usage, name))) return {}
  const details = readField(usage, 'input_tokens_details') ?? readField(usage, 'prompt_tokens_details')
  return {
    inputTokens: numberIn(usage, 'input_tokens') ?? numberIn(usage, 'prompt_tokens'),
    outputTokens: numberIn(usage, 'output_tokens') ?? numberIn(usage, 'completion_tokens'),
    cacheReadTokens: numberIn(details, 'cached_tokens') ?? numberIn(usage, 'cached_input_tokens'),
    cacheWriteTokens: numberIn(details, 'cache_write_tokens') ?? numberIn(usage, 'cache_write_input_tokens'),
  } as Partial<CallSeen>
}
