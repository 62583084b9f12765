/**
 * Vercel's AI SDK, from version 7 on, without any telemetry of the application's: an entry in the list of telemetry
 * integrations that the SDK looks for, and its tracing channel, which also sees calls that name integrations of their
 * own. Older versions are told by their spans.
 */
import { tracingChannel } from 'node:diagnostics_channel'
import type { Adapter } from '../stage.js'
import { onAgentClass } from './agent-class.js'
import { Runs } from './runs.js'

const NAME = 'AI SDK'

const CALLBACKS = [
  'onStart',
  'onLanguageModelCallStart',
  'onLanguageModelCallEnd',
  'onToolExecutionStart',
  'onToolExecutionEnd',
  'onStepEnd',
  'onObjectStepStart',
  'onObjectStepEnd',
  'onEmbedStart',
  'onEmbedEnd',
  'onEnd',
  'onAbort',
  'onError',
] as const

export const adapter: Adapter = {
  name: NAME,
  install(stage) {
    const runs = new Runs(stage)
    const tell = <T>(work: () => T): T | undefined => stage.tell(NAME, work)
    const globals = globalThis as { AI_SDK_TELEMETRY_INTEGRATIONS?: unknown }
    globals.AI_SDK_TELEMETRY_INTEGRATIONS ??= []
    const integrations = globals.AI_SDK_TELEMETRY_INTEGRATIONS
    if (Array.isArray(integrations)) {
      integrations.unshift(
        Object.fromEntries(
          CALLBACKS.map((name) => [name, (event: unknown) => tell(() => runs[name](event))]),
        ),
      )
    }
    const channel = tracingChannel('ai:telemetry')
    channel.start.bindStore(stage.running, (message) => tell(() => runs.entered(message)))
    channel.asyncEnd.subscribe((message) => tell(() => runs.left(message)))
    onAgentClass((id, run) => runs.named(id, run))
  },
}
