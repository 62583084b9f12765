/** A model's streamed answer, looked at on its way: for calls whose end nothing else tells. */
import { readField } from '../../format/fields.js'
import { textIn } from '../reading.js'

/** Parts of a stream that are output of the model. */
const OUTPUT = new Set(['text-delta', 'reasoning-delta', 'tool-input-start', 'tool-call', 'file'])

/**
 * Puts a look into the stream of a provider's answer; its parts go through unchanged.
 * @param tell gets the part that ends the answer, the answer's id, and the milliseconds until the first output
 */
export function observeStream(
  result: unknown,
  began: number,
  tell: (finish: unknown, responseId: string | undefined, ttftMs: number | undefined) => void,
): void {
  const stream = readField(result, 'stream')
  if (!(stream instanceof ReadableStream)) return
  let responseId: string | undefined
  let ttftMs: number | undefined
  const look = new TransformStream({
    transform(part, controller) {
      controller.enqueue(part)
      const type = readField(part, 'type')
      if (type === 'response-metadata') responseId = textIn(part, 'id')
      else if (type === 'finish') tell(part, responseId, ttftMs)
      else if (ttftMs === undefined && OUTPUT.has(type as string)) ttftMs = Date.now() - began
    },
  })
  Object.assign(result as object, { stream: stream.pipeThrough(look) })
}
