/**
 * Records past the limit of a file's size, and writes a file of its own past it. Arguments: the log (`-` for none: the
 * control), and a file of its own. Prints what becomes of each step.
 */
import { writeFileSync } from 'node:fs'
import { startHive } from '../../src/index.js'

const [file = '-', own = ''] = process.argv.slice(2)
const hive = file === '-' ? undefined : startHive({ file, otlp: false })
const agent = hive?.spawn({ agentId: 'a' })
for (let i = 0; i < 2_000; i++) agent?.log('step', { text: 'z'.repeat(200) })
// On the disk it cannot be: the promise says so when it gave up.
await new Promise((resolve) => setImmediate(resolve))
try {
  writeFileSync(own, 'x'.repeat(400_000))
} catch (error) {
  console.log((error as NodeJS.ErrnoException).code)
}
for (const signal of ['SIGXFSZ', 'SIGPIPE'] as const) process.kill(process.pid, signal)
// A signal comes with the next turns of the loop, if it comes.
for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve))
await new Promise((resolve) => setTimeout(resolve, 50))
console.log('alive')
process.exit(0)
