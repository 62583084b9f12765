/**
 * LangGraph and LangChain: a callback handler in every run, through the configure hooks of whichever copies of
 * `@langchain/core` the application loads.
 *
 * Each run of a compiled graph is an agent's life: what `createAgent`, `createReactAgent`, `createSupervisor` and
 * `StateGraph.compile` make, as the application calls it or as a node or a tool of another graph does. It is called by
 * the graph's name; without one by the node that it runs in; else `LangGraph`. What a plain node does, with a model or a
 * tool, is work of its graph's agent.
 */
import { quietly } from '../reading.js'
import type { Adapter } from '../stage.js'
import { type CallbackHandler, onStorage } from './context-storage.js'
import { Runs } from './runs.js'

const NAME = 'LangGraph'

/** What LangChain calls back, and whose first argument is of no interest or is. */
const CALLBACKS = [
  'handleChainStart',
  'handleChainEnd',
  'handleChainError',
  'handleChatModelStart',
  'handleLLMStart',
  'handleLLMNewToken',
  'handleLLMEnd',
  'handleLLMError',
  'handleToolStart',
  'handleToolEnd',
  'handleToolError',
] as const

export const adapter: Adapter = {
  name: NAME,
  install(stage) {
    const runs = new Runs(stage)
    const handler: CallbackHandler = {
      name: 'hivelog',
      awaitHandlers: true,
      raiseError: false,
      ignoreLLM: false,
      ignoreChain: false,
      ignoreAgent: false,
      ignoreRetriever: true,
      ignoreCustomEvent: true,
      copy: () => handler,
    }
    for (const name of CALLBACKS) {
      const call = runs[name] as (...args: unknown[]) => void
      handler[name] = (...args: unknown[]) => quietly(NAME, () => call.apply(runs, args))
    }
    onStorage({
      handler,
      enter: (config, work) => {
        const agent = quietly(NAME, () => runs.entered(config))
        return agent === undefined ? work() : stage.running.run(agent, work)
      },
      read: (config) => {
        quietly(NAME, () => runs.looked(config))
      },
    })
  },
}
