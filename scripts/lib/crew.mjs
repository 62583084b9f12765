// A hive of a dozen agents that does a release: what it says is made up, but it runs, and hivelog records it as it
// records any. The page's tests and pictures are of it.
//   node scripts/lib/crew.mjs FILE [--fast] [--wait] [--child]
// --child has one agent in a process of its own, with a log of its own.
// --wait leaves its questions to a person, and ends when all are answered, or on SIGTERM.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startHive } from '../../dist/index.js'

const [file, ...flags] = process.argv.slice(2)
const isFast = flags.includes('--fast')
const waits = flags.includes('--wait')
const pause = (ms) => sleep(isFast ? 0 : ms)

// The same run each time.
let state = 42
const random = () => {
  state = (state * 1103515245 + 12345) % 2147483648
  return state / 2147483648
}
const between = (low, high) => Math.round(low + random() * (high - low))
const pick = (list) => list[between(0, list.length - 1)]

if (file === 'child') await beChild()

const hive = startHive({ file, serviceName: 'release-crew' })
const lead = hive.spawn({
  agentId: 'lead',
  name: 'Lead',
  isGod: true,
  role: 'plans the release',
  model: 'claude-opus-4-5',
})
const team = [
  ['planner', 'Planner', 'splits the work', 'claude-sonnet-4-5'],
  ['schema', 'Schema', 'database migrations', 'claude-sonnet-4-5'],
  ['api', 'API', 'HTTP handlers', 'claude-sonnet-4-5'],
  ['web', 'Web', 'front end', 'gpt-5'],
  ['docs', 'Docs', 'writes the manual', 'claude-haiku-4-5'],
].map(([agentId, name, role, model]) => lead.spawn({ agentId, name, role, model }))
const [planner, schema, api, web, docs] = team
await pause(300)
const helpers = [
  [schema, 'migrate', 'Migrate', 'runs migrations'],
  [schema, 'backup', 'Backup', 'takes backups'],
  [api, 'tests', 'Tests', 'runs the suite'],
  [web, 'shots', 'Shots', 'takes screenshots'],
].map(([parent, agentId, name, role]) => parent.spawn({ agentId, name, role, model: 'claude-haiku-4-5' }))
const [migrate, backup, , shots] = helpers
const ended = new Set()
const end = (agent, how) => {
  ended.add(agent)
  agent.end(how)
}

const think = (agent, model) => {
  const inputTokens = between(800, 9_000)
  agent.usage({
    model,
    provider: model.startsWith('gpt') ? 'openai' : 'anthropic',
    inputTokens,
    outputTokens: between(60, 900),
    cacheReadTokens: Math.round(inputTokens * random() * 0.6),
    ms: between(120, 700),
    ttftMs: between(40, 110),
    task: pick(['plan', 'build', 'check']),
  })
}
const child = flags.includes('--child')
  ? lead.spawn({ agentId: 'auditor', name: 'Auditor', role: 'reads along' })
  : undefined
const childEnded =
  child === undefined
    ? undefined
    : once(
        fork(fileURLToPath(import.meta.url), ['child'], { env: { ...process.env, ...child.env() } }),
        'exit',
      )
const MODELS = new Map([
  ...team.map((agent, i) => [
    agent,
    ['claude-sonnet-4-5', 'claude-sonnet-4-5', 'claude-sonnet-4-5', 'gpt-5', 'claude-haiku-4-5'][i],
  ]),
])
const modelOf = (agent) => MODELS.get(agent) ?? 'claude-haiku-4-5'

const sent = team.map((agent) =>
  lead.message({
    to: agent.agentId,
    act: 'request',
    subject: `Your part of release 4.2: ${agent.agentId}`,
    requiresReply: true,
  }),
)
for (const [i, agent] of team.entries()) {
  await pause(60)
  agent.drain([sent[i]])
  agent.message({ to: 'lead', act: 'agree', subject: 'On it', inReplyTo: sent[i].id })
}
planner.snapshot({
  label: 'plan 1',
  content: '# Release 4.2\n\n1. migrate the users table\n2. switch the handlers\n3. new pictures\n',
})

const SUBJECTS = [
  'Need the new columns',
  'Which index is used?',
  'Handlers are switched',
  'Is the suite green?',
  'Two pictures differ',
  'Draft of the manual',
  'Lock on users is long',
  'Please look at the plan',
]
const TOOLS = ['read_file', 'grep', 'edit', 'run_tests', 'psql']
const HOSTS = [
  ['api.github.com', '/repos/acme/shop/pulls'],
  ['registry.npmjs.org', '/preact'],
  ['sentry.example.com', '/api/0/issues'],
  ['db.internal', '/health'],
]
for (let round = 0; round < 60; round++) {
  const all = [...team, ...helpers].filter((each) => !ended.has(each))
  const agent = pick(all)
  const other = pick(all.filter((each) => each !== agent))
  if (round % 5 !== 4) think(agent, modelOf(agent))
  if (random() < 0.7)
    agent.tool({
      name: pick(TOOLS),
      ok: random() > 0.08,
      ms: between(15, 420),
      ...(random() < 0.05 && { error: 'exit code 1' }),
    })
  if (random() < 0.35) {
    const [host, path] = pick(HOSTS)
    const status = pick([200, 200, 200, 201, 304, 429, 502])
    agent.call({ host, path, method: pick(['GET', 'POST']), status, ms: between(20, 380) })
  }
  const message = agent.message({
    to: other.agentId,
    act: pick(['inform', 'query', 'propose', 'request']),
    subject: pick(SUBJECTS),
  })
  await pause(between(40, 150))
  if (random() < 0.8) other.drain([message])
  if (random() < 0.14)
    agent.wait({
      resource: pick(['users table', 'staging', 'CI slot']),
      ms: between(60, 600),
      holder: other.agentId,
    })
  if (round === 12)
    planner.snapshot({
      label: 'plan 2',
      content:
        '# Release 4.2\n\n1. back up the users table\n2. migrate the users table\n3. switch the handlers\n4. new pictures\n',
    })
  if (round === 20)
    api.drop({
      to: 'legacy-bot',
      id: api.message({ to: 'legacy-bot', act: 'inform', subject: 'You are no longer needed' }).id,
      reason: 'no such agent',
    })
  if (round === 22)
    docs.drop({
      to: 'shots',
      id: docs.message({ to: 'shots', act: 'request', subject: 'Picture of the new page' }).id,
      reason: 'inbox full',
    })
  if (round === 30) {
    const asked = api.escalate({ subject: 'Raise the rate limit of the public API to 500 a minute?' })
    await pause(260)
    await hive.approve(asked.id, true, { by: 'ana', note: 'for this release only' })
  }
  if (round === 38) {
    const asked = docs.escalate({ subject: 'Publish the manual before the release?' })
    await pause(180)
    await hive.approve(asked.id, false, { by: 'ben' })
  }
  if (round === 45) end(shots, { error: 'the browser went away' })
  if (round === 50) end(backup)
}
planner.snapshot({
  label: 'plan 3',
  content:
    '# Release 4.2\n\n1. back up the users table: done\n2. migrate the users table: asked\n3. switch the handlers: done\n4. new pictures: failed\n',
})
lead.message({ to: 'schema', act: 'query', subject: 'How far is the migration?', requiresReply: true })
lead.message({ to: 'web', act: 'request', subject: 'Take the pictures yourself, please' })
const asked = [migrate.escalate({ subject: 'Drop the column users.legacy_id? It has 1,204,311 values.' })]
await pause(200)
asked.push(web.escalate({ subject: 'Use last month’s pictures in the release notes?' }))
await hive.flush()
if (waits) {
  const stopped = new Promise((done) => process.once('SIGTERM', done))
  process.send?.('ready')
  console.log('ready')
  await Promise.race([stopped, Promise.all(asked.map((each) => each.decision ?? stopped))])
}
await childEnded
await hive.shutdown()

async function beChild() {
  const own = startHive()
  for (let round = 0; round < 12; round++) {
    own.self.usage({ model: 'claude-haiku-4-5', inputTokens: 700 + round, outputTokens: 50, ms: 90 })
    own.self.message({ to: 'lead', act: 'inform', subject: `Page ${round + 1} is read` })
    await sleep(5)
  }
  own.self.end()
  await own.shutdown()
  process.exit()
}
