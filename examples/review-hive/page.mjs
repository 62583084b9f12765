/** The hive in the browser: hivelog's own server in a process of its own, and the person who looks at its page. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { policy } from './approvals.mjs'

const COMMAND = fileURLToPath(new URL('../../dist/cli/bin.js', import.meta.url))
/** So long a person has for each question before the policy answers, in milliseconds. */
const PATIENCE_MS = 20_000

/** Serves the log on a free port. @returns `{ url, ended, stop() }` */
export async function servePage(file) {
  const server = spawn(process.execPath, [COMMAND, 'serve', '--port', '0', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(server, 'exit')
  const lines = createInterface({ input: server.stdout })
  const first = await Promise.race([once(lines, 'line'), ended.then(() => undefined)])
  if (first === undefined) throw new Error('hivelog serve did not start')
  return { url: first[0], ended, stop: () => server.kill('SIGTERM') }
}

/** Who decides: the person at the page, or after a while the policy. */
export async function personAtPage(risk, asked) {
  const cancelled = new AbortController()
  const late = sleep(PATIENCE_MS, undefined, { signal: cancelled.signal }).catch(() => {})
  const made = await Promise.race([asked.decision, late])
  cancelled.abort()
  return made === undefined ? policy(risk) : { ...made, isRecorded: true }
}
