/**
 * The parts of OpenTelemetry's SDK that a tracer provider of the hive's own needs. Each is loaded when it is first
 * asked for: a process that only registers the plug-in has an SDK of its own, and a hive without a trace backend needs
 * no exporter; together they are most of what there is to load. They are CommonJS packages, so that `startHive` can
 * load them while it runs; a copy of the application's that fits is the one that is loaded.
 */
import { createRequire } from 'node:module'
import { HivelogError } from '../format/errors.js'

/** The type of each package, by name. */
interface Packages {
  '@opentelemetry/context-async-hooks': typeof import('@opentelemetry/context-async-hooks')
  '@opentelemetry/core': typeof import('@opentelemetry/core')
  '@opentelemetry/exporter-trace-otlp-http': typeof import('@opentelemetry/exporter-trace-otlp-http')
  '@opentelemetry/otlp-exporter-base/node-http': typeof import('@opentelemetry/otlp-exporter-base/node-http')
  '@opentelemetry/otlp-transformer': typeof import('@opentelemetry/otlp-transformer')
  '@opentelemetry/resources': typeof import('@opentelemetry/resources')
  '@opentelemetry/sdk-trace': typeof import('@opentelemetry/sdk-trace')
  '@opentelemetry/sdk-trace-base': typeof import('@opentelemetry/sdk-trace-base')
}

const require = createRequire(import.meta.url)
const loaded: Partial<Packages> = {}

/** A package that hivelog depends on is not where it can be found, as in a bundle. */
export class DependencyError extends HivelogError {
  declare readonly code: 'ERR_HIVELOG_DEPENDENCY'
  /** Name of the package. */
  readonly dependency: string

  /**
   * @param dependency name of the package
   * @param cause what Node says
   */
  constructor(dependency: string, cause: unknown) {
    super(
      'ERR_HIVELOG_DEPENDENCY',
      `${dependency} cannot be loaded; install the dependencies of hivelog, and name hivelog as external where it is bundled`,
      cause,
    )
    this.name = 'DependencyError'
    this.dependency = dependency
  }
}

/** @throws {DependencyError} */
export function sdk<Name extends keyof Packages>(name: Name): Packages[Name] {
  const known = loaded[name]
  if (known !== undefined) return known
  try {
    const found = require(name) as Packages[Name]
    loaded[name] = found
    return found
  } catch (error) {
    throw new DependencyError(name, error)
  }
}

/**
 * Looks whether a package can be found, without loading it.
 * @throws {DependencyError}
 */
export function checkSdk(name: keyof Packages): void {
  try {
    require.resolve(name)
  } catch (error) {
    throw new DependencyError(name, error)
  }
}

/** An environment variable as the OpenTelemetry specification has it: one that is empty is as if it were not set. */
export function fromEnv(name: string): string | undefined {
  const given = process.env[name]
  return given === undefined || given.trim() === '' ? undefined : given
}
