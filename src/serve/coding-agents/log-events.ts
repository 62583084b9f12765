/** Which coding agent a log event is of, and what it tells. */
import type { Told } from '../told.js'
import type { AgentEvent } from './agent-event.js'
import { claudeEvent, claudeEventName } from './claude-code.js'
import { codexEvent, isCodexEvent } from './codex.js'
import { geminiEvent, isGeminiEvent } from './gemini.js'

/**
 * What a log event tells; `undefined` where it is none of theirs, or tells nothing of a hive's.
 * @param scope name of the instrumentation scope
 */
export function agentEvent(
  name: string | undefined,
  body: unknown,
  scope: string,
  event: AgentEvent,
): Told | undefined {
  const claude = claudeEventName(name, body, scope)
  if (claude !== undefined) return claudeEvent(claude, event)
  if (name === undefined) return undefined
  if (isCodexEvent(name)) return codexEvent(name, event)
  return isGeminiEvent(name) ? geminiEvent(name, event) : undefined
}
