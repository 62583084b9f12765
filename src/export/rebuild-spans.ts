/** The spans of a log, read from its file: all of them, or those of a session, a trace or a range of lines. */

import type { Resource } from '@opentelemetry/resources'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { checkOptions } from '../format/options.js'
import { sdk } from '../otel/sdk.js'
import { ATTR } from '../otel/span-mapping.js'
import { isMalformed } from '../read/items.js'
import { logBatches } from '../read/read.js'
import type { RebuiltSpan } from './open-span.js'
import { REBUILD_RULES } from './options.js'
import { SpanRebuilder } from './rebuild.js'

/** Which spans are rebuilt, and what is said of them that the file does not tell. */
export interface RebuildOptions {
  /** `service.name` of the spans, which the file does not tell. Default: `OTEL_SERVICE_NAME`, else `hive`. */
  serviceName?: string
  /** Only spans of this session. Default: all. */
  session?: string
  /** Only spans of this trace, 32 hex digits. Default: all. */
  trace?: string
  /** Only spans that have a line of this `seq` or a later one; each is rebuilt whole. Default 1. */
  from?: number
  /** Only spans that have a line of this `seq` or an earlier one; each is rebuilt whole. Default: none. */
  to?: number
  /** Events on one span before a continuation begins, in logs that carry no span ids. Default 100. */
  maxEventsPerSpan?: number
}

/** What was found beside the spans. */
export interface RebuildReport {
  /** Lines that are no event. */
  malformed: number
  /** Agents without an exit: their spans end at their last event, with status `lost`. */
  lost: number
  /** Events that are on no span, since it was complete when they came. */
  late: number
  /** Drained messages that lead to no sender: the log does not have them, or they are too long ago. */
  unlinked: number
  /** Spans that were ended too soon, since more was open than can be held in memory. */
  evicted: number
}

/**
 * Rebuilds the spans of the log `file` (`-` is standard input; or of several, a hive's own first and then those in its
 * `<log>.agents/`, which link to one another): ids, names, parents, times, events, links and
 * status as when they were live. In a log without ids they are derived from its content, the same each time. Spans
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
  const isWanted = wanted(options)
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
  for (const [i, each] of (typeof file === 'string' ? [file] : file).entries()) {
    if (i > 0) rebuilder.beginFile()
    for await (const items of logBatches(each)) {
      for (const item of items) {
        if (isMalformed(item)) malformed++
        else rebuilder.add(item)
      }
      if (spans.length > 0) yield spans
      spans = []
    }
  }
  rebuilder.finish()
  if (spans.length > 0) yield spans
  const { lost, late, unlinked, evicted } = rebuilder
  return { malformed, lost, late, unlinked, evicted }
}

function wanted({ session, trace, from = 1, to = Infinity }: RebuildOptions): (span: RebuiltSpan) => boolean {
  return (span) =>
    (session === undefined || span.attributes[ATTR.conversation] === session) &&
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
