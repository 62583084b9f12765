/**
 * The first process of the suite's hive: 200 agents with all that agents do, 50,000 events to the line, seeded.
 * Usage: node record-hive.js FILE [PACE], where PACE is how many milliseconds the events are spread over (0: as fast
 * as it goes). Sends over OTLP as the environment says. Prints one line of JSON at its end.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Agent, type SentMessage, startHive } from '../../../src/index.js'
import {
  AGENTS,
  COUNTS,
  EVENTS,
  EVENTS_OF_PROCESS,
  FAILED,
  KILLED,
  LOST,
  PROCESSES,
  random,
  shuffled,
} from './plan.js'
import { act } from './steps.js'

const [file, pace = '0'] = process.argv.slice(2)
if (file === undefined) throw new Error('usage: node record-hive.js FILE [PACE]')
const next = random(4)
const begun = Date.now()
const hive = startHive({ file, shutdownTimeoutMs: Number(process.env.SHUTDOWN_TIMEOUT_MS ?? 120_000) })
const lead = hive.spawn({
  agentId: 'lead',
  name: 'Lead',
  isGod: true,
  role: 'orchestrator',
  model: 'm-large',
})
const agents: Agent[] = [lead]
const sent: SentMessage[] = []
const asked: string[] = []

// Five levels deep: each agent under one of those before it.
for (let i = 1; i < AGENTS - 2 * PROCESSES; i++) {
  const above = agents[Math.floor((i - 1) / 3)] as Agent
  agents.push(
    above.spawn({ agentId: `agent-${i}`, name: `Agent ${i}`, model: i % 2 === 0 ? 'm-small' : 'm-large' }),
  )
}

/** The processes beside this one go on as the last agents, each with messages that this process has sent. */
const children = agents.slice(-PROCESSES).map((agent) => {
  const mail = Array.from({ length: 5 }, (_, i) =>
    lead.message({ to: agent.agentId, act: 'request', subject: `for the other process ${i}` }),
  )
  return spawn(
    process.execPath,
    [fileURLToPath(new URL('record-agent.js', import.meta.url)), JSON.stringify(mail)],
    {
      env: { ...process.env, ...agent.env() },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  )
})
const ended = Promise.all(children.map((child) => once(child, 'exit')))

const own = AGENTS - 2 * PROCESSES
const elsewhere = PROCESSES * EVENTS_OF_PROCESS
const listed = Object.values(COUNTS).reduce((sum, count) => sum + count, 0)
const messages = EVENTS - elsewhere - 2 * own - listed - 5 * PROCESSES
const kinds: string[] = [
  ...Object.entries(COUNTS).flatMap(([kind, count]) => Array<string>(count).fill(kind)),
  ...Array<string>(messages).fill('message'),
]
// Approvals need escalations before them, and the last ones come when their agents have ended.
const steps = shuffled(
  kinds.filter((kind) => kind !== 'approval'),
  next,
)
const late = COUNTS.approval / 10
for (let i = 0; i < COUNTS.approval - late; i++) {
  const earliest = steps.indexOf('escalate') + 1
  steps.splice(earliest + Math.floor(next() * (steps.length - earliest)), 0, 'approval')
}

let waiting = 0
for (const [i, kind] of steps.entries()) {
  const agent = agents[Math.floor(next() * agents.length)] as Agent
  if (kind === 'approval' && asked.length <= late) waiting++
  else if (kind === 'approval') await approve()
  else act({ hive, agent, agents, sent, asked, next, i }, kind)
  // A turn of the event loop now and then, as any program has it.
  if (i % 200 === 199) await pause((Number(pace) * 200) / steps.length)
}
while (asked.length > late) {
  waiting--
  await approve()
}

async function approve(): Promise<void> {
  const i = Math.floor(next() * asked.length)
  const [id] = asked.splice(i, 1) as [string]
  const by = next() < 0.8 ? { by: 'ana', ...(next() < 0.3 && { note: 'seen “twice” \u{1f41d}' }) } : {}
  await hive.approve(id, asked.length % 2 === 0, by)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => (ms >= 1 ? setTimeout(resolve, ms) : setImmediate(resolve)))
}

await ended
// Children before their parents; some agents are left for the shutdown to end.
for (const [i, agent] of [...agents.entries()].reverse()) {
  if (i > own - 1 - FAILED) agent.end({ error: new TypeError(`no such table: ${i}`) })
  else if (i > own - 1 - FAILED - KILLED) agent.end({ status: 'killed', error: 'SIGKILL' })
  else if (i > own - 1 - FAILED - KILLED - LOST) agent.end({ status: 'lost' })
  else if (i >= 10) agent.end()
}
// Their agents have ended, so these are the session's.
while (asked.length > 0) await approve()
const recorded = Date.now()
await hive.flush()
await hive.shutdown()
const codes = children.map((child) => child.exitCode)
if (waiting !== 0 || codes.some((code) => code !== 0))
  throw new Error(`${waiting} approvals left, exits ${codes}`)
console.log(JSON.stringify({ recordMs: recorded - begun, shutdownMs: Date.now() - recorded }))
