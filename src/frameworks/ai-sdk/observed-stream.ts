/** A model's streamed answer, looked at on its way: for calls whose end nothing else tells. */
import { readField } from '../../format/fields.js'
import { quietly, textIn } from '../reading.js'

/** Parts of a stream that are output of the model. */
const OUTPUT = new Set(['text-delta', 'reasoning-delta', 'tool-input-start', 'tool-call', 'file'])

/**
 * Looks at the parts of a provider's answer as the SDK takes them through its transformation; they go on unchanged. The
 * stream stays the application's: nothing reads it here, and one that is taken in another way is not looked at.
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
  const see = (part: unknown): void => {
    const type = readField(part, 'type')
    if (type === 'response-metadata') responseId = textIn(part, 'id')
    else if (type === 'finish') tell(part, responseId, ttftMs)
    else if (ttftMs === undefined && OUTPUT.has(type as string)) ttftMs = Date.now() - began
  }
  const { pipeThrough } = ReadableStream.prototype
  const observed: ReadableStream['pipeThrough'] = function (this: ReadableStream, transform, options) {
    const look = new TransformStream<unknown, never>({
      transform(part, controller) {
        controller.enqueue(part as never)
        quietly('AI SDK', () => see(part))
      },
    })
    return pipeThrough.call(pipeThrough.call(this, look), transform, options) as never
  }
  Object.defineProperty(stream, 'pipeThrough', { value: observed, configurable: true, writable: true })
}
