/**
 * A hive in a process of its own whose agent asks COUNT times (`ask-0`, …) and whose code can decide too: `FILE COUNT`.
 * A line of its input, `{"id", "approve", "by"}`, has the code decide; the end of its input shuts the hive down. It says
 * in lines of JSON: `{"asked": COUNT}`; `{"code": id, "earlier"?}` for each of those lines, with the decision that came
 * before; and `{"heard": id, "decision", "at"}` when the agent's promise resolves.
 */
import { createInterface } from 'node:readline'
import { AlreadyDecidedError, startHive } from '../../src/index.js'

const [file = '', count = '0'] = process.argv.slice(2)
const say = (what: object): void => void process.stdout.write(`${JSON.stringify(what)}\n`)

const hive = startHive({ file, otlp: false, sessionId: 's-deciding' })
const agent = hive.spawn({ agentId: 'coder' })
const asked = Array.from({ length: Number(count) }, (_, i) =>
  agent.escalate({ id: `ask-${i}`, subject: `May I do ${i}?` }),
)
for (const { id, decision } of asked)
  decision.then(
    (made) => say({ heard: id, decision: made, at: Date.now() }),
    () => {},
  )
await Promise.all(asked.map(({ durable }) => durable))
say({ asked: asked.length })
for await (const line of createInterface(process.stdin)) {
  const { id, approve, by } = JSON.parse(line)
  hive.approve(id, approve, { by, note: 'code' }).then(
    () => say({ code: id }),
    (error) => {
      if (!(error instanceof AlreadyDecidedError)) throw error
      say({ code: id, earlier: error.decision })
    },
  )
}
await hive.shutdown()
