/** When a thread first does something that is recorded: most never do, and have no log. */
import * as nodeModule from 'node:module'
import { beforeFirstRequest } from './http/requests.js'

/** What is imported by who runs agents, asks models, or makes spans. */
const TELLING =
  /^(?:ai|openai|langchain|@ai-sdk\/.*|@openai\/agents.*|@langchain\/.*|@mastra\/.*|@anthropic-ai\/.*|@google\/genai|@opentelemetry\/.*)(?:\/|$)/

/** `@types/node` of Node 20 does not have it. */
type RegisterHooks = (hooks: {
  resolve(
    specifier: string,
    context: unknown,
    nextResolve: (specifier: string, context: unknown) => unknown,
  ): unknown
}) => unknown

/**
 * Calls `begin` once: before a framework, a model's client or OpenTelemetry is loaded (Node 22.15), else before the first
 * request over HTTP.
 */
export function beforeFirstUse(begin: () => void): void {
  let hasBegun = false
  const once = (): void => {
    if (hasBegun) return
    hasBegun = true
    begin()
  }
  if (process.env.HIVELOG_INSTRUMENT?.trim() !== 'none') beforeFirstRequest(once)
  const { registerHooks } = nodeModule as unknown as { registerHooks?: RegisterHooks }
  registerHooks?.({
    resolve(specifier, context, nextResolve) {
      if (!hasBegun && TELLING.test(specifier)) once()
      return nextResolve(specifier, context)
    },
  })
}
