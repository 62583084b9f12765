/** The spans of a log, read from its file: all of them, or those of a session, a trace or a range of lines. */

import type { Resource } from '@opentelemetry/resources'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { checkOptions } from '../format/options.js'
import { sdk } from '../otel/sdk.js'
import { ATTR } from '../otel/span-mapping.js'
import { hiveBatches, logsOfHive, type OnProgress } from '../read/hive.js'
import { isBreak, isMalformed } from '../read/items.js'
import type { RebuiltSpan } from './open-span.js'
import { REBUILD_RULES } from './options.js'
import { SpanRebuilder } from './rebuild.js'

/** Which spans are rebuilt, and what is said of them that the file does not tell. */
export interface RebuildOptions {
  /** `service.name` of the spans, which the file does not tell. Default: `OTEL_SERVICE_NAME`, else `hive`. */
  serviceName?: string
  /** Told now and then how many bytes of the logs were read, of how many that may have to be. Default: nobody is. */
  onProgress?: OnProgress
  /** Only spans of this session. Default: all. */
  session?: string
  /** Only spans of this trace, 32 hex digits. Default: all. */
  trace?: string
  /** Only spans that have a line of this `seq` of the first log or a later one; each is rebuilt whole. Default 1. */
  from?: number
  /** Only spans that have a line of this `seq` of the first log or an earlier one; each whole. Default: none. */
  to?: number
  /** Read only the logs that are named, not those of their child processes. Default false. */
  thisFile?: boolean
  /** Only spans that go on at this time (epoch milliseconds) or later; each is rebuilt whole. Default: all. */
  since?: number
  /** Only spans that have begun by this time (epoch milliseconds); each is rebuilt whole. Default: all. */
  until?: number
  /** Events on one span before a continuation begins, in logs that carry no span ids. Default 100. */
  maxEventsPerSpan?: number
}

/** What was found beside the spans. */
export interface RebuildReport {
  /** Lines that are no event. */
  malformed: number
  /** Lives of agents that were lost with their process: their spans have status `lost`. */
  lost: number
  /** Lives that nothing ended, as far as the logs tell: their spans end at the last event. */
  unended: number
  /** Events that are on no span, since it was complete when they came. */
  late: number
  /** Drained messages that lead to no sender: the log does not have them, or they are too long ago. */
  unlinked: number
  /** Spans that were ended too soon, since more was open than can be held in memory. */
  evicted: number
}

/**
 * Rebuilds the spans of the hive that the log `file` is (`-` is standard input; or several logs), with the logs of its
 * child processes, which link to one another: ids, names, parents, times, events, links and status as when they were
 * live. In a log without ids they are derived from its content, the same each time. Spans
 * come as they end; those that nothing ends come last. Returns what was found beside them.
 *
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {LogReadError} when the file is missing, a directory, or must not be read
 */
export function rebuildSpans(
  file: string | readonly string[],
  options: RebuildOptions = {},
): AsyncGenerator<ReadableSpan, RebuildReport> {
  checkOptions('rebuildSpans', options, REBUILD_RULES)
  return eachSpan(file, options)
}

async function* eachSpan(
  file: string | readonly string[],
  options: RebuildOptions,
): AsyncGenerator<ReadableSpan, RebuildReport> {
  const batches = spanBatches(file, options)
  for (;;) {
    const next = await batches.next()
    if (next.done) return next.value
    yield* next.value
  }
}

/** The same, as many spans at a time as a chunk of the file completes. */
export async function* spanBatches(
  file: string | readonly string[],
  options: RebuildOptions,
): AsyncGenerator<RebuiltSpan[], RebuildReport> {
  let spans: RebuiltSpan[] = []
  const files = typeof file === 'string' ? [file] : file
  const { thisFile = false } = options
  const isWanted = wanted(options, logsOfHive(files, thisFile)[0])
  const host = await thisHost()
  const rebuilder = new SpanRebuilder({
    resource: fileResource(options.serviceName),
    ...(host !== undefined && { host }),
    ...(options.maxEventsPerSpan !== undefined && { maxEventsPerSpan: options.maxEventsPerSpan }),
    take: (span) => {
      if (isWanted(span)) spans.push(span)
    },
  })
  let malformed = 0
  const progress = options.onProgress === undefined ? {} : { onProgress: options.onProgress }
  for await (const items of hiveBatches(files, { thisFile, ...progress })) {
    for (const item of items) {
      if (isBreak(item)) continue
      if (isMalformed(item)) malformed++
      else rebuilder.add(item)
    }
    if (spans.length > 0) yield spans
    spans = []
  }
  rebuilder.finish()
  if (spans.length > 0) yield spans
  const { lost, unended, late, unlinked, evicted } = rebuilder
  return { malformed, lost, unended, late, unlinked, evicted }
}

function wanted(
  { session, trace, from = 1, to = Infinity, since = -Infinity, until = Infinity }: RebuildOptions,
  firstLog: string | undefined,
): (span: RebuiltSpan) => boolean {
  const isRange = from > 1 || to < Infinity
  return (span) =>
    (!isRange || span.log === firstLog) &&
    span.times[1] >= since &&
    span.times[0] <= until &&
    (session === undefined ||
      (span.attributes[ATTR.conversation] ?? span.attributes[ATTR.session]) === session) &&
    (trace === undefined || span.spanContext().traceId === trace) &&
    span.seqs[1] >= from &&
    span.seqs[0] <= to
}

/** The resource of spans from a file: this process and this host have nothing to do with them. */
export function fileResource(serviceName = process.env.OTEL_SERVICE_NAME): Resource {
  const { defaultResource, detectResources, envDetector, resourceFromAttributes } =
    sdk('@opentelemetry/resources')
  return defaultResource()
    .merge(resourceFromAttributes({ 'service.name': 'hive' }))
    .merge(detectResources({ detectors: [envDetector] }))
    .merge(resourceFromAttributes(serviceName ? { 'service.name': serviceName } : {}))
}

/** The host that this process runs on, as its hives tell it; `undefined` when it has no id. */
async function thisHost(): Promise<{ name: string; id: string } | undefined> {
  const { detectResources, hostDetector } = sdk('@opentelemetry/resources')
  const host = detectResources({ detectors: [hostDetector] })
  await host.waitForAsyncAttributes?.()
  const { 'host.name': name, 'host.id': id } = host.attributes
  return typeof name === 'string' && typeof id === 'string' ? { name, id } : undefined
}
