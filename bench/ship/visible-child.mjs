// Child process: a hive that says something now and then, and is sent. node visible-child.mjs <options as JSON>
import { setTimeout as pause } from 'node:timers/promises'
import { startHive } from '../../dist/index.js'

const { file, seconds, ship } = JSON.parse(process.argv[2])
const hive = startHive({ file, otlp: false, ship, serviceName: 'bench' })
const agent = hive.spawn({ agentId: 'lead', name: 'lead' })
while (!hive.shipping.logs.some(({ seq }) => seq > 0)) await pause(20)
process.send(hive.shipping.logs[0])
const end = Date.now() + seconds * 1000
let messages = 0
while (Date.now() < end) {
  agent.message({ to: 'coder', act: 'inform', subject: `Table ${messages++}` })
  await pause(2 + Math.random() * 28)
}
// As usual, not as at the end, where everything goes at once.
await pause(ship.flushMs + 1_000)
await hive.shutdown()
process.send({ messages }, () => process.disconnect())
