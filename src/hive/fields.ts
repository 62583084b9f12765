/** The fields of events, from what the calls are given; plain JavaScript may pass anything. */
import { type Fields, MAX_ID_LENGTH, readFields } from '../format/fields.js'
import { FIELD_ORDER } from '../format/kinds.js'
import { describe } from '../format/quote.js'
import type { MessageInput } from './inputs.js'

const MESSAGE_INPUT = ['to', 'act', 'subject', 'id', 'inReplyTo', 'conversation', 'requiresReply']

/** What a message cannot be routed without. */
export const MESSAGE_NEEDS = ['to', 'act', 'subject'] as const

/** The fields of a message, in the format's order; `from` as given. */
export function messageFields(from: unknown, input: MessageInput, newId: () => string): Fields {
  try {
    return plainMessage(from, input, newId)
  } catch {
    // Not an object, or one of its getters throws.
    return plainMessage(from, readFields({}, input, MESSAGE_INPUT) as unknown as MessageInput, newId)
  }
}

function plainMessage(from: unknown, input: MessageInput, newId: () => string): Fields {
  const { to, act, subject, inReplyTo, conversation, requiresReply } = input
  const fields: Fields = { from, to, act, subject, id: input.id ?? newId() }
  if (inReplyTo !== undefined && inReplyTo !== null) fields.inReplyTo = inReplyTo
  if (conversation !== undefined && conversation !== null) fields.conversation = conversation
  if (requiresReply !== undefined && requiresReply !== null) fields.requiresReply = requiresReply
  return fields
}

/** The needed fields that are not there, to be told to people; null counts as not there, and is removed. */
export function missingFields(fields: Fields, needs: readonly string[]): string | undefined {
  let missing: string | undefined
  for (const name of needs) {
    if (fields[name] !== undefined && fields[name] !== null) continue
    fields[name] = undefined
    missing = missing === undefined ? `\`${name}\`` : `${missing}, \`${name}\``
  }
  return missing
}

/** The fields of a spawn. */
export function spawnFields(input: unknown, parentId: string | undefined): Fields {
  const given = readFields({}, input, FIELD_ORDER.spawn)
  const agentId = shortText(given.agentId)
  return {
    agentId,
    name: given.name === undefined || given.name === '' ? agentId : shortText(given.name),
    isGod: given.isGod === true,
    parent: parentId,
    role: given.role,
    model: given.model,
    pid: given.pid,
  }
}

/** Ids and names are repeated in every line and on every span, so they are cut rather than stored aside. */
function shortText(value: unknown): string {
  return describe(value).slice(0, MAX_ID_LENGTH)
}
