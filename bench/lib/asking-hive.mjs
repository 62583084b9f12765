// A hive whose agent asks for each line of its input, the id, and says when: node asking-hive.mjs FILE. Says
// `asked ID MS` when the question is on the disk, and `heard ID MS` when the agent's promise resolves.
import { createInterface } from 'node:readline'
import { startHive } from '../../dist/index.js'

const hive = startHive({ file: process.argv[2], otlp: false })
const agent = hive.spawn({ agentId: 'coder' })
createInterface(process.stdin).on('line', (id) => {
  const { decision, durable } = agent.escalate({ id, subject: 'May I?' })
  durable.then(() => console.log(`asked ${id} ${Date.now()}`))
  decision.then(() => console.log(`heard ${id} ${Date.now()}`))
})
