import { diag, type TextMapPropagator } from '@opentelemetry/api'
import { shown } from '../format/options.js'
import { fromEnv, sdk } from './sdk.js'

/**
 * What `OTEL_PROPAGATORS` names, default `tracecontext,baggage` (OpenTelemetry specification, environment variables);
 * undefined for `none`. One that is not there is told, and the others are used.
 */
export function propagatorFromEnv(): TextMapPropagator | undefined {
  const { CompositePropagator, W3CTraceContextPropagator, W3CBaggagePropagator } = sdk('@opentelemetry/core')
  const given = fromEnv('OTEL_PROPAGATORS') ?? 'tracecontext,baggage'
  const names = new Set(given.split(',').map((name) => name.trim()))
  names.delete('')
  if (names.has('none')) return undefined
  const propagators: TextMapPropagator[] = []
  if (names.delete('tracecontext')) propagators.push(new W3CTraceContextPropagator())
  if (names.delete('baggage')) propagators.push(new W3CBaggagePropagator())
  if (names.size > 0) {
    const others = [...names].map(shown).join(', ')
    diag.warn(
      `hivelog: OTEL_PROPAGATORS: ${others} is not there; use 'tracecontext', 'baggage' or 'none', or register a propagator of your own before the hive`,
    )
  }
  return propagators.length === 0 ? undefined : new CompositePropagator({ propagators })
}
