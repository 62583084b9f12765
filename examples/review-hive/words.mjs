/** What the demo says before and after the feed. */
import { relative } from 'node:path'

export function openingWords(screen, file, areas, { interactive }) {
  const files = areas.reduce((sum, area) => sum + area.files.length, 0)
  screen.line(
    `${areas.length} reviewers for ${files} source files. The feed below is read from the log as it grows:`,
  )
  screen.line(relative('', file))
  if (interactive)
    screen.line('You decide what blocks: answer y or n, and why if you like. Ctrl-D: let the policy decide.')
  screen.line('')
}

export function closingWords(screen, { file, notebook, report, summary, traceId, unsent }) {
  const log = relative('', file)
  const { files, blocked, lost } = summary
  const verdict = report.ok ? 'no damage' : `DAMAGED, see npx hivelog verify ${log}`
  screen.line(`
Reviewed: ${files} files. Blocked: ${blocked.length}.${lost.length > 0 ? ` Not finished: ${lost.join(', ')}.` : ''}
The findings   ${relative('', notebook)}
The log        ${log}
verify         ${report.ok ? 'ok' : 'failed'}: ${report.lines} lines, seq 1 to ${report.lastSeq}, ${verdict}

Look into it:
  npx hivelog tail -n 20 ${log}
  npx hivelog tail --kind escalate --kind approval ${log}
  npx hivelog replay --speed 4 ${log}
  npx hivelog audit ${log}
  npx hivelog waits ${log}
  npx hivelog check ${log}
  grep redacted ${log}
${traceWords(traceId, log, unsent)}`)
}

function traceWords(traceId, log, unsent) {
  const { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT } = process.env
  const endpoint = OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || OTEL_EXPORTER_OTLP_ENDPOINT
  if (endpoint && unsent)
    return `
Not all of the trace was sent: ${endpoint} did not take it. Once it is there:
  npx hivelog export --service-name review-hive ${log}`
  if (endpoint)
    return `\nThe trace in Jaeger (sent to ${endpoint}):\n  http://localhost:16686/trace/${traceId}`
  return `
To see the trace in Jaeger (http://localhost:16686):
  docker compose up -d
  OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 npm run demo`
}
