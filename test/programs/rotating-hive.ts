/** A hive that rotates often, until it is killed or has told so many events: `FILE COUNT`. */
import { startHive } from '../../src/index.js'

const [file = '', count = '0'] = process.argv.slice(2)
const hive = startHive({ file, otlp: false, rotate: { maxBytes: 60_000, gzip: true }, fsync: 'no' })
const agent = hive.spawn({ agentId: `lead-${process.pid}` })
for (let i = 0; i < Number(count); i++) {
  agent.message({ to: 'b', act: 'inform', subject: `part ${i} – ${'ä'.repeat(i % 40)}` })
  if (i % 250 === 0) agent.snapshot({ label: 'state', content: `state ${i} `.repeat(20) })
  if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 2))
}
await hive.shutdown()
