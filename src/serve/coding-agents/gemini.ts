/**
 * What Gemini CLI tells by log events (`gemini_cli.*`).
 *
 * Names from its own sources: google-gemini/gemini-cli, `packages/core/src/telemetry/types.ts` (0.56, commit 5411f113,
 * August 2026), and as 0.61.0 sends them (test/frameworks/coding-agents runs it). `input_token_count` holds what was read from the cache; what the model thought is counted apart from
 * `output_token_count`, and so is what tools added to the prompt. Its `gen_ai.client.inference.operation.details` says
 * the same of each call once more. Tools and calls of a sub-agent do not name it.
 */
import type { Line } from '../records.js'
import type { AgentTold, Told } from '../told.js'
import type { AgentEvent, Values } from './agent-event.js'
import { type Telling, telling } from './telling.js'
import { bytes, number, text, truth } from './values.js'

export const isGeminiEvent = (name: string): boolean => name.startsWith('gemini_cli.')

/** Sub-agents that came to what they were there for. Source: `AgentTerminateMode` in `packages/core/src/agents/types.ts`. */
const REACHED = 'GOAL'

/** What a log event tells; `undefined` of those that tell nothing of a hive's: extensions, start-up, the editor. */
export function geminiEvent(name: string, event: AgentEvent): Told | undefined {
  const { attributes: values } = event
  const model = text(values, 'model')
  const main: AgentTold = { agentId: 'gemini', name: 'gemini', isGod: true, model }
  const { agentId } = main
  const own = telling(event, 'gemini', main)
  const { line } = own
  const told = (...lines: Line[]): Told => own.told(undefined, ...lines)
  switch (name) {
    case 'gemini_cli.config':
      return told()
    case 'gemini_cli.user_prompt': {
      const chars = number(values, 'prompt_length')
      return told(line('user.prompt', { agentId, chars, prompt: text(values, 'prompt_id') }))
    }
    case 'gemini_cli.api_response':
      return told(
        line('usage', {
          agentId,
          model,
          provider: 'google',
          inputTokens: (number(values, 'input_token_count') ?? 0) + (number(values, 'tool_token_count') ?? 0),
          outputTokens:
            (number(values, 'output_token_count') ?? 0) + (number(values, 'thoughts_token_count') ?? 0),
          cacheReadTokens: number(values, 'cached_content_token_count'),
          ms: number(values, 'duration_ms'),
        }),
      )
    case 'gemini_cli.api_error':
      return told(
        line('usage', {
          agentId,
          model,
          provider: 'google',
          ms: number(values, 'duration_ms'),
          error: text(values, 'error.message') ?? text(values, 'error') ?? 'failed',
        }),
      )
    case 'gemini_cli.tool_call':
      return told(...toolLines(event, agentId, own))
    case 'gemini_cli.agent.start':
    case 'gemini_cli.agent.finish': {
      const id = text(values, 'agent_id')
      if (id === undefined) return undefined
      const status = text(values, 'terminate_reason') === REACHED ? 'ok' : 'error'
      const error = status === 'ok' ? undefined : text(values, 'terminate_reason')
      return {
        ...told(),
        agent: { agentId: id, name: text(values, 'agent_name') ?? id },
        parent: { agentId, name: agentId, isGod: true },
        begins: name === 'gemini_cli.agent.start',
        lines: name === 'gemini_cli.agent.start' ? [] : [line('exit', { agentId: id, status, error })],
      }
    }
    default:
      return undefined
  }
}

function toolLines({ attributes: values, contentKey }: AgentEvent, agentId: string, own: Telling): Line[] {
  const name = text(values, 'function_name') ?? 'unknown'
  const { said, didRun } = outcomeOf(values, name)
  const ok = truth(values, 'success') === true
  const tool = own.line('tool', {
    agentId,
    name,
    ok,
    ms: number(values, 'duration_ms'),
    error: ok ? undefined : (text(values, 'error.type') ?? text(values, 'error.message') ?? 'cancelled'),
    argsBytes: bytes(values, 'function_args'),
    resultBytes: number(values, 'content_length'),
  })
  return [
    // No id of theirs says which run it is.
    ...(said === undefined ? [] : own.answered(`gemini.${contentKey}`, name, said)),
    ...(didRun ? [tool] : []),
  ]
}

interface Outcome {
  /** What a person said whom the tool waited for; `undefined` where none is known to have been asked. */
  said: boolean | undefined
  didRun: boolean
}

/**
 * Source: `getDecisionFromOutcome` in `packages/core/src/telemetry/tool-call-decision.ts`, `_processToolCall` in
 * `packages/core/src/scheduler/scheduler.ts`, and `runTool` of `packages/cli/src/acp/`, of 0.61:
 * - `accept` is a person's "once", and as well what every tool has that a rule lets run: it says nothing of a person
 * - `auto_accept` is a person's "always"; what is let run by that afterwards is an `accept`
 * - `reject` is a person's "no", which has no error; and their "always, and save it", for which there is no word of its
 *   own: then the tool ran, well or with an error
 * - `modify` is an answer of earlier versions: a person changed it, and it ran
 * - what a rule forbids has no `decision`, and an error; what was called off with others before its turn has neither
 * - in an editor (ACP) no answer has a `decision`; a "no" is told by its error
 */
function outcomeOf(values: Values, name: string): Outcome {
  const hasError = text(values, 'error.message') !== undefined || text(values, 'error.type') !== undefined
  const isDone = truth(values, 'success') === true || hasError
  // Without a terminal nobody can be asked.
  const canAsk = truth(values, 'interactive') !== false
  switch (text(values, 'decision')) {
    case 'auto_accept':
    case 'modify':
      return { said: canAsk ? true : undefined, didRun: true }
    case 'reject':
      return { said: canAsk ? isDone : undefined, didRun: isDone }
    case undefined:
      if (text(values, 'error.message') === `Tool "${name}" was canceled by the user.`)
        return { said: false, didRun: false }
      return { said: undefined, didRun: isDone }
    default:
      return { said: undefined, didRun: true }
  }
}
