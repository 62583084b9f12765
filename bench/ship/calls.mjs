// What a call takes with and without `ship`: processes that record at a steady rate, by turns, the server beside them.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startServe } from '../lib/serve-program.mjs'
import { median, quantile } from '../lib/stats.mjs'

const CHILD = fileURLToPath(new URL('calls-child.mjs', import.meta.url))
const PER_MS = 10

async function record(folder, options) {
  const child = spawn(process.execPath, [CHILD, JSON.stringify({ ...options, folder, perMs: PER_MS })], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
  const [[result]] = await Promise.all([once(child, 'message'), once(child, 'exit')])
  return result
}

export default async function calls({ work, quick }) {
  const rounds = quick ? 3 : 9
  const ms = quick ? 2_000 : 4_000
  const server = await startServe(work)
  const ship = { url: server.url, token: server.token, flushMs: 1_000 }
  const off = []
  const on = []
  try {
    for (let round = 0; round < rounds; round++) {
      // Who goes first alternates, too.
      for (const isOn of round % 2 === 0 ? [false, true] : [true, false]) {
        const file = join(work, `${isOn ? 'on' : 'off'}-${round}.jsonl`)
        const result = await record(work, { file, ms, ship: isOn ? ship : false })
        if (isOn && result.shipped < result.bytes)
          throw new Error(`only ${result.shipped} of ${result.bytes} bytes were sent`)
        ;(isOn ? on : off).push(result.samples)
      }
    }
  } finally {
    await server.stop()
  }
  const micros = (runs, share) => median(runs.map((sorted) => quantile(sorted, share) * 1e3))
  const ratioAt = (share) => median(on.map((run, i) => quantile(run, share) / quantile(off[i], share)))
  const row = (name, runs) => [name, ...[0.5, 0.99, 0.999].map((share) => micros(runs, share).toFixed(2))]
  return {
    title: 'A call, with ship and without',
    note: `${PER_MS * 1_000} messages a second for ${ms / 1_000} s a process, ${rounds} processes each by turns, flushMs ${ship.flushMs}; the server has the same cores. Medians over the processes; the ratio is the median of those of each turn.`,
    columns: ['agent.message()', 'p50 µs', 'p99 µs', 'p99.9 µs'],
    rows: [
      row('without ship', off),
      row('with ship', on),
      ['ratio', ...[0.5, 0.99, 0.999].map((share) => ratioAt(share).toFixed(3))],
    ],
    targets: [{ what: 'p99 of a call, with ship to without', atMost: 1.1, measured: ratioAt(0.99) }],
  }
}
