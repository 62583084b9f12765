/**
 * A further process of the suite's hive: goes on as the agent that the environment names, with a log of its own, and
 * has one agent under it. Usage: node record-agent.js MESSAGES, where MESSAGES is JSON: what it drains first.
 */
import { type SentMessage, startHive } from '../../../src/index.js'
import { EVENTS_OF_PROCESS, random } from './plan.js'
import { act } from './steps.js'

const hive = startHive({ shutdownTimeoutMs: Number(process.env.SHUTDOWN_TIMEOUT_MS ?? 120_000) })
const self = hive.self
if (self === undefined) throw new Error('the environment names no agent')
const helper = self.spawn({ agentId: `${self.agentId}-helper`, name: 'Helper' })
const mail = JSON.parse(process.argv[2] ?? '[]') as SentMessage[]
self.drain(mail)
const next = random(self.agentId.length)
const scene = { hive, agents: [self, helper], sent: [] as SentMessage[], asked: [] as string[], next }
// Two spawns, two exits, a drain, an escalation and its approval are the others.
for (let i = 0; i < EVENTS_OF_PROCESS - 7; i++) {
  const agent = i % 2 === 0 ? self : helper
  act({ ...scene, agent, i }, i % 5 === 4 ? 'usage' : i % 50 === 0 ? 'tool' : 'message')
}
const { id } = helper.escalate({ subject: 'From another process' })
await hive.approve(id, false, { by: 'ana' })
helper.end({ error: 'out of memory' })
self.end()
await hive.shutdown()
