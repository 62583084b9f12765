// How long it takes from a call until its line is in the server's copy, seen by somebody who reads the copy's file.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startServe } from '../lib/serve-program.mjs'
import { quantile } from '../lib/stats.mjs'

const CHILD = fileURLToPath(new URL('visible-child.mjs', import.meta.url))
const LOOK_MS = 2

/** Reads what is appended to a copy, and notes when each message was there. */
async function watch(path, until, ages) {
  while (!existsSync(path)) {
    if (until.done) throw new Error('no copy came')
    await pause(LOOK_MS)
  }
  const fd = openSync(path, 'r')
  let offset = 0
  let rest = ''
  while (!until.done) {
    const { size } = fstatSync(fd)
    const now = Date.now()
    if (size > offset) {
      const bytes = Buffer.alloc(size - offset)
      offset += readSync(fd, bytes, 0, bytes.length, offset)
      const lines = (rest + bytes.toString('utf8')).split('\n')
      rest = lines.pop()
      const messages = lines.map((line) => JSON.parse(line)).filter(({ kind }) => kind === 'message')
      for (const [i, { ts }] of messages.entries()) ages.push({ ms: now - ts, isFirst: i === 0 })
    }
    await pause(LOOK_MS)
  }
  closeSync(fd)
}

async function measure(server, folder, flushMs, seconds) {
  const file = join(folder, `visible-${flushMs}.jsonl`)
  const options = { file, seconds, ship: { url: server.url, token: server.token, flushMs } }
  const child = spawn(process.execPath, [CHILD, JSON.stringify(options)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const exit = once(child, 'exit')
  const [{ log, session }] = await once(child, 'message')
  const until = { done: false }
  const ages = []
  const watching = watch(join(server.store, session, `${log}.jsonl`), until, ages)
  const [sent] = await once(child, 'message')
  await exit
  await pause(100)
  until.done = true
  await watching
  if (ages.length !== sent.messages) throw new Error(`${ages.length} of ${sent.messages} messages came`)
  return ages
}

export default async function visible({ work, quick }) {
  const server = await startServe(work)
  const rows = []
  const targets = []
  try {
    for (const [flushMs, seconds] of quick
      ? [[250, 8]]
      : [
          [250, 20],
          [1_000, 30],
          [5_000, 60],
        ]) {
      const ages = await measure(server, work, flushMs, seconds)
      const sorted = (some) => some.map(({ ms }) => ms).sort((a, b) => a - b)
      const all = sorted(ages)
      // The one that waited longest of each piece: the rest had less to wait.
      const first = sorted(ages.filter(({ isFirst }) => isFirst))
      rows.push([
        flushMs,
        all.length,
        ...[0.5, 0.95, 1].map((share) => quantile(all, share)),
        first.length,
        quantile(first, 0.95),
      ])
      targets.push({
        what: `in the copy, p95, flushMs ${flushMs}, ms`,
        atMost: flushMs + 100,
        measured: quantile(all, 0.95),
      })
      targets.push({
        what: `the first of each piece, p95, flushMs ${flushMs}, ms`,
        atMost: flushMs + 100,
        measured: quantile(first, 0.95),
      })
    }
  } finally {
    await server.stop()
  }
  return {
    title: "From a call to the server's copy",
    note: 'A hive with `ship` says some 60 messages a second at odd times; another process reads the copy every 2 ms.',
    columns: ['flushMs', 'messages', 'p50 ms', 'p95 ms', 'longest ms', 'pieces', 'p95 of their first ms'],
    rows,
    targets,
  }
}
