/** Attributes and names that a span gets after its start: the SDK tells a processor of its start and end only. */
import { diag } from '@opentelemetry/api'
import type { Span } from '@opentelemetry/sdk-trace-base'
import { brief } from '../format/quote.js'

/** Is told that a span has other attributes, or another name, than before. */
export type OnChange = () => void

const METHODS = ['setAttribute', 'setAttributes', 'updateName'] as const

/** A constructor that makes nothing: a class that extends it adds its private fields to the object that it is given. */
function Given(object: object): object {
  return object
}
const AnyObject = Given as unknown as new (object: object) => object

/** Holds who is told on the span itself, where nobody sees it. */
class Watchers extends AnyObject {
  #told: OnChange[] = []

  static of(span: Span): OnChange[] {
    return #told in span ? (span as unknown as Watchers).#told : new Watchers(span).#told
  }

  static tell(span: Span): void {
    if (!(#told in span)) return
    for (const onChange of [...(span as unknown as Watchers).#told]) {
      try {
        onChange()
      } catch (error) {
        diag.error(`hivelog: a change of a span could not be looked at: ${brief(error)}`)
      }
    }
  }
}

/** Prototypes of spans that are watched, by the spans' own: to change that of a span costs less than its methods. */
const watching = new WeakMap<object, object>()
const isWatching = new WeakSet<object>()

function watchingOf(prototype: object): object {
  let watched = watching.get(prototype)
  if (watched === undefined) {
    watched = Object.create(prototype) as object
    for (const name of METHODS) {
      const own = (prototype as Span)[name] as (...given: unknown[]) => unknown
      const value = function (this: Span, ...given: unknown[]): unknown {
        const answer = own.apply(this, given)
        Watchers.tell(this)
        return answer
      }
      Object.defineProperty(watched, name, { value, writable: true, configurable: true })
    }
    watching.set(prototype, watched)
    isWatching.add(watched)
  }
  return watched
}

/**
 * Has changes of a span told from now on.
 * @returns how to end that
 */
export function watchAttributes(span: Span, onChange: OnChange): () => void {
  if (!Object.isExtensible(span)) return () => {}
  const told = Watchers.of(span)
  told.push(onChange)
  const prototype = Object.getPrototypeOf(span) as object
  if (!isWatching.has(prototype)) Object.setPrototypeOf(span, watchingOf(prototype))
  return () => {
    const at = told.indexOf(onChange)
    if (at >= 0) told.splice(at, 1)
    const present = Object.getPrototypeOf(span) as object
    if (told.length === 0 && isWatching.has(present))
      Object.setPrototypeOf(span, Object.getPrototypeOf(present))
  }
}
