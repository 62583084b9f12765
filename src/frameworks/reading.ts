/** How the adapters read what frameworks give them: any type, getters that throw, huge. */
import { diag } from '@opentelemetry/api'
import { readField } from '../format/fields.js'
import { brief } from '../format/quote.js'

export { itemsIn, numberIn, textIn } from '../format/unknown.js'

/** Bytes of a text in UTF-8, of anything else as JSON; `undefined` where there is no such thing. */
export function bytesOf(value: unknown): number | undefined {
  try {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    return text === undefined ? undefined : Buffer.byteLength(text)
  } catch {
    return undefined
  }
}

/** What an error says, in one line. */
export function messageOf(error: unknown): string {
  const message = readField(error, 'message')
  return brief(typeof message === 'string' && message !== '' ? message : error)
}

/** Whether something was given up on purpose: what `AbortController.abort` throws. */
export const isAbort = (error: unknown): boolean => readField(error, 'name') === 'AbortError'

const failed = new Set<string>()

/** Runs `work` of an adapter. What goes wrong in it is the framework's business never; it is said once. */
export function quietly<T>(framework: string, work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (!failed.has(framework)) {
      failed.add(framework)
      diag.error(`hivelog: something that ${framework} does is not recorded: ${brief(error)}`)
    }
    return undefined
  }
}
