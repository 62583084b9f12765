/**
 * A hive whose agent asks and waits for its person, with nothing else to keep the process up. Arguments: log, how many
 * are asked, and `wait`, or `leave` to ask and go on.
 */
import { startHive } from '../../src/index.js'

const [file, count, how] = process.argv.slice(2) as [string, string, string]
const hive = startHive({ file, fsync: 'no' })
const agent = hive.spawn({ agentId: 'coder' })
const asked = Array.from({ length: Number(count) }, (_, i) =>
  agent.escalate({ subject: `May I? ${i}`, id: `ask-${i}` }),
)
await Promise.all(asked.map(({ durable }) => durable))
process.stdout.write('asked\n')
if (how === 'wait') {
  for (const each of asked) {
    const { approve, by, via, note } = await each.decision
    process.stdout.write(`${JSON.stringify({ id: each.id, approve, by, via, note })}\n`)
  }
  await hive.shutdown()
}
