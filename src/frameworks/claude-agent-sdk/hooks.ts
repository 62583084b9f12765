/** What `canUseTool`, `onElicitation` and hooks of the application's answer Claude Code (`HookJSONOutput` in the SDK's sdk.d.ts). */
import { readField } from '../../format/fields.js'
import { textIn } from '../reading.js'
import type { Answerer } from './tool-calls.js'

interface Answer {
  /** Whether the tool may run; `undefined` where that is left to others. */
  readonly isAllowed: boolean | undefined
  /** What an MCP server is to be told that asked: `accept`, `decline` or `cancel`. */
  readonly action: string | undefined
  /** Whether a hook forbids what it was called for. */
  readonly isBlocked: boolean
  readonly via: Answerer
  /** Whether what was about to end has to go on. */
  readonly goesOn: boolean
}

/** @param response what was answered; anything else says nothing */
export function answerOf(response: unknown): Answer {
  const ofHook = readField(response, 'hookSpecificOutput')
  const said =
    textIn(response, 'behavior') ??
    textIn(readField(ofHook, 'decision'), 'behavior') ??
    textIn(ofHook, 'permissionDecision') ??
    textIn(response, 'decision')
  return {
    isAllowed: said === undefined ? undefined : ALLOWED[said],
    isBlocked: textIn(response, 'decision') === 'block',
    action: textIn(response, 'action') ?? textIn(ofHook, 'action'),
    via: (textIn(response, 'behavior') ?? textIn(response, 'action')) === undefined ? 'hook' : 'code',
    goesOn: textIn(response, 'decision') === 'block' || readField(response, 'continue') === true,
  }
}

const ALLOWED: Readonly<Record<string, boolean>> = {
  __proto__: null as never,
  allow: true,
  approve: true,
  deny: false,
  block: false,
}
