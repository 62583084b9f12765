/**
 * The async local storage that LangChain, LangGraph and LangSmith share, whichever copies of them are loaded: they find
 * it under a global symbol. In it `@langchain/core` keeps its configure hooks, for the present async context alone; here
 * they are given in every context, as if `registerConfigureHook` had been called in each.
 *
 * Until one of the packages puts a storage there, there is none, as without hivelog.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { readField } from '../../format/fields.js'

/** As `@langchain/core` recognises a handler: by `copy`, `name` and `awaitHandlers`. */
export interface CallbackHandler {
  name: string
  awaitHandlers: boolean
  copy(): CallbackHandler
  [name: string]: unknown
}

export interface Listener {
  /** Is called back by every run. */
  handler: CallbackHandler
  /** Runs the work of a runnable, whose `RunnableConfig` this is. */
  enter<T>(config: unknown, work: () => T): T
  /** The code that runs asked for its config: `interrupt()` does. */
  read(config: unknown): void
}

interface Storage {
  getStore(): Store | undefined
  run(store: Store | undefined, callback: (...args: unknown[]) => unknown, ...args: unknown[]): unknown
  enterWith(store: Store | undefined): void
}
type Store = Record<PropertyKey, unknown>

const STORAGE = Symbol.for('ls:tracing_async_local_storage')
const VARIABLES = Symbol.for('lc:context_variables')
const CHILD_CONFIG = Symbol.for('lc:child_config')
/** Each copy of `@langchain/core` has a symbol of its own, so described. */
const HOOKS = 'lc:configure_hooks'

const listeners: Listener[] = []
const variableOf = (i: number): string => `hivelog${i}`
/** What `registerConfigureHook` is called with. */
const hooks: { contextVar: string; inheritable: boolean }[] = []

/** What variables are looked up in that nobody has set. */
const defaults: object = Object.create(
  new Proxy(Object.prototype, {
    get(target, key, receiver) {
      if (typeof key === 'symbol')
        return key.description === HOOKS ? hooks : Reflect.get(target, key, receiver)
      const i = key.startsWith('hivelog') ? Number(key.slice('hivelog'.length)) : -1
      return listeners[i]?.handler ?? Reflect.get(target, key, receiver)
    },
  }),
)
/** Stands where no context has been set. */
const outside: Store = { [VARIABLES]: Object.create(defaults) }

/** Tells of all runs from now on. */
export function onStorage(listener: Listener): void {
  hooks.push({ contextVar: variableOf(listeners.push(listener) - 1), inheritable: true })
  // A second handler of one name would not be taken.
  listener.handler.name = variableOf(listeners.length - 1)
  if (listeners.length === 1) awaitStorage()
}

function awaitStorage(): void {
  const before = Object.getOwnPropertyDescriptor(globalThis, STORAGE)
  if (before !== undefined && before.get === undefined && before.value !== undefined) {
    adopt(before.value as Storage)
    return
  }
  Object.defineProperty(globalThis, STORAGE, {
    configurable: true,
    enumerable: before?.enumerable ?? true,
    get: () => before?.get?.call(globalThis),
    set(storage: unknown) {
      Object.defineProperty(globalThis, STORAGE, {
        value: storage,
        configurable: true,
        enumerable: true,
        writable: true,
      })
      // Another copy of hivelog waits for it too.
      if (before?.set !== undefined) before.set.call(globalThis, storage)
      adopt(storage as Storage)
    },
  })
}

function adopt(storage: Storage): void {
  if (readField(storage, 'getStore') === undefined) return
  const { getStore, run, enterWith } = storage
  const own = (name: string, value: unknown): void => {
    Object.defineProperty(storage, name, { value, configurable: true, writable: true })
  }
  own('getStore', function (this: Storage) {
    const store = getStore.call(this)
    if (store === undefined || store === null) return outside
    const config = configOf(store)
    if (config !== undefined) for (const listener of listeners) listener.read(config)
    return withHooks(store)
  })
  own('run', function (this: Storage, store: Store | undefined, callback: () => unknown, ...args: unknown[]) {
    let work = (): unknown => run.call(this, withHooks(store), callback, ...args)
    const config = configOf(store)
    if (config !== undefined) {
      for (const listener of listeners) {
        const inner = work
        work = () => listener.enter(config, inner)
      }
    }
    const isCallback = store === undefined
    return isCallback === isInCallback() ? work() : callbacks.run(isCallback, work)
  })
  own('enterWith', function (this: Storage, store: Store | undefined) {
    return enterWith.call(this, withHooks(store))
  })
}

/** Whether the present code is a callback's: `@langchain/core` calls those, and nothing else, without a context. */
const callbacks = new AsyncLocalStorage<boolean>()
/** Runs what calls callbacks, where there is no storage that would show it. */
export const inCallback = <T>(work: () => T): T => callbacks.run(true, work)
export const isInCallback = (): boolean => callbacks.getStore() === true

const configOf = (store: unknown): unknown =>
  ((store as Store | undefined)?.extra as Store | undefined)?.[CHILD_CONFIG]

/** Lets the variables of a context fall back on the defaults. */
function withHooks<S extends Store | undefined>(store: S): S {
  if (store === null || typeof store !== 'object') return store
  try {
    const variables = store[VARIABLES] as object | undefined
    if (variables === undefined) store[VARIABLES] = Object.create(defaults)
    else if (Object.getPrototypeOf(variables) !== defaults) {
      Object.setPrototypeOf(variables, defaults)
      joinHooks(variables as Store)
    }
  } catch {
    // A context that cannot be added to is not recorded.
  }
  return store
}

/** Hooks that the application registered before there were any of ours. */
function joinHooks(variables: Store): void {
  for (const key of Object.getOwnPropertySymbols(variables)) {
    const registered = variables[key]
    if (key.description !== HOOKS || !Array.isArray(registered)) continue
    const missing = hooks.filter((hook) => !registered.includes(hook))
    if (missing.length > 0) variables[key] = [...registered, ...missing]
  }
}
