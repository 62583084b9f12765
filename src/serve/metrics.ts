/** What a server did, in the text format of Prometheus. */
import type { Received } from './ingest.js'
import type { Route } from './router.js'

/** Refusals are counted by status, of which there are few. */
export class Metrics {
  readonly #startedAt = Date.now()
  #bytes = 0
  #lines = 0
  #batches = 0
  #lastAt = 0
  readonly #refused = new Map<number, number>()

  received({ bytes, lines }: Received): void {
    this.#bytes += bytes
    this.#lines += lines
    this.#batches++
    this.#lastAt = Date.now()
  }

  refused(status: number): void {
    this.#refused.set(status, (this.#refused.get(status) ?? 0) + 1)
  }

  text(): string {
    const lines = [
      ...counter('hivelog_ingest_bytes_total', 'Bytes of logs that were stored.', this.#bytes),
      ...counter('hivelog_ingest_lines_total', 'Lines of logs that were stored.', this.#lines),
      ...counter('hivelog_ingest_batches_total', 'Pieces of logs that were stored.', this.#batches),
      '# HELP hivelog_refused_total Requests that were refused.',
      '# TYPE hivelog_refused_total counter',
      ...[...this.#refused].map(([status, count]) => `hivelog_refused_total{status="${status}"} ${count}`),
      '# HELP hivelog_last_ingest_timestamp_seconds When something was stored last.',
      '# TYPE hivelog_last_ingest_timestamp_seconds gauge',
      `hivelog_last_ingest_timestamp_seconds ${this.#lastAt / 1000}`,
      '# HELP hivelog_start_time_seconds When the server started.',
      '# TYPE hivelog_start_time_seconds gauge',
      `hivelog_start_time_seconds ${this.#startedAt / 1000}`,
    ]
    return `${lines.join('\n')}\n`
  }
}

const counter = (name: string, help: string, value: number): string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} counter`,
  `${name} ${value}`,
]

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
