/**
 * Meets a framework's own classes as their module is loaded, where nothing that the framework offers leads to them: one
 * statement after the module's own hands them over. Needs `module.registerHooks` (Node 22.15), and nobody's loading is
 * looked at where the framework is not installed.
 */
import { existsSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { readField } from '../format/fields.js'
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
  /** Gets the class of each copy of the module, before the application does. */
  met(given: ClassLike): void
}

interface Loaded {
  source?: unknown
}
/** `@types/node` of Node 20 does not have it. */
type RegisterHooks = (hooks: {
  load(url: string, context: unknown, nextLoad: (url: string, context: unknown) => Loaded): Loaded
}) => unknown

const SYMBOL = Symbol.for('hivelog.module-door')
const doors: Door[] = []
let isHooked = false

/** Opens a door for modules that are loaded from now on. */
export function openDoor(door: Door): void {
  const { registerHooks } = nodeModule as unknown as { registerHooks?: RegisterHooks }
  if (registerHooks === undefined || !isInstalled(door.package)) return
  doors.push(door)
  if (isHooked) return
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
 * Meets a class of a module that the application may have loaded before its door was opened. One that it has not loaded
 * is left alone, as far as that can be known.
 * @param entry what the module is imported by: `package/path`
 * @param isLoaded whether the application has loaded the package as an ES module; of CommonJS Node knows
 */
export async function meetLoaded(door: Door, entry: string, isLoaded: boolean): Promise<void> {
  const found = new Set(foldersOf().flatMap((folder) => resolved(folder, entry)))
  for (const path of found) {
    if (!door.module.test(pathToFileURL(path).href)) continue
    const meet = (exports: unknown): void => {
      const given = readField(exports, door.className)
      if (typeof given === 'function') quietly(door.package, () => door.met(given as unknown as ClassLike))
    }
    meet(nodeModule.createRequire(path).cache[path]?.exports)
    // The same module for `import` lies beside; an application may have both.
    const imported = path.replace(/\.cjs$/, '.js')
    if (isLoaded && imported !== path && existsSync(imported))
      meet(await import(pathToFileURL(imported).href))
  }
}

function resolved(folder: string, entry: string): string[] {
  try {
    return [nodeModule.createRequire(join(folder, 'any.js')).resolve(entry)]
  } catch {
    return []
  }
}

function enter(url: string, name: string, given: ClassLike): void {
  for (const door of doors) {
    if (door.className === name && door.module.test(url)) quietly(door.package, () => door.met(given))
  }
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
