/** The trace provider of OpenAI's Agents SDK, which is made at the first use, by whichever copy of the SDK comes first. */

import { BoundedMap } from '../../format/bounded-map.js'
import { isList, readField } from '../../format/fields.js'
import { quietly, textIn } from '../reading.js'

/** What is told of traces and spans, at once. */
export interface Listener {
  /** Whether it hears no more. */
  readonly isOver: boolean
  traceStarted(trace: unknown): void
  traceEnded(trace: unknown): void
  spanStarted(span: unknown): void
  spanEnded(span: unknown): void
}

type Make = new (options: Record<string, unknown>, processor: unknown) => object
interface TraceProvider {
  registerProcessor(processor: unknown): void
  setProcessors(processors: unknown): void
  createTrace(options: Record<string, unknown>): object
  createSpan(options: Record<string, unknown>, parent?: unknown): object
  generateTraceId?(): string
}

const NAME = 'OpenAI Agents SDK'
const PROVIDER = Symbol.for('openai.agents.core.traceProvider')
const CONTEXT = Symbol.for('openai.agents.core.asyncLocalStorage')
/** Traces that are told here alone, whose spans may still come. */
const MAX_TRACES = 10_000

const listeners: Listener[] = []
const joined = new WeakSet<object>()
const tell =
  (name: Exclude<keyof Listener, 'isOver'>) =>
  async (what: unknown): Promise<void> => {
    for (const listener of listeners) if (!listener.isOver) quietly(NAME, () => listener[name](what))
  }
const processor = {
  onTraceStart: tell('traceStarted'),
  onTraceEnd: tell('traceEnded'),
  onSpanStart: tell('spanStarted'),
  onSpanEnd: tell('spanEnded'),
  shutdown: async () => {},
  forceFlush: async () => {},
}

/** The span in which the present code is, by the SDK's own context. */
export const currentSpan = (): unknown => readField(currentContext(), 'span')

function currentContext(): unknown {
  const storage = (globalThis as Record<symbol, unknown>)[CONTEXT] as { getStore?(): unknown } | undefined
  return storage?.getStore?.()
}

/** Whether a copy of the SDK is there: each makes the provider as it is loaded, if there is none. */
export const isLoaded = (): boolean =>
  Object.getOwnPropertyDescriptor(globalThis, PROVIDER)?.value !== undefined

/** Tells all traces and spans, whenever the SDK is loaded, and whatever processors the application sets. */
export function listen(listener: Listener): void {
  listeners.push(listener)
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, PROVIDER)
  // With accessors it is waited for already.
  if (descriptor === undefined) awaitProvider()
  else if (typeof descriptor.value === 'object' && descriptor.value !== null) join(descriptor.value)
}

function awaitProvider(): void {
  Object.defineProperty(globalThis, PROVIDER, {
    configurable: true,
    get: () => undefined,
    set(made: TraceProvider) {
      // As the SDK itself defines it.
      Object.defineProperty(globalThis, PROVIDER, { value: made, writable: true, configurable: true })
      quietly(NAME, () => join(made))
    },
  })
}

function join(provider: TraceProvider): void {
  if (joined.has(provider)) return
  joined.add(provider)
  provider.registerProcessor(processor)
  override(provider, 'setProcessors', (original, processors) => {
    // First, so that it is told at once: the provider waits for each before it tells the next.
    original.call(provider, isList(processors) ? [processor, ...processors] : processors)
  })
  tellWhenDisabled(provider)
}

/**
 * An application that switches tracing off wants its exporters to get nothing; as they do not. Its traces are real
 * ones for nobody but us. A run that is told not to be traced is not.
 */
function tellWhenDisabled(provider: TraceProvider): void {
  const ours = new BoundedMap<true>(MAX_TRACES)
  override(provider, 'createTrace', (original, options) => {
    const made = original.call(provider, options) as object
    if (!isNothing(made)) return made
    const real = quietly(NAME, () => {
      const Trace = parentOf(made)
      return new Trace({ ...(options as object), ...withId(provider, options) }, processor)
    })
    ours.set(textIn(real, 'traceId') ?? '', true)
    return real ?? made
  })
  override(provider, 'createSpan', (original, options, parent) => {
    const made = original.call(provider, options, parent) as object
    if (!isNothing(made) || readField(options, 'disabled') === true) return made
    const context = currentContext()
    const above = parent ?? readField(context, 'span') ?? readField(context, 'trace')
    const traceId = textIn(above, 'traceId') ?? ''
    if (ours.get(traceId) !== true) return made
    const parentId = textIn(above, 'spanId')
    const real = quietly(NAME, () => {
      const Span = parentOf(made)
      return new Span(
        { ...(options as object), traceId, ...(parentId !== undefined && { parentId }) },
        processor,
      )
    })
    return real ?? made
  })
}

/** Whether it is a trace or span that does nothing: such a one is not exported. */
function isNothing(made: object): boolean {
  const toJSON = readField(made, 'toJSON')
  return typeof toJSON === 'function' && toJSON.call(made) === null
}

/** The class of which one that does nothing is made. */
const parentOf = (noop: object): Make => Object.getPrototypeOf(noop.constructor) as Make

function withId(provider: TraceProvider, options: unknown): { traceId?: string } {
  const traceId = textIn(options, 'traceId') ?? provider.generateTraceId?.()
  return traceId === undefined ? {} : { traceId }
}

function override(
  provider: TraceProvider,
  name: 'setProcessors' | 'createTrace' | 'createSpan',
  by: (original: (...args: unknown[]) => unknown, ...args: unknown[]) => unknown,
): void {
  const original = provider[name] as (...args: unknown[]) => unknown
  Object.defineProperty(provider, name, {
    configurable: true,
    writable: true,
    value: (...args: unknown[]) => by(original, ...args),
  })
}
