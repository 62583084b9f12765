/**
 * LangGraph and LangChain: a callback handler in every run, through the configure hooks of whichever copies of
 * `@langchain/core` the application loads. Where nothing has set up the storage that those hooks live in (an application
 * without LangGraph's main module), the handler is given to the callback managers as they are made; that needs Node
 * 22.15.
 *
 * Each run of a compiled graph is an agent's life: what `createAgent`, `createReactAgent`, `createSupervisor` and
 * `StateGraph.compile` make, as the application calls it or as a node or a tool of another graph does. It is called by
 * the graph's name; without one by the node that it runs in; else `LangGraph`. What a plain node does, with a model or a
 * tool, is work of its graph's agent.
 */
import { type ClassLike, openDoor, wrapMethod } from '../module-door.js'
import { quietly, textIn } from '../reading.js'
import type { Adapter } from '../stage.js'
import { type CallbackHandler, inCallback, onStorage } from './context-storage.js'
import { Runs } from './runs.js'

const NAME = 'LangGraph'

/** What the newest major of `@langchain/core` leaves in the global object. */
const IS_LOADED = 'lc_block_translators_registry'

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
      handler[name] = (...args: unknown[]) => stage.tell(NAME, () => call.apply(runs, args))
    }
    openDoor({
      package: '@langchain/core',
      module: /\/node_modules\/@langchain\/core\/dist\/callbacks\/manager\.c?js$/,
      className: 'CallbackManager',
      // By an instrumentation that is set up before hivelog, say.
      isLoaded: () => IS_LOADED in globalThis,
      met: (managerClass) => giveHandler(managerClass as unknown as ManagerClass, handler),
    })
    onStorage({
      handler,
      enter: (config, work) => {
        const agent = stage.tell(NAME, () => runs.entered(config))
        return agent === undefined ? work() : stage.running.run(agent, work)
      },
      read: (config) => {
        stage.tell(NAME, () => runs.looked(config))
      },
    })
  },
}

interface Manager {
  handlers?: unknown
  addHandler?(handler: CallbackHandler, inherit: boolean): void
}
interface ManagerClass extends Record<string, unknown> {
  new (): Manager
}

/** Each run is configured by this one method, which also takes up the hooks. */
function giveHandler(managerClass: ManagerClass, handler: CallbackHandler): void {
  wrapMethod({ prototype: managerClass }, '_configureSync', (_self, _args, call) => {
    const made = call() as Manager | undefined
    return quietly(NAME, () => withHandler(made ?? new managerClass(), handler)) ?? made
  })
  keepParents(managerClass, handler)
  for (const name of STARTS)
    wrapMethod(managerClass as unknown as ClassLike, name, (_self, _args, call) => inCallback(call))
}

type Configure = (this: unknown, ...args: unknown[]) => unknown

/**
 * An instrumentation that puts itself before this method may hand on a list of handlers in place of a manager, as
 * OpenLLMetry's does: then LangChain itself does not know any more what a run lies in. Whoever comes, what was given and
 * what came of it is seen from outside, and the handler is told.
 */
function keepParents(managerClass: ManagerClass, handler: CallbackHandler): void {
  let present = managerClass._configureSync as Configure
  if (typeof present !== 'function') return
  const seen = new WeakMap<Configure, Configure>()
  const fromOutside = (inner: Configure): Configure => {
    let outer = seen.get(inner)
    if (outer === undefined) {
      outer = function (this: unknown, ...args) {
        const made = inner.apply(this, args)
        quietly(NAME, () => tellParent(args[0], made as Manager | undefined, handler))
        return made
      }
      seen.set(inner, outer)
    }
    return outer
  }
  Object.defineProperty(managerClass, '_configureSync', {
    configurable: true,
    enumerable: Object.getOwnPropertyDescriptor(managerClass, '_configureSync')?.enumerable ?? false,
    // What is read is what was there, seen from outside: who wraps that calls it, and not himself.
    get: () => fromOutside(present),
    set(next: unknown) {
      if (typeof next === 'function') present = next as Configure
    },
  })
}

/** Callbacks that begin a run, with the run above as their fourth argument; a manager calls them by the same names. */
const STARTS = ['handleChainStart', 'handleChatModelStart', 'handleLLMStart', 'handleToolStart'] as const

function tellParent(given: unknown, made: Manager | undefined, handler: CallbackHandler): void {
  const parentId = textIn(given, '_parentRunId')
  if (parentId === undefined || made === undefined || textIn(made, '_parentRunId') !== undefined) return
  const { handlers } = made
  const i = Array.isArray(handlers) ? handlers.indexOf(handler) : -1
  if (i < 0) return
  const told = Object.create(handler) as CallbackHandler
  for (const name of STARTS) {
    const start = handler[name] as (...args: unknown[]) => void
    told[name] = (...args: unknown[]) => start(...args.slice(0, 3), args[3] ?? parentId, ...args.slice(4))
  }
  ;(handlers as unknown[])[i] = told
}

function withHandler(manager: Manager, handler: CallbackHandler): Manager {
  const { handlers } = manager
  if (Array.isArray(handlers) && !handlers.includes(handler)) manager.addHandler?.(handler, true)
  return manager
}
