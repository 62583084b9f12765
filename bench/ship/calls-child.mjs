// Child process: records at a steady rate, and tells how long each call took. node calls-child.mjs <options as JSON>
import { statSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { startHive } from '../../dist/index.js'
import { inputOf } from '../lib/event.mjs'

const { file, ms, perMs, ship } = JSON.parse(process.argv[2])
const WARM_UP_MS = 1_000

const hive = startHive({ file, otlp: false, ship, serviceName: 'bench' })
const agent = hive.spawn({ agentId: 'lead', name: 'lead' })
const samples = new Float64Array((ms + WARM_UP_MS) * perMs)
const from = performance.now()
let done = 0
while (done < samples.length) {
  const due = Math.min(samples.length, (performance.now() - from) * perMs)
  for (; done < due; done++) {
    const began = performance.now()
    agent.message(inputOf(done))
    samples[done] = performance.now() - began
  }
  await pause(1)
}
await hive.shutdown()
const shipped = ship === false ? 0 : hive.shipping.logs.reduce((sum, { bytes }) => sum + bytes, 0)
const counted = samples.slice(WARM_UP_MS * perMs).sort()
process.send({ samples: counted, shipped, bytes: statSync(file).size }, () => process.disconnect())
