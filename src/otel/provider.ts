/** The tracer provider that `startHive` sets up: standard parts, configured by the standard `OTEL_*` variables. */
import { inspect } from 'node:util'
import {
  type Context,
  DiagConsoleLogger,
  type DiagLogger,
  DiagLogLevel,
  diag,
  type Tracer,
} from '@opentelemetry/api'
import type { BasicTracerProvider, Sampler, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import { brief } from '../format/quote.js'
import type { Redactor } from '../redact/redact.js'
import { visible } from '../text/clean.js'
import { VERSION } from '../version.js'
import { BackendEvents } from './backend-events.js'
import { hasDiagLogger, type Offer, offer, rootChanged, withdraw } from './globals.js'
import type { HiveSpanProcessor } from './hive-span-processor.js'
import type { HiveIdGenerator } from './ids.js'
import { joinProvider, processorsOf } from './join-provider.js'
import { type OtlpOptions, otlpProcessor } from './otlp.js'
import { hiveResource, type ResourceOptions } from './resource.js'
import { defaultSampler, samplerFromEnv } from './sampler.js'
import { checkSdk, fromEnv, sdk } from './sdk.js'
import { WatchedProcessor } from './shutdown.js'
import { UnheardTracer } from './unheard-span.js'
import { readingVariables } from './variables.js'
import { areSpansLimited, WorkSpans } from './work-span.js'

/** How the tracer provider is set up that `startHive` registers. */
export interface ProviderOptions extends ResourceOptions {
  /** Send spans over OTLP/HTTP. Default: when `OTEL_EXPORTER_OTLP_ENDPOINT` or its traces form is set. */
  otlp?: boolean | OtlpOptions
  /** Which traces are sent. Default: `OTEL_TRACES_SAMPLER`, else all. The file gets everything whatever it says. */
  sampler?: Sampler
  /** Further processors, for other exporters. Default: none. */
  spanProcessors?: SpanProcessor[]
}

/** What `startHive` set up. */
export interface HiveProvider {
  /** The provider, which is made when it is first asked for if nobody hears of its spans. */
  provider(): BasicTracerProvider
  /** Starts the spans of the hive's own agents. */
  tracer: Pick<Tracer, 'startSpan'>
  /** Takes the spans of the agents' work to the backend, where that alone hears of them. */
  workSpans: WorkSpans | undefined
  /** Puts events on the agents' spans, where that alone hears of them. */
  backendEvents: BackendEvents | undefined
  /** All processors of the provider but the hive's own, which writes the file. */
  processors: WatchedProcessor[]
  /** Resolves when the provider, if it was made, has ended. */
  shutdown(): Promise<void>
}

/**
 * @param own the processors that write the hive's file
 * @throws {DependencyError} when the SDK is not there
 */
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
  const sampler = options.sampler ?? samplerFromEnv()
  let made: BasicTracerProvider | undefined
  const provider = (): BasicTracerProvider => {
    made ??= makeProvider(options, redactor, idGenerator, sampler, [...own, ...processors])
    return made
  }
  // Loading the SDK takes longer than all else here.
  const isUnheard = processors.length === 0 && sampler === undefined
  if (isUnheard) checkSdk('@opentelemetry/sdk-trace-base')
  const isDefault = sampler === undefined && !areSpansLimited()
  const isBackendAlone = backend !== undefined && processors.length === 1
  const most = own.length + processors.length
  const isAlone = (): boolean => processorsOf(provider())?.length === most
  return {
    provider,
    ...(isDefault && isBackendAlone
      ? { workSpans: new WorkSpans(backend, idGenerator, isAlone), backendEvents: new BackendEvents(isAlone) }
      : { workSpans: undefined, backendEvents: undefined }),
    tracer: isUnheard ? new UnheardTracer(idGenerator) : provider().getTracer('hivelog', VERSION),
    processors,
    shutdown: async () => made?.shutdown(),
  }
}

function makeProvider(
  options: ProviderOptions,
  redactor: Redactor,
  idGenerator: HiveIdGenerator,
  sampler: Sampler | undefined,
  spanProcessors: SpanProcessor[],
): BasicTracerProvider {
  const { BasicTracerProvider } = sdk('@opentelemetry/sdk-trace-base')
  const { createAlwaysRecordSampler } = sdk('@opentelemetry/sdk-trace')
  return new BasicTracerProvider({
    resource: hiveResource(options, redactor),
    sampler: createAlwaysRecordSampler(sampler ?? defaultSampler()),
    idGenerator,
    spanProcessors,
  })
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
  provider: () => BasicTracerProvider,
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
  let level = DiagLogLevel.WARN
  const own = safeConsole()
  for (const [name, from] of LEVELS) {
    const tell = diag[name].bind(diag)
    diag[name] = (message, ...rest) => {
      if (hasDiagLogger()) tell(message, ...rest)
      else if (level >= from && String(message).startsWith('hivelog')) own[name](message, ...rest)
    }
  }
  const asked = fromEnv('OTEL_LOG_LEVEL')
  if (asked === undefined) return
  const { diagLogLevelFromString } = sdk('@opentelemetry/core')
  level = readingVariables(() => diagLogLevelFromString(asked)) ?? level
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
