/**
 * Claude Code itself (the command line that `@anthropic-ai/claude-agent-sdk` brings), with the settings that `hivelog
 * setup` writes, tells a running `hivelog serve` what it does: what the log says is compared with what the model server
 * answered, and with what Claude Code says at its end. A person decides beside the log, as the desk does.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { putDecision } from '../../../dist/decide/decisions.js'
import { ModelServer } from '../kit/model-server.mjs'
import { comparer, here, row, serving, start } from './kit.mjs'

const packages = join(here, 'node_modules/@anthropic-ai')

const isResearcher = (body) => JSON.stringify(body.system ?? '').includes('You are the researcher.')
const isLead = (body) => !isResearcher(body)
const bash = (command, id) => ({ name: 'Bash', args: { command, description: 'what it does' }, id })

const turns = (folder) => [
  {
    agent: 'claude',
    when: isLead,
    tools: [bash(`touch ${join(folder, 'forbidden')}`, 'toolu_no')],
    usage: { input: 900, output: 31, cacheRead: 200, cacheWrite: 100 },
  },
  { agent: 'claude', when: isLead, tools: [bash(`touch ${join(folder, 'allowed')}`, 'toolu_yes')] },
  {
    agent: 'claude',
    when: isLead,
    tools: [
      {
        name: 'Task',
        args: { subagent_type: 'researcher', description: 'look', prompt: 'find the honey' },
        id: 'toolu_task',
      },
    ],
  },
  { agent: 'researcher', when: isResearcher, tools: [bash('echo found', 'toolu_echo')] },
  { agent: 'researcher', when: isResearcher, tools: [bash('ls /no-such-folder-at-all', 'toolu_fail')] },
  { agent: 'researcher', when: isResearcher, text: 'found the honey' },
  { agent: 'claude', when: isLead, text: 'The researcher looks.' },
  { agent: 'claude', when: isLead, text: 'All is done.' },
]

const { version } = JSON.parse(readFileSync(join(packages, 'claude-agent-sdk/manifest.json'), 'utf8'))
await row(
  { framework: 'Claude Code', version, scenario: 'hooks, log events, a person who decides' },
  async (folder, problems) => {
    const model = await ModelServer.start(turns(folder))
    try {
      return await scenario(folder, model, problems)
    } finally {
      await model.close()
    }
  },
)
if (process.send) process.disconnect()

async function scenario(folder, model, problems) {
  const home = join(folder, 'home')
  const work = join(home, 'work')
  mkdirSync(join(work, '.claude/agents'), { recursive: true })
  writeFileSync(
    join(work, '.claude/agents/researcher.md'),
    '---\nname: researcher\ndescription: looks things up\ntools: Bash\n---\nYou are the researcher.\n',
  )
  const env = { PATH: process.env.PATH, HOME: home, CLAUDE_CONFIG_DIR: join(home, 'config') }
  const { store, stop } = await serving(folder, 'claude-code', env)
  const deciding = decideIn(store)
  const claude = await start(claudeBinary(), ['-p', 'Look for honey', '--output-format', 'json'], {
    cwd: work,
    env: { ...env, ...model.env, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' },
  }).ended
  deciding.stop()
  if (claude.code !== 0) problems.push(`claude ended with ${claude.code}: ${claude.stderr.slice(-1500)}`)
  problems.push(...model.problems)
  if (model.left.length > 0) problems.push(`${model.left.length} turns of the model were never asked for`)
  await stop()
  const said = JSON.parse(claude.stdout.trim().split('\n').at(-1))
  return compare(said, store, folder, model, problems)
}

function compare(said, store, folder, model, problems) {
  const file = join(store, said.session_id, 'events.jsonl')
  const text = readFileSync(file, 'utf8')
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const of = (kind) => lines.filter((line) => line.kind === kind)
  const names = new Map(of('spawn').map(({ agentId, name }) => [agentId, name]))
  const { counts, same } = comparer(problems)
  same(
    'agents',
    of('spawn').map(({ name, parent }) => [name, parent ?? null]),
    [
      ['claude', null],
      ['researcher', 'claude'],
    ],
  )
  same(
    'calls',
    of('usage').map((line) => [
      names.get(line.agentId),
      line.model,
      line.inputTokens,
      line.outputTokens,
      line.cacheReadTokens,
    ]),
    model.calls.map((call) => [
      call.agent,
      call.model,
      call.inputTokens,
      call.outputTokens,
      call.cacheReadTokens ?? 0,
    ]),
  )
  const ran = (line) => [names.get(line.agentId), line.name, line.toolCallId]
  same(
    'tools',
    of('tool').map((line) => [...ran(line), line.ok]),
    [
      ['claude', 'Bash', 'toolu_yes', true],
      ['claude', 'Agent', 'toolu_task', true],
      ['researcher', 'Bash', 'toolu_echo', true],
      ['researcher', 'Bash', 'toolu_fail', false],
    ],
  )
  same('tool starts', of('tool.start').map(ran), [
    ['claude', 'Bash', 'toolu_no'],
    ['claude', 'Bash', 'toolu_yes'],
    ['claude', 'Agent', 'toolu_task'],
    ['researcher', 'Bash', 'toolu_echo'],
    ['researcher', 'Bash', 'toolu_fail'],
  ])
  same(
    'messages',
    of('message').map(({ from, to, act }) => [names.get(from), names.get(to), act]),
    [
      ['claude', 'researcher', 'delegate'],
      ['researcher', 'claude', 'return'],
    ],
  )
  same(
    'escalations',
    of('escalate').map(({ id, from }) => [id, names.get(from)]),
    [
      ['toolu_no', 'claude'],
      ['toolu_yes', 'claude'],
      ['toolu_fail', 'researcher'],
    ],
  )
  same(
    'approvals',
    of('approval').map(({ id, approve, by, via }) => [id, approve, by, via]),
    [
      ['toolu_no', false, 'ana', 'page'],
      ['toolu_yes', true, 'ana', 'page'],
      ['toolu_fail', true, 'ana', 'page'],
    ],
  )
  same(
    'exits',
    of('exit').map(({ agentId, status }) => [names.get(agentId), status]),
    [
      ['claude', 'ok'],
      ['researcher', 'ok'],
    ],
  )
  const cost = of('usage').reduce((sum, { costUsd }) => sum + costUsd, 0)
  if (Math.abs(cost - said.total_cost_usd) > 1e-9)
    problems.push(`the log says ${cost} USD, Claude Code ${said.total_cost_usd}`)
  if (existsSync(join(folder, 'forbidden'))) problems.push('a tool ran that was not allowed')
  if (!existsSync(join(folder, 'allowed'))) problems.push('a tool did not run that was allowed')
  for (const word of ['Look for honey', 'find the honey', 'found the honey', 'All is done', 'sk-ant-api03'])
    if (text.includes(word)) problems.push(`the log holds: ${word}`)
  return counts
}

/** Decides what is asked, as a page does: forbidden things are rejected. */
function decideIn(store) {
  const decided = new Set()
  const timer = setInterval(() => {
    for (const session of readdirSync(store, { withFileTypes: true })) {
      const log = join(store, session.name, 'events.jsonl')
      if (!session.isDirectory() || !existsSync(log)) continue
      for (const text of readFileSync(log, 'utf8').split('\n')) {
        if (!text.includes('"kind":"escalate"')) continue
        const { id, subject } = JSON.parse(text)
        if (decided.has(id)) continue
        decided.add(id)
        putDecision(log, {
          id,
          approve: !subject.includes('forbidden'),
          by: 'ana',
          via: 'page',
          ts: Date.now(),
        })
      }
    }
  }, 20)
  return { stop: () => clearInterval(timer) }
}

function claudeBinary() {
  const name = process.platform === 'win32' ? 'claude.exe' : 'claude'
  const found = readdirSync(packages)
    .map((each) => join(packages, each, name))
    .find((each) => existsSync(each))
  if (found === undefined) throw new Error(`no ${name} under ${packages}`)
  return found
}
