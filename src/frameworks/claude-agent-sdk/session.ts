/**
 * One run of Claude Code, as what it says over its pipes, in its logs and in its transcripts, tells it. Its messages are
 * those of the SDK (`SDKMessage` in its sdk.d.ts): `assistant` asks for tools, `user` brings their results, `system`
 * begins and ends sub-agents, `control_request` asks for permission, asks what MCP servers want of people, and calls hooks
 * of the application's.
 *
 * None of hivelog's own hooks is added: a hook is waited for, and all that one would be told comes by these ways as
 * early. What sub-agents of sub-agents do is not in messages; hooks, logs and transcripts have it.
 */

import { readField } from '../../format/fields.js'
import { onExit } from '../../format/on-exit.js'
import type { Agent } from '../../hive/agent.js'
import { bytesOf, itemsIn, quietly, textIn } from '../reading.js'
import type { Stage } from '../stage.js'
import { Elicitations } from './elicitations.js'
import { answerOf } from './hooks.js'
import { ModelCalls, type Other } from './model-calls.js'
import { type SubAgent, SubAgents } from './sub-agents.js'
import { ToolCalls } from './tool-calls.js'
import { isWhole, Transcripts } from './transcripts.js'

const NAME = 'Claude Agent SDK'
/** The scope of spans that say the same. */
const COVERED = '@arizeai/openinference-instrumentation-claude-agent-sdk'

/** Milliseconds that logs of a sub-agent that has ended may be late: the last says that it has, unless it was stopped. */
const LATE_MS = 1_000
/** The same of transcripts, which Claude Code writes every tenth of a second. */
const LATE_TRANSCRIPT_MS = 300
/** Milliseconds between two looks at transcripts. */
const LOOK_MS = 100
/** Milliseconds after which logs that do not come are taken to go elsewhere: settings of Claude Code's can say so. */
const NO_LOGS_MS = 1_000
/** Of what is remembered of one session: a bound for one that is hostile. */
const MAX_REMEMBERED = 20_000

export class Session {
  #stage: Stage
  #calls: ModelCalls
  #tools: ToolCalls
  #elicitations: Elicitations
  #transcripts: Transcripts
  #parent: Agent | undefined
  #main: Agent | undefined
  #id = ''
  #subs: SubAgents
  /** Sub-agents that a hook says are about to end, by its request. */
  #stopping = new Map<string, SubAgent>()
  /** Ends sub-agents that have ended, by id, once their logs are there. */
  #ending = new Map<string, () => void>()
  /** Sub-agents whose logs are all there. */
  #logged = new Set<string>()
  /** How the last turn ended; `undefined` while one goes on. */
  #result: { error: string | undefined } | undefined
  #timer: NodeJS.Timeout | undefined
  #removeExit: (() => void) | undefined

  /** @param environment that of Claude Code: `NAME=value` */
  constructor(stage: Stage, environment: readonly string[] = []) {
    this.#stage = stage
    this.#calls = new ModelCalls(stage)
    this.#tools = new ToolCalls(stage, (toolCallId) => `${this.#id}:${toolCallId}`)
    this.#elicitations = new Elicitations(stage, (request) => `${this.#id}:${request}`)
    this.#subs = new SubAgents(stage, this.#tools, {
      main: () => this.#begin(undefined),
      named: (id) => this.#transcripts.beginSub(id),
      ended: (sub, end) => this.#endLate(sub, end),
    })
    this.#transcripts = new Transcripts(environment, (message, agentId) => this.#read(message, agentId))
    this.#parent = stage.running.getStore()
    stage.covers(COVERED)
  }

  /** From where, beside its messages, it is known what it does. */
  set other(other: Other) {
    this.#calls.other = other
  }

  /** What Claude Code says. */
  output(message: unknown): void {
    switch (textIn(message, 'type')) {
      case 'system':
        this.#system(message)
        break
      case 'assistant':
        this.#assistant(this.#agentOf(message), message)
        this.#beginWaiting()
        break
      case 'user':
        this.#results(message)
        break
      case 'stream_event':
        this.#calls.piece(readField(message, 'event'))
        break
      case 'result':
        this.#result = { error: failureOf(message) }
        break
      case 'control_request':
        this.#request(message)
        break
      case 'control_cancel_request':
        this.#answered(textIn(message, 'request_id'), undefined)
        break
    }
  }

  /** What the SDK says to it. */
  input(message: unknown): void {
    const type = textIn(message, 'type')
    if (type === 'user') this.#result = undefined
    if (type === 'control_request') {
      const hooks = readField(readField(message, 'request'), 'hooks')
      if (readField(hooks, 'ElicitationResult') !== undefined) this.#elicitations.isReviewed = true
    }
    if (type !== 'control_response') return
    const response = readField(message, 'response')
    this.#answered(textIn(response, 'request_id'), readField(response, 'response'))
  }

  /** A log record of Claude Code's telemetry. */
  log(name: string, attributes: Record<string, unknown>): void {
    this.#tools.hearsDecisions = true
    const agent = this.#agentById(textIn(attributes, 'agent_id'))
    if (agent === undefined) return
    if (name === 'claude_code.subagent_completed') this.#allLogged(textIn(attributes, 'agent_id'))
    if (name === 'claude_code.api_request') this.#calls.request(agent, attributes)
    else if (name === 'claude_code.api_error') this.#calls.failure(agent, attributes)
    const toolCallId = textIn(attributes, 'tool_use_id')
    if (toolCallId === undefined) return
    if (name === 'claude_code.tool_decision') {
      const isAllowed = textIn(attributes, 'decision') === 'accept'
      const tool = { agent, name: textIn(attributes, 'tool_name') ?? 'tool', toolCallId }
      if (isAllowed && this.#subs.isNested(agent)) this.#tools.add(tool)
      if (this.#tools.isAsked(toolCallId))
        this.#tools.decided(toolCallId, isAllowed, textIn(attributes, 'source') === 'hook' ? 'hook' : 'code')
      else if (isAllowed) this.#tools.start(toolCallId)
    } else if (name === 'claude_code.tool_result' && this.#subs.isNested(agent)) {
      this.#finish(toolCallId, {
        ok: String(attributes.success) === 'true',
        resultBytes: numberOf(attributes.tool_result_size_bytes),
      })
    }
  }

  /** Claude Code has ended. What it has written by then is read first. */
  end(code: number | null, signal: string | null): void {
    const end = (): void => void quietly(NAME, () => this.#end(code, signal))
    if (this.#calls.other === 'transcripts') void this.#transcripts.look().then(end, end)
    else end()
  }

  #end(code: number | null, signal: string | null): void {
    this.#tools.cutOff()
    this.#elicitations.cutOff()
    this.#calls.flush()
    this.#stopWaiting()
    this.#subs.cutOff()
    const main = this.#main
    if (main === undefined || main.ended) return
    const result = this.#result
    if (result !== undefined)
      main.end(result.error === undefined ? {} : { status: 'error', error: result.error })
    else if (signal !== null) main.end({ status: 'killed', error: signal })
    else main.end(code === 0 ? {} : { status: 'error', error: `exit code ${code}` })
  }

  #system(message: unknown): void {
    const subtype = textIn(message, 'subtype')
    if (subtype === 'init') {
      this.#begin(message)
      this.#transcripts.begin(message)
    } else if (subtype === 'task_started') {
      const id = textIn(message, 'task_id')
      const type = textIn(message, 'task_type')
      if (id === undefined || (type !== undefined && type !== 'local_agent')) return
      this.#subs.started({
        id,
        toolCallId: textIn(message, 'tool_use_id'),
        type: textIn(message, 'subagent_type'),
        isInBackground: readField(message, 'is_backgrounded') === true,
      })
    } else if (subtype === 'task_notification') {
      const sub = this.#subs.get(textIn(message, 'task_id'))
      if (sub !== undefined) this.#subs.end(sub, textIn(message, 'status'))
    }
  }

  /** The run's own agent; Claude Code says so at each turn. */
  #begin(message: unknown): Agent {
    this.#id ||= textIn(message, 'session_id') ?? ''
    if (this.#main === undefined) {
      const parent = this.#parent
      const model = textIn(message, 'model')
      this.#main = this.#stage.begin({
        name: 'claude',
        ...(parent !== undefined && !parent.ended && { parent }),
        ...(model !== undefined && { model }),
      })
      this.#parent = undefined
    }
    return this.#main
  }

  /** A sub-agent has ended: what says so of its calls may be late. */
  #endLate({ agent, id }: SubAgent, end: () => void): void {
    const endNow = (): void => {
      this.#calls.giveUp(agent)
      if (id !== undefined && this.#subs.get(id)?.agent === agent) this.#transcripts.endSub(id)
      end()
    }
    const { other } = this.#calls
    if (other === 'nowhere') endNow()
    else if (other === 'logs') this.#endAfterLogs(id, endNow)
    else {
      const look = (): void => void this.#transcripts.look().then(() => quietly(NAME, endNow))
      setTimeout(look, LATE_TRANSCRIPT_MS).unref()
    }
  }

  /** Nothing comes in the logs of that sub-agent any more; it may end later. */
  #allLogged(id: string | undefined): void {
    const end = this.#ending.get(id ?? '')
    if (end !== undefined) end()
    else if (this.#subs.get(id) !== undefined) this.#logged.add(id ?? '')
  }

  #endAfterLogs(id: string | undefined, endNow: () => void): void {
    if (id !== undefined && this.#logged.delete(id)) {
      endNow()
      return
    }
    const end = (): void => {
      clearTimeout(timer)
      if (id !== undefined) this.#ending.delete(id)
      quietly(NAME, endNow)
    }
    const timer = setTimeout(end, LATE_MS).unref()
    if (id !== undefined) this.#ending.set(id, end)
  }

  /** Whose message it is. */
  #agentOf(message: unknown): Agent {
    const toolCallId = textIn(message, 'parent_tool_use_id')
    const id = textIn(message, 'agent_id')
    if (toolCallId === undefined && id === undefined) return this.#begin(message)
    const sub = this.#subs.begin({ id, toolCallId, type: textIn(message, 'subagent_type') })
    return sub?.agent ?? this.#begin(message)
  }

  #agentById(id: string | undefined): Agent | undefined {
    return this.#subs.get(id)?.agent ?? this.#main
  }

  #assistant(agent: Agent, message: unknown, isOfTranscript = false): void {
    const inner = readField(message, 'message')
    // Claude Code's own words, of which there was no call.
    if (textIn(inner, 'model') === '<synthetic>') return
    this.#calls.message(agent, inner, isOfTranscript)
    for (const block of itemsIn(inner, 'content')) {
      const toolCallId = textIn(block, 'id')
      const name = textIn(block, 'name')
      if (textIn(block, 'type') !== 'tool_use' || toolCallId === undefined || name === undefined) continue
      this.#addTool(agent, name, toolCallId, readField(block, 'input'))
    }
  }

  #addTool(agent: Agent, name: string, toolCallId: string, input: unknown): void {
    const agentType = textIn(input, 'subagent_type')
    this.#tools.add({ agent, name, toolCallId, argsBytes: bytesOf(input), agentType })
  }

  #results(message: unknown): void {
    const decisions = new Map(
      itemsIn(message, 'tool_result_meta').map((meta) => [
        textIn(meta, 'id'),
        readField(meta, 'permission_decision'),
      ]),
    )
    for (const block of itemsIn(readField(message, 'message'), 'content')) {
      const id = textIn(block, 'tool_use_id')
      if (textIn(block, 'type') !== 'tool_result' || id === undefined) continue
      const decision = decisions.get(id) ?? readField(message, 'permissionDecision')
      const hasFailed = readField(block, 'is_error') === true
      const isRefused = textIn(decision, 'decision') === 'reject' || (hasFailed && this.#tools.isAsked(id))
      if (this.#tools.isAsked(id))
        this.#tools.decided(id, !isRefused, textIn(decision, 'source') === 'hook' ? 'hook' : 'code')
      this.#finish(id, { ok: !hasFailed, isRefused, resultBytes: bytesOf(readField(block, 'content')) })
    }
  }

  #finish(id: string, end: { ok: boolean; isRefused?: boolean; resultBytes?: number | undefined }): void {
    if (this.#tools.get(id) === undefined) return
    const sub = this.#subs.ofTool(id)
    if (sub !== undefined && !sub.isInBackground) this.#subs.end(sub, end.ok ? 'completed' : 'failed')
    this.#tools.finish(id, end)
  }

  /** `canUseTool`, or a hook of the application's, is called. */
  #request(message: unknown): void {
    const request = readField(message, 'request')
    const id = textIn(message, 'request_id')
    if (id === undefined) return
    const subtype = textIn(request, 'subtype')
    const toolCallId = textIn(request, 'tool_use_id')
    if (subtype === 'can_use_tool' && toolCallId !== undefined) {
      const agent =
        this.#tools.get(toolCallId)?.agent ??
        this.#agentById(textIn(request, 'agent_id')) ??
        this.#begin(message)
      const name = textIn(request, 'tool_name')
      if (name !== undefined && this.#subs.isNested(agent))
        this.#addTool(agent, name, toolCallId, readField(request, 'input'))
      this.#tools.ask(id, toolCallId, agent, name ?? 'a tool')
    } else if (subtype === 'elicitation') this.#elicit(id, request, 'callback')
    else if (subtype === 'hook_callback') this.#hook(id, readField(request, 'input'))
  }

  #hook(request: string, input: unknown): void {
    const agentId = textIn(input, 'agent_id')
    const event = textIn(input, 'hook_event_name')
    if (event === 'SubagentStart' && agentId !== undefined) {
      this.#subs.begin({ id: agentId, type: textIn(input, 'agent_type') })
      return
    }
    if (event === 'SubagentStop') {
      const sub = this.#subs.get(agentId)
      if (sub !== undefined && !sub.isTold && this.#stopping.size < MAX_REMEMBERED)
        this.#stopping.set(request, sub)
      return
    }
    if (event === 'Elicitation') this.#elicit(request, input, 'hook', agentId)
    else if (event === 'ElicitationResult')
      this.#elicitations.review(request, textIn(input, 'mcp_server_name') ?? '')
    const agent = this.#agentById(agentId)
    const name = textIn(input, 'tool_name')
    const toolCallId = textIn(input, 'tool_use_id')
    if (agent === undefined || name === undefined) return
    const given = readField(input, 'tool_input')
    if (event === 'PermissionRequest') {
      const tool = this.#tools.waiting(agent, name, bytesOf(given))
      this.#tools.ask(request, tool?.toolCallId ?? request, agent, name)
    }
    if (toolCallId === undefined) return
    if (event === 'PreToolUse') {
      this.#tools.hold(request, toolCallId)
      if (this.#subs.isNested(agent)) this.#addTool(agent, name, toolCallId, given)
    } else if (event === 'PostToolUse' || event === 'PostToolUseFailure') {
      this.#tools.start(toolCallId)
      if (!this.#subs.isNested(agent)) return
      this.#finish(toolCallId, {
        ok: event === 'PostToolUse',
        resultBytes: bytesOf(readField(input, 'tool_response')),
      })
    }
  }

  /** An MCP server asks people something. Only of a sub-agent is it said whose tool call that is in. */
  #elicit(request: string, asked: unknown, who: 'hook' | 'callback', agentId?: string): void {
    const server = textIn(asked, 'mcp_server_name') ?? 'an MCP server'
    const agent = this.#subs.get(agentId)?.agent ?? this.#tools.agentAt(server) ?? this.#begin(undefined)
    this.#elicitations.ask(request, { agent, server, message: textIn(asked, 'message') ?? '' }, who)
  }

  /** Who was called has answered; with nothing, when the answer is not waited for any more. */
  #answered(request: string | undefined, response: unknown): void {
    if (request === undefined) return
    const answer = answerOf(response)
    const { isAllowed, via, goesOn } = answer
    const sub = this.#stopping.get(request)
    this.#stopping.delete(request)
    if (sub !== undefined && !goesOn) this.#subs.end(sub)
    this.#tools.answer(request, isAllowed, via)
    this.#elicitations.answer(request, answer)
  }

  /** A message in a transcript: what it says may be known. */
  #read(message: unknown, agentId: string | undefined): void {
    quietly(NAME, () => {
      const agent = agentId === undefined ? this.#main : this.#subs.get(agentId)?.agent
      if (agent === undefined || agent.ended) return
      if (textIn(message, 'type') === 'assistant') {
        if (isWhole(message)) this.#assistant(agent, message, true)
      } else if (this.#subs.isNested(agent)) this.#results(message)
    })
  }

  /** Something of a turn is to come by another way than the messages. */
  #beginWaiting(): void {
    if (this.#timer !== undefined) return
    const { other } = this.#calls
    if (other === 'transcripts') {
      this.#timer = setInterval(() => this.#look(), LOOK_MS).unref()
    } else if (other === 'logs' && !this.#tools.hearsDecisions) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined
        if (this.#tools.hearsDecisions) return
        this.#calls.other = 'transcripts'
        this.#beginWaiting()
      }, NO_LOGS_MS).unref()
    }
    if (other !== 'nowhere') {
      this.#removeExit ??= onExit(() => {
        if (this.#calls.other === 'transcripts') this.#transcripts.lookNow()
        this.#calls.flush()
      })
    }
  }

  #look(): void {
    void this.#transcripts.look().then(() => {
      quietly(NAME, () => this.#calls.giveUp())
      const isOver = this.#result !== undefined && !this.#calls.isWaiting
      if (isOver && !this.#subs.isAnyAlive) this.#stopLooking()
    })
  }

  #stopLooking(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #stopWaiting(): void {
    this.#stopLooking()
    this.#removeExit?.()
    this.#removeExit = undefined
  }
}

const numberOf = (value: unknown): number | undefined => {
  const number = value === undefined ? Number.NaN : Number(value)
  return Number.isFinite(number) ? number : undefined
}

/** Why a turn failed; its words may be the model's, and stay out. */
function failureOf(message: unknown): string | undefined {
  const subtype = textIn(message, 'subtype') ?? 'success'
  if (subtype !== 'success') return subtype
  return readField(message, 'is_error') === true ? 'the last turn failed' : undefined
}
