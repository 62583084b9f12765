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
  getStringListFromEnv,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { createAlwaysRecordSampler } from '@opentelemetry/sdk-trace'
import {
  BasicTracerProvider,
  RandomIdGenerator,
  type Sampler,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { type RedactOptions, Redactor } from '../redact/redact.js'
import { BoundedProcessor } from './bounded-processor.js'
import { ChunkedExporter } from './chunked-exporter.js'
import { hiveResource, type ResourceOptions } from './resource.js'
import { samplerFromEnv } from './sampler.js'

export interface OtlpOptions {
  /** Full URL of the traces endpoint. Default: the `OTEL_EXPORTER_OTLP_*` variables, else `http://localhost:4318/v1/traces`. */
  url?: string
  /** Extra headers, for authentication say. */
  headers?: Record<string, string>
}

export interface ProviderOptions extends ResourceOptions {
  /** Send spans over OTLP/HTTP. Default: when `OTEL_EXPORTER_OTLP_ENDPOINT` or its traces form is set. */
  otlp?: boolean | OtlpOptions
  /** Which traces are sent. Default: `OTEL_TRACES_SAMPLER`, else all. The file gets everything whatever it says. */
  sampler?: Sampler
  /** Further processors, for other exporters. */
  spanProcessors?: SpanProcessor[]
}

/** Requests that may be under way: the end of the process sends all batches at once. */
const MAX_OPEN_REQUESTS = 1_000

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
  options: ProviderOptions & { redact?: RedactOptions },
  idGenerator: HiveIdGenerator,
  processors: SpanProcessor[],
): BasicTracerProvider {
  const spanProcessors = [...processors, ...(options.spanProcessors ?? [])]
  const otlp = otlpOptions(options.otlp)
  if (otlp !== undefined) {
    const exporter = new OTLPTraceExporter({ concurrencyLimit: MAX_OPEN_REQUESTS, ...otlp })
    const maxSpans = getNumberFromEnv('OTEL_BSP_MAX_QUEUE_SIZE')
    const bounds = maxSpans === undefined ? {} : { maxSpans }
    spanProcessors.push(new BoundedProcessor(new ChunkedExporter(exporter), bounds))
  }
  return new BasicTracerProvider({
    resource: hiveResource(options, new Redactor(options.redact)),
    sampler: createAlwaysRecordSampler(options.sampler ?? samplerFromEnv()),
    idGenerator,
    spanProcessors,
  })
}

function otlpOptions(otlp: ProviderOptions['otlp']): OtlpOptions | undefined {
  if (otlp === false || getBooleanFromEnv('OTEL_SDK_DISABLED')) return undefined
  if (typeof otlp === 'object') return otlp
  if (otlp === true) return {}
  const exporters = getStringListFromEnv('OTEL_TRACES_EXPORTER')
  if (exporters !== undefined && !exporters.includes('otlp')) return undefined
  const endpoint =
    getStringFromEnv('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? getStringFromEnv('OTEL_EXPORTER_OTLP_ENDPOINT')
  return endpoint === undefined ? undefined : {}
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
