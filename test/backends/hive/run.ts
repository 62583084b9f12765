/** Runs the suite's hive, from beside it. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { cleanEnvironment, defer } from '../../kit/hive-support.js'

export interface RunningHive {
  file: string
  /** How many lines the first process has written so far. */
  lines(): number
  /** Resolves at its end. */
  ended: Promise<{ recordMs: number; shutdownMs: number; stderr: string }>
}

/** @param paceMs milliseconds that it spreads its events over; 0: as fast as it goes */
export function runHive(
  t: TestContext,
  folder: string,
  { endpoint, paceMs = 0, env = {} }: { endpoint: string; paceMs?: number; env?: NodeJS.ProcessEnv },
): RunningHive {
  const file = join(folder, 'hive.jsonl')
  const program = fileURLToPath(new URL('record-hive.js', import.meta.url))
  const child = spawn(process.execPath, ['--enable-source-maps', program, file, String(paceMs)], {
    env: {
      ...cleanEnvironment(),
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_SERVICE_NAME: 'backend-suite',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  defer(t, () => {
    if (child.exitCode === null) child.kill('SIGKILL')
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<{ recordMs: number; shutdownMs: number; stderr: string }>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve({ ...JSON.parse(stdout), stderr })
      else reject(new Error(`the hive ended with ${code}: ${stderr}`))
    })
  })
  // Whoever awaits it later hears of it then.
  ended.catch(() => {})
  return { file, ended, lines: () => readFileSync(file, 'utf8').split('\n').length - 1 }
}
