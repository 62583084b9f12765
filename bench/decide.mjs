// How long an agent waits for its person: from the decision that is put to the agent's promise that resolves. Needs
// npm run build.
//   node bench/decide.mjs [--quick] [--runs N]
// Locally: by `hivelog approve` in a process of its own, by the page's request to `hivelog serve`, and by what both do,
// the decision that is put beside the log. From afar: by a server to which the hive sends its log, over the shipper's
// long poll. All clocks are this machine's. Nothing here is a test: a busy machine is slower.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { putDecision } from '../dist/decide/decisions.js'
import { serve, stop, stopAll } from '../scripts/page/programs.mjs'
import { quantile } from './lib/stats.mjs'

const isQuick = process.argv.includes('--quick')
const RUNS = Number(process.argv[process.argv.indexOf('--runs') + 1]) || (isQuick ? 20 : 100)
const LOCAL_MS = 300
const FLUSH_MS = 5_000
const CLI = fileURLToPath(new URL('../dist/cli/bin.js', import.meta.url))
const HIVE = fileURLToPath(new URL('../scripts/lib/asking-hive.mjs', import.meta.url))

const folder = mkdtempSync(join(process.env.BENCH_FOLDER ?? tmpdir(), 'hivelog-bench-decide-'))
const hives = new Set()
try {
  await locally()
  await fromAfar()
} finally {
  for (const child of hives) child.kill('SIGKILL')
  await stopAll()
  rmSync(folder, { recursive: true, force: true })
}

async function locally() {
  const file = join(folder, 'local.jsonl')
  const hive = await asking(file, {})
  const beside = (id) => void putDecision(file, { id, approve: true, by: 'ana', via: 'cli', ts: Date.now() })
  tell('put beside the log', msOf(await oneByOne(hive, 'put', beside)), LOCAL_MS)
  tell(`put beside the log, ${RUNS} in one moment`, await atOnce(hive, 'all', beside), LOCAL_MS)
  const server = await serve([file])
  const log = await onlyLog(server)
  await until(async () => (await server.get(`${log}/desk`)).decided.length >= Math.min(200, 2 * RUNS))
  const decide = (id) => post(server, `${log}/decisions`, { id, approve: true })
  // The server has to have seen the question.
  const seen = async (id) =>
    until(async () => (await server.get(`${log}/desk`)).pending.some((each) => each.id === id))
  tell('the page’s request', msOf(await oneByOne(hive, 'page', decide, seen)), LOCAL_MS)
  const began = []
  const shell = async (id) => {
    began.push(Date.now())
    const child = spawn(process.execPath, [CLI, 'approve', id, '--json', file], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const { status, ts } = JSON.parse((await child.stdout.toArray()).join(''))
    if (status !== 'recorded') throw new Error(`hivelog approve ${id}: ${status}`)
    return ts
  }
  const decided = await oneByOne(hive, 'shell', shell)
  tell('hivelog approve', msOf(decided), LOCAL_MS)
  tell(
    'the same with the start of its process',
    decided.map(([at, ms], i) => at + ms - began[i]),
  )
  await stop(server.child)
}

async function fromAfar() {
  const store = join(folder, 'store')
  mkdirSync(store)
  const server = await serve(['--store', store])
  const env = {
    AGENT_LOG_ENDPOINT: server.url,
    AGENT_LOG_TOKEN: server.token,
    BATCH_FLUSH_INTERVAL_MS: String(FLUSH_MS),
  }
  const hive = await asking(join(folder, 'afar.jsonl'), env)
  await hive.ask('first')
  await until(async () => (await server.get('/api/logs')).logs.length === 1)
  const log = await onlyLog(server)
  const seen = async (id) =>
    until(async () => (await server.get(`${log}/desk`)).pending.some((each) => each.id === id))
  const decide = (id) => post(server, `${log}/decisions`, { id, approve: true })
  await seen('first')
  tell('at a server, one after the other', msOf(await oneByOne(hive, 'afar', decide, seen)), FLUSH_MS)
  tell(`at a server, ${RUNS} in one moment`, await atOnce(hive, 'many', decide, seen), FLUSH_MS)
}

/** A hive in a process of its own. */
async function asking(file, env) {
  const child = spawn(process.execPath, [HIVE, file], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  hives.add(child)
  const waiting = new Map()
  createInterface(child.stdout).on('line', (line) => {
    const [what, id, at] = line.split(' ')
    const key = `${what} ${id}`
    waiting.get(key)?.(Number(at))
    waiting.delete(key)
  })
  const said = (what, id) => new Promise((resolve) => waiting.set(`${what} ${id}`, resolve))
  return {
    /** Resolves when the question is on the disk. */
    ask(id) {
      const asked = said('asked', id)
      child.stdin.write(`${JSON.stringify({ ask: id })}\n`)
      return asked
    },
    /** Resolves with when the agent heard. */
    heard: (id) => said('heard', id),
  }
}

/** @param decide may resolve with when it was decided @returns of each, when and after how long it was heard */
async function oneByOne(hive, name, decide, seen = async () => {}) {
  const took = []
  for (let i = 0; i < RUNS; i++) {
    const id = `${name}-${i}`
    await hive.ask(id)
    await seen(id)
    const heard = hive.heard(id)
    const at = Date.now()
    const decided = (await decide(id)) ?? at
    took.push([decided, (await heard) - decided])
    // Not in step with anybody's timer.
    await pause(Math.random() * 50)
  }
  return took
}

async function atOnce(hive, name, decide, seen = async () => {}) {
  const ids = Array.from({ length: RUNS }, (_, i) => `${name}-${i}`)
  await Promise.all(ids.map((id) => hive.ask(id)))
  await seen(ids.at(-1))
  return Promise.all(
    ids.map(async (id) => {
      const heard = hive.heard(id)
      const at = Date.now()
      await decide(id)
      return (await heard) - at
    }),
  )
}

async function post({ url, token }, path, body) {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (response.status !== 202) throw new Error(`${path}: ${response.status} ${await response.text()}`)
}

async function onlyLog({ get }) {
  const { logs } = await get('/api/logs')
  if (logs.length !== 1) throw new Error(`there are ${logs.length} logs`)
  return `/api/logs/${logs[0].id}`
}

async function until(isSo) {
  for (const end = Date.now() + 60_000; Date.now() < end; await pause(5)) if (await isSo()) return
  throw new Error('it did not come within a minute')
}

function msOf(decided) {
  return decided.map(([, ms]) => ms)
}

/** @param target of the slowest, ms; without one nothing is judged */
function tell(what, took, target) {
  const sorted = took.toSorted((a, b) => a - b)
  const [p50, p95, max] = [quantile(sorted, 0.5), quantile(sorted, 0.95), sorted.at(-1)]
  const judged = target === undefined ? '' : ` (target ${target} ms: ${max <= target ? 'OK' : 'MISS'})`
  console.log(`${what}: p50 ${p50} ms, p95 ${p95} ms, max ${max} ms of ${took.length}${judged}`)
}
