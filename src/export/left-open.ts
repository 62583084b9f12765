/** What earlier processes left open in a log: agents without an exit, and the spans that they were on. */
import { statSync } from 'node:fs'
import type { SpanContext } from '@opentelemetry/api'
import { archivedSegments } from '../disk/segments.js'
import { isKind } from '../format/kinds.js'
import { hiveBatches, logsOfHive } from '../read/hive.js'
import { isMalformed } from '../read/items.js'
import { logBatches, type ReadOptions } from '../read/read.js'
import type { Life } from './life.js'
import type { RebuiltSpan } from './open-span.js'
import { SpanRebuilder, type Writer } from './rebuild.js'
import { fileResource } from './rebuild-spans.js'

/** Bytes of segments that are read at most, from the newest back; and of the live one, if that alone is more. */
const MAX_BYTES = 256 * 1024 * 1024
const MAX_LIVE_BYTES = 1024 * 1024 * 1024
/** How much a compressed segment may grow. */
const GZIP_RATIO = 10

export interface LeftOpen {
  /**
   * Of agents and of the session of the process before, in the order in which they began; but not of agents that live
   * in processes of their own.
   */
  lives: Life[]
  /** The span that each was on, ended at its last event. */
  spans: RebuiltSpan[]
  /** The process that wrote a life's beginning. */
  writerOf(life: Life): Writer | undefined
}

/**
 * Reads the log up to line `upTo`, the last `log.open` of which is this process's own, and gives what processes
 * before it left open. `too large` when the live segment alone is over 1 GiB; `aborted` when `signal` was.
 */
export async function readLeftOpen(
  file: string,
  upTo: number,
  signal: AbortSignal,
): Promise<LeftOpen | 'too large' | 'aborted'> {
  const range = segmentsToRead(file)
  if (range === undefined) return 'too large'
  let ended: Map<SpanContext, RebuiltSpan> | undefined
  const rebuilder = new SpanRebuilder({
    resource: fileResource(),
    take: (span) => ended?.set(span.spanContext(), span),
  })
  const writers = new Map<number, Writer>()
  for await (const items of logBatches(file, { ...range, to: upTo })) {
    if (signal.aborted) return 'aborted'
    for (const item of items) {
      if (isMalformed(item)) continue
      rebuilder.add(item)
      if (item.event.kind === 'log.open') writers.set(rebuilder.writer.ordinal, rebuilder.writer)
    }
  }
  const last = rebuilder.writer.ordinal
  const found = rebuilder.open.filter((life) => isLeftBy(life, last))
  const elsewhere = await livesElsewhere(file, found, signal)
  if (signal.aborted) return 'aborted'
  for (const life of elsewhere) life.left = 'alive'
  ended = new Map()
  rebuilder.finish()
  const spans = found
    // No exit will tell that it was sent.
    .filter((life) => !elsewhere.has(life) || life.writer === last - 1)
    .map((life) => ended?.get(life.current.context))
    .filter((span) => span !== undefined)
  const lives = found.filter((life) => !elsewhere.has(life))
  return { lives, spans, writerOf: (life) => writers.get(life.writer) }
}

/**
 * The lives that go on in processes of their own, which do not end with the one that began them: their agent was
 * spawned in a child log since. How they end is told there.
 */
async function livesElsewhere(file: string, lives: readonly Life[], signal: AbortSignal): Promise<Set<Life>> {
  const elsewhere = new Set<Life>()
  const children = logsOfHive(file).slice(1)
  const byAgent = new Map(lives.map((life) => [life.agentId, life]))
  byAgent.delete(undefined)
  if (byAgent.size === 0 || children.length === 0) return elsewhere
  const reading = { thisFile: true, select: { kinds: ['spawn'], agents: [...byAgent.keys()] as string[] } }
  for await (const items of hiveBatches(children, reading)) {
    if (signal.aborted) break
    for (const item of items) {
      if (isMalformed(item) || !isKind(item.event, 'spawn')) continue
      const { agentId, session, ts } = item.event
      const life = byAgent.get(agentId)
      if (life !== undefined && session === life.session && ts >= life.startTs) elsewhere.add(life)
    }
  }
  return elsewhere
}

/**
 * Which segments to read: those that are not too far back. `undefined` when there is more in the live one alone than
 * can be read beside the application's work.
 */
function segmentsToRead(file: string): ReadOptions | undefined {
  let bytes = statSync(file).size
  if (bytes > MAX_LIVE_BYTES) return undefined
  let options: ReadOptions = { segments: false }
  for (const segment of archivedSegments(file).reverse()) {
    bytes += statSync(segment.file).size * (segment.gzip ? GZIP_RATIO : 1)
    if (bytes > MAX_BYTES) break
    options = { from: segment.firstSeq as number }
  }
  return options
}

/**
 * Whether a process before the last one left it open. A session has no exit that would tell that it was recovered
 * already, so only that of the process just before counts.
 */
function isLeftBy(life: Life, last: number): boolean {
  if (!life.isOwn || life.session === undefined) return false
  return life.agentId === undefined ? life.writer === last - 1 : life.writer < last
}
