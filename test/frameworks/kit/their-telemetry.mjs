/**
 * What an application does that has OpenTelemetry: a provider of its own with an exporter of its own, which writes each
 * span to a file (`HIVELOG_TEST_SPANS`), so that it can be compared with what it gets without hivelog. With
 * `HIVELOG_TEST_PROCESSOR` hivelog's span processor is in it, as docs/opentelemetry.md says. For the `telemetry.mjs` of a
 * framework's folder, which is imported before the program.
 */
import { appendFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const application = createRequire(join(process.cwd(), 'package.json'))
const load = (name) => import(pathToFileURL(application.resolve(name)).href)

/** Writes what a backend would get. */
export class FileExporter {
  export(spans, done) {
    const file = process.env.HIVELOG_TEST_SPANS
    if (file) for (const span of spans) appendFileSync(file, `${JSON.stringify(plain(span))}\n`)
    done({ code: 0 })
  }

  async shutdown() {}
}

function plain(span) {
  const { traceId, spanId } = span.spanContext()
  return {
    name: span.name,
    kind: span.kind,
    traceId,
    spanId,
    parentSpanId: span.parentSpanContext?.spanId,
    attributes: span.attributes,
    events: span.events.map(({ name, attributes }) => ({ name, attributes })),
    links: span.links.map(({ context, attributes }) => ({ spanId: context.spanId, attributes })),
    status: span.status,
    scope: span.instrumentationScope,
    resource: span.resource.attributes,
    dropped: [span.droppedAttributesCount, span.droppedEventsCount, span.droppedLinksCount],
  }
}

/**
 * The processors of such a provider.
 * @param own the application's. Default: one that writes each span as it ends
 */
async function processors(own) {
  const { SimpleSpanProcessor } = await load('@opentelemetry/sdk-trace-node')
  const theirs = own ?? new SimpleSpanProcessor(new FileExporter())
  if (!process.env.HIVELOG_TEST_PROCESSOR) return [theirs]
  const { HiveSpanProcessor, JsonlSpanExporter } = await load('hivelog')
  return [theirs, new HiveSpanProcessor({ exporter: new JsonlSpanExporter() })]
}

/**
 * Registers one as the global provider.
 * @param own the application's span processor. Default: one that writes each span as it ends
 */
export async function startTelemetry(own) {
  const { NodeTracerProvider } = await load('@opentelemetry/sdk-trace-node')
  const provider = new NodeTracerProvider({ spanProcessors: await processors(own) })
  provider.register()
  process.once('beforeExit', () => provider.shutdown())
  return provider
}
