/** A span that is listened to is for everybody else as it was. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import type { Attributes, Span, SpanContext } from '@opentelemetry/api'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { type AddEvent, adderOf, type Hearer, hear } from '../../src/otel/heard-spans.js'

class Noting implements Hearer {
  before: Hearer | undefined
  readonly #name: string
  readonly #notes: string[]
  readonly #takes: string | undefined

  constructor(name: string, notes: string[], takes?: string) {
    this.#name = name
    this.#notes = notes
    this.#takes = takes
  }

  added(span: Span, pass: AddEvent, ...event: Parameters<AddEvent>): Span {
    this.#notes.push(`${this.#name} ${event[0]}`)
    return event[0] === this.#takes ? span : pass(...event)
  }

  changed(): void {
    this.#notes.push(`${this.#name} changed`)
  }
}

function tempSpan() {
  const ended = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(ended)] })
  const span = provider.getTracer('test').startSpan('work')
  return {
    span,
    events: () => {
      span.end()
      return ended.getFinishedSpans()[0]?.events.map(({ name }) => name)
    },
  }
}

test('who listens last is asked first, and what it takes nobody else hears of', () => {
  const { span, events } = tempSpan()
  const notes: string[] = []
  hear(span, new Noting('one', notes))
  const past = adderOf(span)
  hear(span, new Noting('two', notes, 'taken'))
  span.addEvent('taken')
  span.addEvent('free')
  past('below two')
  assert.deepEqual(notes, ['two taken', 'two free', 'one free', 'one below two'])
  assert.deepEqual(events(), ['free', 'below two'])
})

test('what may say what a span is, is told to whoever asked for it; nothing else is', () => {
  const { span } = tempSpan()
  const notes: string[] = []
  hear(span, new Noting('events', notes))
  span.setAttribute('gen_ai.operation.name', 'chat')
  assert.equal(notes.length, 0)
  hear(span, new Noting('all', notes), true)
  span.setAttributes({ a: 1, 'b.c': 'x' }).setAttribute('d', 2)
  assert.equal(notes.length, 0)
  for (const change of [
    () => span.setAttribute('gen_ai.request.model', 'm'),
    () => span.setAttributes({ e: 1, 'openinference.span.kind': 'LLM' }),
    () => span.updateName('other'),
  ]) {
    notes.length = 0
    change()
    assert.ok(notes.includes('all changed'))
  }
  const { attributes, name } = span as unknown as { attributes: Attributes; name: string }
  assert.deepEqual(attributes, {
    'gen_ai.operation.name': 'chat',
    a: 1,
    'b.c': 'x',
    d: 2,
    'gen_ai.request.model': 'm',
    e: 1,
    'openinference.span.kind': 'LLM',
  })
  assert.equal(name, 'other')
})

test('a method that somebody gave the span before is called as before, and what goes by it is heard', () => {
  const { span, events } = tempSpan()
  const notes: string[] = []
  const addEvent = span.addEvent.bind(span)
  span.addEvent = (name, ...rest) => {
    notes.push(`theirs ${name}`)
    return addEvent(name, ...rest)
  }
  hear(span, new Noting('ours', notes, 'taken'), true)
  span.addEvent('taken')
  span.addEvent('free')
  span.updateName('other')
  assert.deepEqual(notes, ['ours taken', 'ours free', 'theirs free', 'ours changed'])
  assert.deepEqual(events(), ['free'])
})

test('a method that somebody gives the span later stands before ours', () => {
  const { span, events } = tempSpan()
  const notes: string[] = []
  hear(span, new Noting('ours', notes))
  const addEvent = span.addEvent.bind(span)
  span.addEvent = (name, ...rest) => {
    notes.push(`theirs ${name}`)
    return addEvent(`${name}!`, ...rest)
  }
  span.addEvent('free')
  assert.deepEqual(notes, ['theirs free', 'ours free!'])
  assert.deepEqual(events(), ['free!'])
})

test('a span has no property more, and is of the same class', () => {
  const [heard, other] = [tempSpan().span, tempSpan().span]
  const before = Reflect.ownKeys(heard)
  hear(heard, new Noting('ours', []), true)
  assert.deepEqual(Reflect.ownKeys(heard), before)
  assert.equal(heard.constructor, other.constructor)
  assert.ok(heard instanceof other.constructor)
  assert.deepEqual(Object.keys({ ...heard }), Object.keys({ ...other }))
  const same: SpanContext = { traceId: '', spanId: '', traceFlags: 0 }
  const shown = (span: Span) =>
    inspect(Object.assign(span, { _spanContext: same }), { depth: 0 }).split('\n').length
  assert.equal(shown(heard), shown(other))
})

test('a span that nothing can be added to is left alone', () => {
  const { span } = tempSpan()
  const notes: string[] = []
  hear(Object.preventExtensions(span), new Noting('ours', notes), true)
  span.addEvent('free').updateName('other')
  assert.equal(notes.length, 0)
})
