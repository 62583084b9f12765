import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../dist/cli/bin.js', import.meta.url))

/** Tells at its end what the process has used. */
const TOLD = `data:text/javascript,${encodeURIComponent(
  `process.on('exit', () => process.stderr.write('CPU ' + JSON.stringify(process.cpuUsage()) + ' ' + process.resourceUsage().maxRSS + '\\n'))`,
)}`

/**
 * Runs the command, whose output nobody reads.
 * @param env beside this process's
 * @returns its CPU seconds and its memory at most, MiB
 */
export async function hivelogWith(env, ...args) {
  const child = spawn(process.execPath, ['--import', TOLD, MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  let stderr = ''
  child.stdout.resume()
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  const [code] = await once(child, 'close')
  const [, usage, rss] = /CPU (\{.*\}) (\d+)/.exec(stderr) ?? []
  if (code !== 0) throw new Error(`hivelog ${args[0]}: exit code ${code}: ${stderr}`)
  const { user, system } = JSON.parse(usage)
  return { cpu: (user + system) / 1e6, rss: Number(rss) / 1024 }
}

export const hivelog = (...args) => hivelogWith({}, ...args)
