/** A child process that goes on as the agent in its environment and never ends it. How it ends is its first argument. */
import { trace } from '@opentelemetry/api'
import { startHive } from '../../src/index.js'

const hive = startHive()
const self = hive.self
if (self === undefined) throw new Error('the environment names no agent')
self.log('step', { at: process.argv[2] })

const WAYS: Record<string, () => unknown> = {
  return() {},
  'use a tool in no context'() {
    trace.getTracer('app').startSpan('execute_tool grep').end()
  },
  'exit 0': () => process.exit(0),
  'exit 3': () => process.exit(3),
  'exitCode 4'() {
    process.exitCode = 4
  },
  shutdown: () => hive.shutdown(),
  async 'shutdown, then exit 0'() {
    await hive.shutdown()
    process.exit(0)
  },
  async 'exitCode 5, then shutdown'() {
    process.exitCode = 5
    await hive.shutdown()
  },
  async 'end, then exit 6'() {
    self.end()
    process.exit(6)
  },
  throw() {
    throw new RangeError('out of range')
  },
  reject: () => Promise.reject(new Error('refused')),
  'throw, shut down in the handler'() {
    process.on('uncaughtException', async () => {
      await hive.shutdown()
      process.exit(1)
    })
    throw new TypeError('fatal')
  },
  async 'throw, handle, go on'() {
    process.on('uncaughtException', () => {})
    setImmediate(() => {
      throw new Error('handled')
    })
    await new Promise((resolve) => setTimeout(resolve, 20))
    await hive.shutdown()
  },
  wait() {
    setInterval(() => {}, 1_000)
    process.stdout.write('ready\n')
  },
  'wait and shut down'() {
    process.on('SIGTERM', async () => {
      await hive.shutdown()
      process.exit(0)
    })
    setInterval(() => {}, 1_000)
    process.stdout.write('ready\n')
  },
}

await WAYS[process.argv[2] as string]?.()
