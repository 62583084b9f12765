import { diag } from '@opentelemetry/api'
import type { Sampler } from '@opentelemetry/sdk-trace-base'
import { shown } from '../format/options.js'
import { fromEnv, sdk } from './sdk.js'
import { readingVariables } from './variables.js'

const DEFAULT = 'parentbased_always_on'

/** The default of the specification. */
export function defaultSampler(): Sampler {
  const { AlwaysOnSampler, ParentBasedSampler } = sdk('@opentelemetry/sdk-trace-base')
  return new ParentBasedSampler({ root: new AlwaysOnSampler() })
}

/**
 * The sampler that `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` name; `undefined`: the default,
 * `parentbased_always_on` (OpenTelemetry specification, environment variables). The SDK reads them only when it is
 * given no sampler, and a hive must wrap its sampler.
 */
export function samplerFromEnv(): Sampler | undefined {
  const name = fromEnv('OTEL_TRACES_SAMPLER')?.trim() ?? DEFAULT
  if (name === DEFAULT) return undefined
  const { ParentBasedSampler } = sdk('@opentelemetry/sdk-trace-base')
  const isParentBased = name.startsWith('parentbased_')
  const rootName = isParentBased ? name.slice('parentbased_'.length) : name
  const root = rootSampler(rootName)
  if (root === undefined) {
    const why = NOT_THERE.includes(rootName) ? 'is not available here' : 'is no sampler of the specification'
    diag.error(`hivelog: OTEL_TRACES_SAMPLER=${name} ${why}; all traces are sent`)
    return undefined
  }
  return isParentBased ? new ParentBasedSampler({ root }) : root
}

/** Of the specification, and asked for over the network, which no package of OpenTelemetry JS at hand does. */
const NOT_THERE: readonly string[] = ['jaeger_remote', 'xray']

function rootSampler(name: string): Sampler | undefined {
  const { AlwaysOffSampler, AlwaysOnSampler, TraceIdRatioBasedSampler } = sdk('@opentelemetry/sdk-trace-base')
  if (name === 'always_on') return new AlwaysOnSampler()
  if (name === 'always_off') return new AlwaysOffSampler()
  if (name === 'traceidratio') return new TraceIdRatioBasedSampler(ratioFromEnv())
  return undefined
}

function ratioFromEnv(): number {
  const name = 'OTEL_TRACES_SAMPLER_ARG'
  const ratio = readingVariables(() => sdk('@opentelemetry/core').getNumberFromEnv(name))
  if (ratio === undefined) return 1
  if (ratio >= 0 && ratio <= 1) return ratio
  diag.error(`hivelog: ${name}=${ratio} is not between 0 and 1; all traces are sent`)
  return 1
}

/** A whole number from 1 in an environment variable; anything else is told, and is as if it were not set. */
export function countFromEnv(name: string): number | undefined {
  const given = fromEnv(name)
  if (given === undefined) return undefined
  const count = Number(given)
  if (Number.isSafeInteger(count) && count >= 1) return count
  diag.warn(`hivelog: ${name}: ${shown(given)} is not possible; use a whole number from 1`)
  return undefined
}
