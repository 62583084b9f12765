import { diag, type TextMapPropagator } from '@opentelemetry/api'
import { shown } from '../format/options.js'
import { fromEnv, sdk } from './sdk.js'

/**
 * What `OTEL_PROPAGATORS` names, default `tracecontext,baggage` (OpenTelemetry specification, environment variables);
 * `none` carries nothing. One that is not there is told, and the others are used.
 */
export function propagatorFromEnv(): TextMapPropagator {
  const { CompositePropagator, W3CTraceContextPropagator, W3CBaggagePropagator } = sdk('@opentelemetry/core')
  const given = fromEnv('OTEL_PROPAGATORS') ?? 'tracecontext,baggage'
  const names = new Set(given.split(',').map((name) => name.trim()))
  names.delete('')
  if (names.has('none')) names.clear()
  const propagators: TextMapPropagator[] = []
  if (names.delete('tracecontext')) propagators.push(new W3CTraceContextPropagator())
  if (names.delete('baggage')) propagators.push(new W3CBaggagePropagator())
  if (names.size > 0) {
    const others = [...names].map(shown).join(', ')
    diag.warn(
      `hivelog: OTEL_PROPAGATORS: ${others} is not there; use 'tracecontext', 'baggage' or 'none', or register a propagator of your own before the hive`,
    )
  }
  return new CompositePropagator({ propagators })
}
