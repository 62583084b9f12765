// Child process: many logs that grow, each sent by a shipper of its own. node shippers-child.mjs <options as JSON>
import { appendFileSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { HiveShipper } from '../../dist/ship/shipper.js'

const { folder, from, count, seconds, ship } = JSON.parse(process.argv[2])
const EACH_MS = 100
/** Connections are begun one after the other, as by processes that start. */
const START_MS = 3_000

const logs = []
let lines = 0
const line = (log, kind, fields) => {
  log.seq++
  lines++
  const event = { ts: Date.now(), kind, ...fields, seq: log.seq, session: log.session }
  appendFileSync(log.file, `${JSON.stringify(event)}\n`)
}
const say = (log) =>
  line(log, 'message', {
    from: 'lead',
    to: 'coder',
    act: 'inform',
    subject: `Review the schema of table ${log.seq % 977}`,
    id: `msg_${log.seq.toString(36)}`,
  })

const runs = []
let failure
for (let i = from; i < from + count; i++) {
  const own = join(folder, `hive-${i}`)
  mkdirSync(own)
  const log = { file: join(own, 'hive.jsonl'), session: `session-${i}`, seq: 0 }
  line(log, 'log.open', { format: 1, segment: 1, writer: 'hivelog/0', pid: i, host: 'h' })
  const shipper = new HiveShipper([log.file], ship)
  log.shipper = shipper
  logs.push(log)
  runs.push(
    shipper.run().catch((error) => {
      failure ??= error
    }),
  )
  await pause(START_MS / count)
}
const began = performance.now()
let said = 0
while (performance.now() - began < seconds * 1000) {
  // Spread over the time, so that not all say something at once.
  const due = ((performance.now() - began) / EACH_MS) * count
  for (; said < due; said++) say(logs[said % count])
  await pause(5)
}
for (const { shipper } of logs) shipper.finish()
await Promise.all(runs)
if (failure !== undefined) throw failure
const acknowledged = logs.reduce((sum, { shipper }) => sum + shipper.shipped[0].bytes, 0)
const bytes = logs.reduce((sum, { file }) => sum + statSync(file).size, 0)
process.send({ lines, bytes, acknowledged }, () => process.disconnect())
