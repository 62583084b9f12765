/**
 * How far a log was sent as OTLP log records, in `<log>.otlp-logs`, so that a restart goes on. It may say less than was
 * sent, never more: what is sent twice is one line again where it is read.
 */
import { readFile } from 'node:fs/promises'
import { writeDurably } from '../disk/durable.js'
import { otlpLogsFile } from '../format/beside.js'

/** Behind what was sent. */
export interface SentUpTo {
  /** `seq` of the first line of a segment. */
  segment: number
  /** Bytes of it, uncompressed. */
  offset: number
  /** Lines of the log. */
  lines: number
}

interface Kept extends SentUpTo {
  log: string
}

const VERSION = 1
/** Places that are kept of one log; beyond, the oldest goes. */
const MAX_PLACES = 16

export class OtlpPosition {
  readonly #path: string
  readonly #log: string
  readonly #to: string

  /** @param to where it is sent; who may, is left out */
  constructor(file: string, log: string, to: string) {
    this.#path = otlpLogsFile(file)
    this.#log = log
    const { origin, pathname } = new URL(to)
    this.#to = origin + pathname
  }

  /** Undefined: nothing of this log was sent there, or nobody knows. */
  async read(): Promise<SentUpTo | undefined> {
    const kept = (await this.#places()).get(this.#to)
    return kept?.log === this.#log
      ? { segment: kept.segment, offset: kept.offset, lines: kept.lines }
      : undefined
  }

  /** @throws what the disk says */
  async write(place: SentUpTo): Promise<void> {
    const places = await this.#places()
    places.delete(this.#to)
    places.set(this.#to, { log: this.#log, ...place })
    const newest = Object.fromEntries([...places].slice(-MAX_PLACES))
    await writeDurably(this.#path, `${JSON.stringify({ version: VERSION, places: newest })}\n`)
  }

  async #places(): Promise<Map<string, Kept>> {
    try {
      const { version, places } = JSON.parse(await readFile(this.#path, 'utf8')) as Record<string, unknown>
      if (version !== VERSION || typeof places !== 'object' || places === null) return new Map()
      return new Map(Object.entries(places).filter(([, kept]) => isKept(kept)))
    } catch {
      // Not there, or damaged: all is sent again, which harms nobody.
      return new Map()
    }
  }
}

function isKept(value: unknown): value is Kept {
  if (typeof value !== 'object' || value === null) return false
  const { log, segment, offset, lines } = value as Record<string, unknown>
  return (
    typeof log === 'string' &&
    [segment, offset, lines].every((each) => Number.isSafeInteger(each) && (each as number) >= 0)
  )
}
