/** Sends a hive's lines as OTLP log records, behind its recording and never in its way. */
import { context, diag, ROOT_CONTEXT } from '@opentelemetry/api'
import { timerMs } from '../format/options.js'
import { type OtlpLogsOptions, otlpLogsOptions } from '../otel/otlp-logs.js'
import { sdk } from '../otel/sdk.js'

/** What is sent, and how what people may see of answers is made safe. */
interface Sent {
  readonly file: string
  readonly recorder: { readonly redactor: { string(text: string): string } }
}

/** Bytes of one request: so many are made ready in a few milliseconds, for which the agents wait. */
const REQUEST_BYTES = 64 * 1024

/** Begins to send the lines of `log`, and of its child processes' logs, if options or environment ask for it. */
export function sendLines(
  log: Sent | undefined,
  asked: boolean | OtlpLogsOptions | undefined,
  serviceName: string | undefined,
): LineSending | undefined {
  const options = otlpLogsOptions(asked)
  if (options === undefined) return undefined
  if (log !== undefined) return new LineSending(log, options, serviceName)
  diag.warn('hivelog: the option otlpLogs does nothing in a hive without a file')
  return undefined
}

/** What goes wrong is told to the diag logger, once; the file has the lines, and the next run goes on. */
export class LineSending {
  readonly #log: Sent
  readonly #drain = new AbortController()
  readonly #stop = new AbortController()
  readonly #ended: Promise<void>
  #isLossTold = false

  constructor(log: Sent, options: OtlpLogsOptions, serviceName: string | undefined) {
    this.#log = log
    // What is sent must not be traced, by whatever traces HTTP.
    const quiet = sdk('@opentelemetry/core').suppressTracing(ROOT_CONTEXT)
    this.#ended = context.with(quiet, () => this.#run(options, serviceName))
  }

  /** Sends what the closed log holds; resolves when that is done, or when it took too long. Never rejects. */
  async finish(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), timerMs(ms))
    })
    this.#drain.abort()
    if ((await Promise.race([this.#ended, late])) === 'late') {
      diag.error(
        `hivelog: not all lines of ${this.#log.file} were sent within ${ms} ms; the next run goes on with them`,
      )
      this.#stop.abort()
      await this.#ended
    }
    clearTimeout(timer)
  }

  async #run(options: OtlpLogsOptions, serviceName: string | undefined): Promise<void> {
    const { file, recorder } = this.#log
    const clean = (text: string): string => recorder.redactor.string(text)
    try {
      // Loaded here: what only records reads nothing.
      const { shipOtlpLogs } = await import('../ship/otlp-logs.js')
      await shipOtlpLogs([file], {
        ...options,
        ...(serviceName !== undefined && { serviceName }),
        maxBytes: REQUEST_BYTES,
        isAwake: false,
        drain: this.#drain.signal,
        signal: this.#stop.signal,
        clean,
        onTrouble: (why) =>
          diag.warn(
            why === undefined
              ? 'hivelog: the log backend takes lines again'
              : `hivelog: lines wait for the log backend: ${why}; the file has them`,
          ),
        onNotOwn: (line) => diag.warn(`hivelog: ${clean(line)}`),
        onLost: (what) => {
          if (!this.#isLossTold) diag.error(`hivelog: ${clean(what)}`)
          this.#isLossTold = true
        },
      })
    } catch (error) {
      if (!this.#stop.signal.aborted)
        diag.error(`hivelog: lines are not sent: ${clean((error as Error).message)}; the file has them`)
    }
  }
}
