/** Ids of traces and spans that the hive's own provider gives. */
import type { IdGenerator } from '@opentelemetry/sdk-trace-base'

/** Lets a span without a parent join a trace that is there: all agents of a hive without a parent share one. */
export class HiveIdGenerator implements IdGenerator {
  #traceId: string | undefined

  generateTraceId(): string {
    return this.#traceId ?? randomId(4)
  }

  generateSpanId(): string {
    return randomId(2)
  }

  /** Runs `start` with `traceId` for a trace that it begins. */
  within<T>(traceId: string, start: () => T): T {
    this.#traceId = traceId
    try {
      return start()
    } finally {
      this.#traceId = undefined
    }
  }
}

/** Random bytes, 4 for each word, in hex. An id of zeros alone would be none (W3C Trace Context). */
function randomId(words: number): string {
  for (;;) {
    let id = ''
    let isNone = true
    for (let i = 0; i < words; i++) {
      const word = Math.floor(Math.random() * 2 ** 32)
      if (word !== 0) isNone = false
      id += word.toString(16).padStart(8, '0')
    }
    if (!isNone) return id
  }
}
