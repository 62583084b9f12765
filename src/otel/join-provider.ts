/** Puts the recording of a hive into a tracer provider that the application set up. */
import { type Context, diag } from '@opentelemetry/api'
import type { ReadableSpan, Span, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { HiveSpanProcessor } from './hive-span-processor.js'

/** Records with a processor that is the hive's: its provider's end is not the hive's. */
class JoinedProcessor implements SpanProcessor {
  #recording: HiveSpanProcessor

  constructor(recording: HiveSpanProcessor) {
    this.#recording = recording
  }

  onStart(span: Span, parentContext: Context): void {
    this.#recording.onStart(span, parentContext)
  }

  onEnd(span: ReadableSpan): void {
    this.#recording.onEnd(span)
  }

  async forceFlush(): Promise<void> {
    // The application waits for its spans, and what goes wrong with the file is told elsewhere.
    await this.#recording.forceFlush().catch(() => {})
  }

  async shutdown(): Promise<void> {}
}

/**
 * Puts `recording` into `provider`, beside the processors that it has. SDK 2.x and 3.x have no public way, so the list
 * of a provider's processors is replaced by one with one more; where there is no such list, one line says what to add.
 * @returns what takes it out again
 */
export function joinProvider(provider: unknown, recording: HiveSpanProcessor): () => void {
  const holder = holderIn(provider)
  if (holder === undefined) {
    diag.warn(
      'hivelog: spans of the application are not recorded: its tracer provider takes no further processor; give it `spanProcessors: [new HiveSpanProcessor({ exporter })]`',
    )
    return () => {}
  }
  const joined = new JoinedProcessor(recording)
  // The list may be one that the application gave, and gives to others.
  holder._spanProcessors = [...holder._spanProcessors, joined]
  return () => {
    holder._spanProcessors = holder._spanProcessors.filter((each) => each !== joined)
  }
}

/** The processors of a provider, as long as they can be told. */
export const processorsOf = (provider: unknown): readonly SpanProcessor[] | undefined =>
  holderIn(provider)?._spanProcessors

interface ProcessorHolder {
  _spanProcessors: SpanProcessor[]
}

/** What holds the processors of a provider of the SDK. */
function holderIn(provider: unknown): ProcessorHolder | undefined {
  try {
    const holder = (provider as { _activeSpanProcessor?: Partial<ProcessorHolder> })._activeSpanProcessor
    return Array.isArray(holder?._spanProcessors) ? (holder as ProcessorHolder) : undefined
  } catch {
    return undefined
  }
}
