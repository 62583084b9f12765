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
import { brief } from '../format/quote.js'
import type { Redactor } from '../redact/redact.js'
import { visible } from '../text/clean.js'
import { type OtlpOptions, otlpProcessor } from './otlp.js'
import { propagatorFromEnv } from './propagator.js'
import { hiveResource, type ResourceOptions } from './resource.js'
import { samplerFromEnv } from './sampler.js'
import { fromEnv, sdk } from './sdk.js'
import { WatchedProcessor } from './shutdown.js'

/** How the tracer provider is set up that `startHive` registers. */
export interface ProviderOptions extends ResourceOptions {
  /** Send spans over OTLP/HTTP. Default: when `OTEL_EXPORTER_OTLP_ENDPOINT` or its traces form is set. */
  otlp?: boolean | OtlpOptions
  /** Which traces are sent. Default: `OTEL_TRACES_SAMPLER`, else all. The file gets everything whatever it says. */
  sampler?: Sampler
  /** Further processors, for other exporters. Default: none. */
  spanProcessors?: SpanProcessor[]
}

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
  const backend = otlpProcessor(options.otlp, redactor)
  if (backend !== undefined) processors.push(backend)
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
 * Registers provider, context manager and propagation globally. Whatever the process has registered before
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
  if (!hasGlobal('propagation') && propagation.setGlobalPropagator(propagatorFromEnv())) {
    undo.push(() => propagation.disable())
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
