import type { TracerProvider } from '@opentelemetry/api'
import { checkOptions, pickOptions } from '../format/options.js'
import { HiveSpanProcessor } from '../otel/hive-span-processor.js'
import { JsonlSpanExporter } from '../otel/jsonl-span-exporter.js'
import { RECORDER_RULES } from '../otel/options.js'
import type { OtlpLogsOptions } from '../otel/otlp-logs.js'
import { createProvider, ensureDiagLogger, type ProviderOptions, register } from '../otel/provider.js'
import { countFromEnv } from '../otel/sampler.js'
import { endWithin, type WatchedProcessor } from '../otel/shutdown.js'
import { newSessionId, type RecorderOptions } from '../record/log-recorder.js'
import { Recorder } from '../record/recorder.js'
import type { Opener } from '../record/sharing.js'
import { Redactor } from '../redact/redact.js'
import { VERSION } from '../version.js'
import { type Audience, HiveCore } from './core.js'
import { inheritedContext } from './environment.js'
import { type GitOptions, scheduleCommits } from './git.js'
import { Hive } from './hive.js'
import { HIVE_RULES } from './options.js'
import { sendLines } from './otlp-logs.js'
import { RecoveryIdGenerator, recover } from './recover.js'
import { type ShipOptions, startShip } from './ship.js'

/** What `startHive` takes: how the log is written, and how the tracer provider is set up. */
export interface HiveOptions extends Omit<RecorderOptions, 'file'>, ProviderOptions {
  /**
   * Path of the log. Default: `HIVELOG_FILE`, else `hive.jsonl` in the working directory. `false`: no file, the
   * events go on the spans alone.
   */
  file?: string | false
  /**
   * A tracer provider of the application's own to make the spans with, instead of one that is set up and
   * registered here; `serviceName`, `otlp`, `sampler`, `spanProcessors` and `resourceAttributes` are that
   * provider's business. Default: none.
   */
  tracerProvider?: TracerProvider
  /** Events on one span before a continuation span begins. Default 100; the SDK drops events beyond 128. */
  maxEventsPerSpan?: number
  /** Milliseconds after which a span that holds events is continued in a new one. Default 300,000. */
  maxSpanAgeMs?: number
  /** Milliseconds that `shutdown` waits for trace backends and further span processors. Default 5,000. */
  shutdownTimeoutMs?: number
  /**
   * Commits the log to the git repository that it lies in, every `everyMs` and at `shutdown`, beside recording and
   * never in its way; a process that ends without `shutdown` makes no last commit. What goes wrong is told to the diag
   * logger, once. Default: no commits.
   */
  git?: GitOptions
  /**
   * Sends every line of the log, and of its child processes' logs, as an OTLP log record: behind the file, which is the
   * buffer, and over restarts. `true`: where the `OTEL_EXPORTER_OTLP_*` variables say. Default: what
   * `OTEL_LOGS_EXPORTER` says, or `true` where `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT` is set, else nothing.
   */
  otlpLogs?: boolean | OtlpLogsOptions
  /**
   * After a crash: end what the processes before left open in this log. Each agent without an exit gets an `exit` line
   * with status `lost`, in its old session, and its open span is sent to the trace exporters with the ids that it had,
   * ended at its last event. Done in the background, from the last 256 MiB of the log; one line to the diag logger
   * says what was found. Default false.
   */
  recover?: boolean
  /**
   * Sends the log to a server (`hivelog serve`), and those of child processes, behind the writer and never in its way:
   * where to, and when. Default: to `AGENT_LOG_ENDPOINT`, if that is set. `false`: nowhere.
   */
  ship?: ShipOptions | false
}

/**
 * Starts recording a hive: opens the log and, unless `tracerProvider` is given, sets up a tracer provider with
 * W3C propagation and AsyncLocalStorage context, which are the global ones while the application registers none. The
 * application's own win, whenever they come, and what its provider's spans tell is recorded too.
 *
 * @throws {OptionsError} when an option is none, or has a value that it cannot have
 * @throws {OptionsConflictError} when the file is open in this process already, with options that say otherwise
 * @throws {LogLockedError} when another process writes the file
 * @throws {LogOpenError} when the file cannot be opened or is no log
 * @throws {DependencyError} when OpenTelemetry's SDK is not where it can be found, as in a bundle
 */
export function startHive(options: HiveOptions = {}): Hive {
  return startAs(options, 'startHive')
}

/** The same for whoever asks for it. @param opener who is told of in errors */
export function startAs(options: HiveOptions, opener: Opener): Hive {
  ensureDiagLogger()
  checkOptions(opener, options, HIVE_RULES)
  const { file } = options
  const exporter =
    file === false
      ? undefined
      : new JsonlSpanExporter(pickOptions({ ...options, file }, RECORDER_RULES), opener)
  // A log that is open in this process has one already.
  const session = exporter?.session ?? options.sessionId ?? (process.env.AGENT_SESSION_ID || newSessionId())
  let own: ReturnType<typeof ownProvider> | undefined
  try {
    own = options.tracerProvider === undefined ? ownProvider(options, exporter) : undefined
    return startOn(options, session, exporter, own)
  } catch (error) {
    own?.registration.unregister()
    exporter?.recorder.releaseSync()
    throw error
  }
}

function startOn(
  options: HiveOptions,
  session: string,
  exporter: JsonlSpanExporter | undefined,
  own: ReturnType<typeof ownProvider> | undefined,
): Hive {
  const { shutdownTimeoutMs = 5_000 } = options
  const theirs = options.tracerProvider as TracerProvider
  const tracer = own?.tracer ?? theirs.getTracer('hivelog', VERSION)
  const core = new HiveCore({
    tracer,
    recorder: exporter?.recorder ?? new Recorder(new Redactor(options.redact), options.maxFieldBytes),
    idGenerator: own?.idGenerator,
    audience: audienceOf(own?.processors),
    workSpans: own?.workSpans,
    backendEvents: own?.backendEvents,
    session,
    maxEventsPerSpan: Math.min(
      options.maxEventsPerSpan ?? 100,
      countFromEnv('OTEL_SPAN_EVENT_COUNT_LIMIT') ?? Infinity,
    ),
    maxSpanAgeMs: options.maxSpanAgeMs ?? 300_000,
  })
  const git = scheduleCommits(exporter, options.git)
  const ship = startShip(exporter, options.ship, shutdownTimeoutMs)
  const lines = sendLines(exporter, options.otlpLogs, options.serviceName)
  const recovery =
    options.recover === true && exporter !== undefined
      ? recover({
          recorder: exporter.recorder,
          tracer,
          idGenerator: own?.idGenerator,
        })
      : undefined
  return new Hive({
    core,
    incoming: inheritedContext(),
    provider: own?.provider ?? (() => theirs),
    serviceName: options.serviceName,
    rootIs: (root) => own?.registration.setRoot(root),
    shipping: () => ship?.status,
    async shutdown() {
      await recovery?.finish(shutdownTimeoutMs)
      await Promise.all([
        exporter
          ?.shutdown()
          .finally(() => Promise.all([git?.finish(), ship?.finish(), lines?.finish(shutdownTimeoutMs)])),
        own && endWithin(own, own.processors, shutdownTimeoutMs),
      ])
      own?.registration.unregister()
    },
  })
}

/** Who hears of the spans: in a provider of the application's own anybody may. */
function audienceOf(processors: readonly WatchedProcessor[] | undefined): Audience {
  if (processors === undefined || processors.some(({ isBackend }) => !isBackend)) return 'all'
  return processors.length > 0 ? 'sampled' : 'none'
}

function ownProvider(options: HiveOptions, exporter: JsonlSpanExporter | undefined) {
  const idGenerator = new RecoveryIdGenerator()
  const recording = exporter === undefined ? undefined : new HiveSpanProcessor({ exporter })
  const redactor = exporter?.recorder.redactor ?? new Redactor(options.redact)
  const created = createProvider(options, redactor, idGenerator, recording === undefined ? [] : [recording])
  return { ...created, idGenerator, registration: register(created.provider, recording) }
}
