// How much memory the server takes while very many senders are connected to it and send.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { cpuSeconds, residentMiB } from '../lib/programs.mjs'
import { startServe } from '../lib/serve-program.mjs'

const CHILD = fileURLToPath(new URL('shippers-child.mjs', import.meta.url))
const PROCESSES = 4
const LOOK_MS = 100

/** Established connections whose near end is this port. */
function connectionsTo(port) {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const ESTABLISHED = '01'
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, from, , state]) => from?.endsWith(local) && state === ESTABLISHED).length
}

export default async function shippers({ work, quick }) {
  const count = 1_000
  const seconds = quick ? 15 : 45
  const server = await startServe(work)
  const children = Array.from({ length: PROCESSES }, (_, i) => {
    const options = {
      folder: work,
      from: (i * count) / PROCESSES,
      count: count / PROCESSES,
      seconds,
      ship: { url: server.url, token: server.token },
    }
    const child = spawn(process.execPath, [CHILD, JSON.stringify(options)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    return { ended: once(child, 'exit'), told: once(child, 'message'), child }
  })
  let peak = 0
  let connected = 0
  let isOver = false
  const before = { cpu: cpuSeconds(server.pid), at: performance.now(), rss: residentMiB(server.pid) }
  const watching = (async () => {
    while (!isOver) {
      peak = Math.max(peak, residentMiB(server.pid))
      connected = Math.max(connected, connectionsTo(server.port))
      await pause(LOOK_MS)
    }
  })()
  try {
    const told = await Promise.all(children.map((each) => each.told))
    await Promise.all(children.map((each) => each.ended))
    const cpu = cpuSeconds(server.pid) - before.cpu
    const took = (performance.now() - before.at) / 1000
    const sum = (name) => told.reduce((all, [each]) => all + each[name], 0)
    if (sum('acknowledged') !== sum('bytes'))
      throw new Error(`${sum('acknowledged')} of ${sum('bytes')} bytes were acknowledged`)
    if (connected < count) throw new Error(`only ${connected} of ${count} were connected at once`)
    return {
      title: `${count} shippers at once`,
      note: `${count} HiveShippers in ${PROCESSES} processes, each with a log and connections of its own, default flushMs and maxBytes, a line each 100 ms in every log, for ${seconds} s. All bytes were acknowledged. The peak is of looks each ${LOOK_MS} ms.`,
      columns: ['connections', 'lines', 'MB', 'MiB at start', 'MiB at peak', 'server CPU %', 'CPU µs a line'],
      rows: [
        [
          connected,
          sum('lines'),
          (sum('bytes') / 1e6).toFixed(1),
          before.rss.toFixed(0),
          peak.toFixed(0),
          ((cpu / took) * 100).toFixed(0),
          ((cpu / sum('lines')) * 1e6).toFixed(1),
        ],
      ],
      targets: [
        {
          what: `resident memory of the server, ${count} shippers connected, MiB`,
          atMost: 256,
          measured: peak,
        },
      ],
    }
  } finally {
    isOver = true
    await watching
    for (const { child } of children) child.kill('SIGKILL')
    await server.stop()
  }
}
