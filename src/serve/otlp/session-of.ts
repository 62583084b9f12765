/** To which session's log something belongs that a stranger's telemetry tells. */
import { createHash } from 'node:crypto'
import { isStorable } from '../../format/beside.js'
import type { Values } from './request.js'

/** Names of a session, the one that counts first: of Claude Code and Gemini, of the conventions, of Codex. */
const SAID = ['session.id', 'gen_ai.conversation.id', 'conversation.id']
/** Where nobody names a session, and there is no trace: the process, or what is told of it. */
const PROCESS = ['service.instance.id', 'service.name']

/** What attributes say, or the resource they come from. */
export function saidSession(attributes: Values, resource: Values): string | undefined {
  const said = firstText(attributes, SAID) ?? firstText(resource, SAID)
  return said === undefined ? undefined : storable(said)
}

/** Where nothing is said. */
export const impliedSession = (traceId: string | undefined, resource: Values): string =>
  storable(traceId ?? firstText(resource, PROCESS) ?? 'otlp')

/** A name that a folder can have: the same for the same session, whatever it is called. */
export const storable = (name: string): string =>
  isStorable(name) ? name : `session-${createHash('sha256').update(name).digest('hex').slice(0, 16)}`

function firstText(values: Values, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    if (typeof value === 'string' && value !== '') return value
  }
  return undefined
}
