/** What an escalation asks, as text for people: its `subject` may be a text, any other value, or stored aside. */
import { jsonOf, MAX_TEXT, textOf } from './bounded.js'
import type { ArtifactRef } from './kinds.js'

const SHA256 = /^[0-9a-f]{64}$/

/** The artifact that holds a field's content; `undefined` where the field is its content itself. */
export function storedAside(value: unknown): ArtifactRef | undefined {
  if (typeof value !== 'object' || value === null || Object.keys(value).join() !== 'ref,bytes')
    return undefined
  const { ref, bytes } = value as Record<string, unknown>
  const isNamed = typeof ref === 'string' && SHA256.test(ref)
  return isNamed && Number.isSafeInteger(bytes) && (bytes as number) >= 0
    ? { ref, bytes: bytes as number }
    : undefined
}

/**
 * The subject in at most `max` characters: a text as it is, other values as JSON; of one that is stored aside that it
 * is, and how to see it. `undefined` where there is none.
 */
export function subjectText(subject: unknown, max = MAX_TEXT): string | undefined {
  if (typeof subject !== 'object' || subject === null) return textOf(subject, max)
  const aside = storedAside(subject)
  return aside === undefined ? textOf(jsonOf(subject), max) : asideText(aside)
}

/** What stands where a subject's content cannot be shown. */
export const asideText = ({ bytes }: Pick<ArtifactRef, 'bytes'>): string =>
  `(subject stored aside, ${bytes.toLocaleString('en-US')} bytes; hivelog show ID)`
