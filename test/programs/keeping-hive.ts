/**
 * A hive whose side index is kept up: `FILE BYTES LINGER EVERY`, with EVERY a number of bytes, or what the environment
 * says. It rotates each 2 MiB, ends LINGER milliseconds after so much is written, and prints what the diag logger heard.
 */
import { DiagLogLevel, diag } from '@opentelemetry/api'
import { startHive } from '../../src/index.js'

const [file = '', bytes = '0', linger = '0', every] = process.argv.slice(2)
const said: string[] = []
const take = (message: string): void => void said.push(message)
const none = (): void => {}
diag.setLogger(
  { error: take, warn: take, info: none, debug: none, verbose: none },
  { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
)
const hive = startHive({
  file,
  otlp: false,
  fsync: 'no',
  rotate: { maxBytes: 2 * 1024 * 1024 },
  seal: { everyBytes: 256 * 1024 },
  ...(every !== undefined && { keepIndex: { everyBytes: Number(every) } }),
})
const lead = hive.spawn({ agentId: 'lead', name: 'Lead' })
const coder = lead.spawn({ agentId: 'coder', name: 'Coder' })
for (let written = 0; written < Number(bytes); ) {
  for (let i = 0; i < 100; i++) {
    lead.message({ to: 'coder', act: 'inform', subject: `part ${i} of what there is to be done` })
    written += 250
  }
  coder.drain(90)
  await new Promise((resolve) => setTimeout(resolve, 5))
}
await new Promise((resolve) => setTimeout(resolve, Number(linger)))
await hive.shutdown()
process.stdout.write(JSON.stringify(said))
