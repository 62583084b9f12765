/** The tracer provider that `startHive` sets up: standard parts, configured by the standard `OTEL_*` variables. */
import { inspect } from 'node:util'
import {
  type Context,
  type ContextManager,
  context,
  DiagConsoleLogger,
  type DiagLogger,
  DiagLogLevel,
  diag,
  propagation,
  ROOT_CONTEXT,
  trace,
} from '@opentelemetry/api'
import type { BasicTracerProvider, IdGenerator, Sampler, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import { shown } from '../format/options.js'
import { brief } from '../format/quote.js'
import type { Redactor } from '../redact/redact.js'
import { visible } from '../text/clean.js'
import { BoundedProcessor } from './bounded-processor.js'
import { ChunkedExporter } from './chunked-exporter.js'
import { SpanRedactor } from './redacted-spans.js'
import { hiveResource, type ResourceOptions } from './resource.js'
import { countFromEnv, samplerFromEnv } from './sampler.js'
import { fromEnv, sdk } from './sdk.js'
import { WatchedProcessor } from './shutdown.js'

/** Where spans are sent over OTLP/HTTP. */
export interface OtlpOptions {
  /** Full URL of the traces endpoint. Default: the `OTEL_EXPORTER_OTLP_*` variables, else `http://localhost:4318/v1/traces`. */
  url?: string
  /** Extra headers, for authentication say. Default: `OTEL_EXPORTER_OTLP_HEADERS`, or its traces form. */
  headers?: Record<string, string>
}

/** How the tracer provider is set up that `startHive` registers. */
export interface ProviderOptions extends ResourceOptions {
  /** Send spans over OTLP/HTTP. Default: when `OTEL_EXPORTER_OTLP_ENDPOINT` or its traces form is set. */
  otlp?: boolean | OtlpOptions
  /** Which traces are sent. Default: `OTEL_TRACES_SAMPLER`, else all. The file gets everything whatever it says. */
  sampler?: Sampler
  /** Further processors, for other exporters. Default: none. */
  spanProcessors?: SpanProcessor[]
}

/** Requests that may be under way: the end of the process sends all batches at once. */
const MAX_OPEN_REQUESTS = 1_000

/** Lets a span without a parent join a trace that is there: all agents of a hive without a parent share one. */
export class HiveIdGenerator implements IdGenerator {
  #traceId: string | undefined
  #random: IdGenerator = new (sdk('@opentelemetry/sdk-trace-base').RandomIdGenerator)()

  generateTraceId(): string {
    return this.#traceId ?? this.#random.generateTraceId()
  }

  generateSpanId(): string {
    return this.#random.generateSpanId()
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

export interface HiveProvider {
  provider: BasicTracerProvider
  /** All its processors but the hive's own, which writes the file. */
  processors: WatchedProcessor[]
}

/** @param own the processors that write the hive's file */
export function createProvider(
  options: ProviderOptions,
  redactor: Redactor,
  idGenerator: HiveIdGenerator,
  own: SpanProcessor[],
): HiveProvider {
  const processors = (options.spanProcessors ?? []).map((each, i) => {
    return new WatchedProcessor(each, `the span processor ${classOf(each)} (spanProcessors[${i}])`, false)
  })
  const otlp = otlpOptions(options.otlp)
  if (otlp !== undefined) {
    const { OTLPTraceExporter } = sdk('@opentelemetry/exporter-trace-otlp-http')
    const exporter = new OTLPTraceExporter({ concurrencyLimit: MAX_OPEN_REQUESTS, ...otlp })
    const maxSpans = countFromEnv('OTEL_BSP_MAX_QUEUE_SIZE')
    const bounds = maxSpans === undefined ? {} : { maxSpans }
    const chunked = new ChunkedExporter(exporter, new SpanRedactor(redactor).redact)
    const where = otlp.url === undefined ? '' : ` at ${redactor.string(otlp.url)}`
    processors.push(
      new WatchedProcessor(new BoundedProcessor(chunked, bounds), `the trace backend${where}`, true),
    )
  }
  const { BasicTracerProvider } = sdk('@opentelemetry/sdk-trace-base')
  const { createAlwaysRecordSampler } = sdk('@opentelemetry/sdk-trace')
  const provider = new BasicTracerProvider({
    resource: hiveResource(options, redactor),
    sampler: createAlwaysRecordSampler(options.sampler ?? samplerFromEnv()),
    idGenerator,
    spanProcessors: [...own, ...processors],
  })
  return { provider, processors }
}

const classOf = (value: object): string => brief(value?.constructor?.name || 'without a name')

function otlpOptions(otlp: ProviderOptions['otlp']): OtlpOptions | undefined {
  if (otlp === false || sdk('@opentelemetry/core').getBooleanFromEnv('OTEL_SDK_DISABLED')) return undefined
  if (typeof otlp === 'object') return otlp
  if (otlp === true) return {}
  const exporters = fromEnv('OTEL_TRACES_EXPORTER')
  if (exporters !== undefined && !exportersIn(exporters).includes('otlp')) return undefined
  const endpoint = fromEnv('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? fromEnv('OTEL_EXPORTER_OTLP_ENDPOINT')
  return endpoint === undefined ? undefined : {}
}

/** The names in `OTEL_TRACES_EXPORTER`; says which of them are not served. */
function exportersIn(given: string): string[] {
  const names = given.split(',').map((name) => name.trim())
  const others = names.filter((name) => name !== '' && name !== 'otlp' && name !== 'none')
  if (others.length > 0) {
    diag.warn(
      `hivelog: OTEL_TRACES_EXPORTER: ${others.map(shown).join(', ')} is not known; use 'otlp' or 'none'`,
    )
  }
  return names
}

/** A context manager with a context of its own where none is active, for a process that is an agent as a whole. */
interface RootedContextManager extends ContextManager {
  root: (() => Context) | undefined
}

function rootedContextManager(): RootedContextManager {
  const { AsyncLocalStorageContextManager } = sdk('@opentelemetry/context-async-hooks')
  class Rooted extends AsyncLocalStorageContextManager implements RootedContextManager {
    root: (() => Context) | undefined

    override active(): Context {
      const active = super.active()
      return active === ROOT_CONTEXT && this.root !== undefined ? this.root() : active
    }
  }
  return new Rooted()
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
  const manager = rootedContextManager()
  manager.enable()
  const undo: (() => void)[] = []
  const hadProvider = hasGlobal('trace')
  if (hadProvider) {
    diag.warn(
      'hivelog: a tracer provider is registered already and stays; pass it as `tracerProvider` to share it',
    )
  } else if (trace.setGlobalTracerProvider(provider)) undo.push(() => trace.disable())
  if (!hasGlobal('context') && context.setGlobalContextManager(manager)) undo.push(() => context.disable())
  if (!hasGlobal('propagation')) {
    const { CompositePropagator, W3CTraceContextPropagator, W3CBaggagePropagator } =
      sdk('@opentelemetry/core')
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
  const asked = fromEnv('OTEL_LOG_LEVEL')
  const level = asked === undefined ? undefined : sdk('@opentelemetry/core').diagLogLevelFromString(asked)
  diag.setLogger(safeConsole(), level ?? DiagLogLevel.WARN)
}

/** The console, where a terminal obeys nothing of what a log, a file name or a backend says. */
function safeConsole(): DiagLogger {
  const plain = new DiagConsoleLogger()
  const safe = (text: string): string => text.split('\n').map(visible).join('\n')
  const say =
    (level: keyof DiagLogger) =>
    (...words: unknown[]): void => {
      const [message = '', ...rest] = words.map((word) =>
        safe(typeof word === 'string' ? word : inspect(word)),
      )
      plain[level](message, ...rest)
    }
  return {
    error: say('error'),
    warn: say('warn'),
    info: say('info'),
    debug: say('debug'),
    verbose: say('verbose'),
  }
}

/** Whether some copy of the OpenTelemetry API (1.x) in this process has registered a global of this type. */
function hasGlobal(type: 'trace' | 'context' | 'propagation' | 'diag'): boolean {
  const api = (globalThis as Record<symbol, unknown>)[Symbol.for('opentelemetry.js.api.1')] as
    | Record<string, unknown>
    | undefined
  return api?.[type] !== undefined
}
