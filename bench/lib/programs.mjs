// Real programs that run beside a measurement, on free ports of the loopback, with what they cost: CPU time and memory.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { until } from '../../scripts/lib/programs.mjs'

export { freePorts, until } from '../../scripts/lib/programs.mjs'

const TICKS_A_SECOND = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout) || 100
const running = new Set()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export const answers = async (url) => (await fetch(url)).ok

/**
 * Starts a program, and resolves when it is ready.
 * @param isReady (what it has printed so far) -> whether it is
 */
export async function start(name, command, args, env, isReady) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output = (output + text).slice(-4_000)
    })
  }
  running.add(child)
  child.on('exit', () => running.delete(child))
  await until(`${name} is ready`, () => isReady(output)).catch((error) => {
    throw new Error(`${error.message}\n${output}`)
  })
  return {
    name,
    pid: child.pid,
    /** What it has printed last. */
    output: () => output,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      const killer = setTimeout(() => child.kill('SIGKILL'), 20_000)
      await gone
      clearTimeout(killer)
    },
  }
}

/** Seconds of CPU that a process has used so far, in all its threads. */
export function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND
}

/** Resident memory now, MiB. */
export function residentMiB(pid) {
  const match = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return match === null ? 0 : Number(match[1]) / 1024
}
