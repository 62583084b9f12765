/**
 * Who hears what is done to a span while it is open: the SDK tells a processor of its start and end only. A span that
 * is heard gets a prototype between its class's and itself, the same for all spans of that class: to change that costs
 * less than methods of its own, and whoever looks at the span sees no property more.
 */
import { diag, type Span } from '@opentelemetry/api'
import { brief } from '../format/quote.js'
import { saysRole } from './vocabularies/read.js'

export type AddEvent = Span['addEvent']

/** Somebody who listens to a span. */
export interface Hearer {
  /** An event is added: it goes on the span, if it is to, by `pass`. Must not throw. */
  added?(span: Span, pass: AddEvent, ...event: Parameters<AddEvent>): Span
  /** The span has another attribute that may say what it is, or another name. */
  changed?(): void
  /** Who listened before; `hear` sets it. */
  before: Hearer | undefined
}

/** A constructor that makes nothing: a class that extends it adds its private fields to the object that it is given. */
function Given(object: object): object {
  return object
}
const AnyObject = Given as unknown as new (object: object) => object

/** Holds who listens on the span itself, where nobody sees it. */
class Heard extends AnyObject {
  #last: Hearer | undefined

  static add(span: Span, hearer: Hearer): void {
    const heard = #last in span ? (span as unknown as Heard) : new Heard(span)
    hearer.before = heard.#last
    heard.#last = hearer
  }

  static lastOf(span: Span): Hearer | undefined {
    return #last in span ? (span as unknown as Heard).#last : undefined
  }
}

/** What stands between the spans of a class and that class. */
interface Between {
  /** Tells of events. */
  readonly events: object
  /** The same, and of attributes and names too. */
  readonly all: object
  /** Tells a hearer of an event, and as far as it is passed on those before it, and then the span. */
  pass(span: Span, hearer: Hearer | undefined, event: Parameters<AddEvent>): Span
}

/** By the prototype of a class, and by those of its spans that are heard. */
const betweens = new WeakMap<object, Between>()

/**
 * Has `hearer` told of what is done to a span from now on, before those who listened until now.
 * @param ofAll whether of its attributes and its name too, and not of events alone
 */
export function hear(span: Span, hearer: Hearer, ofAll = false): void {
  if (!Object.isExtensible(span)) return
  const isOwn = hasOwnAdder(span)
  // V8 makes a hidden class for each span that gets a property after another prototype: so this comes first.
  Heard.add(span, isOwn ? { changed: () => hearer.changed?.(), before: undefined } : hearer)
  const present = Object.getPrototypeOf(span) as object
  const between = betweenOf(present)
  if (present !== between.all && (ofAll || present !== between.events)) {
    Object.setPrototypeOf(span, ofAll ? between.all : between.events)
  }
  if (isOwn) hearOwn(span, hearer)
}

/** How to add an event to a span of which only those are told who listen now. */
export function adderOf(span: Span): AddEvent {
  const last = hasOwnAdder(span) ? undefined : Heard.lastOf(span)
  if (last === undefined) return span.addEvent.bind(span)
  const { pass } = betweenOf(Object.getPrototypeOf(span) as object)
  return (...event) => pass(span, last, event)
}

/** A method of this very span's own, that somebody gave it, stands before any prototype. */
const hasOwnAdder = (span: Span): boolean => Object.hasOwn(span, 'addEvent')

function hearOwn(span: Span, hearer: Hearer): void {
  const addEvent = span.addEvent.bind(span)
  const listening: AddEvent = (...event) => hearer.added?.(span, addEvent, ...event) ?? addEvent(...event)
  define(span, 'addEvent', listening)
}

function betweenOf(present: object): Between {
  let between = betweens.get(present)
  if (between === undefined) {
    between = newBetween(present as Span)
    for (const each of [present, between.events, between.all]) betweens.set(each, between)
  }
  return between
}

function newBetween(proto: Span): Between {
  const { addEvent, setAttribute, setAttributes, updateName } = proto
  const pass: Between['pass'] = (span, hearer, event) => {
    if (hearer === undefined) return addEvent.apply(span, event)
    const { before } = hearer
    if (hearer.added === undefined) return pass(span, before, event)
    return hearer.added(span, (...passed) => pass(span, before, passed), ...event)
  }
  const events = Object.create(proto) as object
  define(events, 'addEvent', function (this: Span, ...event) {
    return pass(this, Heard.lastOf(this), event)
  } satisfies AddEvent)
  const all = Object.create(events) as object
  define(all, 'setAttribute', function (this: Span, name, value) {
    const answer = setAttribute.call(this, name, value)
    if (saysRole(name)) tell(this)
    return answer
  } satisfies Span['setAttribute'])
  define(all, 'setAttributes', function (this: Span, attributes) {
    const answer = setAttributes.call(this, attributes)
    for (const name in attributes) {
      if (!saysRole(name)) continue
      tell(this)
      break
    }
    return answer
  } satisfies Span['setAttributes'])
  define(all, 'updateName', function (this: Span, name) {
    const answer = updateName.call(this, name)
    tell(this)
    return answer
  } satisfies Span['updateName'])
  return { events, all, pass }
}

function tell(span: Span): void {
  for (let each = Heard.lastOf(span); each !== undefined; each = each.before) {
    try {
      each.changed?.()
    } catch (error) {
      diag.error(`hivelog: a change of a span could not be looked at: ${brief(error)}`)
    }
  }
}

function define(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, writable: true, configurable: true })
}
