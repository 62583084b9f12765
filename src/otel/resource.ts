/** What a hive's traces say about where they come from: the service, the host, the process. */
import { DiagLogLevel } from '@opentelemetry/api'
import type { Resource, ResourceDetector } from '@opentelemetry/resources'
import { type Redactor, SECRET_KEY_MASK } from '../redact/redact.js'
import { isSecretArgument } from '../redact/scrub.js'
import { fromEnv, sdk } from './sdk.js'
import { readingVariables } from './variables.js'

/** What a hive's traces say about where they come from. */
export interface ResourceOptions {
  /** `service.name`. Default: `OTEL_SERVICE_NAME`, else `hive`. */
  serviceName?: string
  /**
   * Attributes of the resource beside `service.*`, `host.*`, `process.*`. Default: those in
   * `OTEL_RESOURCE_ATTRIBUTES`.
   */
  resourceAttributes?: Record<string, string | number | boolean>
}

export function hiveResource(options: ResourceOptions, redactor: Redactor): Resource {
  const {
    defaultResource,
    detectResources,
    envDetector,
    hostDetector,
    processDetector,
    resourceFromAttributes,
  } = sdk('@opentelemetry/resources')
  const detected = detectResources({
    detectors: [hostDetector, redacted(processDetector, redactor), told(envDetector)],
  })
  const serviceName = options.serviceName ?? fromEnv('OTEL_SERVICE_NAME')
  const named = {
    ...options.resourceAttributes,
    ...(serviceName !== undefined && { 'service.name': serviceName }),
  }
  return defaultResource()
    .merge(resourceFromAttributes({ 'service.name': 'hive' }))
    .merge(detected)
    .merge(resourceFromAttributes(named))
}

/** That a variable cannot be read it says where hardly anybody listens. */
const told = (detector: ResourceDetector): ResourceDetector => ({
  detect: () => readingVariables(() => detector.detect(), DiagLogLevel.DEBUG),
})

/** People pass secrets on command lines. */
function redacted(detector: ResourceDetector, redactor: Redactor): ResourceDetector {
  return {
    detect() {
      const { attributes = {} } = detector.detect()
      const safe = Object.entries(attributes).map(([name, value]) => {
        if (typeof value === 'string') return [name, redactor.string(value)]
        return [name, Array.isArray(value) ? redactArguments(value, redactor) : value]
      })
      return { attributes: Object.fromEntries(safe) }
    },
  }
}

function redactArguments(values: readonly unknown[], redactor: Redactor): unknown[] {
  return values.map((value, i) => {
    if (typeof value !== 'string') return value
    return isSecretArgument(values[i - 1], redactor) ? SECRET_KEY_MASK : redactor.string(value)
  })
}
