/** Attributes and names that a span gets after its start: the SDK tells a processor of its start and end only. */
import { diag } from '@opentelemetry/api'
import type { Span } from '@opentelemetry/sdk-trace-base'
import { brief } from '../format/quote.js'
import { saysRole } from './vocabularies/read.js'

/** Somebody who waits for what a span will say of itself. */
export interface Watcher {
  /** The span has another attribute that may say what it is, or another name. */
  changed(): void
  /** Of the same span. */
  next?: Watcher | undefined
}

/** A constructor that makes nothing: a class that extends it adds its private fields to the object that it is given. */
function Given(object: object): object {
  return object
}
const AnyObject = Given as unknown as new (object: object) => object

/** Holds who watches on the span itself, where nobody sees it. */
class Watched extends AnyObject {
  #first: Watcher | undefined

  static add(span: Span, watcher: Watcher): void {
    const watched = #first in span ? (span as unknown as Watched) : new Watched(span)
    watcher.next = watched.#first
    watched.#first = watcher
  }

  /** @returns whether nobody watches any more */
  static remove(span: Span, watcher: Watcher): boolean {
    if (!(#first in span)) return true
    const watched = span as unknown as Watched
    if (watched.#first === watcher) watched.#first = watcher.next
    else {
      for (let each = watched.#first; each !== undefined; each = each.next) {
        if (each.next === watcher) each.next = watcher.next
      }
    }
    return watched.#first === undefined
  }

  static tell(span: Span): void {
    if (!(#first in span)) return
    let watcher = (span as unknown as Watched).#first
    while (watcher !== undefined) {
      const { next } = watcher
      try {
        watcher.changed()
      } catch (error) {
        diag.error(`hivelog: a change of a span could not be looked at: ${brief(error)}`)
      }
      watcher = next
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
    const proto = prototype as Span
    const { setAttribute, setAttributes, updateName } = proto
    define(watched, 'setAttribute', function (this: Span, name, value) {
      const answer = setAttribute.call(this, name, value)
      if (saysRole(name)) Watched.tell(this)
      return answer
    } satisfies Span['setAttribute'])
    define(watched, 'setAttributes', function (this: Span, attributes) {
      const answer = setAttributes.call(this, attributes)
      for (const name in attributes) {
        if (!saysRole(name)) continue
        Watched.tell(this)
        break
      }
      return answer
    } satisfies Span['setAttributes'])
    define(watched, 'updateName', function (this: Span, name) {
      const answer = updateName.call(this, name)
      Watched.tell(this)
      return answer
    } satisfies Span['updateName'])
    watching.set(prototype, watched)
    isWatching.add(watched)
  }
  return watched
}

function define(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, writable: true, configurable: true })
}

/** Has a watcher told of changes of a span from now on. */
export function watch(span: Span, watcher: Watcher): void {
  if (!Object.isExtensible(span)) return
  Watched.add(span, watcher)
  const prototype = Object.getPrototypeOf(span) as object
  if (!isWatching.has(prototype)) Object.setPrototypeOf(span, watchingOf(prototype))
}

/** The opposite: a span that nobody watches is as it was. */
export function unwatch(span: Span, watcher: Watcher): void {
  const present = Object.getPrototypeOf(span) as object
  if (Watched.remove(span, watcher) && isWatching.has(present)) {
    Object.setPrototypeOf(span, Object.getPrototypeOf(present))
  }
}
