// What `hivelog ship --otlp-logs` takes itself: CPU time a line, and memory, which must not grow with the logs.

import { writeHiveLogs } from '../lib/hive-logs.mjs'
import { hivelog } from '../lib/hivelog-run.mjs'
import { otlpSink } from '../lib/otlp-sink.mjs'

const LOGS = 10

export default async function records({ work, quick }) {
  const { files, lines } = writeHiveLogs(work, { hives: LOGS + 1, lines: quick ? 110_000 : 440_000 })
  const perLog = lines / (LOGS + 1)
  const sink = await otlpSink()
  try {
    const rows = []
    const ship = async (...logs) => {
      const { cpu, rss } = await hivelog('ship', '--once', '--otlp-logs', sink.url, ...logs)
      rows.push([logs.length, ((cpu / (logs.length * perLog)) * 1e6).toFixed(1), rss.toFixed(0)])
      return rss
    }
    await ship(files[0])
    const rss = await ship(...files.slice(1))
    return {
      title: 'Logs as OTLP records',
      note: `hivelog ship --once --otlp-logs, ${perLog.toFixed(0)} lines a log, all logs at once, to an endpoint that takes all.`,
      columns: ['logs', 'CPU µs a line', 'MiB at peak'],
      rows,
      targets: [{ what: `memory of ship --otlp-logs, ${LOGS} logs, MiB`, atMost: 200, measured: rss }],
    }
  } finally {
    sink.close()
  }
}
