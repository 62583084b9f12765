/** Which frameworks are recorded without code of the application's, and how that begins. */
import { diag } from '@opentelemetry/api'
import { shown } from '../format/options.js'
import { brief } from '../format/quote.js'
import type { Hive } from '../hive/hive.js'
import { adapter as aiSdk } from './ai-sdk/adapter.js'
import { adapter as claudeAgentSdk } from './claude-agent-sdk/adapter.js'
import { adapter as http } from './http/adapter.js'
import { adapter as langchain } from './langchain/adapter.js'
import { adapter as mastra } from './mastra/adapter.js'
import { adapter as modelSdks } from './model-sdks/adapter.js'
import { meetLoaded } from './module-door.js'
import { adapter as openaiAgents } from './openai-agents/adapter.js'
import { type Adapter, Stage } from './stage.js'

/** The adapters, by the names that `HIVELOG_INSTRUMENT` takes: those of their folders. */
export const ADAPTERS: Readonly<Record<string, Adapter>> = {
  'ai-sdk': aiSdk,
  langchain,
  mastra,
  'openai-agents': openaiAgents,
  'claude-agent-sdk': claudeAgentSdk,
  'model-sdks': modelSdks,
  http,
}

const instrumented = new WeakSet<Hive>()

/**
 * Begins to record in `hive` what the frameworks do that `HIVELOG_INSTRUMENT` names, all by default. Once for a hive:
 * further calls do nothing. Throws nothing; an adapter that cannot be installed is told to the diag logger, and the
 * others are.
 * @param isFirst whether nothing of the application has begun, as far as is known
 */
export function instrument(hive: Hive, adapters = ADAPTERS, isFirst = false): void {
  if (instrumented.has(hive)) return
  instrumented.add(hive)
  const chosen = chosenFrom(adapters)
  if (chosen.length === 0) return
  const stage = new Stage(hive)
  for (const adapter of chosen) {
    try {
      adapter.install(stage)
    } catch (error) {
      diag.error(`hivelog: ${adapter.name} is not recorded: its adapter failed: ${brief(error)}`)
    }
  }
  meetLoaded(isFirst)
}

/** The adapters that the environment asks for. */
function chosenFrom(adapters: Readonly<Record<string, Adapter>>): readonly Adapter[] {
  const given = process.env.HIVELOG_INSTRUMENT?.trim()
  if (!given || given === 'all') return Object.values(adapters)
  if (given === 'none') return []
  return given
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
    .flatMap((name) => {
      const adapter = Object.hasOwn(adapters, name) ? adapters[name] : undefined
      if (adapter === undefined) {
        const known = ['none', 'all', ...Object.keys(adapters)].join(', ')
        diag.warn(`hivelog: HIVELOG_INSTRUMENT: ${shown(name)} is not known; use ${known}`)
        return []
      }
      return [adapter]
    })
}
