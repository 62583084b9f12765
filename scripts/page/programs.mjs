// hivelog's own command and hives, in processes of their own.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
export const CLI = `${root}dist/cli/bin.js`
export const CREW = `${root}scripts/lib/crew.mjs`

const running = new Set()

/** A program that is ended at the end. @param input whether it is told more. @returns it, and its first line of output */
export async function start(args, { input = false } = {}) {
  const child = spawn(process.execPath, args, { stdio: [input ? 'pipe' : 'ignore', 'pipe', 'inherit'] })
  running.add(child)
  child.once('exit', () => running.delete(child))
  const lines = createInterface({ input: child.stdout })
  const [first] = await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error(`${args.join(' ')} ended`))),
  ])
  return { child, first }
}

/** `hivelog serve` of some logs. */
export async function serve(logs) {
  const { child, first } = await start([CLI, 'serve', '--port', '0', '--json', ...logs])
  const { url, token } = JSON.parse(first)
  const get = async (path) => {
    const response = await fetch(url + path, { headers: { authorization: `Bearer ${token}` } })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return response.json()
  }
  return { child, url, token, get, home: `${url}/#token=${token}` }
}

/** The JSON that a command prints. */
export function json(...args) {
  const { stdout, stderr } = spawnSync(process.execPath, [CLI, ...args, '--json'], {
    encoding: 'utf8',
    maxBuffer: 512 * 1024 * 1024,
  })
  try {
    return JSON.parse(stdout)
  } catch {
    throw new Error(`hivelog ${args.join(' ')}: ${stderr}`)
  }
}

export async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await Promise.race([once(child, 'exit'), new Promise((done) => setTimeout(done, 6_000))])
}

export const stopAll = () => Promise.all([...running].map(stop))
