/** What a server did, in the text format of Prometheus. */
import type { Received } from './ingest.js'
import type { Route } from './router.js'

/** Logs of which it is told how far behind their copies are: those that something came of last. */
const MAX_LOGS = 1_000

/** What came of one log. */
interface Followed {
  /** When something came last, and the time of its last event; epoch milliseconds. */
  receivedAt: number
  lastTs: number
}

/** Refusals are counted by status, of which there are few. */
export class Metrics {
  readonly #startedAt = Date.now()
  readonly #viewers: () => number
  #bytes = 0
  #lines = 0
  #batches = 0
  #lastAt = 0
  #syncMs = 0
  readonly #refused = new Map<number, number>()
  readonly #logs = new Map<string, Followed>()

  /** @param viewers how many are sent what happens now */
  constructor(viewers: () => number = () => 0) {
    this.#viewers = viewers
  }

  received({ bytes, lines, syncMs = 0, log, lastTs }: Received): void {
    this.#bytes += bytes
    this.#lines += lines
    this.#batches++
    this.#syncMs += syncMs
    this.#lastAt = Date.now()
    if (log === undefined || lastTs === undefined) return
    this.#logs.delete(log)
    this.#logs.set(log, { receivedAt: this.#lastAt, lastTs })
    const [oldest] = this.#logs.keys()
    if (this.#logs.size > MAX_LOGS) this.#logs.delete(oldest as string)
  }

  refused(status: number): void {
    this.#refused.set(status, (this.#refused.get(status) ?? 0) + 1)
  }

  text(): string {
    const lines = [
      ...counter('hivelog_ingest_bytes_total', 'Bytes of logs that were stored.', this.#bytes),
      ...counter('hivelog_ingest_lines_total', 'Lines of logs that were stored.', this.#lines),
      ...counter('hivelog_ingest_batches_total', 'Pieces of logs that were stored.', this.#batches),
      ...counter(
        'hivelog_ingest_sync_seconds_total',
        'Time in which pieces of logs were written and forced to the disk.',
        this.#syncMs / 1000,
      ),
      '# HELP hivelog_refused_total Requests that were refused.',
      '# TYPE hivelog_refused_total counter',
      ...[...this.#refused].map(([status, count]) => `hivelog_refused_total{status="${status}"} ${count}`),
      '# HELP hivelog_log_lag_seconds Age of the last event of a copy when it came.',
      '# TYPE hivelog_log_lag_seconds gauge',
      ...[...this.#logs].map(
        ([log, { receivedAt, lastTs }]) =>
          `hivelog_log_lag_seconds{log="${log}"} ${Math.max(0, receivedAt - lastTs) / 1000}`,
      ),
      '# HELP hivelog_log_received_timestamp_seconds When something of a copy came last.',
      '# TYPE hivelog_log_received_timestamp_seconds gauge',
      ...[...this.#logs].map(
        ([log, { receivedAt }]) =>
          `hivelog_log_received_timestamp_seconds{log="${log}"} ${receivedAt / 1000}`,
      ),
      ...gauge('hivelog_viewers', 'Viewers that are sent what happens.', this.#viewers()),
      ...gauge(
        'hivelog_last_ingest_timestamp_seconds',
        'When something was stored last.',
        this.#lastAt / 1000,
      ),
      ...gauge('hivelog_start_time_seconds', 'When the server started.', this.#startedAt / 1000),
    ]
    return `${lines.join('\n')}\n`
  }
}

const sample = (type: string, name: string, help: string, value: number): string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
  `${name} ${value}`,
]
const counter = (name: string, help: string, value: number): string[] => sample('counter', name, help, value)
const gauge = (name: string, help: string, value: number): string[] => sample('gauge', name, help, value)

export const metricsRoute = (metrics: Metrics): Route => ({
  method: 'GET',
  path: '/metrics',
  scope: 'read',
  run: ({ response }) => {
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4', 'cache-control': 'no-store' })
    response.end(metrics.text())
    return undefined
  },
})
