/**
 * A hive of three processes, one below the other: `FILE`. The lead (no AGENT_ID) forks this file for its coder, and the
 * coder for its tester. Each asks people once (`ask-coder`, `ask-tester`), the coder also its lead (`ask-lead`), and goes
 * on when it is answered. It says in lines of JSON: `{"asked": id}`, and `{"heard": id, "decision"}`. The lead ends when
 * its input does, the coder at once where its lead is told `{"kill": "coder"}`.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Agent, startHive } from '../../src/index.js'

const say = (what: object): void => void process.stdout.write(`${JSON.stringify(what)}\n`)
const below = (agent: Agent) =>
  fork(fileURLToPath(import.meta.url), { env: { ...process.env, ...agent.env() } })

async function ask(agent: Agent, id: string): Promise<void> {
  const { durable, decision } = agent.escalate({ id, subject: `May I, ${id}?` })
  await durable
  say({ asked: id })
  say({ heard: id, decision: await decision })
}

const { AGENT_ID: id } = process.env
if (id === undefined) {
  const hive = startHive({ file: process.argv[2] as string, otlp: false, sessionId: 's-family' })
  const lead = hive.spawn({ agentId: 'lead', name: 'Lead', isGod: true })
  const coder = lead.spawn({ agentId: 'coder', name: 'Coder' })
  lead.message({ to: 'coder', act: 'request', subject: 'Clean up', id: 'm1' })
  lead.usage({ model: 'm', inputTokens: 100, outputTokens: 10, costUsd: 1.5 })
  const child = below(coder)
  const gone = once(child, 'exit')
  child.on('message', (asked: string) => void hive.approve(asked, true, { by: 'ana', note: 'as planned' }))
  for await (const line of createInterface(process.stdin))
    if (JSON.parse(line).kill === 'coder') child.kill('SIGKILL')
  await gone
  lead.end()
  await hive.shutdown()
} else {
  const hive = startHive({ otlp: false })
  const { self } = hive
  if (self === undefined) throw new Error('the child process is no agent')
  if (id === 'coder') {
    self.drain([{ id: 'm1' }])
    const { id: asked, durable } = self.escalate({ id: 'ask-lead', to: 'lead', subject: 'Which table?' })
    await durable
    process.send?.(asked)
    const tester = self.spawn({ agentId: 'tester', name: 'Tester' })
    self.message({ to: 'tester', act: 'request', subject: 'Test it', id: 'm2' })
    self.snapshot({ content: { step: 1 }, label: 'before' })
    const child = below(tester)
    const gone = once(child, 'exit')
    await ask(self, 'ask-coder')
    await gone
  } else {
    self.usage({ model: 'm', inputTokens: 7, outputTokens: 1, costUsd: 0.25 })
    self.call({ host: 'api.example.com', method: 'GET', path: '/', status: 500, ms: 7 })
    self.wait({ resource: 'db', ms: 40, holder: 'coder' })
    self.snapshot({ content: { step: 2 } })
    await ask(self, 'ask-tester')
  }
  self.end()
  await hive.shutdown()
  if (process.connected) process.disconnect?.()
}
