/** Environment variables that OpenTelemetry's own code reads for the hive. */
import { createRequire } from 'node:module'
import { type DiagAPI, DiagLogLevel, diag } from '@opentelemetry/api'
import { hasDiagLogger } from './globals.js'

const require = createRequire(import.meta.url)

const LEVELS = [
  ['error', DiagLogLevel.ERROR],
  ['warn', DiagLogLevel.WARN],
  ['info', DiagLogLevel.INFO],
  ['debug', DiagLogLevel.DEBUG],
] as const

/**
 * Has OpenTelemetry's code read variables. What it tells its `diag` of them meanwhile, from this level on, is said by the
 * hive where the application has no logger: else nobody would hear that a variable is wrong. No logger is registered for
 * that: it would be the application's, and of the version of the copy of the API that did it.
 */
export function readingVariables<T>(read: () => T, level: DiagLogLevel = DiagLogLevel.WARN): T {
  if (hasDiagLogger()) return read()
  const said: string[] = []
  const theirs = diagOfSdk()
  const before = LEVELS.map(([name]) => theirs[name])
  for (const [name, from] of LEVELS) {
    theirs[name] = (...words) => {
      if (level >= from) said.push(words.map(String).join(' '))
    }
  }
  try {
    return read()
  } finally {
    for (const [i, [name]] of LEVELS.entries()) theirs[name] = before[i] as DiagAPI['error']
    for (const text of said) diag.warn(`hivelog: ${text}`)
  }
}

/** That of the copy of the API which the SDK's packages load. */
function diagOfSdk(): DiagAPI {
  const ofSdk = createRequire(require.resolve('@opentelemetry/core'))
  return (ofSdk('@opentelemetry/api') as { diag: DiagAPI }).diag
}
