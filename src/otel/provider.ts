/** The tracer provider that `startHive` sets up: standard parts, configured by the standard `OTEL_*` variables. */
import {
  type Context,
  context,
  DiagConsoleLogger,
  DiagLogLevel,
  diag,
  propagation,
  ROOT_CONTEXT,
  trace,
} from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  CompositePropagator,
  diagLogLevelFromString,
  getBooleanFromEnv,
  getNumberFromEnv,
  getStringFromEnv,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import {
  defaultResource,
  detectResources,
  envDetector,
  hostDetector,
  processDetector,
  type Resource,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import { createAlwaysRecordSampler } from '@opentelemetry/sdk-trace'
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  RandomIdGenerator,
  type Sampler,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { samplerFromEnv } from './sampler.js'

export interface OtlpOptions {
  /** Full URL of the traces endpoint. Default: the `OTEL_EXPORTER_OTLP_*` variables, else `http://localhost:4318/v1/traces`. */
  url?: string
  /** Extra headers, for authentication say. */
  headers?: Record<string, string>
}

export interface ProviderOptions {
  /** `service.name`. Default: `OTEL_SERVICE_NAME`, else `hive`. */
  serviceName?: string
  /** Send spans over OTLP/HTTP. Default: when `OTEL_EXPORTER_OTLP_ENDPOINT` or its traces form is set. */
  otlp?: boolean | OtlpOptions
  /** Which traces are sent. Default: `OTEL_TRACES_SAMPLER`, else all. The file gets everything whatever it says. */
  sampler?: Sampler
  /** Further processors, for other exporters. */
  spanProcessors?: SpanProcessor[]
  /** Attributes of the resource beside `service.*`, `host.*`, `process.*`. */
  resourceAttributes?: Record<string, string | number | boolean>
}

/**
 * Spans of one request. An agent span holds up to 100 events, so the SDK's 512 could make a request of 20 MiB, which
 * is what collectors refuse, and building it would hold up the event loop.
 */
const MAX_EXPORT_BATCH_SIZE = 32

/** Lets a span without a parent join a trace that is there: all agents of a hive without a parent share one. */
export class HiveIdGenerator extends RandomIdGenerator {
  #traceId: string | undefined
  #random = new RandomIdGenerator()

  override generateTraceId = (): string => this.#traceId ?? this.#random.generateTraceId()

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

export function createProvider(
  options: ProviderOptions,
  idGenerator: HiveIdGenerator,
  processors: SpanProcessor[],
): BasicTracerProvider {
  const spanProcessors = [...processors, ...(options.spanProcessors ?? [])]
  const otlp = otlpOptions(options.otlp)
  if (otlp !== undefined) {
    const size = getNumberFromEnv('OTEL_BSP_MAX_EXPORT_BATCH_SIZE') ?? MAX_EXPORT_BATCH_SIZE
    spanProcessors.push(new BatchSpanProcessor(new OTLPTraceExporter(otlp), { maxExportBatchSize: size }))
  }
  return new BasicTracerProvider({
    resource: hiveResource(options),
    sampler: createAlwaysRecordSampler(options.sampler ?? samplerFromEnv()),
    idGenerator,
    spanProcessors,
  })
}

function otlpOptions(otlp: ProviderOptions['otlp']): OtlpOptions | undefined {
  if (otlp === false || getBooleanFromEnv('OTEL_SDK_DISABLED')) return undefined
  if (typeof otlp === 'object') return otlp
  if (otlp === true) return {}
  const exporters = getStringFromEnv('OTEL_TRACES_EXPORTER')
  if (exporters !== undefined && !exporters.split(',').includes('otlp')) return undefined
  const endpoint =
    getStringFromEnv('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? getStringFromEnv('OTEL_EXPORTER_OTLP_ENDPOINT')
  return endpoint === undefined ? undefined : {}
}

function hiveResource(options: ProviderOptions): Resource {
  const detected = detectResources({ detectors: [hostDetector, processDetector, envDetector] })
  const serviceName = options.serviceName ?? getStringFromEnv('OTEL_SERVICE_NAME')
  const named = {
    ...options.resourceAttributes,
    ...(serviceName !== undefined && { 'service.name': serviceName }),
  }
  return defaultResource()
    .merge(resourceFromAttributes({ 'service.name': 'hive' }))
    .merge(detected)
    .merge(resourceFromAttributes(named))
}

/** A context manager with a context of its own where none is active, for a process that is an agent as a whole. */
class RootedContextManager extends AsyncLocalStorageContextManager {
  root: (() => Context) | undefined

  override active(): Context {
    const active = super.active()
    return active === ROOT_CONTEXT && this.root !== undefined ? this.root() : active
  }
}

export interface Registration {
  /** Gives all code that runs in no context the one that `root` returns. */
  setRoot(root: () => Context): void
  unregister(): void
}

/**
 * Registers provider, context manager and W3C propagation globally. Whatever the process has registered before
 * stays: then spans of the hive are children of that provider's spans through the shared context.
 */
export function register(provider: BasicTracerProvider): Registration {
  const manager = new RootedContextManager().enable()
  const undo: (() => void)[] = []
  const hadProvider = hasGlobal('trace')
  if (hadProvider) {
    diag.warn(
      'hivelog: a tracer provider is registered already and stays; pass it as `tracerProvider` to share it',
    )
  } else if (trace.setGlobalTracerProvider(provider)) undo.push(() => trace.disable())
  if (!hasGlobal('context') && context.setGlobalContextManager(manager)) undo.push(() => context.disable())
  if (!hasGlobal('propagation')) {
    const propagator = new CompositePropagator({
      propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
    })
    if (propagation.setGlobalPropagator(propagator)) undo.push(() => propagation.disable())
  }
  return {
    setRoot: (root) => {
      manager.root = root
    },
    unregister: () => {
      for (const each of undo) each()
    },
  }
}

/** Loss must be loud: without a diag logger of the application's own, warnings and errors go to the console. */
export function ensureDiagLogger(): void {
  if (hasGlobal('diag')) return
  const level = diagLogLevelFromString(getStringFromEnv('OTEL_LOG_LEVEL')) ?? DiagLogLevel.WARN
  diag.setLogger(new DiagConsoleLogger(), level)
}

/** Whether some copy of the OpenTelemetry API (1.x) in this process has registered a global of this type. */
function hasGlobal(type: 'trace' | 'context' | 'propagation' | 'diag'): boolean {
  const api = (globalThis as Record<symbol, unknown>)[Symbol.for('opentelemetry.js.api.1')] as
    | Record<string, unknown>
    | undefined
  return api?.[type] !== undefined
}
