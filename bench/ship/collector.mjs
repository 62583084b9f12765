// The server's CPU time an event beside that of an OpenTelemetry Collector with its queue on disk, for the same events.
import { backends } from '../lib/backends.mjs'
import { sentOn, startCollector } from '../lib/collector.mjs'
import { writeHiveLogs } from '../lib/hive-logs.mjs'
import { hivelog } from '../lib/hivelog-run.mjs'
import { otlpSink } from '../lib/otlp-sink.mjs'
import { cpuSeconds, residentMiB, until } from '../lib/programs.mjs'
import { startServe } from '../lib/serve-program.mjs'
import { median } from '../lib/stats.mjs'

export default async function collector({ work, quick }) {
  const title = 'An event at the server, and at a Collector'
  const binary = backends('otelcol')()
  if (binary === undefined)
    return { title, skipped: 'there is no Collector here (scripts/backends.sh builds it)' }
  const rounds = quick ? 1 : 3
  const hives = (rounds + 1) * 4
  const { files, lines, bytes } = writeHiveLogs(work, { hives, lines: hives * (quick ? 15_000 : 40_000) })
  const perRound = lines / (rounds + 1)
  let received = 0
  const sink = await otlpSink((body) => {
    received += body.length
  })
  const server = await startServe(work)
  const other = await startCollector(binary, work, sink.url)
  const costs = { serve: [], collector: [] }
  const memory = {}
  try {
    // The first round warms up.
    for (let round = 0; round <= rounds; round++) {
      const own = files.slice(round * 4, (round + 1) * 4)
      const measure = async (name, program, args, isThrough) => {
        const before = cpuSeconds(program.pid)
        await hivelog('ship', '--once', ...args, ...own)
        await until(`${name}: all is through`, isThrough, 120_000)
        if (round > 0) costs[name].push(((cpuSeconds(program.pid) - before) / perRound) * 1e6)
        memory[name] = residentMiB(program.pid)
      }
      await measure('serve', server, ['--to', server.url, '--token', server.token], () => true)
      await measure('collector', other, ['--otlp-logs', other.url], async () => {
        return (await sentOn(other, 'log_records')) >= Math.round(perRound * (round + 1))
      })
    }
  } finally {
    await other.stop()
    await server.stop()
    sink.close()
  }
  if (received < bytes) throw new Error(`the Collector passed on ${received} bytes of ${bytes}`)
  const ratio = median(costs.collector.map((cost, i) => cost / costs.serve[i]))
  return {
    title,
    note: `${Math.round(perRound * rounds)} lines of ${(bytes / lines).toFixed(0)} bytes, by turns: hivelog ship --to (gzip) to the server, which keeps them; hivelog ship --otlp-logs to a Collector, which queues them on its disk (file_storage, fsync) and passes them on to an endpoint that takes all. Both answer when it is on the disk.`,
    columns: ['program', 'CPU µs an event', 'MiB resident'],
    rows: [
      ['hivelog serve', median(costs.serve).toFixed(2), memory.serve.toFixed(0)],
      ['Collector', median(costs.collector).toFixed(2), memory.collector.toFixed(0)],
    ],
    targets: [{ what: 'CPU an event, Collector to server', atLeast: 5, measured: ratio }],
  }
}
