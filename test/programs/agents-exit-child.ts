/** A process whose agents and tools are under way when it ends in the way of its first argument. */
import { Stage } from '../../src/frameworks/stage.js'
import { startHive } from '../../src/index.js'

const way = process.argv[2]
const hive = startHive({ otlp: false, serviceName: 'app' })
const stage = new Stage(hive)
const lead = way === 'no process agent' ? hive.spawn({ agentId: 'lead' }) : stage.begin({ name: 'lead' })
const coder = stage.begin({ name: 'coder', parent: lead })
const away = lead.spawn({ agentId: 'away' })
away.env()
stage.tool(coder, { name: 'done' })({ ok: true })
stage.tool(coder, { name: 'grep', toolCallId: 'c-1' })
// Nobody is told of it any more.
stage.tool(away, { name: 'late' })
away.message({ to: 'lead', act: 'inform', subject: 'goes on elsewhere' })

if (way === 'exit 0' || way === 'no process agent') process.exit(0)
if (way === 'exit 3') process.exit(3)
if (way === 'throw') throw new Error('it broke')
if (way === 'reject') Promise.reject(new Error('it was rejected'))
if (way === 'signal') process.kill(process.pid, 'SIGTERM')
if (way === 'shutdown') await hive.shutdown()
setTimeout(() => {}, way === 'signal' ? 10_000 : 0)
