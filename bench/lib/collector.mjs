// An OpenTelemetry Collector that queues on its disk what it gets, before it passes it on.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { answers, freePorts, start } from './programs.mjs'

/** The queue of collector-config/logs-kafka.yaml, value for value, with an OTLP endpoint behind it. */
const config = ({ http, health, metrics, data, next }) => `extensions:
  health_check: {endpoint: "127.0.0.1:${health}"}
  file_storage: {directory: ${data}/queue, create_directory: true, fsync: true}
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:${http}", max_request_body_size: 34603008}}}
processors:
  memory_limiter: {check_interval: 1s, limit_percentage: 75, spike_limit_percentage: 20}
exporters:
  otlp_http:
    endpoint: ${next}
    compression: none
    retry_on_failure: {enabled: true, max_elapsed_time: 0}
    sending_queue:
      enabled: true
      storage: file_storage
      sizer: bytes
      queue_size: 10737418240
      num_consumers: 8
      batch: {flush_timeout: 200ms, sizer: bytes, min_size: 262144, max_size: 33554432}
service:
  extensions: [health_check, file_storage]
  pipelines:
    logs: {receivers: [otlp], processors: [memory_limiter], exporters: [otlp_http]}
    traces: {receivers: [otlp], processors: [memory_limiter], exporters: [otlp_http]}
  telemetry:
    metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: ${metrics}}}}}]}
`

/** How many `spans` or `log_records` it has passed on. */
export async function sentOn({ metrics }, what) {
  const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()
  const row = text.split('\n').find((line) => line.startsWith(`otelcol_exporter_sent_${what}`))
  return row === undefined ? 0 : Number(row.slice(row.lastIndexOf(' ')))
}

/** @param next address of the endpoint behind it */
export async function startCollector(binary, folder, next) {
  const [http, health, metrics] = await freePorts(3)
  const path = join(folder, 'collector.yaml')
  writeFileSync(path, config({ http, health, metrics, data: folder, next }))
  const program = await start('collector', binary, ['--config', path], {}, () =>
    answers(`http://127.0.0.1:${health}/`),
  )
  return { ...program, url: `http://127.0.0.1:${http}`, metrics }
}
