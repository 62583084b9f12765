/**
 * Which test files share a process. To start one and to load hivelog takes most files longer than their tests do, so
 * those that leave nothing behind are run several to a process; all others have one of their own.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'

/** Rooms whose tests clean up after themselves. */
const ROOMS = [
  'analyse',
  'cli',
  'decide',
  'export',
  'format',
  'frameworks',
  'git',
  'hive',
  'journal',
  'mcp',
  'model',
  'otel',
  'pull',
  'read',
  'record',
  'redact',
  'repo',
  'serve',
  'ship',
  'text',
  'verify',
]

/**
 * What belongs to the whole process, and would meet the tests of another file: its environment, folder, rights, handlers
 * and globals, and what is done before and after all tests.
 */
const WHOLE_PROCESS =
  /\bprocess\.(?:argv|chdir|emit|env|exit|exitCode|on|once|umask)\b|\b(?:globalThis|setGlobal\w+|syncBuiltinESMExports|Worker)\b|^(?:before|after)(?:Each)?\(/m

/** Rooms with tests that wait long: what they share a process with has to wait as well, so that they are begun first. */
const PATIENT = ['cli', 'decide', 'journal', 'mcp', 'serve', 'ship']

/** Of one process: it has as much time as one file has, and another can do a part of the work meanwhile. */
const MOST = 9

/** Whether a file may share its process. A process is called after its program, which some ask for. */
export const mayShare = (name, text) =>
  ROOMS.includes(name.split('/')[0]) &&
  !WHOLE_PROCESS.test(text) &&
  !text.includes(`'${basename(name, '.js')}'`)

/**
 * What Node's test runner gets: a path for each process. Those that several files share are written to two folders in
 * `folder`. The runner takes paths in the order of the alphabet: `first`, the tests' own folder `test`, then `together`,
 * so that what is left at the end waits for nothing, and all processors have something to do.
 * @param {string} tests path of the folder with the compiled tests
 * @param {readonly string[]} names files there
 * @param {string} folder where `first` and `together` are made anew
 */
export function processesFor(tests, names, folder) {
  const first = join(folder, 'first')
  const last = join(folder, 'together')
  for (const each of [first, last]) {
    rmSync(each, { recursive: true, force: true })
    mkdirSync(each, { recursive: true })
  }
  const apart = []
  const rooms = new Map()
  for (const name of names) {
    const room = name.split('/')[0]
    if (!mayShare(name, readFileSync(join(tests, name), 'utf8'))) apart.push(join(tests, name))
    else if (rooms.has(room)) rooms.get(room).push(name)
    else rooms.set(room, [name])
  }
  const patient = []
  const shared = []
  for (const [room, all] of rooms) {
    const [into, list] = PATIENT.includes(room) ? [first, patient] : [last, shared]
    const processes = Math.ceil(all.length / MOST)
    for (let i = 0; i < processes; i++) {
      // Dealt out: neighbours are alike, also in how long they take.
      const some = all.filter((_, n) => n % processes === i)
      const path = join(into, `${room}-${i + 1}.js`)
      if (some.length > 1) writeFileSync(path, programFor(`${relative(into, tests)}/`, some))
      list.push(some.length > 1 ? path : join(tests, some[0]))
    }
  }
  return [...patient, ...apart, ...shared]
}

/**
 * A file that cannot be loaded fails as a test of its name, and the others are run. What ends the process before there
 * is nothing left to do has taken tests of others with it, whatever its exit code.
 */
const programFor = (tests, names) => `import { test } from 'node:test'

let isOver = false
process.once('beforeExit', () => {
  isOver = true
})
process.on('exit', () => {
  if (!isOver) process.exitCode ||= 1
})
const names = ${JSON.stringify(names)}
for (const name of names) {
  try {
    await import(\`${tests}\${name}\`)
  } catch (error) {
    test(\`\${name} can be loaded\`, () => {
      throw error
    })
  }
}
`
