/** The end of a tracer provider: it is not waited for without end, and who was waited for in vain is named. */
import { type Context, diag } from '@opentelemetry/api'
import type { ReadableSpan, Span, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import { timerMs } from '../format/options.js'
import { brief } from '../format/quote.js'

/** What a processor can do that sends to a trace backend. */
export interface Backend {
  /** Says how many milliseconds the shutdown that follows has. */
  endWithin(ms: number): void
  /** Ends what is under way: nobody waits for it any longer. */
  giveUp(): void
}

/** A span processor of a provider, as it is, of which is known whether it has ended. */
export class WatchedProcessor implements SpanProcessor, Backend {
  /** For people. */
  readonly name: string
  /** Whether it is hivelog's own, which sends to a trace backend; else the application's. */
  readonly isBackend: boolean
  /** There only where the processor has it, as the SDK asks. */
  readonly onEnding?: (span: Span) => void
  #processor: SpanProcessor & Partial<Backend>
  #isEnding = false
  #ended: Promise<unknown> = Promise.resolve()

  constructor(processor: SpanProcessor & Partial<Backend>, name: string, isBackend: boolean) {
    this.#processor = processor
    this.name = name
    this.isBackend = isBackend
    if (typeof processor.onEnding === 'function') this.onEnding = (span) => processor.onEnding?.(span)
  }

  /** Whether it was told to end and has not. */
  get isEnding(): boolean {
    return this.#isEnding
  }

  /** Resolves when it has ended, with the error if it failed; at once when it was not told to end. */
  get ended(): Promise<unknown> {
    return this.#ended
  }

  onStart(span: Span, parentContext: Context): void {
    this.#processor.onStart(span, parentContext)
  }

  onEnd(span: ReadableSpan): void {
    this.#processor.onEnd(span)
  }

  forceFlush(): Promise<void> {
    return this.#processor.forceFlush()
  }

  endWithin(ms: number): void {
    this.#processor.endWithin?.(ms)
  }

  giveUp(): void {
    this.#processor.giveUp?.()
  }

  shutdown(): Promise<void> {
    this.#isEnding = true
    // One that throws must not keep the others from ending.
    const end = new Promise<void>((resolve) => resolve(this.#processor.shutdown()))
    const over = (error?: unknown): unknown => {
      this.#isEnding = false
      return error
    }
    this.#ended = end.then(() => over(), over)
    return end
  }
}

/**
 * Ends a provider, and waits for its processors for `ms` milliseconds at most. What went wrong is told to the diag
 * logger, a line for each; nothing is thrown.
 */
export async function endWithin(
  provider: { shutdown(): Promise<void> },
  processors: readonly WatchedProcessor[],
  ms: number,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  let isLate = false
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      isLate = true
      for (const each of processors) {
        if (!each.isEnding) continue
        tellLate(each, ms)
        // What is under way would hold the process.
        if (each.isBackend) each.giveUp()
      }
      resolve()
    }, timerMs(ms))
  })
  for (const each of processors) if (each.isBackend) each.endWithin(ms)
  // Rejects with the first error, while others still end.
  provider.shutdown().catch(() => {})
  const ends = processors.map(async (each) => {
    const error = await each.ended
    if (error !== undefined && !isLate) tellFailed(each, error)
  })
  await Promise.race([Promise.all(ends), late])
  clearTimeout(timer)
}

function tellLate({ name, isBackend }: WatchedProcessor, ms: number): void {
  diag.error(
    isBackend
      ? `hivelog: ${name} did not answer within ${ms} ms; the last spans are not sent`
      : `hivelog: ${name} did not end within ${ms} ms, and is not waited for any longer`,
  )
}

function tellFailed({ name, isBackend }: WatchedProcessor, error: unknown): void {
  diag.error(
    isBackend
      ? `hivelog: the last spans were not sent: ${brief(error)}`
      : `hivelog: ${name} did not end well: ${brief(error)}`,
  )
}
