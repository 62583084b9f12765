/**
 * Whether the logs of a Claude Code may be sent here: by variables in its environment alone, which it keeps from the
 * commands that it runs. Where somebody has set up its telemetry, in the environment or in its settings, that is theirs.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { configFolder } from './transcripts.js'

/** With one of these the user has decided what is exported, or would send more than without us. */
const TAKEN =
  /^(?:CLAUDE_CODE_ENABLE_TELEMETRY|CLAUDE_CODE_ENHANCED_TELEMETRY_BETA|OTEL_(?:LOGS|METRICS|TRACES)_EXPORTER|OTEL_EXPORTER_OTLP_LOGS_\w+|OTEL_SDK_DISABLED|OTEL_LOGS_EXPORT_INTERVAL)=/

/** Settings give variables too, over those of the environment: a part of theirs with a part of ours is nobody's. */
const SAID_IN_SETTINGS = /\bOTEL_|\bCLAUDE_CODE_ENABLE_TELEMETRY\b/

/** Claude Code writes its logs every so many milliseconds. */
const EXPORT_MS = 5

/** @param url where the logs are received */
export const logsTo = (url: string): string[] => [
  'CLAUDE_CODE_ENABLE_TELEMETRY=1',
  'OTEL_LOGS_EXPORTER=otlp',
  'OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=http/json',
  `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=${url}`,
  `OTEL_LOGS_EXPORT_INTERVAL=${EXPORT_MS}`,
]

/**
 * @param environment that of Claude Code: `NAME=value`
 * @param args its arguments
 * @param cwd the folder in which it runs
 */
export function isTheirs(environment: readonly string[], args: readonly string[], cwd: string): boolean {
  return (
    environment.some((pair) => TAKEN.test(pair)) ||
    settingsOf(args).some((text) => SAID_IN_SETTINGS.test(text) || isSaidIn(resolve(cwd, text))) ||
    settingsFiles(configFolder(environment), cwd).some(isSaidIn)
  )
}

/** Settings on the command line: JSON, or the path of a file. */
function settingsOf(args: readonly string[]): string[] {
  return args.flatMap((arg, i) => {
    if (arg === '--settings') return args.slice(i + 1, i + 2)
    return arg.startsWith('--settings=') ? [arg.slice('--settings='.length)] : []
  })
}

function settingsFiles(config: string, cwd: string): string[] {
  const managed = MANAGED[process.platform] ?? '/etc/claude-code'
  return [
    join(config, 'settings.json'),
    join(config, 'remote-settings.json'),
    join(cwd, '.claude/settings.json'),
    join(cwd, '.claude/settings.local.json'),
    join(managed, 'managed-settings.json'),
    ...filesIn(join(managed, 'managed-settings.d')),
  ]
}

/** Where an organisation puts the settings that go before all others. */
const MANAGED: { readonly [platform: string]: string } = {
  darwin: '/Library/Application Support/ClaudeCode',
  win32: 'C:\\Program Files\\ClaudeCode',
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name))
  } catch {
    return []
  }
}

function isSaidIn(file: string): boolean {
  try {
    return SAID_IN_SETTINGS.test(readFileSync(file, 'utf8'))
  } catch {
    return false
  }
}
