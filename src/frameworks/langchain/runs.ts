/** What LangChain's callbacks mean: each chain, graph, node, tool and model call is a run, known by its id. */
import { isList, readField } from '../../format/fields.js'
import type { Agent } from '../../hive/agent.js'
import type { EndInput, ToolInput } from '../../hive/inputs.js'
import { isAllowed, noteOf, subjectOf } from '../../otel/vocabularies/langgraph.js'
import { bytesOf, isAbort, itemsIn, messageOf, numberIn, textIn } from '../reading.js'
import type { CallSeen, Stage } from '../stage.js'
import { isInCallback } from './context-storage.js'
import { answerOf, modelOf } from './model-call.js'
import { waitId } from './waits.js'

/** A graph's run as an agent's life. */
interface Life {
  agent: Agent
  /** Model calls that are under way. */
  calls: number
  tools: Set<ToolEnd>
  /** How it ends, once its graph has: it waits for its node, and for calls under way. */
  end: EndInput | undefined
}
type ToolEnd = (end: Omit<ToolInput, 'name' | 'ms'>) => void

interface Run {
  parent: Run | undefined
  /** The call of the application's that this is part of. */
  root: Root
  /** Of a graph's run. */
  life: Life | undefined
  /** In whose life it is. */
  owner: Life | undefined
  isNode: boolean
  isTool: boolean
  /** Agents that ran in this node: they end with it, for it may still hand over for the last one. */
  ended: Life[] | undefined
  name: string | undefined
  thread: string | undefined
  namespace: string | undefined
  toolEnd: ToolEnd | undefined
  /** What a node was given: the model's tool calls are in it. */
  inputs: unknown
  call: { model?: string; provider?: string; began: number; ttftMs: number | undefined } | undefined
}

interface Root {
  /** Whether it goes on with a person's answer. */
  isResumed: boolean
  /** By namespace of a task: how many answers it had when it began. */
  tasks: Map<string, object>
  /** Interrupts that were told, on their way up through the graphs. */
  told: Set<unknown>
}

/** LangGraph's state of a task that may wait for a person. */
interface Scratchpad {
  resume: unknown[]
  interruptCounter: number
  nullResume?: unknown
}

/** Runs whose end nobody tells: of streams that were never read to their end. */
const MAX_RUNS = 50_000
/** Calls that a graph left under way when it ended: of an aborted run they fail soon. */
const MAX_CALL_MS = 1_000

/** Instrumentations that tell the same from the same callbacks. */
const COVERED = ['@arizeai/openinference-instrumentation-langchain', '@traceloop/instrumentation-langchain']
/** The scope of all of Langfuse's spans: those of its callback handler say the same, others are the application's. */
const LANGFUSE = 'langfuse-sdk'

export class Runs {
  #stage: Stage
  #runs = new Map<string, Run>()
  /** By scratchpad: answers that it had when it was first seen; -1 once the new one is recorded. */
  #answers = new WeakMap<object, number>()
  #isSeen = false

  constructor(stage: Stage) {
    this.#stage = stage
  }

  handleChainStart(
    chain: unknown,
    inputs: unknown,
    runId: unknown,
    parentId?: unknown,
    _tags?: unknown,
    metadata?: unknown,
    _type?: unknown,
    runName?: unknown,
  ): void {
    const run = this.#begin(runId, parentId, metadata)
    run.isNode = run.parent?.life !== undefined
    run.name = nodeOf(metadata) ?? textIn({ runName }, 'runName')
    if (run.isNode) run.inputs = inputs
    if (!isGraph(chain)) return
    if (run.parent === undefined) run.root.isResumed = readField(inputs, 'resume') !== undefined
    const own = textIn({ runName }, 'runName')
    const name = own !== undefined && own !== 'LangGraph' ? own : (nodeOf(metadata) ?? 'LangGraph')
    const parent = run.parent === undefined ? undefined : this.#agentOf(run.parent)
    const agent = this.#stage.begin({ name, ...(parent !== undefined && { parent }) })
    run.life = { agent, calls: 0, tools: new Set(), end: undefined }
    run.owner = run.life
    run.isNode = false
  }

  handleChainEnd(outputs: unknown, runId: unknown): void {
    this.#chainEnd(runId, {}, goalsOf(outputs))
  }

  handleChainError(error: unknown, runId: unknown): void {
    const run = this.#runs.get(runId as string)
    if (run === undefined) return
    if (!isBubbleUp(error)) {
      this.#chainEnd(runId, isGivenUp(error) ? { status: 'killed' } : { error: messageOf(error) }, [])
      return
    }
    this.#asked(run, error)
    const goals = run.life === undefined ? [] : goalsOf(readField(error, 'command'), true)
    if (run.life !== undefined) this.#handOff(run.life, goals)
    this.#chainEnd(runId, {}, [])
  }

  handleChatModelStart(
    _model: unknown,
    _messages: unknown,
    runId: unknown,
    parentId?: unknown,
    extra?: unknown,
    _tags?: unknown,
    metadata?: unknown,
  ): void {
    const run = this.#begin(runId, parentId, metadata)
    run.call = { ...modelOf(extra, metadata), began: performance.now(), ttftMs: undefined }
    if (run.owner !== undefined) run.owner.calls++
  }

  handleLLMStart(...args: Parameters<Runs['handleChatModelStart']>): void {
    this.handleChatModelStart(...args)
  }

  handleLLMNewToken(_token: unknown, _indices: unknown, runId: unknown): void {
    const call = this.#runs.get(runId as string)?.call
    if (call !== undefined && call.ttftMs === undefined) call.ttftMs = performance.now() - call.began
  }

  handleLLMEnd(output: unknown, runId: unknown, _parent?: unknown, _tags?: unknown, extra?: unknown): void {
    // What comes out of LangChain's cache was not asked of a model.
    this.#callEnd(runId, readField(extra, 'cached') === true ? undefined : answerOf(output))
  }

  handleLLMError(error: unknown, runId: unknown): void {
    this.#callEnd(runId, { error: isGivenUp(error) ? 'aborted' : messageOf(error) })
  }

  handleToolStart(
    tool: unknown,
    input: unknown,
    runId: unknown,
    parentId?: unknown,
    _tags?: unknown,
    metadata?: unknown,
    runName?: unknown,
    callId?: unknown,
  ): void {
    const run = this.#begin(runId, parentId, metadata)
    const name = textIn({ runName }, 'runName') ?? textIn(tool, 'name') ?? 'tool'
    const toolCallId = textIn({ callId }, 'callId') ?? askedId(run.parent, name, input)
    const argsBytes = bytesOf(input)
    run.isTool = true
    run.name = name
    run.toolEnd = this.#stage.tool(this.#agentOf(run), {
      name,
      ...(toolCallId !== undefined && { toolCallId }),
      ...(argsBytes !== undefined && { argsBytes }),
    })
    run.owner?.tools.add(run.toolEnd)
  }

  handleToolEnd(output: unknown, runId: unknown): void {
    const run = this.#take(runId)
    const content = readField(output, 'content') ?? (typeof output === 'string' ? output : undefined)
    const resultBytes = content === undefined ? undefined : bytesOf(content)
    const toolCallId = textIn(output, 'tool_call_id')
    toolEnd(run, {
      ...(readField(output, 'status') === 'error' ? { ok: false, error: 'failed' } : { ok: true }),
      ...(toolCallId !== undefined && { toolCallId }),
      ...(resultBytes !== undefined && { resultBytes }),
    })
  }

  handleToolError(error: unknown, runId: unknown): void {
    const run = this.#runs.get(runId as string)
    if (run === undefined) return
    const isWait = isBubbleUp(error)
    if (isWait) this.#asked(run, error)
    this.#take(runId)
    // A tool that waits for a person has not ended; when the answer is there LangGraph runs it anew.
    if (!isWait) toolEnd(run, { ok: false, error: isGivenUp(error) ? 'aborted' : messageOf(error) })
    else if (run.toolEnd !== undefined) run.owner?.tools.delete(run.toolEnd)
  }

  /** @returns the agent in whose run the code is that has this config */
  entered(config: unknown): Agent | undefined {
    const run = this.#runOf(config)
    if (run === undefined) return undefined
    const pad = scratchpadOf(config)
    if (pad !== undefined) this.#remember(pad, config, run)
    return run.owner === undefined || run.owner.agent.ended ? undefined : run.owner.agent
  }

  /** Code in a graph has looked at its config, as `interrupt()` does, which takes an answer right away. */
  looked(config: unknown): void {
    const pad = scratchpadOf(config)
    if (pad === undefined || (pad.nullResume === undefined && pad.resume.length === 0)) return
    if (this.#answers.get(pad) === -1) return
    const run = this.#runOf(config)
    if (run === undefined || !run.root.isResumed) return
    const before = this.#remember(pad, config, run)
    queueMicrotask(() => this.#answered(pad, before, config))
  }

  #remember(pad: Scratchpad, config: unknown, run: Run): number {
    const known = this.#answers.get(pad)
    if (known !== undefined) return known
    // An answer that was addressed to this task is in the list from the beginning, as the last one.
    const before =
      pad.nullResume === undefined && run.root.isResumed ? pad.resume.length - 1 : pad.resume.length
    const answered = Math.max(0, before)
    this.#answers.set(pad, answered)
    const namespace = textIn(readField(config, 'configurable'), 'checkpoint_ns')
    if (namespace !== undefined) run.root.tasks.set(namespace, pad)
    return answered
  }

  #answered(pad: Scratchpad, before: number, config: unknown): void {
    if (this.#answers.get(pad) === -1 || pad.resume.length <= before || pad.interruptCounter < before) return
    this.#answers.set(pad, -1)
    const configurable = readField(config, 'configurable')
    const id = waitId(textIn(configurable, 'thread_id'), textIn(configurable, 'checkpoint_ns') ?? '', before)
    const answer = pad.resume[before]
    this.#stage.decide(id, isAllowed(answer), { note: noteOf(answer) })
  }

  /** An interrupt is on its way up: told by the run that it comes from. */
  #asked(run: Run, error: unknown): void {
    for (const interrupt of itemsIn(error, 'interrupts')) {
      const id = readField(interrupt, 'id') ?? readField(interrupt, 'interrupt_id') ?? interrupt
      if (run.root.told.has(id)) continue
      run.root.told.add(id)
      const pad = run.root.tasks.get(run.namespace ?? '') as Scratchpad | undefined
      const where = run.name ?? 'a graph'
      this.#stage.escalate(
        this.#agentOf(run),
        waitId(run.thread, run.namespace ?? '', pad?.resume.length ?? 0),
        subjectOf(readField(interrupt, 'value'), where),
      )
    }
  }

  #handOff(from: Life, goals: readonly Goal[]): void {
    for (const { to, isSend } of goals) {
      this.#stage.handOff(from.agent, to, isSend ? 'delegate' : 'transfer', `hands over to ${to}`)
    }
  }

  #chainEnd(runId: unknown, how: EndInput, goals: readonly Goal[]): void {
    const run = this.#take(runId)
    if (run === undefined) return
    if (run.life !== undefined) {
      run.life.end = how
      const node = nodeAround(run)
      if (node === undefined) this.#endLife(run.life)
      else {
        node.ended ??= []
        node.ended.push(run.life)
      }
      return
    }
    if (run.ended === undefined) return
    const last = run.ended.at(-1)
    if (last !== undefined) this.#handOff(last, goals)
    for (const life of run.ended) this.#endLife(life)
  }

  #endLife(life: Life): void {
    for (const end of life.tools) end({ ok: false, error: 'left unfinished' })
    life.tools.clear()
    if (life.calls === 0) life.agent.end(life.end)
    else {
      setTimeout(() => {
        if (!life.agent.ended) life.agent.end(life.end)
      }, MAX_CALL_MS).unref()
    }
  }

  #callEnd(runId: unknown, answer: Partial<CallSeen> | undefined): void {
    const run = this.#take(runId)
    if (run?.call === undefined) return
    const { began, ttftMs, ...model } = run.call
    if (answer !== undefined) {
      this.#stage.usage(this.#agentOf(run), {
        ...model,
        ...answer,
        ms: Math.round(performance.now() - began),
        ...(ttftMs !== undefined && answer.error === undefined && { ttftMs: Math.round(ttftMs) }),
        source: 'langchain',
      } as CallSeen)
    }
    const { owner } = run
    if (owner === undefined) return
    owner.calls--
    // Its graph has ended before its last call did.
    if (owner.calls === 0 && owner.end !== undefined && !owner.agent.ended && !isHeld(run, owner)) {
      owner.agent.end(owner.end)
    }
  }

  #agentOf(run: Run): Agent {
    const agent = run.owner?.agent
    return agent === undefined || agent.ended ? this.#stage.current() : agent
  }

  #begin(runId: unknown, parentId: unknown, metadata: unknown): Run {
    if (!this.#isSeen) {
      this.#isSeen = true
      this.#stage.covers(...COVERED)
      this.#stage.coversWhile(LANGFUSE, isInCallback)
    }
    const parent = this.#runs.get(parentId as string)
    const run: Run = {
      parent,
      root: parent?.root ?? { isResumed: false, tasks: new Map(), told: new Set() },
      life: undefined,
      owner: parent?.owner,
      isNode: false,
      isTool: false,
      ended: undefined,
      name: nodeOf(metadata),
      thread: textIn(metadata, 'thread_id') ?? parent?.thread,
      namespace: textIn(metadata, 'langgraph_checkpoint_ns') ?? parent?.namespace,
      toolEnd: undefined,
      inputs: undefined,
      call: undefined,
    }
    if (this.#runs.size >= MAX_RUNS) this.#runs.delete(this.#runs.keys().next().value as string)
    this.#runs.set(runId as string, run)
    return run
  }

  #take(runId: unknown): Run | undefined {
    const run = this.#runs.get(runId as string)
    this.#runs.delete(runId as string)
    return run
  }

  #runOf(config: unknown): Run | undefined {
    const id = textIn(readField(config, 'callbacks'), '_parentRunId')
    return id === undefined ? undefined : this.#runs.get(id)
  }
}

/** Before `@langchain/core` 1 a tool's start does not say which of the model's calls it is: its node was given them. */
function askedId(node: Run | undefined, name: string, input: unknown): string | undefined {
  if (node?.inputs === undefined) return undefined
  const { inputs } = node
  const messages = [...itemsIn(inputs, 'messages'), ...itemsIn({ inputs }, 'inputs')]
  const calls = [readField(inputs, 'lg_tool_call'), ...itemsIn(messages.at(-1), 'tool_calls')].filter(
    (call) => textIn(call, 'name') === name,
  )
  const exact = calls.find((call) => jsonOf(readField(call, 'args')) === input)
  return textIn(exact ?? (calls.length === 1 ? calls[0] : undefined), 'id')
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

function toolEnd(run: Run | undefined, end: Parameters<ToolEnd>[0]): void {
  if (run?.toolEnd === undefined) return
  run.owner?.tools.delete(run.toolEnd)
  run.toolEnd(end)
}

const nodeOf = (metadata: unknown): string | undefined => textIn(metadata, 'langgraph_node')

/** The node that a graph runs in; none, where a tool called it. */
function nodeAround(run: Run): Run | undefined {
  for (let at = run.parent; at !== undefined && !at.isTool && at.life === undefined; at = at.parent) {
    if (at.isNode) return at
  }
  return undefined
}

/** Whether an agent whose graph has ended still belongs to a node that has not. */
function isHeld(run: Run, life: Life): boolean {
  for (let at: Run | undefined = run; at !== undefined; at = at.parent) {
    if (at.ended?.includes(life)) return true
  }
  return false
}

/** What a compiled graph, or a functional entrypoint, says it is. */
function isGraph(chain: unknown): boolean {
  const id = readField(chain, 'id')
  return readField(id, 0) === 'langgraph' && readField(id, 1) === 'pregel'
}

/** `GraphInterrupt`, `ParentCommand` and the like: ways of a graph's, and no failures. */
const isBubbleUp = (error: unknown): boolean => readField(error, 'is_bubble_up') === true

/** A run that its caller gave up, or gave no more time; LangGraph itself only says `Abort` then. */
const isGivenUp = (error: unknown): boolean =>
  isAbort(error) || readField(error, 'name') === 'TimeoutError' || readField(error, 'message') === 'Abort'

function scratchpadOf(config: unknown): Scratchpad | undefined {
  const pad = readField(readField(config, 'configurable'), '__pregel_scratchpad')
  if (!isList(readField(pad, 'resume')) || numberIn(pad, 'interruptCounter') === undefined) return undefined
  return pad as Scratchpad
}

interface Goal {
  to: string
  isSend: boolean
}

/** Where a `Command`, alone or in a list of updates, sends its graph or the one around it. */
function goalsOf(output: unknown, isParents = false): Goal[] {
  const commands = [output, ...itemsIn({ output }, 'output'), ...itemsIn(output, 'output')]
  return commands.flatMap((command) => {
    if (!isParents && textIn(command, 'lg_name') !== 'Command') return []
    const goto = readField(command, 'goto')
    return [goto, ...itemsIn({ goto }, 'goto')].flatMap((each) => {
      const to = typeof each === 'string' ? each : textIn(each, 'node')
      return to === undefined || to === '' || to === '__end__'
        ? []
        : [{ to, isSend: typeof each !== 'string' }]
    })
  })
}
