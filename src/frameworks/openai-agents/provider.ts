/** The trace provider of OpenAI's Agents SDK, which is made at the first use, by whichever copy of the SDK comes first. */
import { quietly } from '../reading.js'

export interface TracingProcessor {
  onTraceStart(trace: unknown): Promise<void>
  onTraceEnd(trace: unknown): Promise<void>
  onSpanStart(span: unknown): Promise<void>
  onSpanEnd(span: unknown): Promise<void>
  shutdown(): Promise<void>
  forceFlush(): Promise<void>
}

interface TraceProvider {
  registerProcessor(processor: TracingProcessor): void
  setProcessors(processors: TracingProcessor[]): void
}

const SYMBOL = Symbol.for('openai.agents.core.traceProvider')

/** Processors that wait for the provider. */
const waiting: TracingProcessor[] = []

/** Gives the processor all that the provider's others get, whenever the SDK is loaded and whatever is set in it later. */
export function joinProvider(processor: TracingProcessor): void {
  const holder = globalThis as unknown as Record<symbol, TraceProvider | undefined>
  const provider = holder[SYMBOL]
  if (provider !== undefined) {
    attach(provider, processor)
    return
  }
  waiting.push(processor)
  if (waiting.length > 1) return
  Object.defineProperty(globalThis, SYMBOL, {
    configurable: true,
    get: () => undefined,
    set(made: TraceProvider) {
      // As the SDK itself defines it.
      Object.defineProperty(globalThis, SYMBOL, { value: made, writable: true, configurable: true })
      for (const each of waiting.splice(0)) quietly('OpenAI Agents SDK', () => attach(made, each))
    },
  })
}

function attach(provider: TraceProvider, processor: TracingProcessor): void {
  provider.registerProcessor(processor)
  const { setProcessors } = provider
  Object.defineProperty(provider, 'setProcessors', {
    configurable: true,
    writable: true,
    // First, so that it is told at once: the provider waits for each before it tells the next.
    value: (processors: TracingProcessor[]) => setProcessors.call(provider, [processor, ...processors]),
  })
}
