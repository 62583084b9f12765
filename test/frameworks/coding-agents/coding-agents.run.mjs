/**
 * Claude Code itself (the command line that `@anthropic-ai/claude-agent-sdk` brings), with the settings that `hivelog
 * setup` writes, tells a running `hivelog serve` what it does: what the log says is compared with what the model server
 * answered, and with what Claude Code says at its end. A person decides beside the log, as the desk does.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { putDecision } from '../../../dist/decide/decisions.js'
import { ModelServer } from '../kit/model-server.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const bin = join(here, '../../../dist/cli/bin.js')
const packages = join(here, 'node_modules/@anthropic-ai')
/** A run of Claude Code, and of the server's start, that takes longer hangs. */
const MAX_MS = 90_000

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

const folder = mkdtempSync(join(tmpdir(), 'hivelog-coding-'))
const model = await ModelServer.start(turns(folder))
const problems = []
const children = new Set()
let counts = {}
try {
  counts = await scenario()
} catch (error) {
  problems.push(error.stack)
} finally {
  for (const child of children) child.kill('SIGKILL')
  await model.close()
  if (process.env.HIVELOG_TEST_KEEP) console.error(folder)
  else rmSync(folder, { recursive: true, force: true })
}
const { version } = JSON.parse(readFileSync(join(packages, 'claude-agent-sdk/manifest.json'), 'utf8'))
const row = {
  framework: 'Claude Code',
  version,
  node: process.versions.node,
  scenario: 'hooks, log events, a person who decides',
  mode: 'serve',
  counts,
  slowestMs: 0,
  problems,
}
if (process.send) {
  process.send({ row })
  process.disconnect()
} else console.log(row)
if (problems.length > 0) process.exitCode = 1

async function scenario() {
  const home = join(folder, 'home')
  const work = join(home, 'work')
  mkdirSync(join(work, '.claude/agents'), { recursive: true })
  writeFileSync(
    join(work, '.claude/agents/researcher.md'),
    '---\nname: researcher\ndescription: looks things up\ntools: Bash\n---\nYou are the researcher.\n',
  )
  const env = { PATH: process.env.PATH, HOME: home, CLAUDE_CONFIG_DIR: join(home, 'config') }
  const server = start(
    process.execPath,
    [bin, 'serve', '--store', join(folder, 'store'), '--port', '0', '--json'],
    {
      env,
    },
  )
  const [first] = await linesOf(server, 1)
  const { url, token, store } = JSON.parse(first)
  const setup = await ended(
    start(
      process.execPath,
      [bin, 'setup', 'claude-code', '--url', url, '--token', token, '--wait', '20', '--write'],
      {
        env,
      },
    ),
  )
  if (setup.code !== 0) problems.push(`setup: ${setup.stderr}`)
  const deciding = decideIn(store)
  const claude = await ended(
    start(claudeBinary(), ['-p', 'Look for honey', '--output-format', 'json'], {
      cwd: work,
      env: { ...env, ...model.env, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' },
    }),
  )
  deciding.stop()
  if (claude.code !== 0) problems.push(`claude ended with ${claude.code}: ${claude.stderr.slice(-1500)}`)
  problems.push(...model.problems)
  if (model.left.length > 0) problems.push(`${model.left.length} turns of the model were never asked for`)
  server.kill('SIGTERM')
  const stopped = await ended(server)
  if (stopped.code !== 0) problems.push(`the server ended with ${stopped.code}: ${stopped.stderr}`)
  const said = JSON.parse(claude.stdout.trim().split('\n').at(-1))
  return compare(said, store)
}

function compare(said, store) {
  const file = join(store, said.session_id, 'events.jsonl')
  const text = readFileSync(file, 'utf8')
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const of = (kind) => lines.filter((line) => line.kind === kind)
  const names = new Map(of('spawn').map(({ agentId, name }) => [agentId, name]))
  const found = {}
  const same = (what, actual, expected) => {
    const sorted = (list) => list.map((each) => JSON.stringify(each)).sort()
    const [a, b] = [sorted(actual), sorted(expected)]
    found[what] = `${b.filter((each) => a.includes(each)).length}/${b.length}`
    if (a.join() !== b.join()) problems.push(`${what}: ${a.join(' ')} instead of ${b.join(' ')}`)
  }
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
  return found
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

function start(command, args, options) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
  children.add(child)
  child.said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'])
    child[name].setEncoding('utf8').on('data', (data) => {
      child.said[name] += data
    })
  const timer = setTimeout(() => child.kill('SIGKILL'), MAX_MS)
  child.ended = new Promise((resolve) => {
    child.on('error', (error) => resolve({ code: error.message, ...child.said }))
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      children.delete(child)
      resolve({ code: code ?? signal, ...child.said })
    })
  })
  return child
}

function ended(child) {
  return child.ended
}

/** The first lines of a child's output. */
async function linesOf(child, count) {
  const lines = []
  for await (const line of createInterface(child.stdout)) {
    lines.push(line)
    if (lines.length < count) continue
    // What reads lines has stopped the stream.
    setImmediate(() => child.stdout.resume())
    return lines
  }
  throw new Error(`it ended after ${lines.length} lines: ${child.said.stderr}`)
}
