/** The spans that an application's own backend gets, beside hivelog and without it. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What `kit/their-telemetry.mjs` writes, in a run's folder. */
export const spansFile = (folder) => join(folder, 'their-spans.ndjson')

export function readSpans(folder) {
  const file = spansFile(folder)
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

/** Characters of a span that a problem shows. */
const MAX_SHOWN = 1_500

/** @returns what is not the same, in any order of the spans */
export function spansDiffer(beside, alone) {
  const problems = []
  if (alone.length === 0) problems.push('without hivelog their backend got no spans')
  const rest = normalised(alone)
  for (const text of normalised(beside)) {
    const i = rest.indexOf(text)
    if (i < 0) problems.push(`their backend got ${text.slice(0, MAX_SHOWN)}`)
    else rest.splice(i, 1)
  }
  for (const text of rest) problems.push(`their backend lacks ${text.slice(0, MAX_SHOWN)}`)
  return problems
}

/** Each span with names where there are ids, and without what differs from run to run. */
function normalised(spans) {
  const byId = new Map(spans.map((span) => [span.spanId, span]))
  const pathOf = (id) => {
    const path = []
    for (let span = byId.get(id); span !== undefined; span = byId.get(span.parentSpanId)) path.push(span.name)
    return path.join(' < ')
  }
  const traces = new Map()
  for (const { traceId, spanId } of spans) {
    traces.set(traceId, [...(traces.get(traceId) ?? []), pathOf(spanId)].sort())
  }
  return spans.map(({ traceId, spanId, parentSpanId, ...span }) =>
    masked(
      JSON.stringify({
        ...span,
        path: pathOf(spanId),
        trace: traces.get(traceId).length,
        links: span.links.map((link) => ({ ...link, spanId: pathOf(link.spanId) })),
      }),
    ),
  )
}

/** Times, ports, ids and stack traces; of spans of the same name at once, which answer came first. */
function masked(text) {
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UUID')
    .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT')
    .replace(/("server\.port":)\d+/g, '$1"PORT"')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'TIME')
    .replace(/(?:\\n {4}at (?:[^"\\]|\\[^n])*)+/g, 'STACK')
    .replace(/\b[0-9a-f]{32}\b/g, 'ID')
    .replace(/(\\*"created(?:_at)?\\*":)\d+/g, '$1SECONDS')
    .replace(
      /("[^"]*(?:msTo|PerSecond|time_to_first|[._]duration|per_second|time_per)[^"]*":)[\d.]+/gi,
      '$1TIME',
    )
}
