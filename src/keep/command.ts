/** The program that makes an index, as this process can start it: Node, and the package's own command. */
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Bytes of heap of a process that indexes: states of a million messages that wait fit in. */
const HEAP_MIB = 512

/** What would make a recording of it, or start it otherwise than by itself. */
const NOT_ITS_OWN = /^(?:NODE_OPTIONS|HIVELOG_.*|AGENT_.*|OTEL_.*|TRACEPARENT|TRACESTATE|BAGGAGE)$/i

/** Arguments before those of `hivelog`. @throws where such a process cannot be started, saying why */
export function indexCommand(): readonly string[] {
  // Asked for at once, Node tells the user of a refusal that he has made himself.
  if (process.permission?.has('child') === false) throw new Error('this process may not start others')
  if (!isNode()) throw new Error(`${process.execPath} is not Node`)
  return [`--max-old-space-size=${HEAP_MIB}`, programOf(fileURLToPath(import.meta.url))]
}

/** An application that is one file would be started anew, and perhaps record, and start another. */
function isNode(): boolean {
  if (process.getBuiltinModule('node:sea')?.isSea() === true) return false
  return process.versions.electron !== undefined || /node/i.test(basename(process.execPath))
}

/** The command of the package that this module is of. A bundle of the application's is of another. */
function programOf(module: string): string {
  for (let folder = dirname(module); ; folder = dirname(folder)) {
    const path = join(folder, 'package.json')
    if (existsSync(path)) {
      const { name, bin } = JSON.parse(readFileSync(path, 'utf8'))
      const program = name === 'hivelog' ? join(folder, String(bin?.hivelog)) : undefined
      if (program !== undefined && existsSync(program)) return program
    } else if (dirname(folder) !== folder) continue
    throw new Error('the program hivelog is not beside this module, as where it is bundled')
  }
}

/** That of this process, but for what would have the other one record itself. */
export function indexEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !NOT_ITS_OWN.test(name))
  return {
    ...Object.fromEntries(kept),
    ...(process.versions.electron !== undefined && { ELECTRON_RUN_AS_NODE: '1' }),
  }
}
