/**
 * Meets a framework's own classes as their module is loaded, where nothing that the framework offers leads to them: one
 * statement after the module's own hands them over. Needs `module.registerHooks` (Node 22.15), and nobody's loading is
 * looked at where the framework is not installed. Modules that are there already are found among V8's scripts, on any
 * Node. What a bundle holds is not met: its modules have no names.
 */
import { existsSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { diag } from '@opentelemetry/api'
import { readField } from '../format/fields.js'
import { brief } from '../format/quote.js'
import { quietly } from './reading.js'

/** A class as its prototype's methods, to be wrapped. */
export interface ClassLike {
  prototype: Record<string, unknown>
}

export interface Door {
  /** Name of the package that the application has to have. */
  package: string
  /** URL of the module, from `node_modules/` on. */
  module: RegExp
  /** Name of the class in the module. */
  className: string
  /** Whether the package was loaded before, where something cheap shows that. */
  isLoaded?(): boolean
  /** Gets the class of each copy of the module, once: before the application does, if it loads it from now on. */
  met(given: ClassLike): void
}

interface Loaded {
  source?: unknown
}
/** `@types/node` of Node 20 does not have it. */
type RegisterHooks = (hooks: {
  load(url: string, context: unknown, nextLoad: (url: string, context: unknown) => Loaded): Loaded
}) => unknown

const require = nodeModule.createRequire(import.meta.url)
const SYMBOL = Symbol.for('hivelog.module-door')
const doors: Door[] = []
/** Doors that modules which are there already were not shown to. */
let fresh: Door[] = []
/** By door: what it has met. */
const known = new WeakMap<Door, WeakSet<object>>()
let isHooked = false

/** Opens a door for modules that are loaded from now on; `meetLoaded` shows it those that were before. */
export function openDoor(door: Door): void {
  if (!isInstalled(door.package)) return
  doors.push(door)
  fresh.push(door)
  known.set(door, new WeakSet())
  const { registerHooks } = nodeModule as unknown as { registerHooks?: RegisterHooks }
  if (registerHooks === undefined || isHooked) return
  isHooked = true
  Object.defineProperty(globalThis, SYMBOL, { value: enter, configurable: true })
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context)
      const names = new Set(doors.filter(({ module }) => module.test(url)).map(({ className }) => className))
      const source = names.size === 0 ? undefined : textOf(loaded.source)
      if (source === undefined) return loaded
      const statements = [...names].map(
        (name) =>
          `try{globalThis[Symbol.for('${SYMBOL.description}')]?.(${JSON.stringify(url)},'${name}',${name})}catch{}`,
      )
      return { ...loaded, source: `${source}\n;${statements.join(';')}\n` }
    },
  })
}

/**
 * Shows the doors that were opened what is loaded already, at once: an application's static imports are all there before
 * its first statement. Nothing is loaded by it.
 * @param isFirst whether the application has not begun, so that there is something only where a door knows of it: to look
 * costs some tens of milliseconds
 */
export function meetLoaded(isFirst: boolean): void {
  const asked = fresh
  fresh = []
  if (asked.length === 0 || (isFirst && !asked.some((door) => door.isLoaded?.() === true))) return
  for (const { url, isModule } of scriptsOf(asked)) {
    for (const door of asked) if (door.module.test(url)) meetExports(door, url, isModule)
  }
}

interface Script {
  url: string
  /** Whether it is an ES module. */
  isModule: boolean
}

/** The scripts in this thread that are modules of these doors. Node itself does not say which ES modules it has. */
function scriptsOf(asked: readonly Door[]): Script[] {
  const found: Script[] = []
  try {
    const { Session } = require('node:inspector') as typeof import('node:inspector')
    const session = new Session()
    session.connect()
    try {
      session.on('Debugger.scriptParsed', ({ params: { url, isModule } }) => {
        if (asked.some(({ module }) => module.test(url))) found.push({ url, isModule: isModule === true })
      })
      session.post('Debugger.enable')
    } finally {
      session.disconnect()
    }
  } catch (error) {
    // Node may be built, or started, without it.
    diag.warn(`hivelog: frameworks that were loaded before it are not looked for: ${brief(error)}`)
  }
  return found
}

function meetExports(door: Door, url: string, isModule: boolean): void {
  const path = pathOf(url)
  if (path === undefined) return
  const meet = (exports: unknown): void => {
    const given = readField(exports, door.className)
    if (typeof given === 'function') meetOnce(door, given as unknown as ClassLike)
  }
  if (!isModule) meet(require.cache[path]?.exports)
  else {
    try {
      // At once, from Node 20.19 on. Of one that is there it gives what `import` does.
      meet(require(path))
    } catch {
      // It is not yet through with its own imports, say.
      import(url).then(meet, () => {})
    }
  }
}

function pathOf(url: string): string | undefined {
  try {
    return fileURLToPath(url)
  } catch {
    return undefined
  }
}

function meetOnce(door: Door, given: ClassLike): void {
  const met = known.get(door)
  if (met === undefined || met.has(given)) return
  met.add(given)
  quietly(door.package, () => door.met(given))
}

function enter(url: string, name: string, given: ClassLike): void {
  for (const door of doors) if (door.className === name && door.module.test(url)) meetOnce(door, given)
}

function textOf(source: unknown): string | undefined {
  if (typeof source === 'string') return source
  return source instanceof Uint8Array ? Buffer.from(source).toString('utf8') : undefined
}

/** Folders from which the application may import. */
const foldersOf = (): string[] => [
  process.cwd(),
  ...(process.argv[1] === undefined ? [] : [dirname(process.argv[1])]),
]

/** Whether the application can have the package at all. */
function isInstalled(name: string): boolean {
  return foldersOf().some((folder) =>
    (nodeModule.createRequire(join(folder, 'any.js')).resolve.paths(name) ?? []).some((each) =>
      existsSync(join(each, name, 'package.json')),
    ),
  )
}

/**
 * Wraps a method, which keeps its `this`, its arguments and what it gives back.
 * @param around is called with `this`, the arguments, and what calls the original
 */
export function wrapMethod(
  { prototype }: ClassLike,
  name: string,
  around: (self: unknown, args: unknown[], call: () => unknown) => unknown,
): void {
  const original = prototype[name]
  if (typeof original !== 'function') return
  const wrapped = function (this: unknown, ...args: unknown[]): unknown {
    return around(this, args, () => original.apply(this, args))
  }
  Object.defineProperty(wrapped, 'name', { value: original.name, configurable: true })
  Object.defineProperty(prototype, name, {
    configurable: true,
    writable: true,
    enumerable: Object.getOwnPropertyDescriptor(prototype, name)?.enumerable ?? false,
    value: wrapped,
  })
}
