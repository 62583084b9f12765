/**
 * What Claude Code tells by its HTTP hooks.
 *
 * Shapes: `…HookInput` in `sdk.d.ts` of `@anthropic-ai/claude-agent-sdk` 0.3.332 (Claude Code 2.1.332, November 2026),
 * and as it sends them. A hook has no time of its own. `PermissionRequest` does not name the tool's run; the `PreToolUse`
 * before it does. `SessionStart` is not sent over HTTP by that version. What people and tools said stays out of lines;
 * only what a person is asked to allow is in the question.
 */
import { createHash, randomUUID } from 'node:crypto'
import { BoundedMap } from '../../format/bounded-map.js'
import type { Line } from '../records.js'
import type { Told } from '../told.js'
import type { Values } from './agent-event.js'
import { CLAUDE, CLAUDE_TERMINAL, promptKey, toolKey, whoseIs } from './claude-code.js'
import { known, number, text } from './values.js'

/** Tools that were begun, of which it is remembered which run it was. */
const MAX_BEGUN = 10_000
/** Characters of a question, and of an error. */
const MAX_SUBJECT = 500
const MAX_ERROR = 200

/** A tool that waits for a person. */
export interface Permission {
  told: Told
  /** Id of the escalation. */
  id: string
}

export class ClaudeHooks {
  /** Ids of runs, by what was begun. */
  readonly #begun = new BoundedMap<string>(MAX_BEGUN)

  /** What a hook tells; `undefined` of those that tell nothing of a hive's. */
  told(body: Values, session: string, now: number): Told | undefined {
    const { agent, parent } = whoseIs(body)
    const { agentId } = agent
    const told = (key: string | undefined, ...lines: Line[]): Told => ({
      session,
      ts: now,
      key: key ?? `hook:${randomUUID()}`,
      agent,
      ...(parent !== undefined && { parent }),
      terminal: CLAUDE_TERMINAL,
      lines,
    })
    const line = (kind: string, fields: Line['fields']): Line => ({ ts: now, kind, fields: known(fields) })
    const call = text(body, 'tool_use_id')
    const name = text(body, 'tool_name') ?? 'unknown'
    switch (text(body, 'hook_event_name')) {
      case 'SessionStart':
        return { ...told(undefined), agent: { ...CLAUDE, model: text(body, 'model') }, begins: true }
      case 'SessionEnd':
        return told(undefined, line('exit', { agentId: CLAUDE.agentId, status: 'ok' }))
      case 'UserPromptSubmit': {
        const prompt = text(body, 'prompt_id')
        const chars = typeof body.prompt === 'string' ? body.prompt.length : undefined
        return { ...told(promptKey(prompt), line('user.prompt', { agentId, chars, prompt })), begins: true }
      }
      case 'SubagentStart':
        return { ...told(undefined, line('message', delegation(body, agentId, 'delegate'))), begins: true }
      case 'SubagentStop':
        return told(
          undefined,
          line('message', delegation(body, agentId, 'return')),
          line('exit', { agentId, status: 'ok' }),
        )
      case 'PreToolUse':
        if (call !== undefined) this.#begun.set(runOf(session, agentId, name, body.tool_input), call)
        return told(
          call === undefined ? undefined : `tool.start:${call}`,
          line('tool.start', { agentId, name, toolCallId: call }),
        )
      case 'PostToolUse':
      case 'PostToolUseFailure':
        return told(
          toolKey(call),
          ...(call === undefined ? [] : [line('approval', allowedThere(call))]),
          line('tool', { agentId, name, ...ended(body), toolCallId: call }),
        )
      case 'Notification': {
        const message = text(body, 'message')
        return told(
          undefined,
          line('notification', { agentId, type: text(body, 'notification_type'), message }),
        )
      }
      case 'Stop':
        return told(undefined, line('turn.end', { agentId, prompt: text(body, 'prompt_id') }))
      case 'StopFailure':
        return told(undefined, line('turn.end', { agentId, error: text(body, 'error') ?? 'failed' }))
      default:
        return undefined
    }
  }

  /**
   * The question of a `PermissionRequest`.
   * @param mayAsk whether it may be asked under an id: where that was decided, or is somebody else's, it is another one
   */
  permission(body: Values, session: string, now: number, mayAsk: (id: string) => boolean): Permission {
    const { agent, parent } = whoseIs(body)
    const name = text(body, 'tool_name') ?? 'a tool'
    const run = this.#begun.get(runOf(session, agent.agentId, name, body.tool_input))
    const id = run !== undefined && mayAsk(run) ? run : `permission.${randomUUID()}`
    const fields = { from: agent.agentId, to: 'human', subject: questionOf(name, body.tool_input), id }
    const told: Told = {
      session,
      ts: now,
      key: `hook:${randomUUID()}`,
      agent,
      ...(parent !== undefined && { parent }),
      terminal: CLAUDE_TERMINAL,
      lines: [{ ts: now, kind: 'escalate', fields }],
    }
    return { told, id }
  }
}

/** If its own question waited for a person still, and it ran: somebody allowed it where it runs, which no hook tells. */
const allowedThere = (id: string): Line['fields'] => ({
  id,
  approve: true,
  via: 'cli',
  note: 'the tool ran: it was allowed in the terminal',
})

/** Claude Code's own output of a `PermissionRequest` hook. */
export function permissionAnswer(approve: boolean, by: string, note: string | undefined): object {
  const message = `${by} did not allow it${note === undefined ? '' : `: ${note}`}`
  const decision = approve ? { behavior: 'allow' } : { behavior: 'deny', message }
  return { hookSpecificOutput: { hookEventName: 'PermissionRequest', decision } }
}

/** The same for the same run: the hooks before and at the question have the same input. */
function runOf(session: string, agentId: string, tool: string, input: unknown): string {
  const text = JSON.stringify([session, agentId, tool, input])
  return createHash('sha256').update(text).digest('base64url')
}

function delegation(body: Values, agentId: string, act: 'delegate' | 'return'): Line['fields'] {
  const kind = text(body, 'agent_type') ?? 'a sub-agent'
  const within = text(body, 'prompt_id') ?? ''
  const id = `${agentId}.${within.slice(0, 8)}.${act}`
  if (act === 'delegate') return { from: CLAUDE.agentId, to: agentId, act, subject: `task for ${kind}`, id }
  const inReplyTo = `${agentId}.${within.slice(0, 8)}.delegate`
  return { from: agentId, to: CLAUDE.agentId, act, subject: `result of ${kind}`, id, inReplyTo }
}

function ended(body: Values): Line['fields'] {
  const failed = body.hook_event_name === 'PostToolUseFailure'
  const error = text(body, 'error')?.split('\n', 1)[0]?.slice(0, MAX_ERROR)
  return {
    ok: !failed,
    ms: number(body, 'duration_ms'),
    error: failed ? (error ?? 'failed') : undefined,
    argsBytes: jsonBytes(body.tool_input),
    resultBytes: jsonBytes(body.tool_response),
  }
}

const jsonBytes = (value: unknown): number | undefined =>
  value === undefined ? undefined : Buffer.byteLength(JSON.stringify(value))

/** Names of inputs that say in one line what a tool is about to do. */
const TELLING = ['command', 'file_path', 'notebook_path', 'url', 'query', 'pattern', 'path', 'prompt']

/** `Bash: npm publish`. Who decides must see it; it is redacted like all that is written. */
function questionOf(name: string, input: unknown): string {
  const values = (typeof input === 'object' && input !== null ? input : {}) as Values
  const told = TELLING.map((each) => values[each]).find((each) => typeof each === 'string')
  const what = told ?? (Object.keys(values).length > 0 ? JSON.stringify(values) : undefined)
  if (what === undefined) return name
  const question = `${name}: ${what}`
  return question.length > MAX_SUBJECT ? `${question.slice(0, MAX_SUBJECT - 1)}…` : question
}
