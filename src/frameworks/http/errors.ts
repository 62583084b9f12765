/** Why a request failed, as its client says. */
import { readField } from '../../format/fields.js'
import { brief } from '../../format/quote.js'

/** In one line: with the system's code, which the message of several attempts lacks. */
export function whyOf(error: unknown): string {
  const said = readField(error, 'message')
  const code = readField(error, 'code')
  const message = typeof said === 'string' && said !== '' ? said : brief(error)
  const isNew = typeof code === 'string' && code !== '' && !message.includes(code)
  return brief(isNew ? `${code}: ${message}` : message)
}
