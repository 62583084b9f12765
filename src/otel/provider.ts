/** The tracer provider that `startHive` sets up: standard parts, configured by the standard `OTEL_*` variables. */
import { inspect } from 'node:util'
import { type Context, DiagConsoleLogger, type DiagLogger, DiagLogLevel, diag } from '@opentelemetry/api'
import type { BasicTracerProvider, IdGenerator, Sampler, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import { brief } from '../format/quote.js'
import type { Redactor } from '../redact/redact.js'
import { visible } from '../text/clean.js'
import { hasDiagLogger, type Offer, offer, rootChanged, withdraw } from './globals.js'
import type { HiveSpanProcessor } from './hive-span-processor.js'
import { joinProvider } from './join-provider.js'
import { type OtlpOptions, otlpProcessor } from './otlp.js'
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

export interface Registration {
  /** Gives all code that runs in no context the one that `root` returns. */
  setRoot(root: () => Context): void
  unregister(): void
}

/**
 * Makes provider, context manager and W3C propagation the global ones while the application has none, and gives way to
 * the application's, whenever they come. Its provider gets `recording`, so that its spans are recorded too.
 */
export function register(
  provider: BasicTracerProvider,
  recording: HiveSpanProcessor | undefined,
): Registration {
  const given: Offer = {
    provider,
    root: undefined,
    join: (theirs) => (recording === undefined ? () => {} : joinProvider(theirs, recording)),
  }
  offer(given)
  return {
    setRoot(root) {
      given.root = root
      rootChanged()
    },
    unregister: () => withdraw(given),
  }
}

let hasVoice = false

/**
 * Loss must be loud: without a diag logger of the application's own, what hivelog says goes to the console, from the
 * level on that `OTEL_LOG_LEVEL` names, else warnings and errors. No logger is registered for that: what other code
 * tells its diag logger is heard only where the application asked for it, and it may register one at any time.
 */
export function ensureDiagLogger(): void {
  if (hasVoice) return
  hasVoice = true
  const asked = fromEnv('OTEL_LOG_LEVEL')
  const named = asked === undefined ? undefined : sdk('@opentelemetry/core').diagLogLevelFromString(asked)
  const level = named ?? DiagLogLevel.WARN
  const own = safeConsole()
  for (const [name, from] of LEVELS) {
    const tell = diag[name].bind(diag)
    diag[name] = (message, ...rest) => {
      if (hasDiagLogger()) tell(message, ...rest)
      else if (level >= from && String(message).startsWith('hivelog')) own[name](message, ...rest)
    }
  }
}

const LEVELS = [
  ['error', DiagLogLevel.ERROR],
  ['warn', DiagLogLevel.WARN],
  ['info', DiagLogLevel.INFO],
  ['debug', DiagLogLevel.DEBUG],
  ['verbose', DiagLogLevel.VERBOSE],
] as const

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
