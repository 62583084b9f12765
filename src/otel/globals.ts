/**
 * OpenTelemetry's globals, shared with the application: the hive's provider, context manager and propagator serve
 * while there are no others, and give way to the application's, whenever those come, as if nothing had been there.
 *
 * All copies of the API (1.x) in a process keep their globals in one object under a symbol of `globalThis`. A copy that
 * registers something assigns that object to the symbol first (`registerGlobal` of the API, up to 1.10), which a copy
 * that only reads never does: so the two are told apart here, and who registers is not shown what is the hive's.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type Context,
  type ContextManager,
  diag,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  type Span,
  type TextMapPropagator,
  type Tracer,
  type TracerOptions,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import { brief } from '../format/quote.js'
import { propagatorFromEnv } from './propagator.js'
import { sdk } from './sdk.js'

/** What one hive has for the process. */
export interface Offer {
  /** Its provider, which is made when it is first asked for. */
  provider(): TracerProvider
  /** The context of all code that runs in none. */
  root: (() => Context) | undefined
  /**
   * Is told of the application's provider, when there is one.
   * @returns what undoes it
   */
  join(provider: unknown): () => void
}

type Kind = 'trace' | 'context' | 'propagation' | 'diag' | 'metrics' | 'logs'
type Api = Record<string, unknown>

const KEY = Symbol.for('opentelemetry.js.api.1')
const KINDS: readonly Kind[] = ['trace', 'context', 'propagation', 'diag', 'metrics', 'logs']
/** A copy of the API takes what is of its own minor version or a later one, and the hive's parts suit all of 1.x. */
const ANY_VERSION = '1.999.0'

const globals = globalThis as Record<symbol, unknown>
const propertyOf = (value: unknown, name: string): unknown => (value as Record<string, unknown>)?.[name]

/** The first of them serves; the others wait for its end. */
const offers: Offer[] = []
/** The object that the copies of the API share, while it is watched. */
let api: Api | undefined
/** What others than hives have registered. */
let theirs: Partial<Record<Kind, unknown>> = {}
/** The version that the application's API gave to an object that was made here. */
let version: string | undefined
/** How far a registration is that is under way. */
let step: 'none' | 'begun' | 'checked' = 'none'
/** What takes back what was placed beside somebody else who watches. */
const aside: (() => void)[] = []
let undoJoin: (() => void) | undefined
let undoRoot: (() => void) | undefined
/** Loaded at the first use; `none` where that failed. */
let manager: ContextManager | 'none' | undefined
let propagator: { named: TextMapPropagator | undefined } | undefined

/** Offers a hive's parts to the process. */
export function offer(given: Offer): void {
  if (api === undefined) watch()
  else arm(api)
  offers.push(given)
  if (offers.length > 1) return
  rejoin()
  rootTheirs()
}

/** Takes back what a hive offered; that of another hive takes its place, if there is one. */
export function withdraw(given: Offer): void {
  const at = offers.indexOf(given)
  if (at === -1) return
  offers.splice(at, 1)
  if (at === 0) rejoin()
  if (offers.length === 0) {
    undoRoot?.()
    undoRoot = undefined
    unwatch()
    // The next hive asks its environment anew.
    propagator = undefined
  }
}

/** Takes effect when the root of an offer was set. */
export const rootChanged = (): void => rootTheirs()

/** Whether others than hives have a logger for what goes wrong. */
export function hasDiagLogger(): boolean {
  return propertyOf(globals[KEY], 'diag') !== undefined
}

function watch(): void {
  const found = Object.getOwnPropertyDescriptor(globalThis, KEY)
  // Somebody else watches already: another copy of hivelog, say.
  const isPlain = found === undefined || (found.get === undefined && found.configurable === true)
  if (!isPlain || (found?.value !== undefined && !Object.isExtensible(found.value))) {
    placeAside(globals[KEY])
    return
  }
  adopt((found?.value as Api | undefined) ?? freshApi())
  Object.defineProperty(globalThis, KEY, {
    configurable: true,
    enumerable: true,
    get: () => api,
    set(given: Api | undefined) {
      if (given === undefined || given !== api) adopt(given ?? freshApi())
      else arm(given)
      begin()
    },
  })
}

/** Ends the watch: what others registered stays as if it had never been watched. */
function unwatch(): void {
  for (const takeBack of aside.splice(0)) takeBack()
  const watched = api
  if (watched === undefined) return
  const isMine = Object.getOwnPropertyDescriptor(watched, 'version')?.get !== undefined
  for (const kind of KINDS) {
    if (Object.getOwnPropertyDescriptor(watched, kind)?.get === undefined) continue
    delete watched[kind]
    if (theirs[kind] !== undefined) watched[kind] = theirs[kind]
  }
  if (isMine && version !== undefined) {
    Object.defineProperty(watched, 'version', { value: version, enumerable: true })
  }
  api = undefined
  theirs = {}
  const isEmpty = isMine && version === undefined
  version = undefined
  if (Object.getOwnPropertyDescriptor(globalThis, KEY)?.get === undefined) return
  delete globals[KEY]
  if (!isEmpty) {
    Object.defineProperty(globalThis, KEY, {
      value: watched,
      configurable: true,
      enumerable: true,
      writable: true,
    })
  }
}

/** Serves beside somebody else who watches, without giving way. */
function placeAside(shared: unknown): void {
  if (typeof shared !== 'object' || shared === null) return
  const place = shared as Api
  for (const kind of ['trace', 'context', 'propagation'] as const) {
    try {
      if (place[kind] !== undefined) continue
      place[kind] = ours(kind)
      aside.push(() => {
        if (place[kind] === ours(kind)) delete place[kind]
      })
    } catch {
      // It is frozen; then nothing of the hive's is global.
    }
  }
}

function freshApi(): Api {
  return Object.defineProperty({}, 'version', {
    configurable: true,
    enumerable: true,
    get() {
      if (step === 'none') return version ?? ANY_VERSION
      step = 'none'
      // Only who registers looks at it now, and goes on only if it is its own.
      version ??= callerVersion() ?? versionAt(ownCopy())
      return version ?? ANY_VERSION
    },
  })
}

function adopt(given: Api): void {
  api = given
  theirs = {}
  for (const kind of KINDS) {
    const value = given[kind]
    if (value !== undefined) theirs[kind] = value
  }
  arm(given)
  rejoin()
  rootTheirs()
}

/** Watches the kinds of `given`, also those that were removed, as by `trace.disable()`. */
function arm(given: Api): void {
  for (const kind of KINDS) {
    if (Object.getOwnPropertyDescriptor(given, kind)?.get !== undefined) continue
    const value = given[kind]
    if (value === undefined) delete theirs[kind]
    Object.defineProperty(given, kind, {
      configurable: true,
      enumerable: true,
      get: () => read(kind),
      set: (value) => registered(kind, value),
    })
  }
}

/** Somebody begins to register something, which takes no longer than the current turn. */
function begin(): void {
  step = 'begun'
  queueMicrotask(() => {
    step = 'none'
  })
}

function read(kind: Kind): unknown {
  const own = theirs[kind]
  if (step === 'begun') {
    step = own === undefined ? 'checked' : 'none'
    return own
  }
  return own ?? (offers.length > 0 ? ours(kind) : undefined)
}

function registered(kind: Kind, value: unknown): void {
  step = 'none'
  theirs[kind] = value
  if (kind === 'context') rootTheirs()
  if (kind !== 'trace') return
  const proxy = value as Partial<ProxyTracerProvider>
  const { setDelegate } = proxy
  if (typeof setDelegate !== 'function') {
    rejoin()
    return
  }
  // The API gives its proxy the provider right after.
  Object.defineProperty(proxy, 'setDelegate', {
    configurable: true,
    value: (provider: TracerProvider) => {
      delete proxy.setDelegate
      setDelegate.call(proxy, provider)
      rejoin()
    },
  })
}

function rejoin(): void {
  undoJoin?.()
  undoJoin = undefined
  const proxy = theirs.trace as Partial<ProxyTracerProvider> | undefined
  if (proxy === undefined || offers[0] === undefined) return
  const provider = typeof proxy.getDelegate === 'function' ? proxy.getDelegate() : proxy
  if (provider.constructor.name !== 'NoopTracerProvider') undoJoin = offers[0].join(provider)
}

const currentRoot = (): (() => Context) | undefined => offers.find(({ root }) => root !== undefined)?.root

/** Whether it is the root context of some copy of the API: each has its own, and none has a value in it. */
function isRoot(context: Context): boolean {
  if (context === ROOT_CONTEXT) return true
  const values = propertyOf(context, '_currentContext')
  return values instanceof Map && values.size === 0
}

const rooted = (active: Context): Context => {
  const root = isRoot(active) ? currentRoot() : undefined
  return root === undefined ? active : root()
}

/** Gives the application's context manager the root of the process's agent, if the process is one. */
function rootTheirs(): void {
  undoRoot?.()
  undoRoot = undefined
  const manager = theirs.context as ContextManager | undefined
  if (manager === undefined || currentRoot() === undefined) return
  const before = Object.getOwnPropertyDescriptor(manager, 'active')
  const { active } = manager
  if (typeof active !== 'function' || before?.configurable === false || !Object.isExtensible(manager)) return
  const mine = (): Context => rooted(active.call(manager))
  Object.defineProperty(manager, 'active', { configurable: true, writable: true, value: mine })
  undoRoot = () => {
    if (manager.active !== mine) return
    if (before === undefined) delete (manager as Partial<ContextManager>).active
    else Object.defineProperty(manager, 'active', before)
  }
}

function ours(kind: Kind): unknown {
  if (kind === 'trace') return standIn
  if (kind !== 'context' && kind !== 'propagation') return undefined
  try {
    if (kind === 'propagation') {
      propagator ??= { named: propagatorFromEnv() }
      return propagator.named
    }
    manager ??= createManager()
  } catch (error) {
    // Whoever asks is the application, whose business it is not.
    if (kind === 'propagation') propagator = { named: undefined }
    else manager = 'none'
    diag.error(`hivelog: there is no ${kind} of spans here: ${brief(error)}`)
  }
  return kind === 'context' && manager !== 'none' ? manager : undefined
}

/** One for all hives, so that what is active stays so when one of them ends. */
function createManager(): ContextManager {
  const { AsyncLocalStorageContextManager } = sdk('@opentelemetry/context-async-hooks')
  class Rooted extends AsyncLocalStorageContextManager {
    override active(): Context {
      return rooted(super.active())
    }
  }
  return new Rooted().enable()
}

type Scope = [name: string, version?: string, options?: TracerOptions]

/** A tracer that is the application's as soon as it has a provider, whenever the tracer was made. */
class StandInTracer implements Tracer {
  #made: [TracerProvider, Tracer] | undefined
  #scope: Scope

  constructor(scope: Scope) {
    this.#scope = scope
  }

  get #tracer(): Tracer {
    const provider = (theirs.trace as TracerProvider | undefined) ?? offers[0]?.provider() ?? laterProvider()
    if (this.#made?.[0] !== provider) this.#made = [provider, provider.getTracer(...this.#scope)]
    return (this.#made as [TracerProvider, Tracer])[1]
  }

  startSpan(...given: Parameters<Tracer['startSpan']>): Span {
    return this.#tracer.startSpan(...given)
  }

  startActiveSpan(...given: unknown[]): never {
    const tracer = this.#tracer
    return Reflect.apply(tracer.startActiveSpan, tracer, given) as never
  }
}

/** The provider of a process whose hives have ended. */
function laterProvider(): TracerProvider {
  const provider = trace.getTracerProvider()
  return provider === standIn ? standIn.getDelegate() : provider
}

/** What a provider looks like that waits for another, as the API's own does. */
class StandIn extends ProxyTracerProvider {
  override getTracer(...scope: Scope): Tracer {
    return new StandInTracer(scope)
  }
}
const standIn = new StandIn()

/** The version of the copy of the API that called, two calls up; `undefined` where it is in a bundle. */
function callerVersion(): string | undefined {
  const { prepareStackTrace, stackTraceLimit } = Error
  const holder: { stack?: NodeJS.CallSite[] } = {}
  try {
    Error.stackTraceLimit = 8
    Error.prepareStackTrace = (_, sites) => sites
    Error.captureStackTrace(holder, callerVersion)
    const own = fileURLToPath(import.meta.url)
    const files = (holder.stack ?? []).map((site) => pathOf(site.getFileName()))
    return versionAt(files.find((file) => file !== undefined && file !== own))
  } catch {
    return undefined
  } finally {
    Object.assign(Error, { prepareStackTrace, stackTraceLimit })
  }
}

const pathOf = (file: string | null | undefined): string | undefined =>
  file?.startsWith('file:') ? fileURLToPath(file) : (file ?? undefined)

/** A file of the copy of the API that is used here. */
const ownCopy = (): string => createRequire(import.meta.url).resolve('@opentelemetry/api')

/** The version of the API's package that a file lies in. */
function versionAt(file: string | undefined): string | undefined {
  if (file === undefined) return undefined
  for (let at = file, folder = dirname(at); folder !== at; at = folder, folder = dirname(at)) {
    try {
      const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      if (name === '@opentelemetry/api') return version
    } catch {
      // None here, or one of a folder within the package.
    }
  }
  return undefined
}
