// V. The views of the server: the first floor of a big log, and floors and pages at random places of it.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { writeHiveLog } from '../lib/hive-log.mjs'
import { quantile } from '../lib/stats.mjs'

const TITLE = 'V. Views of the server'
const MAIN = fileURLToPath(new URL('../../dist/cli/bin.js', import.meta.url))
const AGENTS = 1_000

export default async function api({ dir, quick }) {
  const file = join(dir, 'api.jsonl')
  const events = writeHiveLog(file, quick ? 200_000 : 1_000_000, AGENTS)
  const floors = quick ? 60 : 200
  // The index is only kept of a file that was not written just now.
  await pause(2_500)
  spawnSync(process.execPath, [MAIN, 'state', file], { stdio: 'ignore' })
  const server = spawn(process.execPath, [MAIN, 'serve', '--port', '0', '--json', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const [line] = await once(createInterface({ input: server.stdout }), 'line')
    const { url, token } = JSON.parse(line)
    const headers = { authorization: `Bearer ${token}` }
    const ask = async (path) => {
      const from = performance.now()
      const response = await fetch(url + path, { headers })
      const body = Buffer.from(await response.arrayBuffer())
      const ms = performance.now() - from
      const value = JSON.parse(body)
      if (response.status !== 200) throw new Error(`${path}: ${value.error}`)
      return { ms, value }
    }
    const { id } = (await ask('/api/logs')).value.logs[0]
    const log = `/api/logs/${id}`
    const first = await ask(`${log}/floor`)
    if (first.value.agents.length !== AGENTS) throw new Error(`${first.value.agents.length} agents`)
    const whole = await ask(log)
    if (whole.value.events !== events) throw new Error(`${whole.value.events} of ${events} events`)
    const place = () => Math.ceil(Math.random() * events)
    const times = async (path) => {
      const all = []
      for (let i = 0; i < floors; i++) all.push((await ask(path())).ms)
      return all.sort((a, b) => a - b)
    }
    const rows = [
      ['floor at a random place', await times(() => `${log}/floor?at=${place()}`), 50],
      ['200 events from a random place', await times(() => `${log}/events?after=${place()}`)],
      ['density of a random half', await times(() => `${log}/density?from=${place() >> 1}&to=${events}`)],
    ]
    const ms = (value) => value.toFixed(1)
    const p95 = quantile(rows[0][1], 0.95)
    return {
      title: TITLE,
      note: `${events} events, ${AGENTS} agents; over HTTP, ${floors} of each. The side index stands, the file is in the page cache.`,
      columns: ['', 'p50, ms', 'p95, ms', 'most, ms'],
      rows: [
        ['first floor, while the log is read', ms(first.ms), '', ''],
        ['all of it read', ms(first.ms + whole.ms), '', ''],
        ...rows.map(([name, all]) => [name, ms(quantile(all, 0.5)), ms(quantile(all, 0.95)), ms(all.at(-1))]),
      ],
      targets: [
        { what: 'first floor, ms', atMost: 1_000, measured: first.ms },
        { what: 'floor at a random place, p95, ms', atMost: 50, measured: p95 },
      ],
    }
  } finally {
    server.kill('SIGKILL')
  }
}
