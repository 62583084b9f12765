// A hive that asks when it is told to: node asking-hive.mjs FILE. A line of its input is JSON: `{"ask": ID, "subject"}`
// has its agent ask, `{"decide": ID, "approve", "by"}` has its code decide. It says `asked ID MS` when the question is on
// the disk, `heard ID MS` when the agent's promise resolves, and `coded ID BY` with who decided, after its code did.
import { createInterface } from 'node:readline'
import { startHive } from '../../dist/index.js'

const hive = startHive({ file: process.argv[2], otlp: false })
const agent = hive.spawn({ agentId: 'coder' })
createInterface(process.stdin).on('line', (line) => {
  const { ask, decide, approve, by, subject = 'May I?' } = JSON.parse(line)
  if (ask === undefined) {
    hive.approve(decide, approve, { by }).then(
      () => console.log(`coded ${decide} ${by}`),
      (error) => console.log(`coded ${decide} ${error.decision?.by}`),
    )
    return
  }
  const { decision, durable } = agent.escalate({ id: ask, subject })
  durable.then(() => console.log(`asked ${ask} ${Date.now()}`))
  decision.then(() => console.log(`heard ${ask} ${Date.now()}`))
})
console.log('ready')
