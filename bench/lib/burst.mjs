// Child process of the memory section: node burst.mjs <writer> <events> <file>. Sends { baseline, peak, seconds, lines }.
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startHive } from '../../dist/index.js'
import { openJournal, openPino, openSonicBoom } from './contestants.mjs'
import { inputOf } from './event.mjs'
import { countLines, removeLog } from './files.mjs'

const WARM_UP = 20_000
const [name, events, file] = process.argv.slice(2)

function openMessage(log) {
  const hive = startHive({ file: log, otlp: false, serviceName: 'bench' })
  const agent = hive.spawn({ agentId: 'lead', name: 'lead' })
  return { write: (i) => agent.message(inputOf(i)), finish: () => hive.flush(), close: () => hive.shutdown() }
}

const OPEN = {
  'hivelog journal': (log) => openJournal(log),
  'agent.message()': openMessage,
  'sonic-boom async': (log) => openSonicBoom(log, { sync: false }),
  'pino async': (log) => openPino(log, { sync: false }),
}

/** Resident memory and its peak so far, MiB. */
function resident() {
  try {
    const status = readFileSync('/proc/self/status', 'utf8')
    const field = (label) => Number(new RegExp(`^${label}:\\s+(\\d+) kB`, 'm').exec(status)[1]) / 1024
    return { now: field('VmRSS'), peak: field('VmHWM') }
  } catch {
    return { now: process.memoryUsage.rss() / 1048576, peak: process.resourceUsage().maxRSS / 1024 }
  }
}

/** Lines of the log and its archived segments, which are removed. */
function take(log) {
  const stem = basename(log, '.jsonl')
  const files = readdirSync(dirname(log)).filter((each) => each.startsWith(stem) && each.endsWith('.jsonl'))
  let lines = 0
  for (const each of files) {
    lines += countLines(join(dirname(log), each))
    removeLog(join(dirname(log), each))
  }
  return lines
}

const writer = await OPEN[name](file)
for (let i = 0; i < WARM_UP; i++) writer.write(i)
await writer.finish()
await sleep(100)
globalThis.gc()
const baseline = resident().now
const from = performance.now()
for (let i = 0; i < Number(events); i++) writer.write(i)
await writer.finish()
const seconds = (performance.now() - from) / 1000
const { peak } = resident()
await writer.close()
process.send({ baseline, peak, seconds, lines: take(file) })
process.disconnect()
