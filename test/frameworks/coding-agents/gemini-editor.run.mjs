/**
 * Gemini CLI itself in an editor (ACP: JSON-RPC over its input and output), whose user does not allow a command and then
 * allows one: what the log says is compared with what was answered here.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ModelServer } from '../kit/model-server.mjs'
import { comparer, here, row, serving, start } from './kit.mjs'

const PACKAGE = '@google/gemini-cli'
const USAGE = { input: 900, output: 31, cacheRead: 200, reasoning: 10 }
const command = (id, text) => ({
  tools: [{ name: 'run_shell_command', args: { command: text, description: 'x' }, id }],
  usage: USAGE,
})
/** What the editor's user answers, in the order of the questions. */
const ANSWERS = ['cancel', 'proceed_once']

const manifest = JSON.parse(readFileSync(join(here, 'node_modules', PACKAGE, 'package.json'), 'utf8'))
await row(
  { framework: 'Gemini CLI', version: manifest.version, scenario: 'in an editor' },
  async (folder, problems) => {
    const model = await ModelServer.start([
      command('c1', 'touch not-this'),
      command('c2', 'touch but-this'),
      { text: 'All is done.' },
    ])
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
  mkdirSync(join(home, 'work'), { recursive: true })
  const env = { PATH: process.env.PATH, HOME: home }
  const { store, stop } = await serving(folder, 'gemini', env)
  const file = join(home, '.gemini/settings.json')
  const settings = JSON.parse(readFileSync(file, 'utf8'))
  settings.security = { auth: { selectedType: 'gemini-api-key' } }
  writeFileSync(file, JSON.stringify(settings))
  const program = start(
    process.execPath,
    [join(here, 'node_modules', PACKAGE, Object.values(manifest.bin)[0]), '--acp', '-m', 'gemini-2.5-pro'],
    {
      cwd: join(home, 'work'),
      env: { ...env, ...model.env, GEMINI_CLI_TRUST_WORKSPACE: 'true' },
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  )
  const editor = editorOf(program)
  await editor.call('initialize', { protocolVersion: 1, clientCapabilities: {} })
  const { sessionId } = await editor.call('session/new', { cwd: join(home, 'work'), mcpServers: [] })
  const prompt = [{ type: 'text', text: 'Say honey' }]
  const { stopReason } = await editor.call('session/prompt', { sessionId, prompt })
  if (stopReason !== 'end_turn') problems.push(`it stopped by ${stopReason}`)
  program.stdin.end()
  await program.ended
  problems.push(...model.problems)
  const made = readdirSync(join(home, 'work'))
  if (made.join() !== 'but-this') problems.push(`what ran made: ${made}`)
  if (editor.asked.length !== ANSWERS.length) problems.push(`it asked ${editor.asked.length} times`)
  await stop()
  // The program begins a session of its own before the editor does.
  const lines = readFileSync(join(store, sessionId, 'events.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const of = (kind) => lines.filter((line) => line.kind === kind)
  const { counts, same } = comparer(problems)
  same(
    'agents',
    of('spawn').map(({ agentId }) => agentId),
    ['gemini'],
  )
  same(
    'tools',
    of('tool').map(({ name, ok }) => [name, ok]),
    [['run_shell_command', true]],
  )
  // Of what was allowed it says no word.
  same(
    'escalations',
    of('escalate').map(({ from, to, subject }) => [from, to, subject]),
    [['gemini', 'human', 'run_shell_command']],
  )
  same(
    'approvals',
    of('approval').map(({ id, approve, via }) => [id, approve, via]),
    of('escalate').map(({ id }) => [id, false, 'cli']),
  )
  return counts
}

/** An editor's end of the protocol. */
function editorOf({ stdin, stdout }) {
  const waiting = new Map()
  const asked = []
  const send = (message) => stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  createInterface(stdout).on('line', (line) => {
    let message
    try {
      message = JSON.parse(line)
    } catch {
      return
    }
    const { id, method, params, result, error } = message
    if (method === 'session/request_permission') {
      const optionId = ANSWERS[asked.length]
      asked.push(params)
      send({ id, result: { outcome: { outcome: 'selected', optionId } } })
    } else if (method === undefined) {
      if (error === undefined) waiting.get(id)?.resolve(result)
      else waiting.get(id)?.reject(new Error(JSON.stringify(error)))
      waiting.delete(id)
    } else if (id !== undefined) send({ id, error: { code: -32601, message: 'not here' } })
  })
  let last = 0
  return {
    asked,
    call: (method, params) =>
      new Promise((resolve, reject) => {
        waiting.set(++last, { resolve, reject })
        send({ id: last, method, params })
      }),
  }
}
