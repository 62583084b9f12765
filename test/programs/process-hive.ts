/**
 * A hive of processes, as the README shows it: run without AGENT_ID it is the coordinator, which forks this file for
 * its coder and approves what the coder asks. Argument: log.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { startHive } from '../../src/index.js'

if (process.env.AGENT_ID === undefined) {
  const hive = startHive({ file: process.argv[2] as string })
  const lead = hive.spawn({ agentId: 'lead', name: 'Lead', isGod: true })
  const coder = lead.spawn({ agentId: 'coder', name: 'Coder' })
  lead.usage({ model: 'm', inputTokens: 100, outputTokens: 10, costUsd: 1.5 })
  lead.message({ to: 'coder', act: 'request', subject: 'Clean up' })
  lead.call({ host: 'api.example.com', method: 'GET', path: '/', status: 200, ms: 5 })
  await hive.flush()
  const child = fork(fileURLToPath(import.meta.url), { env: { ...process.env, ...coder.env() } })
  const [asked] = (await once(child, 'message')) as [string]
  await hive.approve(asked, true, { by: 'ana' })
  child.send('approved')
  await once(child, 'exit')
  lead.end()
  await hive.shutdown()
} else {
  const hive = startHive()
  const { self } = hive
  if (self === undefined) throw new Error('the child process is no agent')
  self.message({ to: 'lead', act: 'inform', subject: 'On it' })
  self.usage({ model: 'm', inputTokens: 200, outputTokens: 20, costUsd: 6 })
  self.usage({ model: 'nobody-knows-this', inputTokens: 3, outputTokens: 1 })
  self.call({ host: 'api.example.com', method: 'GET', path: '/', status: 500, ms: 7 })
  self.wait({ resource: 'db', ms: 40, holder: 'lead' })
  const asked = self.escalate({ subject: 'Drop the users table?' })
  self.escalate({ subject: 'Drop the backups too?' })
  await asked.durable
  process.send?.(asked.id)
  await once(process, 'message')
  self.end()
  await hive.shutdown()
  process.disconnect?.()
}
