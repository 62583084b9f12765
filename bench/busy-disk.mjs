// How long a call and the event loop are held up while two other processes flood the disk with synced writes.
// Usage: npm run --silent build && node bench/busy-disk.mjs [FOLDER]   (default: the system's folder for temporary files)
import { spawn } from 'node:child_process'
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startHive } from '../dist/index.js'

const MEASURE_MS = 6_000
const PER_TURN = 100
const POLICIES = ['no', 'everysec', 'always']

/** A neighbour: big files and small ones, each synced, until it is killed or 60 s are over. */
function flood(folder, name, bytes) {
  const block = Buffer.alloc(bytes)
  const end = Date.now() + 60_000
  while (Date.now() < end) {
    const fd = openSync(join(folder, name), 'w')
    for (let i = 0; i < 20; i++) writeSync(fd, block)
    fsyncSync(fd)
    closeSync(fd)
  }
}

async function measure(folder, fsync) {
  const hive = startHive({ file: join(folder, `${fsync}.jsonl`), otlp: false, fsync })
  const agent = hive.spawn({ agentId: 'lead' })
  let call = 0
  let stall = 0
  let long = 0
  let turns = 0
  const end = performance.now() + MEASURE_MS
  for (let last = performance.now(); last < end; turns++) {
    for (let i = 0; i < PER_TURN; i++) {
      const from = performance.now()
      agent.message({ to: 'coder', act: 'request', subject: 'Need the schema of the users table' })
      call = Math.max(call, performance.now() - from)
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
    const now = performance.now()
    stall = Math.max(stall, now - last - 1)
    if (now - last - 1 > 10) long++
    last = now
  }
  await hive.shutdown()
  return `| ${fsync.padEnd(8)} | ${call.toFixed(1).padStart(15)} | ${stall.toFixed(1).padStart(16)} | ${long} of ${turns} |`
}

if (process.argv[2] === '--flood') {
  flood(process.argv[3], process.argv[4], Number(process.argv[5]))
} else {
  const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'hivelog-busy-'))
  const self = fileURLToPath(import.meta.url)
  const neighbours = [
    ['big', 10 * 1024 * 1024],
    ['small', 4 * 1024],
  ].map(([name, bytes]) =>
    spawn(process.execPath, [self, '--flood', folder, name, String(bytes)], { stdio: 'inherit' }),
  )
  try {
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    console.log('| fsync    | longest call ms | longest stall ms | stalls over 10 ms |')
    console.log('| -------- | --------------: | ---------------: | ----------------: |')
    for (const policy of POLICIES) console.log(await measure(folder, policy))
  } finally {
    for (const neighbour of neighbours) neighbour.kill('SIGKILL')
    await Promise.all(neighbours.map((each) => new Promise((resolve) => each.once('exit', resolve))))
    rmSync(folder, { recursive: true, force: true })
  }
}
