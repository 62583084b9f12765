// D. Peak memory of a burst in one synchronous loop, above what the process had after loading and a warm-up.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const CHILD = new URL('../lib/burst.mjs', import.meta.url)

/** `share`: of the events, for those who keep a whole burst in memory. */
const CONTESTANTS = [
  { name: 'hivelog journal', target: 64 },
  { name: 'agent.message()', target: 64 },
  { name: 'sonic-boom async', share: 0.2 },
  { name: 'pino async', share: 0.2 },
]

async function burst(name, events, file) {
  const child = fork(CHILD, [name, String(events), file], { execArgv: ['--expose-gc'] })
  const exit = once(child, 'exit')
  let result
  child.on('message', (message) => {
    result = message
  })
  const [code] = await exit
  if (result === undefined) throw new Error(`${name}: the burst ended with code ${code}`)
  return result
}

export default async function memory({ dir, quick }) {
  const events = quick ? 1_000_000 : 5_000_000
  const rows = []
  const targets = []
  for (const { name, share = 1, target } of CONTESTANTS) {
    const n = events * share
    const { baseline, peak, seconds, lines } = await burst(name, n, join(dir, 'memory.jsonl'))
    if (lines < n) throw new Error(`${name}: ${n} events and only ${lines} lines`)
    const above = peak - baseline
    rows.push([name, n, baseline.toFixed(0), peak.toFixed(0), above.toFixed(0), seconds.toFixed(1)])
    if (target !== undefined) {
      targets.push({ what: `peak memory above baseline, ${name}, MiB`, atMost: target, measured: above })
    }
  }
  return {
    title: 'D. Peak memory in a burst',
    note: 'One synchronous loop, no turn of the event loop in between; a process each. Resident memory, MiB.',
    columns: ['writer', 'events', 'baseline MiB', 'peak MiB', 'above MiB', 'seconds'],
    rows,
    targets,
  }
}
