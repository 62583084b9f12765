// Writes the log of a made-up hive, the same on every machine: messages, drains, model calls, tools, API calls,
// escalations and approvals, in the proportions of a busy one.
import { closeSync, openSync, writeSync } from 'node:fs'

/** When such logs begin, epoch milliseconds. */
export const FIRST_TS = 1_787_386_181_194
const LINES_A_WRITE = 5_000
const EVENTS_A_SPAN = 100

function random(seed) {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state / 0x7fffffff
  }
}

/**
 * Writes `events` lines, some 287 bytes each.
 * @param drains false for a hive that never drains: three fifths of its events are messages that wait
 */
export function writeHiveLog(file, events, agents = 200, { drains = true } = {}) {
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
  const line = (kind, fields, agent, of = agent) => {
    seq++
    ts += upTo(20)
    const event = { ts, kind, ...fields, seq, session: 'sess_8f4d2e9c01020304' }
    if (agent !== undefined) event.checkpoint = checkpoints[agent]++
    event.trace = '0af7651916cd43dd8448eb211c80319c'
    // Tools and calls have spans of their own.
    event.span = kind === 'tool' || kind === 'call' ? `c7${String(seq).padStart(14, '0')}` : spanOf(of)
    lines.push(JSON.stringify(event))
    if (lines.length === LINES_A_WRITE) flush()
  }
  /** A long life is told in spans of 100 events. */
  const spanOf = (agent) => {
    const part = agent === undefined ? 0 : Math.trunc((checkpoints[agent] - 1) / EVENTS_A_SPAN)
    return `b7${String(agent ?? 9999).padStart(5, '0')}${String(part).padStart(9, '0')}`
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
      if (drains && ids.length > 0) line('drain', { agentId, count: ids.length, ids }, agent)
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
      pending.push({ id: `esc_${seq}`, agent })
      line('escalate', { from: agentId, to: 'human', subject: `Drop table ${seq}?`, id: `esc_${seq}` }, agent)
    } else if (pending.length > 3) {
      const { id, agent: asker } = pending.shift()
      line('approval', { id, approve: next() > 0.3, by: 'ana' }, undefined, asker)
    }
  }
  flush()
  closeSync(fd)
  return seq
}

/** Kinds that stand in one line of so many, and what they say; the other lines are messages. */
const RARE = [
  [
    200,
    (n) => ({
      kind: 'escalate',
      from: `agent-${n % 200}`,
      to: 'human',
      subject: `Drop table ${n}?`,
      id: `esc_${n}`,
    }),
  ],
  [200, (n) => ({ kind: 'approval', id: `esc_${n - 1}`, approve: n % 3 > 0, by: 'ana' })],
  [
    100,
    (n) => ({
      kind: 'call',
      agentId: `agent-${n % 200}`,
      host: 'api.example.com',
      method: 'POST',
      status: 200,
      ms: n % 900,
    }),
  ],
  [
    100,
    (n) => ({
      kind: 'wait',
      agentId: `agent-${n % 200}`,
      resource: 'git lock',
      ms: n % 900,
      holder: 'agent-1',
    }),
  ],
  [
    20,
    (n) => ({
      kind: 'usage',
      agentId: `agent-${n % 200}`,
      model: 'claude-sonnet-4-5',
      inputTokens: 900 + (n % 99),
      outputTokens: 50,
      costUsd: 0.002,
    }),
  ],
]
/** Epoch milliseconds from which on the last hundredth of such a log was written. */
export const lastHundredth = (events) => FIRST_TS + 7 * (events - events / 100 + 1)

/** The trace of one line in a hundred. */
export const RARE_TRACE = '00000000000000000000000000c0ffee'

/**
 * Writes `events` lines of which few matter to any one question: each of `RARE`'s kinds, and one trace.
 * @param snapshotAt number of the one line that is a snapshot. Default: none is
 */
export function writeRareLog(file, events, { snapshotAt } = {}) {
  const fd = openSync(file, 'w', 0o600)
  let lines = []
  for (let seq = 1; seq <= events; seq++) {
    // Each kind has a place of its own within 200 lines.
    const rare = RARE.findIndex(([every], i) => seq % every === i + 1)
    const fields =
      seq === snapshotAt
        ? { kind: 'snapshot', agentId: 'agent-1', label: 'end' }
        : rare === -1
          ? {
              kind: 'message',
              from: `agent-${seq % 200}`,
              to: `agent-${(7 * seq) % 200}`,
              act: 'inform',
              subject: `Review the schema of table ${seq % 977}`,
              id: `msg_${(seq * 7919).toString(36)}`,
            }
          : RARE[rare][1](seq)
    const trace = seq % 100 === 50 ? RARE_TRACE : '0af7651916cd43dd8448eb211c80319c'
    const span = `b7${String(seq % 20_000).padStart(14, '0')}`
    const envelope = { seq, session: 'sess_8f4d2e9c01020304', checkpoint: Math.trunc(seq / 200), trace, span }
    lines.push(JSON.stringify({ ts: FIRST_TS + 7 * seq, ...fields, ...envelope }))
    if (lines.length < LINES_A_WRITE && seq < events) continue
    writeSync(fd, `${lines.join('\n')}\n`)
    lines = []
  }
  closeSync(fd)
}
