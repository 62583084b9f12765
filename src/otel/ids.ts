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

/** Each byte in hex. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const hexOf = (byte: number): string => HEX[byte & 0xff] as string

/** Random bytes, 4 for each word, in hex. An id of zeros alone would be none (W3C Trace Context). */
function randomId(words: number): string {
  for (;;) {
    let id = ''
    let all = 0
    for (let i = 0; i < words; i++) {
      const word = (Math.random() * 2 ** 32) >>> 0
      all |= word
      id += hexOf(word >>> 24) + hexOf(word >>> 16) + hexOf(word >>> 8) + hexOf(word)
    }
    if (all !== 0) return id
  }
}
