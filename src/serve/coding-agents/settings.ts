/**
 * The settings by which coding agents tell a server what they do, and how they are put into the files that people have.
 *
 * - Claude Code: `env` and `hooks` of `settings.json` (2.1.332; it sends `SessionStart` to no HTTP hook)
 * - Codex CLI: `[otel]` of `config.toml` (openai/codex, `docs/config.md` and `codex-rs/otel/src/config.rs`, 2026)
 * - Gemini CLI: `telemetry` of `settings.json`, and headers from `.env` alone (google-gemini/gemini-cli 0.56,
 *   `packages/core/src/telemetry/config.ts` and `sdk.ts`)
 */
import { join } from 'node:path'

export const AGENTS = ['claude-code', 'codex', 'gemini'] as const
export type CodingAgent = (typeof AGENTS)[number]

/** What the settings are to say. */
export interface Wanted {
  /** Of the server, without a slash at its end. */
  url: string
  token: string
  /** Seconds that a permission request waits for a person. */
  wait: number
}

/** One file of a coding agent's. */
export interface SettingsFile {
  /** Where it is. */
  path: string
  /** What is to be in it, as people would write it. */
  content: string
  /**
   * The file's text with the settings in it.
   * @param text as it is; `undefined` when there is none
   * @throws {SettingsError} when they cannot be put in
   */
  merge(text: string | undefined): string
}

/** The settings cannot be put into a file: it says why in words. */
export class SettingsError extends Error {}

/** @param home of the user. @param env in which the agents look for their folders */
export function settingsOf(
  agent: CodingAgent,
  wanted: Wanted,
  home: string,
  env: Readonly<Record<string, string | undefined>>,
): SettingsFile[] {
  if (agent === 'claude-code') return [claudeCode(wanted, env.CLAUDE_CONFIG_DIR || join(home, '.claude'))]
  if (agent === 'codex') return [codex(wanted, env.CODEX_HOME || join(home, '.codex'))]
  return gemini(wanted, join(home, '.gemini'))
}

type Json = Record<string, unknown>

/** Hooks that tell something; those of tools are given for all tools. */
const HOOKS = [
  'UserPromptSubmit',
  'PreToolUse',
  'PermissionRequest',
  'PostToolUse',
  'PostToolUseFailure',
  'SubagentStart',
  'SubagentStop',
  'Notification',
  'Stop',
  'StopFailure',
  'SessionEnd',
]
/** Where Claude Code's hooks are taken. */
export const HOOK_PATH = '/v1/hooks/claude-code'
/** Seconds that a hook may take which nobody waits for. */
const HOOK_SECONDS = 5
/** Seconds between the server's answer that nobody decided and Claude Code's own limit. */
const SPARE_SECONDS = 5

function claudeCode({ url, token, wait }: Wanted, folder: string): SettingsFile {
  const env = {
    CLAUDE_CODE_ENABLE_TELEMETRY: '1',
    OTEL_LOGS_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'http/protobuf',
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: `${url}/v1/logs`,
    OTEL_EXPORTER_OTLP_LOGS_HEADERS: `authorization=Bearer ${token}`,
  }
  const hookOf = (name: string): Json => ({
    type: 'http',
    url: `${url}${HOOK_PATH}${name === 'PermissionRequest' ? `?wait=${wait}` : ''}`,
    headers: { authorization: `Bearer ${token}` },
    timeout: name === 'PermissionRequest' ? wait + SPARE_SECONDS : HOOK_SECONDS,
  })
  const hooks = Object.fromEntries(HOOKS.map((name) => [name, [{ hooks: [hookOf(name)] }]]))
  return {
    path: join(folder, 'settings.json'),
    content: jsonText({ env, hooks }),
    merge(text) {
      const settings = jsonIn(text)
      const others = objectIn(settings, 'hooks')
      const merged: Json = {}
      for (const [name, groups] of Object.entries(others)) merged[name] = withoutOurs(groups)
      for (const [name, groups] of Object.entries(hooks)) {
        const kept = (merged[name] ?? []) as unknown[]
        merged[name] = [...kept, ...groups]
      }
      return jsonText({ ...settings, env: { ...objectIn(settings, 'env'), ...env }, hooks: merged })
    },
  }
}

/** Groups of hooks without those that were put in before. */
function withoutOurs(groups: unknown): unknown {
  if (!Array.isArray(groups)) throw new SettingsError('its hooks are no lists')
  const isOurs = (hook: unknown): boolean =>
    typeof (hook as Json | null)?.url === 'string' && ((hook as Json).url as string).includes(HOOK_PATH)
  return groups.flatMap((group: unknown) => {
    const { hooks } = (group ?? {}) as Json
    if (!Array.isArray(hooks) || !hooks.some(isOurs)) return [group]
    const others = hooks.filter((hook) => !isOurs(hook))
    return others.length === 0 ? [] : [{ ...(group as Json), hooks: others }]
  })
}

const BEGIN = '# hivelog: begin'
const END = '# hivelog: end'

function codex({ url, token }: Wanted, folder: string): SettingsFile {
  const headers = `{ authorization = ${JSON.stringify(`Bearer ${token}`)} }`
  const exporter = `{ otlp-http = { endpoint = ${JSON.stringify(`${url}/v1/logs`)}, protocol = "binary", headers = ${headers} } }`
  const content = `[otel]\nexporter = ${exporter}\nlog_user_prompt = false\n`
  const block = `${BEGIN}\n${content}${END}\n`
  return {
    path: join(folder, 'config.toml'),
    content,
    merge(text = '') {
      const lines = text.split('\n')
      const [from, to] = [lines.indexOf(BEGIN), lines.indexOf(END)]
      const others = from >= 0 && to > from ? [...lines.slice(0, from), ...lines.slice(to + 1)] : lines
      if (others.some((line) => /^\s*(?:\[\s*"?otel"?\s*[\].]|"?otel"?\s*[.=])/.test(line)))
        throw new SettingsError('it has an [otel] table of its own')
      const kept = others.join('\n').trimEnd()
      return kept === '' ? block : `${kept}\n\n${block}`
    },
  }
}

const HEADERS = 'OTEL_EXPORTER_OTLP_HEADERS'

function gemini({ url, token }: Wanted, folder: string): SettingsFile[] {
  const telemetry = { enabled: true, target: 'local', otlpEndpoint: url, otlpProtocol: 'http' }
  const line = `${HEADERS}=authorization=Bearer%20${encodeURIComponent(token)}`
  return [
    {
      path: join(folder, 'settings.json'),
      content: jsonText({ telemetry: { ...telemetry, logPrompts: false } }),
      merge(text) {
        const settings = jsonIn(text)
        const own = objectIn(settings, 'telemetry')
        // What goes to a file goes nowhere else.
        if (own.outfile !== undefined) throw new SettingsError('its telemetry goes to a file (outfile)')
        return jsonText({ ...settings, telemetry: { logPrompts: false, ...own, ...telemetry } })
      },
    },
    {
      path: join(folder, '.env'),
      content: `${line}\n`,
      merge(text = '') {
        const kept = text
          .split('\n')
          .filter((each) => !new RegExp(`^\\s*(?:export\\s+)?${HEADERS}\\s*=`).test(each))
        const before = kept.join('\n').trimEnd()
        return before === '' ? `${line}\n` : `${before}\n${line}\n`
      },
    },
  ]
}

const jsonText = (value: Json): string => `${JSON.stringify(value, undefined, 2)}\n`

function jsonIn(text: string | undefined): Json {
  if (text === undefined || text.trim() === '') return {}
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new SettingsError('it is no plain JSON; it may have comments')
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  throw new SettingsError('it is no JSON object')
}

function objectIn(settings: Json, name: string): Json {
  const value = settings[name]
  if (value === undefined) return {}
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  throw new SettingsError(`its ${name} are no object`)
}
