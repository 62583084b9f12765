// Writes the log of a made-up hive, the same on every machine: messages, drains, model calls, tools, API calls,
// escalations and approvals, in the proportions of a busy one.
import { closeSync, openSync, writeSync } from 'node:fs'

const FIRST_TS = 1_787_386_181_194
const LINES_A_WRITE = 5_000

function random(seed) {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state / 0x7fffffff
  }
}

/** Writes `events` lines, some 287 bytes each. */
export function writeHiveLog(file, events, agents = 200) {
  const next = random(42)
  const upTo = (n) => Math.floor(next() * n)
  const fd = openSync(file, 'w', 0o600)
  const inboxes = Array.from({ length: agents }, () => [])
  const checkpoints = new Int32Array(agents)
  const pending = []
  let lines = []
  let seq = 0
  let ts = FIRST_TS
  const flush = () => {
    if (lines.length > 0) writeSync(fd, `${lines.join('\n')}\n`)
    lines = []
  }
  const line = (kind, fields, agent) => {
    seq++
    ts += upTo(20)
    const event = { ts, kind, ...fields, seq, session: 'sess_8f4d2e9c01020304' }
    if (agent !== undefined) event.checkpoint = checkpoints[agent]++
    event.trace = '0af7651916cd43dd8448eb211c80319c'
    event.span = `b7ad6b716920${String(agent ?? 9999).padStart(4, '0')}`
    lines.push(JSON.stringify(event))
    if (lines.length === LINES_A_WRITE) flush()
  }
  const id = (agent) => `agent-${agent}`
  line('log.open', { format: 1, segment: 1, writer: 'hivelog/0', pid: 4242, host: 'h' })
  for (let agent = 0; agent < agents; agent++) {
    const parent = agent > 0 ? { parent: id(0) } : {}
    line('spawn', { agentId: id(agent), name: `Agent ${agent}`, isGod: agent === 0, ...parent }, agent)
  }
  while (seq < events) {
    const choice = next()
    const agent = upTo(agents)
    const agentId = id(agent)
    if (choice < 0.55) {
      const to = upTo(agents)
      const message = `msg_${upTo(1e15).toString(36)}${seq}`
      const act = ['request', 'inform', 'propose', 'done'][seq & 3]
      const subject = `Review the schema of table ${seq % 977}`
      line('message', { from: agentId, to: id(to), act, subject, id: message }, agent)
      inboxes[to].push(message)
    } else if (choice < 0.7) {
      const ids = inboxes[agent].splice(0)
      if (ids.length > 0) line('drain', { agentId, count: ids.length, ids }, agent)
    } else if (choice < 0.8) {
      const tokens = { inputTokens: upTo(5_000), outputTokens: upTo(900) }
      const costUsd = upTo(10_000) / 1e6
      line('usage', { agentId, model: 'claude-sonnet-4-5', ...tokens, costUsd, task: `t${seq % 50}` }, agent)
    } else if (choice < 0.9) {
      const name = ['grep', 'read', 'edit', 'bash'][seq & 3]
      line('tool', { agentId, name, ok: next() > 0.05, ms: upTo(900) }, agent)
    } else if (choice < 0.97) {
      const status = next() > 0.02 ? 200 : 429
      const target = { host: 'api.example.com', method: 'POST', path: '/v1/messages' }
      line('call', { agentId, ...target, status, ms: upTo(3_000) }, agent)
    } else if (choice < 0.985) {
      pending.push(`esc_${seq}`)
      line('escalate', { from: agentId, to: 'human', subject: `Drop table ${seq}?`, id: `esc_${seq}` }, agent)
    } else if (pending.length > 3) {
      line('approval', { id: pending.shift(), approve: next() > 0.3, by: 'ana' })
    }
  }
  flush()
  closeSync(fd)
  return seq
}
