/**
 * The SDK's telemetry does not say which `ToolLoopAgent` makes a call, so the class itself is met as its module is
 * loaded, by one statement after the module's own.
 */
import { existsSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { dirname, join } from 'node:path'
import { readField } from '../../format/fields.js'

/** Runs a call of an agent that has this id. */
type Named = (id: string, call: () => unknown) => unknown

const MODULE = /\/node_modules\/ai\/dist\/index\.m?js$/
const DOOR = Symbol.for('hivelog.ai-sdk.agent-class')
const STATEMENT = `\n;try { globalThis[Symbol.for('${DOOR.description}')]?.(ToolLoopAgent) } catch {}\n`

interface LoadHooks {
  load(
    url: string,
    context: unknown,
    nextLoad: (url: string, context: unknown) => { format?: string; source?: unknown },
  ): unknown
}
/** From Node 22.15 on; `@types/node` of Node 20 does not have it. */
type RegisterHooks = (hooks: LoadHooks) => unknown

const listeners: Named[] = []

/** `named` runs the calls of agents that have an id, of agents of this process whose class is loaded from now on. */
export function onAgentClass(named: Named): void {
  listeners.push(named)
  if (listeners.length > 1 || !isInstalled()) return
  const { registerHooks } = nodeModule as unknown as { registerHooks?: RegisterHooks }
  if (registerHooks === undefined) return
  Object.defineProperty(globalThis, DOOR, { value: wrap, configurable: true })
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context)
      if (!MODULE.test(url)) return loaded
      const source = textOf(loaded.source)
      return source === undefined ? loaded : { ...loaded, source: source + STATEMENT }
    },
  })
}

const textOf = (source: unknown): string | undefined => {
  if (typeof source === 'string') return source
  return source instanceof Uint8Array ? Buffer.from(source).toString('utf8') : undefined
}

/** Whether the application can have the SDK at all: without it nobody's loading is looked at. */
function isInstalled(): boolean {
  const from = [process.cwd(), ...(process.argv[1] === undefined ? [] : [dirname(process.argv[1])])]
  return from.some((folder) =>
    (nodeModule.createRequire(join(folder, 'any.js')).resolve.paths('ai') ?? []).some((each) =>
      existsSync(join(each, 'ai/package.json')),
    ),
  )
}

function wrap(agentClass: { prototype: Record<string, unknown> }): void {
  const { prototype } = agentClass
  for (const name of ['generate', 'stream']) {
    const original = prototype[name]
    if (typeof original !== 'function') continue
    Object.defineProperty(prototype, name, {
      ...Object.getOwnPropertyDescriptor(prototype, name),
      value(this: unknown, ...args: unknown[]) {
        const id = readField(this, 'id')
        let call = (): unknown => original.apply(this, args)
        if (typeof id === 'string' && id !== '') {
          for (const named of listeners) {
            const inner = call
            call = () => named(id, inner)
          }
        }
        return call()
      },
    })
  }
}
