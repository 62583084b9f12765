/** Environment variables that OpenTelemetry's own code reads for the hive. */
import { DiagLogLevel, diag } from '@opentelemetry/api'
import { hasDiagLogger } from './globals.js'

/**
 * Has OpenTelemetry's code read variables. What it tells its diag logger of them meanwhile, from this level on, is said by
 * the hive where the application has no logger: else nobody would hear that a variable is wrong.
 */
export function readingVariables<T>(read: () => T, logLevel: DiagLogLevel = DiagLogLevel.WARN): T {
  if (hasDiagLogger()) return read()
  const said: string[] = []
  const note = (...words: unknown[]): void => {
    const text = words.map(String).join(' ')
    // It is told that there is a logger now.
    if (!text.startsWith('@opentelemetry/api: ')) said.push(text)
  }
  const logger = { error: note, warn: note, info: note, debug: note, verbose: note }
  diag.setLogger(logger, { logLevel, suppressOverrideMessage: true })
  try {
    return read()
  } finally {
    diag.disable()
    for (const text of said) diag.warn(`hivelog: ${text}`)
  }
}
