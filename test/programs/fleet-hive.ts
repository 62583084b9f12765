/**
 * A hive of a fleet: `FILE EVENTS`. It tells events that are numbered from 0 on, as far as its parent allows
 * (`{ upTo }`), goes on where the process before it was killed, and sends its log as the environment says.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { startHive } from '../../src/index.js'

const [file = '', wanted = '0'] = process.argv.slice(2)
const events = Number(wanted)

/** How many there are from before. */
function told(): number {
  let count = 0
  for (const name of readdirSync(dirname(file)).sort()) {
    if (!name.startsWith(basename(file, '.jsonl')) || !/\.jsonl(\.gz)?$/.test(name)) continue
    const bytes = readFileSync(join(dirname(file), name))
    // What is there both plain and compressed counts once.
    if (name.endsWith('.jsonl') || !readdirSync(dirname(file)).includes(name.slice(0, -3))) {
      const text = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('latin1')
      count += text.split('"kind":"work"').length - 1
    }
  }
  return count
}

let upTo = 0
let wake: () => void = () => {}
process.on('message', (message: { upTo: number }) => {
  upTo = message.upTo
  wake()
})

const hive = startHive({
  file,
  otlp: false,
  rotate: { maxBytes: Number(process.env.FLEET_ROTATE), gzip: true },
  shutdownTimeoutMs: 60_000,
})
const agent = hive.spawn({ agentId: `worker-${process.pid}` })
for (let n = told(); n < events; ) {
  if (n >= upTo) {
    await new Promise<void>((resolve) => {
      wake = resolve
      process.send?.('ready')
    })
    continue
  }
  for (const end = Math.min(upTo, n + 200); n < end; n++) {
    agent.log('work', { n, note: `step ${n} of the work – ${'ä'.repeat(n % 23)}` })
  }
  if (n % 10_000 === 0) agent.snapshot({ label: 'state', content: `state ${n} `.repeat(20) })
  await nextTurn()
}
process.disconnect()
await hive.shutdown()
