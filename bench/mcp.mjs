// What each tool of hivelog mcp takes on a large log: milliseconds of the first answer and of the next ones, bytes, and
// the memory of the process that answers. Needs npm run build.
//   node bench/mcp.mjs [--quick]
// --quick: a tenth of the events. Ends with code 1 where an answer is larger than it may be; times are only printed.
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'

const EVENTS = process.argv.includes('--quick') ? 100_000 : 1_000_000
const AGENTS = 1_000
const AGAIN = 5
const LIMIT = 32_768

const folder = mkdtempSync(join(process.env.BENCH_FOLDER ?? tmpdir(), 'hivelog-bench-mcp-'))
const file = join(folder, 'large.jsonl')
let isBounded = true
try {
  writeLog(file)
  const client = new Client({ name: 'bench', version: '1' })
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [fileURLToPath(new URL('../dist/cli/bin.js', import.meta.url)), 'mcp', file],
    // As coding agents start it, but for the side index: it stays in the folder of this run.
    env: { PATH: process.env.PATH ?? '', XDG_STATE_HOME: folder },
  })
  await client.connect(transport)
  console.log(`${EVENTS} events, ${AGENTS} agents; milliseconds, bytes, memory of the server`)
  const asked = [
    ['overview', {}],
    ['search_events', {}],
    ['search_events', { kind: 'escalate', newest_first: true }],
    ['search_events', { text: 'no such text' }],
    ['search_events', { agent: 'a7' }],
    ['get_events', { from: EVENTS / 2, to: EVENTS }],
    ['get_events', { what: 'large.jsonl:50000' }],
    ['state_at', {}],
    ['state_at', { at: EVENTS / 2 }],
    ['inbox', { agent: 'a7' }],
    ['agent_story', { agent: 'a7' }],
    ['talk', { a: 'a7' }],
    ['talk', { a: 'a7', b: 'a8' }],
    ['why', { position: EVENTS - 5 }],
    ['audit', {}],
    ['cost', { by: 'agent' }],
    ['cost', { by: 'hour' }],
    ['check', {}],
    ['diff', { other: 'large.jsonl' }],
    ['verify', {}],
  ]
  for (const [name, given] of asked) {
    const first = await ask(client, name, given)
    let { cursor } = first
    const next = []
    for (let i = 0; i < AGAIN; i++) {
      const answer = await ask(client, name, cursor === undefined ? given : { ...given, cursor })
      next.push(answer.ms)
      cursor = answer.cursor
    }
    next.sort((a, b) => a - b)
    const what = `${name} ${JSON.stringify(given)}`
    const rss = (memoryOf(transport.pid) / 1024).toFixed(0)
    console.log(
      `${what.padEnd(58)}${first.ms.toFixed(0).padStart(7)} ms, then ${next[AGAIN >> 1].toFixed(0).padStart(5)} ms ${String(first.bytes).padStart(7)} B of ${first.total} rows ${rss.padStart(6)} MiB`,
    )
  }
  await client.close()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
if (!isBounded) process.exitCode = 1

async function ask(client, name, given) {
  const begun = performance.now()
  let result
  do result = await client.callTool({ name, arguments: given }, { timeout: 600_000 })
  while (result.isError === true && /^the (?:log|answer) is still being /.test(result.content[0].text))
  const ms = performance.now() - begun
  const bytes = Buffer.byteLength(JSON.stringify(result))
  if (result.isError === true) throw new Error(`${name}: ${result.content[0].text}`)
  if (bytes > LIMIT) {
    isBounded = false
    console.log(`${name} ${JSON.stringify(given)}: ${bytes} bytes are more than ${LIMIT}`)
  }
  const { total, cursor } = result.structuredContent
  return { ms, bytes, total, cursor }
}

/** Resident memory of a process, KiB. */
function memoryOf(pid) {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1])
  } catch {
    return Number(spawnSync('ps', ['-o', 'rss=', '-p', String(pid)]).stdout)
  }
}

/** Messages in rounds, drains, model calls, tools, questions and decisions. */
function writeLog(path) {
  const out = openSync(path, 'w')
  let seq = 0
  let lines = []
  const asked = []
  const line = (kind, fields) => {
    seq++
    lines.push(JSON.stringify({ ts: 1_787_386_181_000 + seq * 7, kind, ...fields, seq, session: 's-bench' }))
    if (lines.length < 10_000) return
    writeSync(out, `${lines.join('\n')}\n`)
    lines = []
  }
  line('log.open', { format: 1, segment: 1, writer: 'bench/1', pid: 1, host: 'h' })
  for (let i = 0; i < AGENTS; i++)
    line('spawn', { agentId: `a${i}`, name: `Agent ${i}`, isGod: i === 0, ...(i > 0 && { parent: 'a0' }) })
  for (let i = 0; seq < EVENTS; i++) {
    // Not the same step of a round each time.
    const own = (i + Math.floor(i / AGENTS)) % AGENTS
    const agentId = `a${own}`
    const to = `a${(own + 1 + (i % 3)) % AGENTS}`
    if (i % 10 < 4)
      line('message', { from: agentId, to, act: 'request', subject: `Step ${i}`, id: `m${seq}` })
    else if (i % 10 < 6) line('drain', { agentId, count: 1 })
    else if (i % 10 < 8)
      line('usage', { agentId, model: `model-${i % 5}`, inputTokens: 1_000, outputTokens: 90, costUsd: 0.01 })
    else if (i % 10 < 9) line('tool', { agentId, name: 'grep', ok: i % 7 > 0, ms: 12 })
    else if (i % 20 < 10) {
      line('escalate', { from: agentId, to: 'human', subject: `May I ${i}?`, id: `e${i}` })
      asked.push(`e${i}`)
    } else if (asked.length > 40)
      line('approval', { id: asked.shift(), approve: i % 3 > 0, by: 'ana', via: 'cli' })
  }
  if (lines.length > 0) writeSync(out, `${lines.join('\n')}\n`)
  closeSync(out)
}
