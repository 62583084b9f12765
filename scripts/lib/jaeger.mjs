/**
 * Traces from the query API of Jaeger, version 3, which answers in OTLP's JSON. Newer releases have no other.
 */

/** The resource spans of a trace; none when Jaeger does not have it. */
export async function storedTrace(query, traceId) {
  const response = await fetch(`${query}/api/v3/traces/${traceId}`)
  if (response.status === 404) return []
  if (!response.ok) throw new Error(`Jaeger answers ${response.status}: ${await response.text()}`)
  return (await response.json()).result.resourceSpans
}

/** Its spans, each with its resource. */
export const spansIn = (resourceSpans) =>
  resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...span, resource }))),
  )

/** The resource spans of the traces of a service in the last `ms` milliseconds, `limit` traces at most. */
export async function tracesOfService(query, service, { ms, limit }) {
  const now = Date.now()
  const parameters = new URLSearchParams({
    'query.service_name': service,
    'query.start_time_min': new Date(now - ms).toISOString(),
    'query.start_time_max': new Date(now).toISOString(),
    'query.num_traces': String(limit),
  })
  const response = await fetch(`${query}/api/v3/traces?${parameters}`)
  if (response.status === 404) return []
  if (!response.ok) throw new Error(`Jaeger answers ${response.status}: ${await response.text()}`)
  return (await response.json()).result.resourceSpans
}
